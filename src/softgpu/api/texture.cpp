// cuTexObject* and cuSurfObject*: descriptors checked as the driver does, then handed to the engine as a Texture under a number.
// Any thread may call.
#include "softgpu/api/texture.h"

#include <algorithm>
#include <map>
#include <shared_mutex>

#include "base/log.h"
#include "softgpu/api/memory.h"


namespace softgpu::api {

namespace {

// What was given at creation, for the Get calls; by device and number. Objects end with their context.
struct Object {
  uint64_t handle = 0;
  ContextRef context;
  uint64_t context_id = 0;
  bool surface = false;
  CUDA_RESOURCE_DESC resource = {};
  CUDA_TEXTURE_DESC texture = {};
  CUDA_RESOURCE_VIEW_DESC view = {};
  bool has_view = false;
};

class Objects {
 public:
  void add(Object o) {
    std::unique_lock lock(m_);
    all_[{o.context->device, o.handle}] = std::move(o);
  }
  bool find(const Context& context, uint64_t h, bool surface, Object* out) const {
    std::shared_lock lock(m_);
    auto it = all_.find({context.device, h});
    if (it == all_.end() || it->second.surface != surface) return false;
    *out = it->second;
    return true;
  }
  bool take(const Context& context, uint64_t h, bool surface) {
    std::unique_lock lock(m_);
    auto it = all_.find({context.device, h});
    if (it == all_.end() || it->second.surface != surface) return false;
    all_.erase(it);
    return true;
  }
  void end(const ContextRef& context) {
    std::unique_lock lock(m_);
    std::erase_if(all_, [&](auto& entry) {
      const Object& o = entry.second;
      if (o.context != context || o.context_id != context->id) return false;
      context->device->memory.textures().remove(o.handle);
      return true;
    });
  }

