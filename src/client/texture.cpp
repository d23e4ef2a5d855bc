// Texture and surface objects: the resource that they are made of may name an array, so it travels with its handle apart.
#include "client/remote.h"
#include "wire/session.h"

namespace client {

// The handle out of the union, so that what is left is bytes.
static CUresult take_handles(CUDA_RESOURCE_DESC* r, CUarray* array, CUmipmappedArray* mipmap) {
  *array = nullptr;
  *mipmap = nullptr;
  if (r->resType == CU_RESOURCE_TYPE_ARRAY) {
    *array = r->res.array.hArray;
    r->res.array.hArray = nullptr;
    return *array ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
  }
  if (r->resType == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY) {
    *mipmap = r->res.mipmap.hMipmappedArray;
    r->res.mipmap.hMipmappedArray = nullptr;
    return *mipmap ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
  }
  return r->resType == CU_RESOURCE_TYPE_LINEAR || r->resType == CU_RESOURCE_TYPE_PITCH2D ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

static CUresult create(unsigned surface, unsigned long long* object, const CUDA_RESOURCE_DESC* resource, const CUDA_TEXTURE_DESC* texture,
                       const CUDA_RESOURCE_VIEW_DESC* view) {
  if (int error = caller().error) return CUresult(error);
  if (!object || !resource || (!surface && !texture)) return CUDA_ERROR_INVALID_VALUE;
  CUDA_RESOURCE_DESC r = *resource;
  CUarray array;
  CUmipmappedArray mipmap;
  if (CUresult rc = take_handles(&r, &array, &mipmap)) return rc;
  return remote::tfTextureObject(surface, array, mipmap, &r, sizeof r, texture, view, object);
}

static CUresult describe(unsigned surface, CUDA_RESOURCE_DESC* resource, unsigned long long object) {
  if (int error = caller().error) return CUresult(error);
  if (!resource) return CUDA_ERROR_INVALID_VALUE;
  CUDA_RESOURCE_DESC r{};
  CUarray array = nullptr;
  CUmipmappedArray mipmap = nullptr;
  if (CUresult rc = remote::tfTextureResource(surface, object, &r, sizeof r, &array, &mipmap)) return rc;
  if (r.resType == CU_RESOURCE_TYPE_ARRAY) r.res.array.hArray = array;
  if (r.resType == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY) r.res.mipmap.hMipmappedArray = mipmap;
  *resource = r;
  return CUDA_SUCCESS;
}

}  // namespace client

using namespace client;

EXPORT CUresult cuTexObjectCreate(CUtexObject* pTexObject, const CUDA_RESOURCE_DESC* pResDesc, const CUDA_TEXTURE_DESC* pTexDesc,
                                  const CUDA_RESOURCE_VIEW_DESC* pResViewDesc) {
  return create(0, pTexObject, pResDesc, pTexDesc, pResViewDesc);
}
EXPORT CUresult cuSurfObjectCreate(CUsurfObject* pSurfObject, const CUDA_RESOURCE_DESC* pResDesc) { return create(1, pSurfObject, pResDesc, nullptr, nullptr); }
EXPORT CUresult cuTexObjectGetResourceDesc(CUDA_RESOURCE_DESC* pResDesc, CUtexObject texObject) { return describe(0, pResDesc, texObject); }
EXPORT CUresult cuSurfObjectGetResourceDesc(CUDA_RESOURCE_DESC* pResDesc, CUsurfObject surfObject) { return describe(1, pResDesc, surfObject); }
