// Device memory: allocation waits (programs branch on out-of-memory); what was given is remembered, so that pointers can be told apart.
#include <errno.h>
#include <sys/mman.h>

#include "base/log.h"
#include "client/capture.h"
#include "client/context.h"
#include "client/memory_map.h"
#include "client/mirror.h"
#include "client/remote.h"

using namespace client;

namespace client {

// Keeps the worker's address range free of this process's own mappings, so that no host pointer can look like it.
static void reserve(uint64_t base, uint64_t bytes) {
  void* p = mmap(reinterpret_cast<void*>(base & ~4095ull), ((base & 4095) + bytes + 4095) & ~4095ull, PROT_NONE,
                 MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
  if (p == MAP_FAILED && errno == EEXIST)
    base::log(base::Level::debug, "device memory at %#llx lies beside or over mappings of this process", (unsigned long long)base);
}
static CUresult granted(CUresult rc, CUdeviceptr p, uint64_t bytes) {
  if (rc == CUDA_SUCCESS) {
    reserve(p, bytes);
    add_range(p, bytes, Place::device);
  }
  return rc;
}
static void unreserve(const Range& r) { munmap(reinterpret_cast<void*>(r.base), (r.bytes + 4095) & ~4095ull); }

}  // namespace client

EXPORT CUresult cuMemAlloc_v2(CUdeviceptr* dptr, size_t bytesize) {
  CUresult rc = remote::cuMemAlloc_v2(dptr, bytesize);
  return granted(rc, rc ? 0 : *dptr, bytesize);
}
EXPORT CUresult cuMemAllocPitch_v2(CUdeviceptr* dptr, size_t* pPitch, size_t WidthInBytes, size_t Height, unsigned int ElementSizeBytes) {
  CUresult rc = remote::cuMemAllocPitch_v2(dptr, pPitch, WidthInBytes, Height, ElementSizeBytes);
  return granted(rc, rc ? 0 : *dptr, rc ? 0 : *pPitch * Height);
}
// At the same address here as there: where something of this process is in the way, the worker is asked for another.
EXPORT CUresult cuMemAllocManaged(CUdeviceptr* dptr, size_t bytesize, unsigned int flags) {
  CUdeviceptr rejected[8], p = 0;
  int n = 0;
  CUresult rc = remote::cuMemAllocManaged(dptr ? &p : nullptr, bytesize, flags);
  while (rc == CUDA_SUCCESS && !mirror_managed(p, bytesize, true)) {
    rejected[n++] = p;
    rc = n == 8 ? CUDA_ERROR_OUT_OF_MEMORY : remote::cuMemAllocManaged(&p, bytesize, flags);
  }
  if (n == 8) base::log(base::Level::warn, "this process has mappings wherever the worker has room for %zu bytes of managed memory", bytesize);
  while (n) remote::cuMemFree_v2(rejected[--n]);
  if (rc == CUDA_SUCCESS) {
    add_range(p, bytesize, Place::managed, flags);
    *dptr = p;
  }
  return rc;
}

EXPORT CUresult cuMemAllocAsync(CUdeviceptr* dptr, size_t bytesize, CUstream hStream) {
  CUresult rc = remote::cuMemAllocAsync(dptr, bytesize, hStream);
  if (!rc) add_range(*dptr, bytesize, Place::device, kPooled | (captures(caller().stream(hStream)) ? kOfGraph : 0));
  return rc;
}
EXPORT CUresult cuMemAllocFromPoolAsync(CUdeviceptr* dptr, size_t bytesize, CUmemoryPool pool, CUstream hStream) {
  CUresult rc = remote::cuMemAllocFromPoolAsync(dptr, bytesize, pool, hStream);
  if (!rc) add_range(*dptr, bytesize, Place::device, kPooled | (captures(caller().stream(hStream)) ? kOfGraph : 0));
  return rc;
}

EXPORT CUresult cuMemFree_v2(CUdeviceptr dptr) {
  if (int error = caller().error) return CUresult(error);
  if (!dptr) return CUDA_SUCCESS;
  Range r;
  if (find_range(dptr, &r) && (r.base != dptr || is_host(r.place))) return CUDA_ERROR_INVALID_VALUE;
  const bool managed = find_range(dptr, &r) && r.place == Place::managed;
  if (managed && r.flags & kVariable) return CUDA_ERROR_INVALID_VALUE;
  if (managed) drop_managed(dptr);   // first: what the worker has freed must not be asked for
  CUresult rc = remote::cuMemFree_v2(dptr);
  if (managed && rc) mirror_managed(r.base, r.bytes, false);
  if (rc == CUDA_SUCCESS && !(find_range(dptr, &r) && r.flags & kOfGraph) && remove_range(dptr, &r) && !managed) unreserve(r);
  return rc;
}
EXPORT CUresult cuMemFreeAsync(CUdeviceptr dptr, CUstream hStream) {
  if (int error = caller().error) return CUresult(error);
  Range r;
  if (find_range(dptr, &r) && (r.base != dptr || is_host(r.place))) return CUDA_ERROR_INVALID_VALUE;
  CUresult rc = remote::cuMemFreeAsync(dptr, hStream);
  if (rc == CUDA_SUCCESS && !(r.flags & kOfGraph) && !captures(caller().stream(hStream))) remove_range(dptr, &r);
  return rc;
}

EXPORT CUresult cuMemGetAddressRange_v2(CUdeviceptr* pbase, size_t* psize, CUdeviceptr dptr) {
  Range r;
  if (!find_range(dptr, &r) || r.place == Place::mapped) return remote::cuMemGetAddressRange_v2(pbase, psize, dptr);   // a module's global, a mapping of VMM memory
  if (int error = caller().error) return CUresult(error);
  if (pbase) *pbase = r.base;
  if (psize) *psize = r.bytes;
  return CUDA_SUCCESS;
}
