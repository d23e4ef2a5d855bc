// See graph_part.h; and cuGraphLaunch, around which the bytes of host parts travel: those for the device before it, those for the host after it, in the
// order of the stream as with any other copy.
#include "client/graph_part.h"

#include <map>

#include "client/capture.h"
#include "client/memory_map.h"
#include "client/mirror.h"
#include "client/remote.h"
#include "client/stream.h"
#include "wire/session.h"

namespace client {

namespace {

constexpr uint64_t kCopyBelow = 64 << 10;   // smaller sources are copied into the queue

teleport::Lock g_lock;
std::map<uint64_t, HostCopy>& copies() {
  static auto* m = new std::map<uint64_t, HostCopy>;   // never destroyed: other threads may still run at exit
  return *m;
}

void gone(uint64_t part) { drop_part(part); }

ExecParts* parts_of(CUgraphExec executable) {
  uint64_t h = number_of(executable);
  return wire::is_handle(h, wire::kCUgraphExec) ? static_cast<ExecParts*>(teleport::handle_object(h)) : nullptr;
}

uint64_t extent(const HostCopy& c) { return (c.depth - 1) * c.slice + (c.rows - 1) * c.pitch + c.width; }

}  // namespace

void drop_host_function(uint64_t part);   // callback.cpp

uint64_t next_part() {
  static std::atomic<uint64_t> next{1};
  return next.fetch_add(1, std::memory_order_relaxed);
}

uint64_t add_host_copy(const HostCopy& copy) {
  teleport::Session::current()->on_gone(gone);
  uint64_t part = next_part();
  g_lock.lock();
  copies()[part] = copy;
  g_lock.unlock();
  return part;
}
bool find_host_copy(uint64_t part, HostCopy* copy) {
  g_lock.lock();
  auto it = copies().find(part);
  bool found = it != copies().end();
  if (found) *copy = it->second;
  g_lock.unlock();
  return found;
}
void drop_part(uint64_t part) {
  if (!part) return;
  g_lock.lock();
  copies().erase(part);
  g_lock.unlock();
  drop_host_function(part);
}

CUresult learn_parts(CUgraphExec executable, unsigned parts) {
  ExecParts* before = parts_of(executable);
  if (!parts && !before) return CUDA_SUCCESS;
  if (parts == kUnknownParts) parts = 16;
  auto* now = new ExecParts;
  std::vector<unsigned long long> numbers(parts);
  for (unsigned room = parts;; room = parts) {
    numbers.resize(room);
    if (CUresult rc = remote::tfExecParts(executable, &parts, numbers.data())) {
      delete now;
      return rc;
    }
    if (parts <= room) break;
  }
  for (unsigned i = 0; i < parts; i++) {
    HostCopy copy;
    if (!numbers[i]) now->waits = true;
    else if (!find_host_copy(numbers[i], &copy)) now->functions.push_back(numbers[i]);
    else (copy.to_host ? now->to_host : now->to_device).push_back(numbers[i]);
  }
  teleport::adopt_handle(number_of(executable), now);
  delete before;
  return CUDA_SUCCESS;
}

CUresult send_part(uint64_t part) {
  Caller at = caller();
  HostCopy c;
  if (at.error || !find_host_copy(part, &c)) return CUresult(at.error);
  wire::tfPartWrite::Args a;
  a.part = part;
  bool whole = (c.rows == 1 || c.pitch == c.width) && (c.depth == 1 || c.slice == c.width * c.rows);
  uint64_t bytes = c.width * c.rows * c.depth;
  std::vector<char> packed;
  CUdeviceptr there;
  if (mirrored(c.p, extent(c), &there) != Mirrored::no) {   // page faults may interrupt this; nothing may be locked then
    packed.resize(bytes);
    for (size_t z = 0; z < c.depth; z++)
      for (size_t y = 0; y < c.rows; y++) memcpy(packed.data() + (z * c.rows + y) * c.width, static_cast<char*>(c.p) + z * c.slice + y * c.pitch, c.width);
  }
  teleport::Call call(*at.session, wire::op::tfPartWrite, at.context);
  a.put(call.in());
  // The program may not touch the source before the copy has been made, in stream order: it can be borrowed, whatever memory it is.
  if (!packed.empty()) call.bulk_copy(packed.data(), bytes);
  else if (whole && bytes >= kCopyBelow) call.bulk_borrow(c.p, bytes);
  else if (whole) call.bulk_copy(c.p, bytes);
  else call.bulk_slices(c.p, c.width, c.pitch, c.rows, c.slice, c.depth);
  return CUresult(call.send());
}

CUresult NeutralCopy::from(const CUDA_MEMCPY3D& asked) {
  copy = asked;
  if (!copy.WidthInBytes || !copy.Height || !copy.Depth || copy.srcLOD || copy.dstLOD) return CUDA_ERROR_INVALID_VALUE;
  auto host = [](CUmemorytype* type, CUdeviceptr device, const void** p) {   // a unified address tells by itself
    Range r;
    if (*type == CU_MEMORYTYPE_UNIFIED) {
      bool is = !find_range(device, &r) || is_host(r.place);
      *type = is ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
      if (is) *p = reinterpret_cast<const void*>(device);
    }
    return *type == CU_MEMORYTYPE_HOST;
  };
  for (CUmemorytype t : {copy.srcMemoryType, copy.dstMemoryType})
    if (t < CU_MEMORYTYPE_HOST || t > CU_MEMORYTYPE_UNIFIED) return CUDA_ERROR_INVALID_VALUE;
  const void *src = copy.srcHost, *dst = copy.dstHost;
  bool src_host = host(&copy.srcMemoryType, copy.srcDevice, &src), dst_host = host(&copy.dstMemoryType, copy.dstDevice, &dst);
  for (auto [type, pitch] : {std::pair{copy.srcMemoryType, copy.srcPitch}, std::pair{copy.dstMemoryType, copy.dstPitch}})
    if (type != CU_MEMORYTYPE_ARRAY && pitch && pitch < copy.WidthInBytes) return CUDA_ERROR_INVALID_VALUE;
  if (!copy.srcPitch) copy.srcPitch = copy.srcXInBytes + copy.WidthInBytes;   // one row
  if (!copy.dstPitch) copy.dstPitch = copy.dstXInBytes + copy.WidthInBytes;
  if (!copy.srcHeight) copy.srcHeight = copy.Height;
  if (!copy.dstHeight) copy.dstHeight = copy.Height;
  if ((src_host && !src) || (dst_host && !dst)) return CUDA_ERROR_INVALID_VALUE;
  auto part = [this, &asked](const void* p, size_t x, size_t y, size_t z, size_t pitch, size_t height, bool to_host) {
    HostCopy c{const_cast<char*>(static_cast<const char*>(p)) + (z * height + y) * pitch + x, pitch, pitch * height, copy.WidthInBytes, copy.Height, copy.Depth, to_host, asked};
    return add_host_copy(c);
  };
  if (copy.srcMemoryType == CU_MEMORYTYPE_ARRAY) src_array = copy.srcArray;
  if (copy.dstMemoryType == CU_MEMORYTYPE_ARRAY) dst_array = copy.dstArray;
  if (!known(number_of(src_array), wire::kCUarray) || !known(number_of(dst_array), wire::kCUarray)) return CUDA_ERROR_INVALID_HANDLE;
  if (src_host) src_part = part(src, copy.srcXInBytes, copy.srcY, copy.srcZ, copy.srcPitch, copy.srcHeight, false);
  if (dst_host) dst_part = part(dst, copy.dstXInBytes, copy.dstY, copy.dstZ, copy.dstPitch, copy.dstHeight, true);
  copy.srcHost = nullptr; copy.dstHost = nullptr; copy.srcArray = nullptr; copy.dstArray = nullptr;
  return CUDA_SUCCESS;
}
void NeutralCopy::drop() {
  drop_part(src_part);
  drop_part(dst_part);
}

CUresult capture_copy(const CUDA_MEMCPY3D& copy, CUstream stream) {
  if (!copy.WidthInBytes || !copy.Height || !copy.Depth) return CUDA_SUCCESS;
  NeutralCopy n;
  CUresult rc = n.from(copy);
  if (!rc) rc = remote::tfCaptureCopy(n.src_array, n.dst_array, &n.copy, sizeof n.copy, n.src_part, n.dst_part, stream);
  if (rc) n.drop();
  return rc;
}

static CUresult launch(CUgraphExec executable, CUstream stream, const ExecParts& parts) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (!at.context) return CUDA_ERROR_INVALID_CONTEXT;
  wire::tfGraphLaunch::Args a;
  a.executable = number_of(executable);
  a.hStream = at.stream(stream);
  if (!known(a.hStream, wire::kCUstream)) return CUDA_ERROR_INVALID_HANDLE;
  HostCopy c;
  for (uint64_t part : parts.to_device) {   // what is still on its way into a source must land first: in stream order it is older
    if (!find_host_copy(part, &c) || !at.session->host_write_pending(c.p, extent(c))) continue;
    if (CUresult rc = cuCtxSynchronize()) return rc;
  }
  // Host functions that were called before may write to a source; after its own ones all is sent again.
  if (!parts.to_device.empty() && parts.functions.empty()) wait_host_functions(at, a.hStream);
  for (uint64_t part : parts.to_device)
    if (CUresult rc = send_part(part)) return rc;
  // What lands in mirrored memory, whose pages may be protected, lands beside it first.
  struct Beside { HostCopy copy; std::vector<char> bytes; };
  std::vector<Beside> beside;
  beside.reserve(parts.to_host.size());
  CUdeviceptr there;
  for (uint64_t part : parts.to_host)
    if (find_host_copy(part, &c) && mirrored(c.p, extent(c), &there) != Mirrored::no) {
      beside.push_back({c, std::vector<char>(c.width * c.rows * c.depth)});
      at.session->expect_host_write(wire::kHostPart | part, {beside.back().bytes.data(), c.width * c.rows * c.depth});
    } else if (find_host_copy(part, &c)) at.session->expect_host_write(wire::kHostPart | part, {c.p, c.width, c.pitch, c.rows, c.slice, c.depth});
  // Each of its host functions counts as one that was called: too many calls may not queue behind it. A refusal has to be known for that.
  for (uint64_t part : parts.functions) function_launched(part, a.hStream);
  CUresult rc;
  bool launched = false;
  {
    Working working(a.hStream);
    teleport::Call call(*at.session, wire::op::tfGraphLaunch, at.context, at.flags);
    a.put(call.in());
    if (parts.functions.empty() && !parts.waits && beside.empty()) return CUresult(call.send());
    teleport::Reply reply;
    rc = CUresult(call.wait(&reply));
    launched = !reply.result && !at.session->dead();   // then rc is an older call's error
  }
  if (launched && !beside.empty()) {
    if (CUresult late = remote::cuStreamSynchronize(handle_of<CUstream>(a.hStream)); !rc) rc = late;
    for (Beside& b : beside)
      for (size_t z = 0; z < b.copy.depth; z++)
        for (size_t y = 0; y < b.copy.rows; y++)
          memcpy(static_cast<char*>(b.copy.p) + z * b.copy.slice + y * b.copy.pitch, b.bytes.data() + (z * b.copy.rows + y) * b.copy.width, b.copy.width);
  }
  if (launched) return rc;
  for (uint64_t part : parts.functions) function_over(part);
  for (uint64_t part : parts.to_host) at.session->forget_host_write(wire::kHostPart | part);
  return rc;
}

}  // namespace client

using namespace client;

EXPORT CUresult cuGraphLaunch(CUgraphExec hGraph, CUstream hStream) {
  ExecParts* parts = parts_of(hGraph);
  if (int rc = refuse_capturing(caller().stream(hStream))) return CUresult(rc);   // a launch is no node
  if (!parts) return remote::cuGraphLaunch(hGraph, hStream);
  return launch(hGraph, hStream, *parts);
}
EXPORT CUresult cuGraphExecDestroy(CUgraphExec hGraphExec) {
  ExecParts* parts = parts_of(hGraphExec);
  CUresult rc = remote::cuGraphExecDestroy(hGraphExec);
  delete parts;
  return rc;
}
