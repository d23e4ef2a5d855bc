// Memory copies. Data for the device travels with the call; data from it comes back as host_write messages, at the latest with the reply of a
// call that waits for it. What CUDA lets a program see decides who waits: a pageable source may be reused on return (so it is copied or sent
// first), a pageable destination is complete on return, pinned memory is neither.
#include "client/copy.h"

#include "client/capture.h"
#include "client/context.h"
#include "client/graph_part.h"
#include "client/memory_map.h"
#include "client/mirror.h"
#include "client/progress.h"
#include "client/stream.h"
#include "wire/session.h"

namespace client {

// One run of bytes on the device: may be dealt out over several connections.
static bool one_run(const DeviceBox& b) { return !b.array && (b.rows == 1 || b.pitch == b.width) && (b.depth == 1 || b.slice == b.width * b.rows); }

static constexpr uint64_t kCopyBelow = 64 << 10;   // smaller sources are copied into the queue, whatever memory they are in

static bool pinned(const void* p) {
  Range r;
  return find_range(uint64_t(p), &r) && is_host(r.place);
}

// Bounds are checked here so that the error comes with the call: the worker's would come late. Unknown memory is left to the driver, which is then asked to answer.
enum class Bounds { good, bad, unknown };
static Bounds check(const DeviceBox& b) {
  Range r;
  if (b.array || !find_range(b.device, &r)) return Bounds::unknown;
  if (is_host(r.place)) {
    mirror(r);                                       // the driver shall find memory there
    return Bounds::unknown;
  }
  uint64_t bytes = b.width + (b.rows - 1) * b.pitch + (b.depth - 1) * b.slice;
  return bytes <= known_bytes(b.device) ? Bounds::good : r.place == Place::mapped ? Bounds::unknown : Bounds::bad;
}

template <class Args>
static void fill(Args& a, const DeviceBox& b, uint64_t stream) {
  a.device = b.device;
  a.array = number_of(b.array);
  a.x = b.x; a.y = b.y; a.z = b.z; a.pitch = b.pitch; a.slice = b.slice;
  a.widthInBytes = b.width; a.rows = b.rows; a.depth = b.depth;
  a.hStream = stream;
}

static CUresult check_call(const Caller& at, const DeviceBox& box, uint64_t stream, Bounds* bounds) {
  if (at.error) return CUresult(at.error);
  if (!at.context) return CUDA_ERROR_INVALID_CONTEXT;
  if (!known(stream, wire::kCUstream)) return CUDA_ERROR_INVALID_HANDLE;
  if (!known(number_of(box.array), wire::kCUarray)) return CUDA_ERROR_INVALID_HANDLE;
  *bounds = forbidden_by_capture(stream) ? Bounds::unknown : check(box);
  return *bounds == Bounds::bad ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
}

static uint64_t extent(const HostBox& h, const DeviceBox& b) { return (b.depth - 1) * h.slice + (b.rows - 1) * h.pitch + b.width; }

// Host memory that the worker has too: the copy is the worker's own.
static CUresult copy_there(const DeviceBox& box, const HostBox& host, CUdeviceptr at, bool to_box, CUstream stream, Wait wait) {
  CUresult rc;
  if (!box.array && box.rows == 1 && box.depth == 1) {
    rc = remote::cuMemcpyAsync(to_box ? box.device : at, to_box ? at : box.device, box.width, stream);
  } else {
    CUDA_MEMCPY3D c{};
    c.WidthInBytes = box.width; c.Height = box.rows; c.Depth = box.depth;
    CUdeviceptr same;
    const CUmemorytype type = box.array                                                                             ? CU_MEMORYTYPE_ARRAY
                              : mirrored(reinterpret_cast<void*>(box.device), 1, &same) == Mirrored::no ? CU_MEMORYTYPE_DEVICE
                                                                                                        : CU_MEMORYTYPE_UNIFIED;
    const size_t host_pitch = host.pitch ? host.pitch : box.width, host_height = box.depth > 1 ? host.slice / host_pitch : box.rows;
    const size_t pitch = box.pitch ? box.pitch : box.width, height = box.depth > 1 && !box.array ? box.slice / pitch : box.rows;
    if (to_box) {
      c.srcMemoryType = CU_MEMORYTYPE_UNIFIED; c.srcDevice = at; c.srcPitch = host_pitch; c.srcHeight = host_height;
      c.dstMemoryType = type; c.dstDevice = box.device; c.dstPitch = pitch; c.dstHeight = height; c.dstXInBytes = box.x; c.dstY = box.y; c.dstZ = box.z;
    } else {
      c.dstMemoryType = CU_MEMORYTYPE_UNIFIED; c.dstDevice = at; c.dstPitch = host_pitch; c.dstHeight = host_height;
      c.srcMemoryType = type; c.srcDevice = box.device; c.srcPitch = pitch; c.srcHeight = height; c.srcXInBytes = box.x; c.srcY = box.y; c.srcZ = box.z;
    }
    rc = remote::tfCopyBox(to_box ? nullptr : box.array, to_box ? box.array : nullptr, &c, sizeof c, stream);
  }
  return rc || wait == Wait::none ? rc : remote::cuStreamSynchronize(stream);
}

// Host memory that begins or ends in mirrored memory but is not all of it: by way of a packed copy, which page faults may interrupt.
static CUresult copy_packed(const DeviceBox& box, const HostBox& host, bool to_box, CUstream stream) {
  std::vector<char> packed(box.width * box.rows * box.depth);
  const HostBox p{packed.data(), box.width, box.width * box.rows};
  auto each_row = [&](auto copy) {
    for (size_t z = 0; z < box.depth; z++)
      for (size_t y = 0; y < box.rows; y++) copy(static_cast<char*>(host.p) + z * host.slice + y * host.pitch, packed.data() + (z * box.rows + y) * box.width);
  };
  if (to_box) {
    each_row([&](char* h, char* row) { memcpy(row, h, box.width); });
    return write_box(box, p, stream, Wait::done);
  }
  if (CUresult rc = read_box(p, box, stream, Wait::done)) return rc;
  each_row([&](char* h, char* row) { memcpy(h, row, box.width); });
  return CUDA_SUCCESS;
}

// In a stream that captures a copy becomes a node, whatever memory it is from or to. One that waits is refused there.
static CUresult captured(const DeviceBox& device, const HostBox& host, CUstream stream, Wait wait, bool to_host) {
  if (wait == Wait::done) {
    remote::tfCaptureSpoil(stream);
    return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  }
  CUDA_MEMCPY3D c{};
  auto side = [&](CUmemorytype& type, CUdeviceptr& address, CUarray& array, size_t& x, size_t& y, size_t& z, size_t& pitch, size_t& height) {
    type = device.array ? CU_MEMORYTYPE_ARRAY : CU_MEMORYTYPE_DEVICE;
    address = device.device;
    array = device.array;
    x = device.x; y = device.y; z = device.z;
    pitch = device.pitch;
    height = device.pitch ? device.slice / device.pitch : 0;
  };
  const size_t pitch = host.pitch ? host.pitch : device.width, height = host.slice ? host.slice / pitch : device.rows;
  if (to_host) {
    side(c.srcMemoryType, c.srcDevice, c.srcArray, c.srcXInBytes, c.srcY, c.srcZ, c.srcPitch, c.srcHeight);
    c.dstMemoryType = CU_MEMORYTYPE_HOST; c.dstHost = host.p; c.dstPitch = pitch; c.dstHeight = height;
  } else {
    side(c.dstMemoryType, c.dstDevice, c.dstArray, c.dstXInBytes, c.dstY, c.dstZ, c.dstPitch, c.dstHeight);
    c.srcMemoryType = CU_MEMORYTYPE_HOST; c.srcHost = host.p; c.srcPitch = pitch; c.srcHeight = height;
  }
  c.WidthInBytes = device.width; c.Height = device.rows; c.Depth = device.depth;
  return capture_copy(c, stream);
}

CUresult write_box(const DeviceBox& to, const HostBox& from, CUstream stream, Wait wait) {
  Caller at = caller();
  uint64_t hStream = at.stream(stream), bytes = to.width * to.rows * to.depth;
  Bounds bounds;
  if (CUresult rc = check_call(at, to, hStream, &bounds)) return rc;
  if (!bytes) return CUDA_SUCCESS;
  if (!from.p) return CUDA_ERROR_INVALID_VALUE;
  if (captures(hStream)) return captured(to, from, stream, wait, false);
  CUdeviceptr there = 0;
  if (Mirrored m = mirrored(from.p, extent(from, to), &there); m != Mirrored::no)
    return m == Mirrored::all ? copy_there(to, from, there, true, stream, wait) : copy_packed(to, from, true, stream);
  // A read into this memory that is still on its way must land first: in stream order it is older.
  if (at.session->host_write_pending(from.p, extent(from, to)))
    if (CUresult rc = cuCtxSynchronize()) return rc;
  if (pinned(from.p)) wait_host_functions(at, hStream);   // natively the copy reads the memory after the host functions before it
  wire::tfWrite::Args a;
  fill(a, to, hStream);
  bool whole = (to.rows == 1 || from.pitch == to.width) && (to.depth == 1 || from.slice == to.width * to.rows);
  bool borrow = whole && bytes >= kCopyBelow;
  a.connections = borrow && one_run(to) ? at.session->stripes().connections(bytes) : 1;
  Working working(hStream);
  teleport::Call call(*at.session, wire::op::tfWrite, at.context, at.flags);
  a.put(call.in());
  if (borrow) call.bulk_borrow(from.p, bytes, a.connections);
  else if (whole) call.bulk_copy(from.p, bytes);
  else call.bulk_slices(from.p, to.width, from.pitch, to.rows, from.slice, to.depth);
  uint64_t number = call.number();
  // A copy that the program waits for is over for everybody: also for streams that do not wait for this one, and for other contexts.
  // (Into host memory: the program looks without asking.)
  const bool settle = wait == Wait::done && (any_non_blocking() || several_contexts() || host_sees(to.device));
  CUresult rc;
  if (bounds == Bounds::unknown) {
    teleport::Reply reply;
    rc = CUresult(call.wait(&reply));
  } else {
    rc = CUresult(call.send());
    if (borrow && !settle && (wait == Wait::done || !pinned(from.p))) at.session->wait_sent(number);
  }
  return rc || !settle ? rc : remote::cuStreamSynchronize(handle_of<CUstream>(hStream));
}

CUresult read_box(const HostBox& to, const DeviceBox& from, CUstream stream, Wait wait) {
  Caller at = caller();
  uint64_t hStream = at.stream(stream);
  Bounds bounds;
  if (CUresult rc = check_call(at, from, hStream, &bounds)) return rc;
  if (from.width * from.rows * from.depth == 0) return CUDA_SUCCESS;
  if (!to.p) return CUDA_ERROR_INVALID_VALUE;
  if (captures(hStream)) return captured(from, to, stream, wait, true);
  CUdeviceptr there = 0;
  if (Mirrored m = mirrored(to.p, extent(to, from), &there); m != Mirrored::no)
    return m == Mirrored::all ? copy_there(from, to, there, false, stream, wait) : copy_packed(from, to, false, stream);
  Working working(hStream);
  if (wait == Wait::none && !pinned(to.p)) wait = Wait::done;
  at.session->stripes().connections(from.width * from.rows * from.depth);   // so that there are some: the worker deals out
  uint64_t last = 0;
  for (size_t z = 0; z < from.depth; z++) {   // a destination is rows of one pitch: one call for each slice
    DeviceBox slice = from;
    slice.depth = 1;
    if (from.array) slice.z += z;
    else slice.device += z * from.slice;
    wire::tfRead::Args a;
    fill(a, slice, hStream);
    teleport::Call call(*at.session, wire::op::tfRead, at.context, at.flags);
    a.put(call.in());
    last = call.number();
    teleport::HostDestination destination{static_cast<char*>(to.p) + z * to.slice, from.width, to.pitch ? to.pitch : from.width, from.rows};
    if (to.pitch == from.width) destination = {destination.to, from.width * from.rows, 0, 1};
    at.session->expect_host_write(last, destination);
    if (bounds == Bounds::unknown) {
      teleport::Reply reply;
      if (CUresult rc = CUresult(call.wait(&reply))) {
        at.session->forget_host_write(last);
        return rc;
      }
    } else if (CUresult rc = CUresult(wait == Wait::done ? call.send_with_next() : call.send())) {
      return rc;
    }
  }
  if (wait == Wait::none) return CUDA_SUCCESS;
  CUresult rc = wait_for_stream(at, hStream);
  if (rc) at.session->forget_host_write(last);
  return rc;
}

static DeviceBox linear(CUdeviceptr device, size_t bytes) {
  DeviceBox b;
  b.device = device;
  b.width = b.pitch = b.slice = bytes;
  return b;
}
static DeviceBox in_array(CUarray array, size_t offset, size_t bytes) {
  DeviceBox b = linear(0, bytes);
  b.array = array;
  b.x = offset;
  return b;
}
static HostBox host(const void* p, size_t bytes) { return {const_cast<void*>(p), bytes, bytes}; }

// Between two places whose kind the addresses tell.
static CUresult unified(CUdeviceptr dst, CUdeviceptr src, size_t n, CUstream stream, Wait wait) {
  Range d, s;
  bool to_device = find_range(dst, &d) && !is_host(d.place), from_device = find_range(src, &s) && !is_host(s.place);
  auto *to = reinterpret_cast<void*>(dst), *from = reinterpret_cast<void*>(src);
  if (to_device && from_device) return wait == Wait::done ? remote::cuMemcpyDtoD_v2(dst, src, n) : remote::cuMemcpyDtoDAsync_v2(dst, src, n, stream);
  if (to_device) return write_box(linear(dst, n), host(from, n), stream, wait);
  if (from_device) return read_box(host(to, n), linear(src, n), stream, wait);
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (wait == Wait::none && captures(at.stream(stream))) {
    CUDA_MEMCPY3D c{};
    c.srcMemoryType = c.dstMemoryType = CU_MEMORYTYPE_HOST;
    c.srcHost = from; c.dstHost = to;
    c.WidthInBytes = n; c.Height = c.Depth = 1;
    return capture_copy(c, stream);
  }
  if (CUresult rc = ::cuStreamSynchronize(stream)) return rc;   // host to host, in stream order
  memmove(to, from, n);
  return CUDA_SUCCESS;
}

}  // namespace client

