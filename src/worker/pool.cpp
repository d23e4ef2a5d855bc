// The calls of api/cuda/pool.api: allocation in stream order. Charged and refunded when the call is made, not when the stream gets there.
// The driver tells whose device a pool or a stream is of when it has allocated: the charge moves there then.
#include "worker/graph_part.h"
#include "worker/handlers.h"
#include "worker/memory.h"

namespace worker::serve {

template <class F>
static int allocate(Session& s, Request& q, uint64_t bytes, CUdeviceptr* out, CUstream stream, F driver_call) {
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  if (call(s.driver.cuStreamIsCapturing, stream, &status) == 0 && status == CU_STREAM_CAPTURE_STATUS_ACTIVE) s.graph_parts().note_memory();
  const int device = current_device(s);
  CUdeviceptr p = 0;
  int rc = charged(s.memory(), device, bytes, [&] { return driver_call(&p); });
  if (rc) return rc;
  int owner = device;
  if (call(s.driver.cuPointerGetAttribute, static_cast<void*>(&owner), CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, p) == 0 && owner != device && owner >= 0) {
    s.memory().refund(device, bytes);
    if (!s.memory().charge(owner, bytes)) {
      call(s.driver.cuMemFree_v2, p);
      return CUDA_ERROR_OUT_OF_MEMORY;
    }
  } else {
    owner = device;
  }
  s.memory().keep(Memory::address, p, {bytes, owner, q.header.context});
  if (out) *out = p;
  return 0;
}

int cuMemAllocAsync(Session& s, Request& q, wire::cuMemAllocAsync::Args& a, wire::cuMemAllocAsync::Outs& o) {
  CUstream stream;
  if (!s.real(a.hStream, wire::kCUstream, &stream)) return CUDA_ERROR_INVALID_HANDLE;
  return allocate(s, q, a.bytesize, o.dptr, stream, [&](CUdeviceptr* p) { return call(s.driver.cuMemAllocAsync, p, a.bytesize, stream); });
}

int cuMemAllocFromPoolAsync(Session& s, Request& q, wire::cuMemAllocFromPoolAsync::Args& a, wire::cuMemAllocFromPoolAsync::Outs& o) {
  CUstream stream;
  CUmemoryPool pool;
  if (!s.real(a.hStream, wire::kCUstream, &stream) || !s.real(a.pool, wire::kCUmemoryPool, &pool)) return CUDA_ERROR_INVALID_HANDLE;
  return allocate(s, q, a.bytesize, o.dptr, stream, [&](CUdeviceptr* p) { return call(s.driver.cuMemAllocFromPoolAsync, p, a.bytesize, pool, stream); });
}

int cuMemFreeAsync(Session& s, Request&, wire::cuMemFreeAsync::Args& a, wire::cuMemFreeAsync::Outs&) {
  CUstream stream;
  if (!s.real(a.hStream, wire::kCUstream, &stream)) return CUDA_ERROR_INVALID_HANDLE;
  Memory::Held held;
  const bool known = s.memory().take(Memory::address, a.dptr, &held);
  s.note_pool_memory_freed();
  int rc = call(s.driver.cuMemFreeAsync, a.dptr, stream);
  if (known && rc) s.memory().keep(Memory::address, a.dptr, held);
  if (known && !rc) s.memory().refund(held.device, held.bytes);
  return rc;
}

}  // namespace worker::serve
