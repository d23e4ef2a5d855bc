// tfTextureObject and tfTextureResource: by hand because a resource is a union with handles in it.
#include "worker/handlers.h"

namespace worker::serve {

int tfTextureObject(Session& s, Request&, wire::tfTextureObject::Args& a, wire::tfTextureObject::Outs& o) {
  CUDA_RESOURCE_DESC r;
  if (a.bytes != sizeof r || !a.resource || !o.object) return CUDA_ERROR_INVALID_VALUE;
  memcpy(&r, a.resource, sizeof r);
  CUarray array{};
  CUmipmappedArray mipmap{};
  if (!s.real(a.array, wire::kCUarray, &array) || !s.real(a.mipmap, wire::kCUmipmappedArray, &mipmap)) return CUDA_ERROR_INVALID_HANDLE;
  if (r.resType == CU_RESOURCE_TYPE_ARRAY) r.res.array.hArray = array;
  else if (r.resType == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY) r.res.mipmap.hMipmappedArray = mipmap;
  else if (r.resType != CU_RESOURCE_TYPE_LINEAR && r.resType != CU_RESOURCE_TYPE_PITCH2D) return CUDA_ERROR_INVALID_VALUE;
  if ((r.resType == CU_RESOURCE_TYPE_ARRAY && !array) || (r.resType == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY && !mipmap)) return CUDA_ERROR_INVALID_HANDLE;
  const CUDA_RESOURCE_DESC& resource = r;
  if (a.surface) return call(s.driver.cuSurfObjectCreate, o.object, &resource);
  if (!a.texture) return CUDA_ERROR_INVALID_VALUE;
  return call(s.driver.cuTexObjectCreate, o.object, &resource, a.texture, a.view);
}

int tfTextureResource(Session& s, Request&, wire::tfTextureResource::Args& a, wire::tfTextureResource::Outs& o) {
  CUDA_RESOURCE_DESC r{};
  if (a.bytes != sizeof r || !o.resource || !o.array || !o.mipmap) return CUDA_ERROR_INVALID_VALUE;
  int rc = a.surface ? call(s.driver.cuSurfObjectGetResourceDesc, &r, a.object) : call(s.driver.cuTexObjectGetResourceDesc, &r, a.object);
  if (rc) return rc;
  *o.array = *o.mipmap = 0;
  if (r.resType == CU_RESOURCE_TYPE_ARRAY) {
    *o.array = s.name(wire::kCUarray, r.res.array.hArray);
    r.res.array.hArray = nullptr;
  } else if (r.resType == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY) {
    *o.mipmap = s.name(wire::kCUmipmappedArray, r.res.mipmap.hMipmappedArray);
    r.res.mipmap.hMipmappedArray = nullptr;
  }
  memcpy(o.resource, &r, sizeof r);
  return 0;
}

}  // namespace worker::serve
