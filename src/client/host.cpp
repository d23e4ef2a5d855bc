// Page-locked host memory: plain memory of this process that we remember, so that copies from it need not be staged before the call returns. It is
// mirrored (client/mirror.h) from when a kernel may reach it: the program has said or asked so, or an address in it goes where the device uses it.
#include <sys/mman.h>

#include "client/context.h"
#include "client/memory_map.h"
#include "client/mirror.h"
#include "client/remote.h"

using namespace client;

static constexpr unsigned kAllocFlags = CU_MEMHOSTALLOC_PORTABLE | CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED;
static uint64_t pages(uint64_t bytes) { return (bytes + 4095) & ~4095ull; }
static CUresult no_context() {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  return at.context ? CUresult(refuse_unsafe()) : CUDA_ERROR_INVALID_CONTEXT;
}

// Where the worker has room at the same address too; anywhere if that cannot be.
static void* map_pages(uint64_t bytes) {
  static std::atomic<uint64_t> next{kArena};
  for (int tries = 0; tries < 16 && bytes < kArenaEnd - kArena; tries++) {
    uint64_t at = next.fetch_add(bytes + 4096);
    if (at + bytes > kArenaEnd) {
      next.compare_exchange_strong(at, kArena);   // from the start: what is freed long ago is free
      continue;
    }
    void* p = mmap(reinterpret_cast<void*>(at), bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    if (p != MAP_FAILED) return p;
  }
  return mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
}

EXPORT CUresult cuMemHostAlloc(void** pp, size_t bytesize, unsigned int Flags) {
  if (CUresult rc = no_context()) return rc;
  if (!pp || Flags & ~kAllocFlags) return CUDA_ERROR_INVALID_VALUE;
  if (!bytesize) {
    *pp = nullptr;
    return CUDA_SUCCESS;
  }
  if (bytesize > 1ull << 46) return CUDA_ERROR_OUT_OF_MEMORY;
  void* p = map_pages(pages(bytesize));
  if (p == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  add_range(uint64_t(p), bytesize, Place::pinned, Flags | CU_MEMHOSTALLOC_DEVICEMAP);
  Range r;
  if (Flags & CU_MEMHOSTALLOC_DEVICEMAP && find_range(uint64_t(p), &r)) mirror(r);
  *pp = p;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemAllocHost_v2(void** pp, size_t bytesize) { return cuMemHostAlloc(pp, bytesize, 0); }
EXPORT CUresult cuMemAllocHost(void** pp, unsigned int bytesize) { return cuMemHostAlloc(pp, bytesize, 0); }

// Natively this waits until copies out of the memory have finished: here, until their bytes have been sent and all reads have come.
static void settle() {
  teleport::Session* s = teleport::Session::current();
  s->push_borrowed();
  if (s->host_write_pending(nullptr, ~0ull)) cuCtxSynchronize();
}

EXPORT CUresult cuMemFreeHost(void* p) {
  if (int error = caller().error) return CUresult(error);
  if (!p) return CUDA_SUCCESS;
  Range r;
  if (!find_range(uint64_t(p), &r) || r.base != uint64_t(p) || r.place != Place::pinned) return CUDA_ERROR_INVALID_VALUE;
  if (int rc = refuse_unsafe()) return CUresult(rc);
  settle();
  unmirror(r.base, false);
  if (!remove_range(uint64_t(p), &r)) return CUDA_ERROR_INVALID_VALUE;
  munmap(p, pages(r.bytes));
  return CUDA_SUCCESS;
}

static bool mapped(void* p, uint64_t bytes) {   // there is memory, if not always memory that may be written
  const uint64_t from = uint64_t(p) & ~4095ull, to = pages(uint64_t(p) + bytes);
  unsigned char there[4096];
  if (to <= from) return false;
  for (uint64_t at = from, n; at < to; at += n) {
    n = to - at < sizeof there * 4096 ? to - at : sizeof there * 4096;
    if (mincore(reinterpret_cast<void*>(at), n, there) != 0) return false;
  }
  return true;
}

EXPORT CUresult cuMemHostRegister_v2(void* p, size_t bytesize, unsigned int Flags) {
  if (CUresult rc = no_context()) return rc;
  if (!p || bytesize == 0 || Flags & ~unsigned(CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP | CU_MEMHOSTREGISTER_IOMEMORY | CU_MEMHOSTREGISTER_READ_ONLY))
    return CUDA_ERROR_INVALID_VALUE;
  if (Flags & CU_MEMHOSTREGISTER_IOMEMORY) return CUDA_ERROR_NOT_SUPPORTED;   // a device of this machine, which the GPU's host cannot reach
  if (!mapped(p, bytesize)) return CUDA_ERROR_INVALID_VALUE;
  Range r;
  for (uint64_t at : {uint64_t(p), uint64_t(p) + bytesize - 1})
    if (find_range(at, &r)) return r.place == Place::registered ? CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED : CUDA_ERROR_INVALID_VALUE;
  add_range(uint64_t(p), bytesize, Place::registered, Flags);
  if (Flags & CU_MEMHOSTREGISTER_DEVICEMAP && find_range(uint64_t(p), &r)) mirror(r);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemHostRegister(void* p, size_t bytesize, unsigned int Flags) { return cuMemHostRegister_v2(p, bytesize, Flags); }
EXPORT CUresult cuMemHostUnregister(void* p) {
  if (int error = caller().error) return CUresult(error);
  if (!p) return CUDA_ERROR_INVALID_VALUE;
  Range r;
  if (!find_range(uint64_t(p), &r)) return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  if (r.base != uint64_t(p) || r.place != Place::registered) return CUDA_ERROR_INVALID_VALUE;
  if (int rc = refuse_unsafe()) return CUresult(rc);
  settle();
  unmirror(r.base, true);
  remove_range(uint64_t(p), &r);
  return CUDA_SUCCESS;
}

// The address is the host's own wherever the worker could have its pages there too.
EXPORT CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* pdptr, void* p, unsigned int Flags) {
  if (int error = caller().error) return CUresult(error);
  Range r;
  if (!pdptr || !p || Flags || !find_range(uint64_t(p), &r) || !(is_host(r.place) || r.place == Place::managed)) return CUDA_ERROR_INVALID_VALUE;
  *pdptr = CUdeviceptr(uint64_t(p));
  if (is_host(r.place)) {
    if (!mirror(r)) return CUDA_ERROR_OUT_OF_MEMORY;
    mirrored(p, 1, pdptr);
  }
  return CUDA_SUCCESS;
}
EXPORT CUresult cuMemHostGetFlags(unsigned int* pFlags, void* p) {
  if (int error = caller().error) return CUresult(error);
  Range r;
  if (!pFlags || !p || !find_range(uint64_t(p), &r) || !is_host(r.place)) return CUDA_ERROR_INVALID_VALUE;
  *pFlags = (r.place == Place::pinned ? r.flags : r.flags & CU_MEMHOSTREGISTER_PORTABLE) | CU_MEMHOSTALLOC_DEVICEMAP;
  return CUDA_SUCCESS;
}
