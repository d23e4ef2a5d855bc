// cvt to and from floats of 8 bits and fewer, in pairs: e4m3, e5m2, e2m3, e3m2, e2m1 and the scale format ue8m0.
// Stateless functions; called on whichever thread runs the warp.
#include <math.h>

#include "softgpu/exec/half.h"
#include "softgpu/exec/ops.h"

namespace softgpu::SOFTGPU_ISA {
namespace {

// The formats without infinity and NaN: steps of 2^(1-bias-mantissa) below the first normal number; too large saturates, NaN is the largest.
template <int Mantissa, int Bias, int Bits> struct Small {
  static constexpr uint32_t kTop = (1u << (Bits - 1)) - 1;
  static uint32_t from(double v) {
    uint32_t sign = v == v && __builtin_signbit(v) ? 1u << (Bits - 1) : 0;
    if (v != v) return kTop;
    double a = __builtin_fabs(v);
    int e = a > 0 && a < 1e30 ? ilogb(a) : 0;
    if (e < 1 - Bias) e = 1 - Bias;
    double steps = __builtin_rint(a * __builtin_ldexp(1.0, Mantissa - e));   // of the last place; ties to even
    if (a >= 1e30) return sign | kTop;
    uint32_t r = static_cast<uint32_t>(steps) + (static_cast<uint32_t>(e + Bias - 1) << Mantissa);
    return sign | (r > kTop ? kTop : r);
  }
  static double to(uint32_t b) {
    int e = static_cast<int>(b >> Mantissa & ((1u << (Bits - 1 - Mantissa)) - 1)), m = static_cast<int>(b & ((1u << Mantissa) - 1));
    double v = e ? __builtin_ldexp((1 << Mantissa) + m, e - Bias - Mantissa) : __builtin_ldexp(m, 1 - Bias - Mantissa);
    return b >> (Bits - 1) & 1 ? -v : v;
  }
};
using E2M3 = Small<3, 1, 6>;
using E3M2 = Small<2, 3, 6>;
using E2M1 = Small<1, 1, 4>;

template <Ty T> inline uint32_t from(double v) {
  if constexpr (T == Ty::E4M3x2) return double_to_e4m3(v);
  else if constexpr (T == Ty::E5M2x2) return double_to_e5m2(v);
  else if constexpr (T == Ty::E2M3x2) return E2M3::from(v);
  else if constexpr (T == Ty::E3M2x2) return E3M2::from(v);
  else return E2M1::from(v);
}
template <Ty T> inline uint32_t to_half(uint32_t b) {
  if constexpr (T == Ty::E4M3x2) return e4m3_to_half(static_cast<uint8_t>(b));
  else if constexpr (T == Ty::E5M2x2) return e5m2_to_half(static_cast<uint8_t>(b));
  else if constexpr (T == Ty::E2M3x2) return double_to_half(E2M3::to(b));
  else if constexpr (T == Ty::E3M2x2) return double_to_half(E3M2::to(b));
  else return double_to_half(E2M1::to(b));
}
template <Ty T> inline constexpr int kStep = T == Ty::E2M1x2 ? 4 : 8;   // bits between the two

// From two f32 (in.r[2] set; the first goes on top) or one f16x2. in.imm: flags << 8 | rounding.
template <Ty T> void pack(Warp& w, const Insn& in, uint32_t mask) {
  bool relu = static_cast<uint16_t>(in.imm >> 8) & kRelu;
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    uint32_t both = reg<uint32_t>(w, in.r[1])[i];
    float a = in.r[2] != kNoReg ? reg<float>(w, in.r[1])[i] : half_to_float(static_cast<uint16_t>(both >> 16));
    float b = in.r[2] != kNoReg ? reg<float>(w, in.r[2])[i] : half_to_float(static_cast<uint16_t>(both));
    if (relu) a = a > 0 || a != a ? a : 0, b = b > 0 || b != b ? b : 0;
    reg<uint32_t>(w, in.r[0])[i] = from<T>(a) << kStep<T> | from<T>(b);
  }
}
template <Ty T> void unpack(Warp& w, const Insn& in, uint32_t mask) {
  bool relu = static_cast<uint16_t>(in.imm >> 8) & kRelu;
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    auto one = [&](uint32_t v) {
      uint32_t h = to_half<T>(v & ((1u << kStep<T>) - 1));
      return relu && h >> 15 ? 0 : h;
    };
    uint32_t v = reg<uint32_t>(w, in.r[1])[i];
    reg<uint32_t>(w, in.r[0])[i] = one(v >> kStep<T>) << 16 | one(v);
  }
}

