// The calls of api/cuda/vmm.api that hold device memory.
#include "worker/handlers.h"
#include "worker/memory.h"

namespace worker::serve {

int cuMemCreate(Session& s, Request&, wire::cuMemCreate::Args& a, wire::cuMemCreate::Outs& o) {
  CUmemAllocationProp prop = *a.prop;
  // Host memory would be of this host, and fabric handles go where this worker does not.
  if (prop.location.type != CU_MEM_LOCATION_TYPE_DEVICE && prop.location.type != CU_MEM_LOCATION_TYPE_INVALID) return CUDA_ERROR_NOT_SUPPORTED;
  if (prop.requestedHandleTypes & CU_MEM_HANDLE_TYPE_FABRIC) return CUDA_ERROR_NOT_SUPPORTED;
  prop.win32HandleMetaData = nullptr;   // a pointer of the client's
  const int device = prop.location.type == CU_MEM_LOCATION_TYPE_DEVICE ? prop.location.id : -1;
  CUmemGenericAllocationHandle handle = 0;
  int rc = charged(s.memory(), device, a.size, [&] { return call(s.driver.cuMemCreate, &handle, a.size, &prop, a.flags); });
  if (rc) return rc;
  s.memory().chunk_created(handle, device, a.size);
  if (o.handle) *o.handle = handle;
  return 0;
}

int cuMemRelease(Session& s, Request&, wire::cuMemRelease::Args& a, wire::cuMemRelease::Outs&) {
  if (!s.memory().chunk_known(a.handle)) return CUDA_ERROR_INVALID_VALUE;
  int rc = call(s.driver.cuMemRelease, a.handle);
  if (!rc) s.memory().chunk_released(a.handle);
  return rc;
}

int cuMemMap(Session& s, Request&, wire::cuMemMap::Args& a, wire::cuMemMap::Outs&) {
  if (!s.memory().chunk_known(a.handle)) return CUDA_ERROR_INVALID_VALUE;
  int rc = call(s.driver.cuMemMap, a.ptr, a.size, a.offset, a.handle, a.flags);
  if (!rc) s.memory().chunk_mapped(a.ptr, a.size, a.handle);
  return rc;
}

int cuMemGetAllocationPropertiesFromHandle(Session& s, Request&, wire::cuMemGetAllocationPropertiesFromHandle::Args& a, wire::cuMemGetAllocationPropertiesFromHandle::Outs& o) {
  if (!s.memory().chunk_known(a.handle)) return CUDA_ERROR_INVALID_VALUE;
  return call(s.driver.cuMemGetAllocationPropertiesFromHandle, o.prop, a.handle);
}

int cuMemUnmap(Session& s, Request&, wire::cuMemUnmap::Args& a, wire::cuMemUnmap::Outs&) {
  int rc = call(s.driver.cuMemUnmap, a.ptr, a.size);
  if (!rc) s.memory().chunk_unmapped(a.ptr, a.size);
  return rc;
}

int cuMemRetainAllocationHandle(Session& s, Request&, wire::cuMemRetainAllocationHandle::Args& a, wire::cuMemRetainAllocationHandle::Outs& o) {
  CUmemGenericAllocationHandle handle = 0;
  int rc = call(s.driver.cuMemRetainAllocationHandle, &handle, a.addr);
  if (rc) return rc;
  s.memory().chunk_retained(handle, a.addr);
  if (o.handle) *o.handle = handle;
  return 0;
}

}  // namespace worker::serve
