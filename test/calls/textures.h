// Shared by the programs about arrays, textures and surfaces: their kernels (test/kernels/textures.cu), arrays with content, texture objects.
#pragma once
#include "check.h"

asm(".pushsection .rodata\n.balign 16\ntextures_ptx: .incbin \"" KERNELS_FOLDER "/textures.ptx\"\n.byte 0\n.popsection");
extern "C" const char textures_ptx[];

inline CUfunction texture_kernel(const char* name) {
  static CUmodule module = nullptr;
  if (!module) CU(cuModuleLoadData(&module, textures_ptx));
  CUfunction function = nullptr;
  CU(cuModuleGetFunction(&function, module, name));
  return function;
}

inline CUarray make_array(size_t w, size_t h, size_t d, CUarray_format format, unsigned channels, unsigned flags = 0) {
  CUDA_ARRAY3D_DESCRIPTOR wanted = {w, h, d, format, channels, flags};
  CUarray array = nullptr;
  CU(cuArray3DCreate_v2(&array, &wanted));
  CHECK(array != nullptr);
  return array;
}

// Rows without padding on the host, to an array and back.
inline CUDA_MEMCPY3D whole(size_t row_bytes, size_t h, size_t d) {
  CUDA_MEMCPY3D c{};
  c.srcPitch = c.dstPitch = c.WidthInBytes = row_bytes, c.srcHeight = c.dstHeight = c.Height = h ? h : 1, c.Depth = d ? d : 1;
  return c;
}
inline void fill_array(CUarray array, const void* bytes, size_t row_bytes, size_t h = 1, size_t d = 1) {
  CUDA_MEMCPY3D c = whole(row_bytes, h, d);
  c.srcMemoryType = CU_MEMORYTYPE_HOST, c.srcHost = bytes, c.dstMemoryType = CU_MEMORYTYPE_ARRAY, c.dstArray = array;
  CU(cuMemcpy3D_v2(&c));
}
template <class T> std::vector<T> read_array(CUarray array, size_t elements_in_row, size_t h = 1, size_t d = 1) {
  std::vector<T> out(elements_in_row * h * d);
  CUDA_MEMCPY3D c = whole(elements_in_row * sizeof(T), h, d);
  c.srcMemoryType = CU_MEMORYTYPE_ARRAY, c.srcArray = array, c.dstMemoryType = CU_MEMORYTYPE_HOST, c.dstHost = out.data();
  CU(cuMemcpy3D_v2(&c));
  return out;
}

inline CUDA_RESOURCE_DESC of_array(CUarray array) {
  CUDA_RESOURCE_DESC r{};
  r.resType = CU_RESOURCE_TYPE_ARRAY, r.res.array.hArray = array;
  return r;
}
inline CUDA_TEXTURE_DESC sampler(CUfilter_mode filter, CUaddress_mode mode, unsigned flags) {
  CUDA_TEXTURE_DESC t{};
  t.addressMode[0] = t.addressMode[1] = t.addressMode[2] = mode, t.filterMode = filter, t.flags = flags;
  return t;
}
inline CUtexObject make_texture(const CUDA_RESOURCE_DESC& r, const CUDA_TEXTURE_DESC& t) {
  CUtexObject texture = 0;
  CU(cuTexObjectCreate(&texture, &r, &t, nullptr));
  CHECK(texture != 0);
  return texture;
}

struct Four { float x, y, z, w; };

// What kernel(texture, points, out, n) of textures.cu answers; Out has 16 bytes.
template <class Out = Four, class In> std::vector<Out> sample(const char* kernel, CUtexObject texture, const std::vector<In>& at) {
  static_assert(sizeof(Out) == 16 && sizeof(In) == 16);
  unsigned n = unsigned(at.size());
  CUdeviceptr in = allocate(16 * n), out = allocate(16 * n);
  CU(cuMemcpyHtoD_v2(in, at.data(), 16 * n));
  CU(launch(texture_kernel(kernel), (n + 63) / 64, 64, nullptr, texture, in, out, n));
  std::vector<Out> answers(n);
  CU(cuMemcpyDtoH_v2(answers.data(), out, 16 * n));
  CU(cuMemFree_v2(in));
  CU(cuMemFree_v2(out));
  return answers;
}
