// Mipmapped arrays: sizes of the levels, each an array of its own, and reading between two of them.
#include "textures.h"

int main() {
  Gpu gpu;
  CUDA_ARRAY3D_DESCRIPTOR wanted = {16, 8, 0, CU_AD_FORMAT_FLOAT, 1, 0}, got{};
  CUmipmappedArray mipmap = nullptr;
  CU(cuMipmappedArrayCreate(&mipmap, &wanted, 5));
  for (unsigned level = 0; level < 5; level++) {
    CUarray a = nullptr, again = nullptr;
    CU(cuMipmappedArrayGetLevel(&a, mipmap, level));
    CU(cuMipmappedArrayGetLevel(&again, mipmap, level));
    CHECK(a == again);
    CU(cuArray3DGetDescriptor_v2(&got, a));
    size_t w = 16u >> level, h = 8u >> level ? 8u >> level : 1;
    CHECK(got.Width == w && got.Height == h && got.NumChannels == 1);
    std::vector<float> flat(w * h, 10.0f * float(level + 1));
    fill_array(a, flat.data(), w * 4, h);
  }
  CUarray none = nullptr;
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMipmappedArrayGetLevel(&none, mipmap, 5));

  CUDA_RESOURCE_DESC r{};
  r.resType = CU_RESOURCE_TYPE_MIPMAPPED_ARRAY, r.res.mipmap.hMipmappedArray = mipmap;
  CUDA_TEXTURE_DESC t = sampler(CU_TR_FILTER_MODE_POINT, CU_TR_ADDRESS_MODE_CLAMP, CU_TRSF_NORMALIZED_COORDINATES);
  t.maxMipmapLevelClamp = 16, t.mipmapFilterMode = CU_TR_FILTER_MODE_LINEAR;
  std::vector<Four> at = {{.5f, .5f, 0, -1}, {.5f, .5f, 0, 0}, {.5f, .5f, 0, 0.25f}, {.1f, .9f, 0, 1.5f}, {.5f, .5f, 0, 3.75f}, {.5f, .5f, 0, 9}};
  const float linear[] = {10, 10, 12.5f, 25, 47.5f, 50}, point[] = {10, 10, 10, 30, 50, 50};
  CUtexObject texture = make_texture(r, t);
  auto seen = sample("level2d", texture, at);
  for (size_t i = 0; i < at.size(); i++) CHECK(seen[i].x == linear[i]);
  CU(cuTexObjectDestroy(texture));
  t.mipmapFilterMode = CU_TR_FILTER_MODE_POINT;
  texture = make_texture(r, t);
  seen = sample("level2d", texture, at);
  for (size_t i = 0; i < at.size(); i++) CHECK(seen[i].x == point[i]);
  CU(cuTexObjectDestroy(texture));
  CU(cuMipmappedArrayDestroy(mipmap));
}
