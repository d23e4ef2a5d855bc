// Texture and surface objects give back what they were made of, refuse what makes no sense, and may be destroyed once.
#include "textures.h"

int main() {
  Gpu gpu;
  CUarray array = make_array(8, 4, 0, CU_AD_FORMAT_UNSIGNED_INT8, 4, CUDA_ARRAY3D_SURFACE_LDST);
  CUDA_RESOURCE_DESC r = of_array(array), told{};
  CUDA_TEXTURE_DESC t = sampler(CU_TR_FILTER_MODE_POINT, CU_TR_ADDRESS_MODE_MIRROR, CU_TRSF_READ_AS_INTEGER | CU_TRSF_NORMALIZED_COORDINATES), t2{};
  CUDA_RESOURCE_VIEW_DESC v{}, v2{};
  v.format = CU_RES_VIEW_FORMAT_UINT_1X32, v.width = 8, v.height = 4;
  CUtexObject texture = 0, other = 0;
  CU(cuTexObjectCreate(&texture, &r, &t, &v));
  CU(cuTexObjectCreate(&other, &r, &t, nullptr));
  CHECK(texture && other && texture != other);
  CU(cuTexObjectGetResourceDesc(&told, texture));
  CHECK(told.resType == CU_RESOURCE_TYPE_ARRAY && told.res.array.hArray == array);
  CU(cuTexObjectGetTextureDesc(&t2, texture));
  CHECK(t2.addressMode[1] == CU_TR_ADDRESS_MODE_MIRROR && t2.filterMode == CU_TR_FILTER_MODE_POINT);
  CU(cuTexObjectGetResourceViewDesc(&v2, texture));
  CHECK(v2.format == v.format && v2.width == 8 && v2.height == 4);
  CU(cuTexObjectDestroy(texture));
  CU(cuTexObjectDestroy(other));

  CUDA_TEXTURE_DESC linear = t;   // integers as they are cannot be interpolated, but the driver takes it
  linear.filterMode = CU_TR_FILTER_MODE_LINEAR;
  CU(cuTexObjectCreate(&texture, &r, &linear, nullptr));
  CU(cuTexObjectDestroy(texture));
  v.format = CU_RES_VIEW_FORMAT_UINT_2X8;
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuTexObjectCreate(&texture, &r, &t, &v));           // texels of another size
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuTexObjectCreate(nullptr, &r, &t, nullptr));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuTexObjectCreate(&texture, nullptr, &t, nullptr));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuTexObjectCreate(&texture, &r, nullptr, nullptr));

  CUdeviceptr memory = allocate(65536);
  CUDA_RESOURCE_DESC l{};
  l.resType = CU_RESOURCE_TYPE_LINEAR;
  l.res.linear.devPtr = memory, l.res.linear.format = CU_AD_FORMAT_SIGNED_INT32, l.res.linear.numChannels = 1, l.res.linear.sizeInBytes = 4096;
  CUDA_TEXTURE_DESC plain{};
  CU(cuTexObjectCreate(&texture, &l, &plain, nullptr));
  CU(cuTexObjectGetResourceDesc(&told, texture));
  CHECK(told.resType == CU_RESOURCE_TYPE_LINEAR && told.res.linear.devPtr == memory && told.res.linear.sizeInBytes == 4096);
  CU(cuTexObjectDestroy(texture));
  l.res.linear.devPtr = memory + 4;
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuTexObjectCreate(&texture, &l, &plain, nullptr));   // alignment

  CUDA_RESOURCE_DESC p{};
  p.resType = CU_RESOURCE_TYPE_PITCH2D;
  p.res.pitch2D.devPtr = memory, p.res.pitch2D.format = CU_AD_FORMAT_FLOAT, p.res.pitch2D.numChannels = 1;
  p.res.pitch2D.width = 10, p.res.pitch2D.height = 4, p.res.pitch2D.pitchInBytes = 512;
  CU(cuTexObjectCreate(&texture, &p, &plain, nullptr));
  CU(cuTexObjectGetResourceDesc(&told, texture));
  CHECK(told.res.pitch2D.devPtr == memory && told.res.pitch2D.pitchInBytes == 512 && told.res.pitch2D.height == 4);
  CU(cuTexObjectDestroy(texture));
  p.res.pitch2D.pitchInBytes = 36;
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuTexObjectCreate(&texture, &p, &plain, nullptr));

  CUsurfObject surface = 0;
  CU(cuSurfObjectCreate(&surface, &r));
  CU(cuSurfObjectGetResourceDesc(&told, surface));
  CHECK(told.res.array.hArray == array);
  CU(cuSurfObjectDestroy(surface));
  CU(cuArrayDestroy(array));
}
