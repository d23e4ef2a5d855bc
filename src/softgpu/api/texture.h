// From the driver's descriptors of textures to the engine's. Any thread may call.
#pragma once
#include "softgpu/api/array.h"

namespace softgpu::api {

constexpr size_t kTextureAlignment = 512, kPitchAlignment = 32, kLinearWidth = size_t(1) << 28;   // as cuDeviceGetAttribute tells

CUresult make_texture(const Context& context, const CUDA_RESOURCE_DESC& r, const CUDA_TEXTURE_DESC& d, const CUDA_RESOURCE_VIEW_DESC* v, Texture* t);

}  // namespace softgpu::api
