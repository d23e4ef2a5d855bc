// Surfaces: reading and writing texels by byte offset in every shape, and what the boundary modes do outside.
#include "textures.h"

static CUsurfObject surface_of(CUarray array) {
  CUDA_RESOURCE_DESC r = of_array(array);
  CUsurfObject s = 0;
  CU(cuSurfObjectCreate(&s, &r));
  return s;
}

template <class T> void doubled(CUarray array, size_t row, size_t h, size_t d, CUresult (*run)(CUsurfObject)) {
  std::vector<T> texels(row * h * d);
  for (size_t i = 0; i < texels.size(); i++) texels[i] = T(i * 3 + 1);
  fill_array(array, texels.data(), row * sizeof(T), h, d);
  CUsurfObject s = surface_of(array);
  CU(run(s));
  auto seen = read_array<T>(array, row, h, d);
  for (size_t i = 0; i < texels.size(); i++) CHECK(seen[i] == T(2 * texels[i]));
  CU(cuSurfObjectDestroy(s));
  CU(cuArrayDestroy(array));
}

int main() {
  Gpu gpu;
  const unsigned ldst = CUDA_ARRAY3D_SURFACE_LDST;
  doubled<unsigned>(make_array(64, 0, 0, CU_AD_FORMAT_UNSIGNED_INT32, 1, ldst), 64, 1, 1, [](CUsurfObject s) { return launch(texture_kernel("double1d"), 1, 64, nullptr, s, 64u); });
  doubled<float>(make_array(16, 8, 0, CU_AD_FORMAT_FLOAT, 2, ldst), 32, 8, 1, [](CUsurfObject s) { return launch(texture_kernel("double2d"), 1, 128, nullptr, s, 16u, 8u); });
  doubled<unsigned char>(make_array(7, 5, 3, CU_AD_FORMAT_UNSIGNED_INT8, 1, ldst), 7, 5, 3, [](CUsurfObject s) { return launch(texture_kernel("double3d"), 1, 128, nullptr, s, 7u, 5u, 3u); });
  doubled<unsigned short>(make_array(8, 4, 3, CU_AD_FORMAT_UNSIGNED_INT16, 1, ldst | CUDA_ARRAY3D_LAYERED), 8, 4, 3, [](CUsurfObject s) { return launch(texture_kernel("double_layers"), 1, 96, nullptr, s, 8u, 4u, 3u); });
  doubled<unsigned short>(make_array(4, 4, 6, CU_AD_FORMAT_UNSIGNED_INT16, 1, ldst | CUDA_ARRAY3D_CUBEMAP), 4, 4, 6, [](CUsurfObject s) { return launch(texture_kernel("double_layers"), 1, 96, nullptr, s, 4u, 4u, 6u); });

  CUarray array = make_array(8, 0, 0, CU_AD_FORMAT_UNSIGNED_INT32, 1, ldst);
  const unsigned texels[8] = {10, 11, 12, 13, 14, 15, 16, 17};
  fill_array(array, texels, sizeof texels);
  CUsurfObject s = surface_of(array);
  CUdeviceptr out = allocate(4);
  CU(launch(texture_kernel("surface_zero"), 1, 1, nullptr, s, 400, out));
  CHECK(read_word(out) == 0);
  CU(launch(texture_kernel("surface_zero"), 1, 1, nullptr, s, -4, out));
  CHECK(read_word(out) == 0);
  CHECK(read_array<unsigned>(array, 8) == std::vector<unsigned>(texels, texels + 8));
  CU(launch(texture_kernel("surface_clamp"), 1, 1, nullptr, s, 400, out));
  CHECK(read_word(out) == 17);
  CU(launch(texture_kernel("surface_clamp"), 1, 1, nullptr, s, -400, out));
  CHECK(read_word(out) == 10);
  auto now = read_array<unsigned>(array, 8);
  CHECK(now[0] == 7 && now[1] == 11 && now[7] == 7);

  CU(launch(texture_kernel("surface_trap"), 1, 1, nullptr, s, 28, out));
  CHECK(read_word(out) == 7);
  CU(launch(texture_kernel("surface_trap"), 1, 1, nullptr, s, 32, out));   // ends the context
  EXPECT(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
}
