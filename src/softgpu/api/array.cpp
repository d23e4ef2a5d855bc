// cuArray*: arrays are rows side by side in device memory. Any thread may call.
#include "softgpu/api/array.h"

#include <algorithm>

#include "base/log.h"
#include "softgpu/api/graph.h"

namespace softgpu::api {

Registry<CUarray, Array>& arrays() {
  static auto* all = new Registry<CUarray, Array>;
  return *all;
}
Registry<CUmipmappedArray, Mipmap>& mipmaps() {
  static auto* all = new Registry<CUmipmappedArray, Mipmap>;
  return *all;
}

CUresult layout_of(CUarray_format format, TexelLayout* out) {
  switch (int(format)) {
    case CU_AD_FORMAT_UNSIGNED_INT8: *out = {Texel::U8}; return CUDA_SUCCESS;
    case CU_AD_FORMAT_UNSIGNED_INT16: *out = {Texel::U16}; return CUDA_SUCCESS;
    case CU_AD_FORMAT_UNSIGNED_INT32: *out = {Texel::U32}; return CUDA_SUCCESS;
    case CU_AD_FORMAT_SIGNED_INT8: *out = {Texel::S8}; return CUDA_SUCCESS;
    case CU_AD_FORMAT_SIGNED_INT16: *out = {Texel::S16}; return CUDA_SUCCESS;
    case CU_AD_FORMAT_SIGNED_INT32: *out = {Texel::S32}; return CUDA_SUCCESS;
    case CU_AD_FORMAT_HALF: *out = {Texel::F16}; return CUDA_SUCCESS;
    case CU_AD_FORMAT_FLOAT: *out = {Texel::F32}; return CUDA_SUCCESS;
  }
  if (format >= CU_AD_FORMAT_UNORM_INT8X1 && format <= CU_AD_FORMAT_SNORM_INT16X4) {   // three sizes of each of four kinds, in order
    static constexpr Texel kTexels[] = {Texel::U8, Texel::U16, Texel::S8, Texel::S16};
    int n = int(format) - CU_AD_FORMAT_UNORM_INT8X1;
    *out = {kTexels[n / 3], 1u << n % 3, true};
    return CUDA_SUCCESS;
  }
  const bool known = (format >= CU_AD_FORMAT_BC1_UNORM && format <= CU_AD_FORMAT_YUV444_16bit_SemiPlanar) || format == CU_AD_FORMAT_UNORM_INT_101010_2;
  if (!known) return CUDA_ERROR_INVALID_VALUE;
  base::log(base::Level::warn, "array format %#x (block-compressed or video) is not supported", unsigned(format));
  return CUDA_ERROR_NOT_SUPPORTED;
}

namespace {

constexpr unsigned kKnownFlags = CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_SURFACE_LDST | CUDA_ARRAY3D_CUBEMAP | CUDA_ARRAY3D_TEXTURE_GATHER |
                                 CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_DEFERRED_MAPPING | CUDA_ARRAY3D_VIDEO_ENCODE_DECODE;   // others: INVALID_VALUE

// Sizes within what cuDeviceGetAttribute tells, and sizes that go together.
CUresult check(const CUDA_ARRAY3D_DESCRIPTOR& d, const TexelLayout& layout) {
  REQUIRE(d.Width && (d.Flags & ~kKnownFlags) == 0);
  REQUIRE(layout.channels ? d.NumChannels == layout.channels : d.NumChannels == 1 || d.NumChannels == 2 || d.NumChannels == 4);
  const bool layered = d.Flags & CUDA_ARRAY3D_LAYERED, cube = d.Flags & CUDA_ARRAY3D_CUBEMAP, gather = d.Flags & CUDA_ARRAY3D_TEXTURE_GATHER;
  auto within = [&](size_t w, size_t h, size_t z) { return d.Width <= w && d.Height <= h && d.Depth <= z; };
  if (cube) {
    REQUIRE(d.Width == d.Height && (layered ? d.Depth && d.Depth % 6 == 0 : d.Depth == 6) && within(32768, 32768, 2046));
  } else if (layered) {
    REQUIRE(d.Depth && within(32768, 32768, 2048));
  } else if (d.Depth) {
    REQUIRE(d.Height && (within(16384, 16384, 16384) || within(8192, 8192, 32768)));
  } else {
    REQUIRE(d.Height ? within(131072, 65536, 0) : within(131072, 0, 0));
  }
  REQUIRE(!gather || (d.Height && !d.Depth && within(32768, 32768, 0)));
  if (d.Flags & (CUDA_ARRAY3D_SPARSE | CUDA_ARRAY3D_DEFERRED_MAPPING | CUDA_ARRAY3D_VIDEO_ENCODE_DECODE)) return CUDA_ERROR_NOT_SUPPORTED;
  return CUDA_SUCCESS;
}

// An array without memory; its box starts at address 0.
ArrayRef laid_out(const ContextRef& context, const CUDA_ARRAY3D_DESCRIPTOR& d, const TexelLayout& layout) {
  auto a = std::make_shared<Array>();
  a->context = context, a->context_id = context->id;
  a->asked = d, a->layout = layout, a->channels = d.NumChannels, a->texel_bytes = bytes_of(layout.texel) * d.NumChannels;
  auto size = [](size_t n) { return uint32_t(n ? n : 1); };
  TexelBox& b = a->box;
  b.width = size(d.Width), b.height = size(d.Height), b.depth = size(d.Depth);
  b.pitch = (a->row_bytes() + 31) & ~size_t(31);
  b.slice = b.pitch * b.height;
  return a;
}

CUresult give_memory(const ContextRef& context, const std::vector<ArrayRef>& parts) {
  uint64_t bytes = 0;
  for (auto& a : parts) {
    uint64_t part;
    if (__builtin_mul_overflow(a->box.slice, uint64_t(a->box.depth), &part)) return CUDA_ERROR_OUT_OF_MEMORY;
    a->box.base = bytes;
    if (__builtin_add_overflow(bytes, (part + 511) & ~uint64_t(511), &bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
  }
  uint64_t address = context->device->allocate(bytes, 512);
  if (!address) return CUDA_ERROR_OUT_OF_MEMORY;
  auto memory = std::make_shared<ArrayMemory>(context->device, address);
  for (auto& a : parts) a->box.base += address, a->memory = memory;
  return CUDA_SUCCESS;
}

CUresult create(CUarray* out, const CUDA_ARRAY3D_DESCRIPTOR* asked) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(out && asked);
  TRY(refuse_unsafe());
  TexelLayout layout;
  TRY(layout_of(asked->Format, &layout));
  TRY(check(*asked, layout));
  ArrayRef a = laid_out(context, *asked, layout);
  TRY(give_memory(context, {a}));
  *out = arrays().add(a);
  return CUDA_SUCCESS;
}

CUresult find(CUarray h, ArrayRef* out) {
  ContextRef context;
  TRY(enter(&context));
  *out = arrays().find(h);
  return *out ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}
CUresult find(CUmipmappedArray h, MipmapRef* out) {
  ContextRef context;
  TRY(enter(&context));
  *out = mipmaps().find(h);
  return *out ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

}  // namespace

// Texture objects may still hold the memory; textures_of_ended_context comes first.
void arrays_of_ended_context(const ContextRef& context) {
  mipmaps().take_if([&](const Mipmap& m) { return m.context == context && m.context_id == context->id; });
  arrays().take_if([&](const Array& a) { return a.context == context && a.context_id == context->id; });
}

}  // namespace softgpu::api

using namespace softgpu::api;

extern "C" {

CUresult cuArrayCreate_v2(CUarray* pHandle, const CUDA_ARRAY_DESCRIPTOR* pAllocateArray) {
  TRY(initialized());
  REQUIRE(pAllocateArray);
  const CUDA_ARRAY_DESCRIPTOR& d = *pAllocateArray;
  CUDA_ARRAY3D_DESCRIPTOR asked = {d.Width, d.Height, 0, d.Format, d.NumChannels, 0};
  return create(pHandle, &asked);
}
CUresult cuArrayCreate(CUarray* pHandle, const CUDA_ARRAY_DESCRIPTOR_v1* pAllocateArray) {
  TRY(initialized());
  REQUIRE(pAllocateArray);
  const CUDA_ARRAY_DESCRIPTOR_v1& d = *pAllocateArray;
  CUDA_ARRAY3D_DESCRIPTOR asked = {d.Width, d.Height, 0, d.Format, d.NumChannels, 0};
  return create(pHandle, &asked);
}
CUresult cuArray3DCreate_v2(CUarray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR* pAllocateArray) { return create(pHandle, pAllocateArray); }
CUresult cuArray3DCreate(CUarray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR_v1* pAllocateArray) {
  TRY(initialized());
  REQUIRE(pAllocateArray);
  const CUDA_ARRAY3D_DESCRIPTOR_v1& d = *pAllocateArray;
  CUDA_ARRAY3D_DESCRIPTOR asked = {d.Width, d.Height, d.Depth, d.Format, d.NumChannels, d.Flags};
  return create(pHandle, &asked);
}

CUresult cuArrayDestroy(CUarray hArray) {
  ArrayRef a;
  TRY(find(hArray, &a));
  TRY(refuse_unsafe());
  if (a->is_level) return CUDA_SUCCESS;   // it stays with its mipmapped array, as in the driver
  a->context->synchronize();     // work that may still use it
  return arrays().take(hArray) ? current_context()->error() : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuArray3DGetDescriptor_v2(CUDA_ARRAY3D_DESCRIPTOR* pArrayDescriptor, CUarray hArray) {
  ArrayRef a;
  TRY(find(hArray, &a));
  REQUIRE(pArrayDescriptor);
  *pArrayDescriptor = a->asked;
  return CUDA_SUCCESS;
}
CUresult cuArrayGetDescriptor_v2(CUDA_ARRAY_DESCRIPTOR* pArrayDescriptor, CUarray hArray) {
  ArrayRef a;
  TRY(find(hArray, &a));
  REQUIRE(pArrayDescriptor);
  *pArrayDescriptor = {a->asked.Width, a->asked.Height, a->asked.Format, a->asked.NumChannels};
  return CUDA_SUCCESS;
}
CUresult cuArray3DGetDescriptor(CUDA_ARRAY3D_DESCRIPTOR_v1* pArrayDescriptor, CUarray hArray) {
  ArrayRef a;
  TRY(find(hArray, &a));
  REQUIRE(pArrayDescriptor);
  const CUDA_ARRAY3D_DESCRIPTOR& d = a->asked;
  *pArrayDescriptor = {unsigned(d.Width), unsigned(d.Height), unsigned(d.Depth), d.Format, d.NumChannels, d.Flags};
  return CUDA_SUCCESS;
}
CUresult cuArrayGetDescriptor(CUDA_ARRAY_DESCRIPTOR_v1* pArrayDescriptor, CUarray hArray) {
  ArrayRef a;
  TRY(find(hArray, &a));
  REQUIRE(pArrayDescriptor);
  *pArrayDescriptor = {unsigned(a->asked.Width), unsigned(a->asked.Height), a->asked.Format, a->asked.NumChannels};
  return CUDA_SUCCESS;
}

// No array here is sparse, of several planes, or mapped later: these answer as for any other array.
CUresult cuArrayGetSparseProperties(CUDA_ARRAY_SPARSE_PROPERTIES*, CUarray array) {
  ArrayRef a;
  TRY(find(array, &a));
  return CUDA_ERROR_INVALID_VALUE;
}
CUresult cuArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS*, CUarray array, CUdevice) {
  ArrayRef a;
  TRY(find(array, &a));
  return CUDA_ERROR_INVALID_VALUE;
}
CUresult cuArrayGetPlane(CUarray*, CUarray hArray, unsigned int) {
  ArrayRef a;
  TRY(find(hArray, &a));
  return CUDA_ERROR_INVALID_VALUE;
}
CUresult cuMipmappedArrayGetSparseProperties(CUDA_ARRAY_SPARSE_PROPERTIES*, CUmipmappedArray mipmap) {
  MipmapRef m;
  TRY(find(mipmap, &m));
  return CUDA_ERROR_INVALID_VALUE;
}
CUresult cuMipmappedArrayGetMemoryRequirements(CUDA_ARRAY_MEMORY_REQUIREMENTS*, CUmipmappedArray mipmap, CUdevice) {
  MipmapRef m;
  TRY(find(mipmap, &m));
  return CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMipmappedArrayCreate(CUmipmappedArray* pHandle, const CUDA_ARRAY3D_DESCRIPTOR* pMipmappedArrayDesc, unsigned int numMipmapLevels) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(pHandle && pMipmappedArrayDesc);
  TRY(refuse_unsafe());
  CUDA_ARRAY3D_DESCRIPTOR d = *pMipmappedArrayDesc;
  TexelLayout layout;
  TRY(layout_of(d.Format, &layout));
  TRY(check(d, layout));
  const bool layers = d.Flags & (CUDA_ARRAY3D_LAYERED | CUDA_ARRAY3D_CUBEMAP);   // as many on every level
  size_t largest = std::max({d.Width, d.Height, layers ? size_t(0) : d.Depth});
  unsigned most = 64 - unsigned(__builtin_clzll(largest));                          // levels down to one texel
  auto m = std::make_shared<Mipmap>();
  m->context = context, m->context_id = context->id, m->asked = d;
  auto half = [](size_t n) { return n > 1 ? n / 2 : n; };
  for (unsigned level = 0; level < std::clamp(numMipmapLevels, 1u, most); level++) {
    m->levels.push_back(laid_out(context, d, layout));
    m->levels.back()->is_level = true;
    d.Width = half(d.Width), d.Height = half(d.Height);
    if (!layers) d.Depth = half(d.Depth);
  }
  TRY(give_memory(context, m->levels));
  for (auto& a : m->levels) arrays().add(a);
  *pHandle = mipmaps().add(m);
  return CUDA_SUCCESS;
}

CUresult cuMipmappedArrayGetLevel(CUarray* pLevelArray, CUmipmappedArray hMipmappedArray, unsigned int level) {
  MipmapRef m;
  TRY(find(hMipmappedArray, &m));
  REQUIRE(pLevelArray && level < m->levels.size());
  *pLevelArray = m->levels[level]->handle;
  return CUDA_SUCCESS;
}

CUresult cuMipmappedArrayDestroy(CUmipmappedArray hMipmappedArray) {
  MipmapRef m;
  TRY(find(hMipmappedArray, &m));
  TRY(refuse_unsafe());
  m->context->synchronize();
  if (!mipmaps().take(hMipmappedArray)) return CUDA_ERROR_INVALID_HANDLE;
  for (auto& a : m->levels) arrays().take(a->handle);
  return current_context()->error();
}

}  // extern "C"