using namespace client;

EXPORT CUresult cuMemcpyHtoD_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount) {
  return write_box(linear(dstDevice, ByteCount), host(srcHost, ByteCount), nullptr, Wait::done);
}
EXPORT CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount, CUstream hStream) {
  return write_box(linear(dstDevice, ByteCount), host(srcHost, ByteCount), hStream, Wait::none);
}
EXPORT CUresult cuMemcpyDtoH_v2(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount) {
  return read_box(host(dstHost, ByteCount), linear(srcDevice, ByteCount), nullptr, Wait::done);
}
EXPORT CUresult cuMemcpyDtoHAsync_v2(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  return read_box(host(dstHost, ByteCount), linear(srcDevice, ByteCount), hStream, Wait::none);
}
EXPORT CUresult cuMemcpyHtoA_v2(CUarray dstArray, size_t dstOffset, const void* srcHost, size_t ByteCount) {
  return write_box(in_array(dstArray, dstOffset, ByteCount), host(srcHost, ByteCount), nullptr, Wait::done);
}
EXPORT CUresult cuMemcpyHtoAAsync_v2(CUarray dstArray, size_t dstOffset, const void* srcHost, size_t ByteCount, CUstream hStream) {
  return write_box(in_array(dstArray, dstOffset, ByteCount), host(srcHost, ByteCount), hStream, Wait::none);
}
EXPORT CUresult cuMemcpyAtoH_v2(void* dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return read_box(host(dstHost, ByteCount), in_array(srcArray, srcOffset, ByteCount), nullptr, Wait::done);
}
EXPORT CUresult cuMemcpyAtoHAsync_v2(void* dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount, CUstream hStream) {
  return read_box(host(dstHost, ByteCount), in_array(srcArray, srcOffset, ByteCount), hStream, Wait::none);
}
EXPORT CUresult cuMemcpy(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount) { return unified(dst, src, ByteCount, nullptr, Wait::done); }
EXPORT CUresult cuMemcpyAsync(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount, CUstream hStream) { return unified(dst, src, ByteCount, hStream, Wait::none); }
EXPORT CUresult cuMemcpyBatchAsync_v2(CUdeviceptr* dsts, CUdeviceptr* srcs, size_t* sizes, size_t count, CUmemcpyAttributes*, size_t*, size_t, CUstream hStream) {
  if (!dsts || !srcs || !sizes || !count) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; i++)
    if (CUresult rc = unified(dsts[i], srcs[i], sizes[i], hStream, Wait::none)) return rc;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemcpyBatchAsync(CUdeviceptr* dsts, CUdeviceptr* srcs, size_t* sizes, size_t count, CUmemcpyAttributes* attrs, size_t* attrsIdxs, size_t numAttrs,
                                   size_t* failIdx, CUstream hStream) {
  CUresult rc = cuMemcpyBatchAsync_v2(dsts, srcs, sizes, count, attrs, attrsIdxs, numAttrs, hStream);
  if (rc && failIdx) *failIdx = SIZE_MAX;   // not known which
  return rc;
}