// ue8m0: powers of two from 2^-127 (0) to 2^127 (0xfe), 0xff is NaN; the sign is lost.
inline uint32_t to_scale(uint32_t f32, bool up, bool finite) {
  uint32_t a = f32 & 0x7fffffff;
  if (a > 0x7f800000) return 0xff;
  uint32_t e = a >> 23, rest = a & 0x7fffff;
  if (up && (e ? rest != 0 : rest > 0x400000)) e++;
  return e >= 0xff ? (finite ? 0xfe : 0xff) : e;
}
template <bool Pair> void scales(Warp& w, const Insn& in, uint32_t mask) {   // Pair: from one bf16x2
  bool up = static_cast<uint8_t>(in.imm) == kUp, finite = static_cast<uint16_t>(in.imm >> 8) & kFinite;
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    uint32_t a = reg<uint32_t>(w, in.r[1])[i], b = Pair ? a << 16 : reg<uint32_t>(w, in.r[2])[i];
    if (Pair) a &= 0xffff0000;
    reg<uint32_t>(w, in.r[0])[i] = to_scale(a, up, finite) << 8 | to_scale(b, up, finite);
  }
}
void unscale(Warp& w, const Insn& in, uint32_t mask) {
  auto one = [](uint32_t e) -> uint32_t { return e == 0xff ? 0x7fff : e == 0 ? 0x40 : e << 7; };
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    uint32_t v = reg<uint32_t>(w, in.r[1])[i];
    reg<uint32_t>(w, in.r[0])[i] = one(v >> 8 & 0xff) << 16 | one(v & 0xff);
  }
}

}  // namespace

Fn select_narrow(const Key& k) {
  bool two = k.op == Op::CvtPack, from_floats = two ? k.t2 == Ty::F32 : k.t2 == Ty::F16x2;
  if (k.t == Ty::UE8M0x2) {
    if ((k.flags & ~kFinite) || (k.round != kZero && k.round != kUp)) return nullptr;
    return two && k.t2 == Ty::F32 ? scales<false> : !two && k.t2 == Ty::BF16x2 ? scales<true> : nullptr;
  }
  if (k.round != kNearest) return nullptr;
  if (k.t2 == Ty::UE8M0x2) return !two && k.t == Ty::BF16x2 && !k.flags ? unscale : nullptr;
  bool six = k.t == Ty::E2M3x2 || k.t == Ty::E3M2x2 || k.t == Ty::E2M1x2;
  if (from_floats && (k.flags & ~kRelu) == kFinite && !(six && !two)) {
    switch (k.t) {
      case Ty::E4M3x2: return pack<Ty::E4M3x2>;
      case Ty::E5M2x2: return pack<Ty::E5M2x2>;
      case Ty::E2M3x2: return pack<Ty::E2M3x2>;
      case Ty::E3M2x2: return pack<Ty::E3M2x2>;
      case Ty::E2M1x2: return pack<Ty::E2M1x2>;
      default: break;
    }
  }
  if (two || k.t != Ty::F16x2 || (k.flags & ~kRelu)) return nullptr;
  switch (k.t2) {
    case Ty::E4M3x2: return unpack<Ty::E4M3x2>;
    case Ty::E5M2x2: return unpack<Ty::E5M2x2>;
    case Ty::E2M3x2: return unpack<Ty::E2M3x2>;
    case Ty::E3M2x2: return unpack<Ty::E3M2x2>;
    case Ty::E2M1x2: return unpack<Ty::E2M1x2>;
    default: return nullptr;
  }
}

}  // namespace softgpu::SOFTGPU_ISA
