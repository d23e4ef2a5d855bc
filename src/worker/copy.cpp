// Data between the client and the device (tfWrite, tfRead) by way of staging blocks.
#include <algorithm>
#include <deque>
#include <new>
#include <stdexcept>

#include "worker/handlers.h"
#include "worker/staging.h"
#include "worker/stripes.h"

namespace worker::serve {
namespace {

constexpr uint64_t kBlock = Staging::kSizes[2], kLarge = 1 << 20;
static_assert(wire::kStripe == kBlock);

// A part of the box: rows of one slice, packed in a block.
struct Part {
  CUdeviceptr device;
  CUarray array;
  size_t x, y, z, pitch, width, rows;
};

int copy_part(Session& s, const Part& p, void* host, bool to_device, CUstream stream) {
  if (!p.array && (p.rows == 1 || p.pitch == p.width)) {
    const size_t n = p.width * p.rows;
    return to_device ? call(s.driver.cuMemcpyHtoDAsync_v2, p.device, static_cast<const void*>(host), n, stream)
                     : call(s.driver.cuMemcpyDtoHAsync_v2, host, p.device, n, stream);
  }
  if (!p.array) {
    CUDA_MEMCPY2D c{};
    c.WidthInBytes = p.width;
    c.Height = p.rows;
    if (to_device) {
      c.srcMemoryType = CU_MEMORYTYPE_HOST; c.srcHost = host; c.srcPitch = p.width;
      c.dstMemoryType = CU_MEMORYTYPE_DEVICE; c.dstDevice = p.device; c.dstPitch = p.pitch;
    } else {
      c.srcMemoryType = CU_MEMORYTYPE_DEVICE; c.srcDevice = p.device; c.srcPitch = p.pitch;
      c.dstMemoryType = CU_MEMORYTYPE_HOST; c.dstHost = host; c.dstPitch = p.width;
    }
    return call(s.driver.cuMemcpy2DAsync_v2, static_cast<const CUDA_MEMCPY2D*>(&c), stream);
  }
  CUDA_MEMCPY3D c{};
  c.WidthInBytes = p.width;
  c.Height = p.rows;
  c.Depth = 1;
  if (to_device) {
    c.srcMemoryType = CU_MEMORYTYPE_HOST; c.srcHost = host; c.srcPitch = p.width; c.srcHeight = p.rows;
    c.dstMemoryType = CU_MEMORYTYPE_ARRAY; c.dstArray = p.array; c.dstXInBytes = p.x; c.dstY = p.y; c.dstZ = p.z;
  } else {
    c.srcMemoryType = CU_MEMORYTYPE_ARRAY; c.srcArray = p.array; c.srcXInBytes = p.x; c.srcY = p.y; c.srcZ = p.z;
    c.dstMemoryType = CU_MEMORYTYPE_HOST; c.dstHost = host; c.dstPitch = p.width; c.dstHeight = p.rows;
  }
  return call(s.driver.cuMemcpy3DAsync_v2, static_cast<const CUDA_MEMCPY3D*>(&c), stream);
}

// Cuts a box into parts that fit a block, in the order of its packed bytes.
template <class Args, class Each>
int for_each_part(const Args& a, CUarray array, Each each) {
  Part p{a.device, array, array ? a.x : 0, array ? a.y : 0, array ? a.z : 0, a.pitch, a.widthInBytes, a.rows};
  size_t depth = a.depth;
  if (!p.width || !p.rows || !depth) return 0;
  if (!array && (p.rows == 1 || p.pitch == p.width) && (depth == 1 || a.slice == p.width * p.rows)) {   // one run of bytes
    p.width *= p.rows * depth;
    p.rows = depth = 1;
  }
  const Part box = p;
  for (size_t z = 0; z < depth; z++)
    for (size_t y = 0; y < box.rows;) {
      const size_t row_bytes = box.width, rows = row_bytes > kBlock ? 1 : std::min<size_t>(kBlock / row_bytes, box.rows - y);
      for (size_t x = 0; x < row_bytes; x += p.width) {
        p.width = std::min<size_t>(row_bytes - x, kBlock);
        p.rows = rows;
        if (array) p.x = box.x + x, p.y = box.y + y, p.z = box.z + z;
        else p.device = box.device + z * a.slice + y * box.pitch + x;
        if (int rc = each(p)) return rc;
      }
      y += rows;
    }
  return 0;
}

// The bytes of the box; false: the numbers make no sense.
template <class Args>
bool box_bytes(const Args& a, uint64_t* bytes) {
  size_t n;
  if (__builtin_mul_overflow(a.widthInBytes, a.rows, &n) || __builtin_mul_overflow(n, a.depth, &n) || n > wire::kMaxBulk) return false;
  *bytes = n;
  return true;
}

// What a box needs beside its numbers, or why it cannot be copied.
template <class Args>
int resolve(Session& s, const Args& a, CUstream* stream, CUarray* array) {
  if (!s.real(a.hStream, wire::kCUstream, stream) || !s.real(a.array, wire::kCUarray, array)) return CUDA_ERROR_INVALID_HANDLE;
  // A captured copy would keep the address of a block that is long used for something else when the graph runs.
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  if (!s.driver.cuStreamIsCapturing) return 0;
  int rc = s.driver.cuStreamIsCapturing(*stream, &status);
  return !rc && status != CU_STREAM_CAPTURE_STATUS_NONE ? int(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED) : rc;
}

constexpr int kBroken = -1;   // the connection

}  // namespace

namespace {

template <class Args>
int write_inline(Session& s, Request& q, const Args& a, CUstream stream, CUarray array, CUcontext context) {
  return for_each_part(a, array, [&](const Part& p) -> int {
    const size_t n = p.width * p.rows;
    Block* b = s.staging().acquire(n, context);
    if (!b) return CUDA_ERROR_OUT_OF_MEMORY;
    if (!s.read_bulk(q, b->p, n)) {
      s.staging().give_back(b);
      return kBroken;
    }
    if (int rc = copy_part(s, p, b->p, true, stream)) {
      s.staging().give_back(b);
      return rc;
    }
    return s.staging().written(b, stream);
  });
}

// Dealt out over several connections: while one piece is copied, the next ones are received. rc: an error from before, with which nothing is copied.
int write_stripes(Session& s, Request& q, CUdeviceptr to, uint64_t bytes, unsigned connections, CUstream stream, CUcontext context, int rc) {
  const uint64_t pieces = (bytes + wire::kStripe - 1) / wire::kStripe, ahead = 2 * connections;
  auto size = [&](uint64_t k) { return uint32_t(std::min(wire::kStripe, bytes - k * wire::kStripe)); };
  std::deque<Block*> blocks;
  bool good = true;
  for (uint64_t k = 0, asked = 0; k < pieces && good; k++) {
    for (; asked < pieces && asked < k + ahead; asked++) {
      Block* b = s.staging().acquire(size(asked), context);
      if (!b) throw std::bad_alloc();   // the connections are out of step: the session ends
      blocks.push_back(b);
      if (asked % connections) s.stripes().ask(unsigned(asked % connections), b->p, size(asked));
    }
    Block* b = blocks.front();
    blocks.pop_front();
    good = k % connections ? s.stripes().wait(unsigned(k % connections)) : s.read_bulk(q, b->p, size(k));
    if (good && !rc) rc = call(s.driver.cuMemcpyHtoDAsync_v2, to + k * wire::kStripe, static_cast<const void*>(b->p), size_t(size(k)), stream);
    if (good && !rc) rc = s.staging().written(b, stream);
    else s.staging().give_back(b);
  }
  if (!good) throw std::runtime_error("a connection broke within a call");
  return rc;
}

}  // namespace

int tfWrite(Session& s, Request& q, wire::tfWrite::Args& a, wire::tfWrite::Outs&) {
  CUstream stream = nullptr;
  CUarray array = nullptr;
  uint64_t bytes;
  const bool dealt = a.connections > 1;
  if (!box_bytes(a, &bytes) || wire::stripe_bytes(bytes, 0, dealt ? a.connections : 1) != q.bulk_left ||
      (dealt && (a.connections > s.stripes().connections() || a.array || (a.rows != 1 && a.pitch != a.widthInBytes) || (a.depth != 1 && a.slice != a.widthInBytes * a.rows)))) {
    s.malformed(q);
    return 0;
  }
  const CUcontext context = s.use_context(q.header.context);
  int rc = q.header.context && !context ? int(CUDA_ERROR_CONTEXT_IS_DESTROYED) : resolve(s, a, &stream, &array);
  if (dealt) rc = write_stripes(s, q, a.device, bytes, a.connections, stream, context, rc);
  else if (!rc) rc = write_inline(s, q, a, stream, array, context);
  if (rc == kBroken) q.answered = true;   // the leader finds the connection as it is
  return rc;
}

int tfRead(Session& s, Request& q, wire::tfRead::Args& a, wire::tfRead::Outs&) {
  CUstream stream;
  CUarray array;
  uint64_t bytes, offset = 0;
  if (!box_bytes(a, &bytes)) return CUDA_ERROR_INVALID_VALUE;
  if (int rc = resolve(s, a, &stream, &array)) return rc;
  const CUcontext context = s.use_context(q.header.context);
  return for_each_part(a, array, [&](const Part& p) -> int {
    const size_t n = p.width * p.rows;
    Block* b = s.staging().acquire(n, context);
    if (!b) return CUDA_ERROR_OUT_OF_MEMORY;
    if (int rc = copy_part(s, p, b->p, false, stream)) {
      s.staging().give_back(b);
      return rc;
    }
    int rc = s.staging().reading(b, stream, q.call, offset, uint32_t(n), bytes >= kLarge);
    offset += n;
    return rc;
  });
}

}  // namespace worker::serve
