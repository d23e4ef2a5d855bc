// Reading textures as the hardware does: coordinates to texels, filter weights in 1.8 fixed point, borders, levels, faces of cubes.
// Pure functions of the texture's memory, called by exec/ops_texture.cpp on whichever thread runs the warp.
#pragma once
#include <cstdint>

#include "softgpu/ptx/texture_form.h"
#include "softgpu/texture.h"

namespace softgpu {

struct SamplePoint {
  bool integer = false;          // x holds int32_t, else float
  uint32_t x[3] = {0, 0, 0};     // bits, by direction; of a cube a vector to its face
  uint32_t layer = 0;
  int32_t offset[3] = {0, 0, 0}; // in texels
  float level = 0;
};

// out: four words, float or integer bits by what the texture holds.
void sample(const Texture& t, TextureForm::Geometry g, const SamplePoint& at, uint32_t out[4]);
// One component of the four texels that a linear filter would read, in the order of tld4.
void gather(const Texture& t, const SamplePoint& at, uint8_t component, uint32_t out[4]);
// The level of detail of tex.grad.
float level_of(const Texture& t, TextureForm::Geometry g, const SamplePoint& at, const float* dx, const float* dy);

}  // namespace softgpu
