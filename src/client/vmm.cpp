// Mapped chunks of device memory: once they can be accessed they are in the memory map like any other device memory, so that copies and fills need
// not ask the driver whether they are there.
#include "client/memory_map.h"
#include "client/remote.h"
#include "client/share.h"

using namespace client;

EXPORT CUresult cuMemSetAccess(CUdeviceptr ptr, size_t size, const CUmemAccessDesc* desc, size_t count) {
  CUresult rc = remote::cuMemSetAccess(ptr, size, desc, count);
  Range r;
  for (size_t i = 0; !rc && i < count; i++)
    if (desc[i].location.type == CU_MEM_LOCATION_TYPE_DEVICE && desc[i].flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE && !find_range(ptr, &r)) add_range(ptr, size, Place::mapped);
  return rc;
}
EXPORT CUresult cuMemUnmap(CUdeviceptr ptr, size_t size) {
  remove_mapped(ptr, size);   // before the worker is told: another thread may get the address anew
  return remote::cuMemUnmap(ptr, size);
}

// What natively gives memory back does so here too once its descriptors are closed (share.h).
EXPORT CUresult cuMemCreate(CUmemGenericAllocationHandle* handle, size_t size, const CUmemAllocationProp* prop, unsigned long long flags) {
  sweep_shared();
  return remote::cuMemCreate(handle, size, prop, flags);
}
EXPORT CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  sweep_shared();
  return remote::cuMemRelease(handle);
}
