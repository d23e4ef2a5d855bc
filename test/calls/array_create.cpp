// Arrays: what may be made, what a descriptor says afterwards, that memory is really taken and given back.
#include "textures.h"

static CUresult create(size_t w, size_t h, size_t d, CUarray_format format, unsigned channels, unsigned flags) {
  CUDA_ARRAY3D_DESCRIPTOR wanted = {w, h, d, format, channels, flags};
  CUarray array = nullptr;
  CUresult rc = cuArray3DCreate_v2(&array, &wanted);
  if (rc == CUDA_SUCCESS) {
    CUDA_ARRAY3D_DESCRIPTOR got{};
    CU(cuArray3DGetDescriptor_v2(&got, array));
    CHECK(got.Width == w && got.Height == h && got.Depth == d && got.Format == format && got.NumChannels == channels && got.Flags == flags);
    CU(cuArrayDestroy(array));
  }
  return rc;
}

int main() {
  Gpu gpu;
  const CUarray_format kFormats[] = {CU_AD_FORMAT_UNSIGNED_INT8, CU_AD_FORMAT_SIGNED_INT8, CU_AD_FORMAT_UNSIGNED_INT16, CU_AD_FORMAT_SIGNED_INT16,
                                     CU_AD_FORMAT_UNSIGNED_INT32, CU_AD_FORMAT_SIGNED_INT32, CU_AD_FORMAT_HALF, CU_AD_FORMAT_FLOAT};
  for (CUarray_format f : kFormats)
    for (unsigned channels : {1u, 2u, 4u}) CU(create(16, 8, 0, f, channels, 0));
  const CUarray_format f = CU_AD_FORMAT_FLOAT;
  CU(create(16, 0, 0, f, 1, 0));
  CU(create(16, 8, 4, f, 1, CUDA_ARRAY3D_SURFACE_LDST));
  CU(create(16, 0, 4, f, 1, CUDA_ARRAY3D_LAYERED));
  CU(create(16, 8, 4, f, 1, CUDA_ARRAY3D_LAYERED));
  CU(create(8, 8, 6, f, 1, CUDA_ARRAY3D_CUBEMAP));
  CU(create(8, 8, 12, f, 1, CUDA_ARRAY3D_CUBEMAP | CUDA_ARRAY3D_LAYERED));
  CU(create(16, 8, 0, f, 1, CUDA_ARRAY3D_TEXTURE_GATHER));
  for (unsigned channels : {0u, 3u, 5u}) EXPECT(CUDA_ERROR_INVALID_VALUE, create(16, 8, 0, f, channels, 0));
  EXPECT(CUDA_ERROR_INVALID_VALUE, create(0, 8, 0, f, 1, 0));
  EXPECT(CUDA_ERROR_INVALID_VALUE, create(16, 8, 0, CUarray_format(0x77), 1, 0));
  EXPECT(CUDA_ERROR_INVALID_VALUE, create(16, 0, 4, f, 1, 0));
  EXPECT(CUDA_ERROR_INVALID_VALUE, create(8, 7, 6, f, 1, CUDA_ARRAY3D_CUBEMAP));
  EXPECT(CUDA_ERROR_INVALID_VALUE, create(8, 8, 5, f, 1, CUDA_ARRAY3D_CUBEMAP));
  EXPECT(CUDA_ERROR_INVALID_VALUE, create(size_t(1) << 20, 0, 0, f, 1, 0));
  CUDA_ARRAY_DESCRIPTOR flat = {16, 8, f, 2}, got{};
  CUarray array = nullptr;
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuArrayCreate_v2(nullptr, &flat));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuArrayCreate_v2(&array, nullptr));
  CU(cuArrayCreate_v2(&array, &flat));
  CU(cuArrayGetDescriptor_v2(&got, array));
  CHECK(got.Width == 16 && got.Height == 8 && got.Format == f && got.NumChannels == 2);
  CU(cuArrayDestroy(array));

  size_t before, during, after, total;
  CU(cuMemGetInfo_v2(&before, &total));
  array = make_array(4096, 4096, 0, f, 4);
  CU(cuMemGetInfo_v2(&during, &total));
  CHECK(before - during >= size_t(4096) * 4096 * 16);
  CU(cuArrayDestroy(array));
  CU(cuMemGetInfo_v2(&after, &total));
  CHECK(after == before);
  EXPECT(CUDA_ERROR_OUT_OF_MEMORY, create(16384, 16384, 4096, f, 4, 0));   // 16 TiB
}
