// f16 and bf16 values as 16-bit patterns, and their conversions with one rounding. Pure functions.
// Included by files compiled for several instruction sets: internal linkage throughout.
#pragma once
#include <cstdint>

#include "softgpu/ptx/insn.h"

namespace softgpu {
namespace {

inline float half_to_float(uint16_t h) {
  uint32_t sign = static_cast<uint32_t>(h & 0x8000) << 16, rest = h & 0x7fff;
  // Move into f32's fields and scale by 2^112: subnormals come out right; then infinities and NaNs.
  float scaled = __builtin_bit_cast(float, rest << 13) * 0x1p112f;
  uint32_t bits = __builtin_bit_cast(uint32_t, scaled);
  bits = rest >= 0x7c00 ? (rest << 13) | 0x7f800000 : bits;
  return __builtin_bit_cast(float, bits | sign);
}

inline uint16_t half_flush(uint16_t h) { return (h & 0x7c00) == 0 ? h & 0x8000 : h; }

// Rounds a double to a format of `mantissa` stored bits and `exponent` bits, once. The pattern has the sign on top.
inline uint32_t narrow(double v, int mantissa, int exponent, uint8_t round, bool infinities = true) {
  uint64_t b = __builtin_bit_cast(uint64_t, v);
  uint32_t sign = static_cast<uint32_t>(b >> 63) << (mantissa + exponent);
  int bias = (1 << (exponent - 1)) - 1, top = (1 << exponent) - 1;
  int e = static_cast<int>(b >> 52 & 0x7ff);
  uint64_t frac = b & 0xfffffffffffff;
  if (e == 0x7ff) return frac ? (1u << (mantissa + exponent)) - 1 : sign | ((static_cast<uint32_t>(top) << mantissa) - (infinities ? 0 : 1));
  if (e == 0 && frac == 0) return sign;
  int unbiased = e ? e - 1023 : -1022;
  if (e) frac |= 1ull << 52;
  int shift = 52 - mantissa;
  int biased = unbiased + bias;
  if (biased < 1) shift += 1 - biased, biased = 0;
  uint64_t kept, rest, half;
  if (shift > 62) kept = 0, rest = 1, half = 2;
  else kept = frac >> shift, rest = frac & ((1ull << shift) - 1), half = 1ull << (shift - 1);
  bool up;
  switch (round) {
    case kZero: up = false; break;
    case kDown: up = sign && rest; break;
    case kUp: up = !sign && rest; break;
    case kAway: up = rest >= half; break;
    default: up = rest > half || (rest == half && (kept & 1)); break;
  }
  kept += up;
  uint64_t value = biased ? (static_cast<uint64_t>(biased - 1) << mantissa) + kept : kept;   // the hidden bit carries into the exponent
  if (value >= static_cast<uint64_t>(top) << mantissa) {
    bool to_max = round == kZero || (round == kDown && !sign) || (round == kUp && sign) || !infinities;   // !infinities: saturate
    value = (static_cast<uint64_t>(top) << mantissa) - (to_max ? 1 : 0);
  }
  return sign | static_cast<uint32_t>(value);
}

inline uint16_t double_to_half(double v, uint8_t round = kNearest) { return static_cast<uint16_t>(narrow(v, 10, 5, round)); }
inline uint16_t double_to_brain(double v, uint8_t round = kNearest) { return static_cast<uint16_t>(narrow(v, 7, 8, round)); }

// 8-bit floats: e4m3 has no infinity and one NaN (0x7f), e5m2 is like f16 cut short. To them always with satfinite.
inline uint8_t double_to_e4m3(double v) {
  if (v != v) return 0x7f;
  uint32_t sign = __builtin_signbit(v) ? 0x80 : 0, r;
  double a = sign ? -v : v;
  r = a >= 464 ? 0x7e : narrow(a, 3, 5, kNearest);   // rounded with an exponent bit to spare, then moved to bias 7
  if (a < 464) {
    if (a < 0x1p-6) r = static_cast<uint32_t>(__builtin_rint(a * 0x1p9));   // subnormal: steps of 2^-9
    else r -= 8u << 3;
    if (r > 0x7e) r = 0x7e;
  }
  return static_cast<uint8_t>(r | sign);
}
inline uint8_t double_to_e5m2(double v) { return v != v ? 0x7f : static_cast<uint8_t>(narrow(v, 2, 5, kNearest, false)); }
inline uint16_t e4m3_to_half(uint8_t b) {
  if ((b & 0x7f) == 0x7f) return 0x7fff;
  int e = b >> 3 & 15, m = b & 7;
  float v = e ? (1 + m / 8.0f) * __builtin_ldexpf(1.0f, e - 7) : m * 0x1p-9f;
  return static_cast<uint16_t>(narrow(b & 0x80 ? -v : v, 10, 5, kNearest) | (b & 0x80) << 8);
}
inline uint16_t e5m2_to_half(uint8_t b) { return (b & 0x7f) > 0x7c ? 0x7fff : static_cast<uint16_t>(b << 8); }

// f32 to f16, nearest even, without branches so that loops over it vectorise.
inline uint16_t float_to_half(float f) {
  uint32_t b = __builtin_bit_cast(uint32_t, f), sign = b >> 16 & 0x8000, a = b & 0x7fffffff;
  uint32_t normal = (a + 0xfff + (a >> 13 & 1) - (112u << 23)) >> 13;
  // Subnormal results: adding 0.5 lets the adder round at bit 2^-24.
  uint32_t small = __builtin_bit_cast(uint32_t, __builtin_bit_cast(float, a) + 0.5f) - 0x3f000000;
  uint32_t r = a < (113u << 23) ? small : normal;
  r = a >= 0x477ff000 ? 0x7c00 : r;
  r = a > 0x7f800000 ? 0x7fff : r | sign;
  return static_cast<uint16_t>(r);
}

inline float brain_to_float(uint16_t h) { return __builtin_bit_cast(float, static_cast<uint32_t>(h) << 16); }
inline uint16_t float_to_brain(float f) {
  uint32_t b = __builtin_bit_cast(uint32_t, f);
  uint32_t r = (b + 0x7fff + (b >> 16 & 1)) >> 16;
  return static_cast<uint16_t>((b & 0x7fffffff) > 0x7f800000 ? 0x7fff : r);
}

}  // namespace
}  // namespace softgpu
