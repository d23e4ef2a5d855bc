// What a texture or surface instruction asks for, as its decoder leaves it behind the operands in Function::extra (four words) and
// exec/ops_texture.cpp reads it. Plain data.
#pragma once
#include <cstdint>

namespace softgpu {

struct TextureForm {
  enum Kind : uint8_t { Sample, Gather, Query, Load, Store, Reduce };
  enum Geometry : uint8_t { D1, D2, D3, A1, A2, Cube, ACube };
  enum Level : uint8_t { Base, Given, Gradient };                      // tex and tex.base, tex.level, tex.grad
  enum Outside : uint8_t { Trap, Clamp, Zero };                        // of a surface
  enum What : uint8_t {
    Width, Height, Depth, Type, Order, Normalized, ArraySize, Levels, Samples, FilterMode, Wrap0, Wrap1, Wrap2, Unnormalized, Memory,
  };
  Kind kind = Sample;
  Geometry geometry = D1;
  Level level = Base;
  uint8_t what = 0;            // Gather: component; Query: What; Reduce: add min max and or
  uint8_t bytes = 4;           // surfaces: of one element
  uint8_t elements = 1;        // of the vector loaded or stored
  Outside outside = Trap;
  bool formatted = false;      // sust.p, sured.p: x counts texels, values are converted
  bool integer = false;        // integer coordinates
  bool is_signed = false;      // Reduce: the type of the value
  bool halves = false;         // the result is .v2.f16x2
  bool residency = false;      // the last result is a predicate: the texel was there
  uint8_t offsets = 0;         // how many texel offsets follow the coordinates
  uint8_t results = 0;         // operands in Function::extra: results first, then sources
  uint8_t sources = 0;
  uint8_t unused = 0;
};
static_assert(sizeof(TextureForm) == 16);

}  // namespace softgpu