 private:
  mutable std::shared_mutex m_;
  std::map<std::pair<Device*, uint64_t>, Object> all_;
};
Objects& objects() {
  static auto* all = new Objects;
  return *all;
}

CUresult of_array(const Array& a, Texture* t) {
  const bool layers = a.asked.Flags & CUDA_ARRAY3D_LAYERED;
  t->cube = a.asked.Flags & CUDA_ARRAY3D_CUBEMAP;
  t->layered = layers;
  t->dimensions = a.asked.Depth && !layers && !t->cube ? 3 : a.asked.Height ? 2 : 1;
  t->texel = a.layout.texel, t->channels = uint8_t(a.channels);
  t->as_fraction = a.layout.normalized;
  t->memory = a.memory;
  return CUDA_SUCCESS;
}

CUresult resource(const Context& context, const CUDA_RESOURCE_DESC& r, Texture* t) {
  TexelLayout layout;
  switch (r.resType) {
    case CU_RESOURCE_TYPE_ARRAY: {
      ArrayRef a = arrays().find(r.res.array.hArray);
      if (!a) return CUDA_ERROR_INVALID_HANDLE;
      t->levels = {a->box};
      return of_array(*a, t);
    }
    case CU_RESOURCE_TYPE_MIPMAPPED_ARRAY: {
      MipmapRef m = mipmaps().find(r.res.mipmap.hMipmappedArray);
      if (!m) return CUDA_ERROR_INVALID_HANDLE;
      for (auto& a : m->levels) t->levels.push_back(a->box);
      return of_array(*m->levels[0], t);
    }
    case CU_RESOURCE_TYPE_LINEAR: {
      auto& l = r.res.linear;
      TRY(layout_of(l.format, &layout));
      REQUIRE(layout.channels ? l.numChannels == layout.channels : l.numChannels == 1 || l.numChannels == 2 || l.numChannels == 4);
      t->texel = layout.texel, t->channels = uint8_t(l.numChannels), t->as_fraction = layout.normalized;
      REQUIRE(l.devPtr && l.devPtr % kTextureAlignment == 0 && l.sizeInBytes);
      size_t width = l.sizeInBytes / t->texel_bytes();
      REQUIRE(width && width <= kLinearWidth && device_range(context, l.devPtr, 1));
      // The size may say more than the allocation has (a convolution sample does): what lies beyond reads as zero.
      if (Allocation a; !device_range(context, l.devPtr, l.sizeInBytes) && find_allocation(l.devPtr, &a))
        width = std::min(width, size_t(a.base + a.bytes - l.devPtr) / t->texel_bytes());
      REQUIRE(width);
      t->dimensions = 1, t->linear_memory = true;
      t->levels = {{.base = l.devPtr, .pitch = width * t->texel_bytes(), .slice = width * t->texel_bytes(), .width = uint32_t(width)}};
      return CUDA_SUCCESS;
    }
    case CU_RESOURCE_TYPE_PITCH2D: {
      auto& p = r.res.pitch2D;
      TRY(layout_of(p.format, &layout));
      REQUIRE(layout.channels ? p.numChannels == layout.channels : p.numChannels == 1 || p.numChannels == 2 || p.numChannels == 4);
      t->texel = layout.texel, t->channels = uint8_t(p.numChannels), t->as_fraction = layout.normalized;
      REQUIRE(p.devPtr && p.devPtr % kTextureAlignment == 0 && p.width && p.height && p.width <= 131072 && p.height <= 65000);
      REQUIRE(p.pitchInBytes % kPitchAlignment == 0 && p.pitchInBytes <= 2097120 && p.pitchInBytes >= p.width * t->texel_bytes());
      REQUIRE(device_range(context, p.devPtr, (p.height - 1) * p.pitchInBytes + p.width * t->texel_bytes()));
      t->dimensions = 2;
      t->levels = {{.base = p.devPtr, .pitch = p.pitchInBytes, .slice = p.pitchInBytes * p.height, .width = uint32_t(p.width), .height = uint32_t(p.height)}};
      return CUDA_SUCCESS;
    }
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult sampler(const CUDA_TEXTURE_DESC& d, Texture* t) {
  constexpr unsigned kFlags = CU_TRSF_READ_AS_INTEGER | CU_TRSF_NORMALIZED_COORDINATES | CU_TRSF_SRGB | CU_TRSF_DISABLE_TRILINEAR_OPTIMIZATION | CU_TRSF_SEAMLESS_CUBEMAP;
  REQUIRE((d.flags & ~kFlags) == 0);
  for (int i = 0; i < 3; i++) {
    REQUIRE(unsigned(d.addressMode[i]) <= CU_TR_ADDRESS_MODE_BORDER);
    t->wrap[i] = Wrap(d.addressMode[i]);
  }
  REQUIRE(unsigned(d.filterMode) <= CU_TR_FILTER_MODE_LINEAR && unsigned(d.mipmapFilterMode) <= CU_TR_FILTER_MODE_LINEAR);
  const bool wide = bytes_of(t->texel) == 4, number = t->texel == Texel::F16 || t->texel == Texel::F32;
  if (!number && !wide && !(d.flags & CU_TRSF_READ_AS_INTEGER)) t->as_fraction = true;
  t->normalized_coordinates = d.flags & CU_TRSF_NORMALIZED_COORDINATES;
  t->srgb = (d.flags & CU_TRSF_SRGB) && t->texel == Texel::U8;
  t->seamless = d.flags & CU_TRSF_SEAMLESS_CUBEMAP;
  t->filter = d.filterMode == CU_TR_FILTER_MODE_LINEAR && (number || t->as_fraction);   // integers as they are: the driver takes it and there is nothing to interpolate
  t->filter_levels = d.mipmapFilterMode == CU_TR_FILTER_MODE_LINEAR;
  std::copy_n(d.borderColor, 4, t->border);
  t->level_bias = d.mipmapLevelBias, t->level_min = d.minMipmapLevelClamp, t->level_max = d.maxMipmapLevelClamp;
  t->anisotropy = d.maxAnisotropy;
  return CUDA_SUCCESS;
}

struct ViewFormat { Texel texel; uint8_t channels; };
bool view_format(CUresourceViewFormat f, ViewFormat* out) {
  static constexpr Texel kKinds[] = {Texel::U8, Texel::S8, Texel::U16, Texel::S16, Texel::U32, Texel::S32, Texel::F16, Texel::F32};
  static constexpr uint8_t kChannels[] = {1, 2, 4};
  if (f < CU_RES_VIEW_FORMAT_UINT_1X8 || f > CU_RES_VIEW_FORMAT_FLOAT_4X32) return false;
  int n = int(f) - CU_RES_VIEW_FORMAT_UINT_1X8;
  *out = {kKinds[n / 3], kChannels[n % 3]};
  return true;
}

// A view takes some levels and layers of an array and may read its bytes as another format of the same size.
CUresult view(const CUDA_RESOURCE_VIEW_DESC& v, bool of_mipmap, Texture* t) {
  if (v.format != CU_RES_VIEW_FORMAT_NONE) {
    ViewFormat f;
    if (!view_format(v.format, &f)) {
      REQUIRE(v.format <= CU_RES_VIEW_FORMAT_UNSIGNED_BC7);
      base::log(base::Level::warn, "block-compressed view format %#x is not supported", unsigned(v.format));
      return CUDA_ERROR_NOT_SUPPORTED;
    }
    REQUIRE(bytes_of(f.texel) * f.channels == t->texel_bytes());
    t->texel = f.texel, t->channels = f.channels;
  }
  REQUIRE(v.width == t->levels[0].width);
  REQUIRE(v.firstMipmapLevel <= v.lastMipmapLevel && v.lastMipmapLevel < t->levels.size() && (of_mipmap || v.lastMipmapLevel == 0));
  t->levels.erase(t->levels.begin() + v.lastMipmapLevel + 1, t->levels.end());
  t->levels.erase(t->levels.begin(), t->levels.begin() + v.firstMipmapLevel);
  if (t->layered || t->cube) {
    REQUIRE(v.firstLayer <= v.lastLayer && v.lastLayer < t->levels[0].depth);
    for (TexelBox& b : t->levels) b.base += v.firstLayer * b.slice, b.depth = v.lastLayer - v.firstLayer + 1;
  }
  return CUDA_SUCCESS;
}

void publish(const ContextRef& context, Object o, Texture t, unsigned long long* out) {
  o.context = context, o.context_id = context->id;
  o.handle = context->device->memory.textures().add(std::make_shared<const Texture>(std::move(t)));
  *out = o.handle;
  objects().add(std::move(o));
}

CUresult find(uint64_t h, bool surface, Object* out) {
  ContextRef context;
  TRY(enter(&context));
  return objects().find(*context, h, surface, out) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult destroy(uint64_t h, bool surface) {
  ContextRef context;
  TRY(enter(&context));
  if (!h) return CUDA_SUCCESS;
  if (!objects().take(*context, h, surface)) return CUDA_ERROR_INVALID_VALUE;
  context->synchronize();        // kernels may still read through it
  context->device->memory.textures().remove(h);
  return context->error();
}

}  // namespace

void textures_of_ended_context(const ContextRef& context) { objects().end(context); }

CUresult make_texture(const Context& context, const CUDA_RESOURCE_DESC& r, const CUDA_TEXTURE_DESC& d, const CUDA_RESOURCE_VIEW_DESC* v, Texture* t) {
  REQUIRE(r.flags == 0);
  TRY(resource(context, r, t));
  const bool array = r.resType == CU_RESOURCE_TYPE_ARRAY || r.resType == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY;
  if (v) {
    REQUIRE(array);
    TRY(view(*v, r.resType == CU_RESOURCE_TYPE_MIPMAPPED_ARRAY, t));
  }
  return sampler(d, t);
}

}  // namespace softgpu::api

using namespace softgpu::api;

extern "C" {

CUresult cuTexObjectCreate(CUtexObject* pTexObject, const CUDA_RESOURCE_DESC* pResDesc, const CUDA_TEXTURE_DESC* pTexDesc,
                           const CUDA_RESOURCE_VIEW_DESC* pResViewDesc) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(pTexObject && pResDesc && pTexDesc);
  softgpu::Texture t;
  TRY(make_texture(*context, *pResDesc, *pTexDesc, pResViewDesc, &t));
  Object o;
  o.resource = *pResDesc, o.texture = *pTexDesc;
  if (pResViewDesc) o.view = *pResViewDesc, o.has_view = true;
  publish(context, std::move(o), std::move(t), pTexObject);
  return CUDA_SUCCESS;
}
CUresult cuTexObjectDestroy(CUtexObject texObject) { return destroy(texObject, false); }
CUresult cuTexObjectGetResourceDesc(CUDA_RESOURCE_DESC* pResDesc, CUtexObject texObject) {
  Object o;
  TRY(find(texObject, false, &o));
  REQUIRE(pResDesc);
  *pResDesc = o.resource;
  return CUDA_SUCCESS;
}
CUresult cuTexObjectGetTextureDesc(CUDA_TEXTURE_DESC* pTexDesc, CUtexObject texObject) {
  Object o;
  TRY(find(texObject, false, &o));
  REQUIRE(pTexDesc);
  *pTexDesc = o.texture;
  return CUDA_SUCCESS;
}
CUresult cuTexObjectGetResourceViewDesc(CUDA_RESOURCE_VIEW_DESC* pResViewDesc, CUtexObject texObject) {
  Object o;
  TRY(find(texObject, false, &o));
  REQUIRE(pResViewDesc && o.has_view);
  *pResViewDesc = o.view;
  return CUDA_SUCCESS;
}

CUresult cuSurfObjectCreate(CUsurfObject* pSurfObject, const CUDA_RESOURCE_DESC* pResDesc) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(pSurfObject && pResDesc && pResDesc->flags == 0 && pResDesc->resType == CU_RESOURCE_TYPE_ARRAY);
  ArrayRef a = arrays().find(pResDesc->res.array.hArray);
  if (!a) return CUDA_ERROR_INVALID_HANDLE;
  softgpu::Texture t;
  t.surface = true;
  t.levels = {a->box};
  TRY(of_array(*a, &t));
  Object o;
  o.surface = true, o.resource = *pResDesc;
  publish(context, std::move(o), std::move(t), pSurfObject);
  return CUDA_SUCCESS;
}
CUresult cuSurfObjectDestroy(CUsurfObject surfObject) { return destroy(surfObject, true); }
CUresult cuSurfObjectGetResourceDesc(CUDA_RESOURCE_DESC* pResDesc, CUsurfObject surfObject) {
  Object o;
  TRY(find(surfObject, true, &o));
  REQUIRE(pResDesc);
  *pResDesc = o.resource;
  return CUDA_SUCCESS;
}

}  // extern "C"
