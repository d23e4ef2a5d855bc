// Pinned host memory: plain memory of this process that we remember, so that copies from it need not be staged before the call returns.
#include <sys/mman.h>

#include "client/context.h"
#include "client/memory_map.h"
#include "client/remote.h"

using namespace client;

static constexpr unsigned kAllocFlags = CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED;
static uint64_t pages(uint64_t bytes) { return (bytes + 4095) & ~4095ull; }
static CUresult no_context() {
  Caller at = caller();
  return at.error ? CUresult(at.error) : at.context ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}

EXPORT CUresult cuMemHostAlloc(void** pp, size_t bytesize, unsigned int Flags) {
  if (CUresult rc = no_context()) return rc;
  if (!pp || Flags & ~kAllocFlags) return CUDA_ERROR_INVALID_VALUE;
  if (!bytesize) {
    *pp = nullptr;
    return CUDA_SUCCESS;
  }
  if (bytesize > 1ull << 46) return CUDA_ERROR_OUT_OF_MEMORY;
  void* p = mmap(nullptr, pages(bytesize), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  add_range(uint64_t(p), bytesize, Place::pinned, Flags | CU_MEMHOSTALLOC_DEVICEMAP);
  *pp = p;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemAllocHost_v2(void** pp, size_t bytesize) { return cuMemHostAlloc(pp, bytesize, 0); }
EXPORT CUresult cuMemAllocHost(void** pp, unsigned int bytesize) { return cuMemHostAlloc(pp, bytesize, 0); }

// Natively this waits until copies out of the memory have finished: here, until their bytes have been sent and all reads have come.
static void settle() {
  teleport::Session* s = teleport::Session::current();
  s->push();
  if (s->host_write_pending(nullptr, ~0ull)) cuCtxSynchronize();
}

EXPORT CUresult cuMemFreeHost(void* p) {
  if (int error = caller().error) return CUresult(error);
  if (!p) return CUDA_SUCCESS;
  Range r;
  if (!find_range(uint64_t(p), &r) || r.base != uint64_t(p) || r.place != Place::pinned) return CUDA_ERROR_INVALID_VALUE;
  settle();
  if (!remove_range(uint64_t(p), &r)) return CUDA_ERROR_INVALID_VALUE;
  munmap(p, pages(r.bytes));
  return CUDA_SUCCESS;
}

EXPORT CUresult cuMemHostRegister_v2(void* p, size_t bytesize, unsigned int Flags) {
  if (CUresult rc = no_context()) return rc;
  if (!p || bytesize == 0 || Flags & ~unsigned(CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP | CU_MEMHOSTREGISTER_IOMEMORY | CU_MEMHOSTREGISTER_READ_ONLY))
    return CUDA_ERROR_INVALID_VALUE;
  if (Flags & CU_MEMHOSTREGISTER_IOMEMORY) return CUDA_ERROR_NOT_SUPPORTED;   // a device of this machine, which the GPU's host cannot reach
  Range r;
  if (find_range(uint64_t(p), &r) || find_range(uint64_t(p) + bytesize - 1, &r)) return CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED;
  add_range(uint64_t(p), bytesize, Place::registered, Flags);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemHostRegister(void* p, size_t bytesize, unsigned int Flags) { return cuMemHostRegister_v2(p, bytesize, Flags); }
EXPORT CUresult cuMemHostUnregister(void* p) {
  if (int error = caller().error) return CUresult(error);
  Range r;
  if (!find_range(uint64_t(p), &r) || r.base != uint64_t(p) || r.place != Place::registered) return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  settle();
  remove_range(uint64_t(p), &r);
  return CUDA_SUCCESS;
}

// The address is the host's own, as under unified addressing. Kernels cannot reach it over this transport: one that tries gets ILLEGAL_ADDRESS.
EXPORT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* pdptr, void* p, unsigned int Flags) {
  if (int error = caller().error) return CUresult(error);
  Range r;
  if (!pdptr || Flags || !find_range(uint64_t(p), &r) || !is_host(r.place)) return CUDA_ERROR_INVALID_VALUE;
  *pdptr = CUdeviceptr(uint64_t(p));
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemHostGetFlags(unsigned int* pFlags, void* p) {
  if (int error = caller().error) return CUresult(error);
  Range r;
  if (!pFlags || !find_range(uint64_t(p), &r) || r.place != Place::pinned) return CUDA_ERROR_INVALID_VALUE;
  *pFlags = r.flags;
  return CUDA_SUCCESS;
}
