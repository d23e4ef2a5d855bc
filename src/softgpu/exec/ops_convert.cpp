// cvt between integers and floating point, pack and unpack, clocks. Stateless functions; called on whichever thread runs the warp.
#include <math.h>

#include "softgpu/exec/half.h"
#include "softgpu/exec/ops.h"

namespace softgpu::SOFTGPU_ISA {
namespace {

inline float flush(float v) { return (bits_of(v) & 0x7f800000) == 0 ? float_of(bits_of(v) & 0x80000000) : v; }
template <class T> inline T clamp01(T v) { return v > 0 ? (v < 1 ? v : T{1}) : T{0}; }

template <class D_, class A_> struct Plain { using D = D_; using A = A_; static D f(A a) { return static_cast<D>(a); } };
template <class D_, class A_> struct PlainSlow : Plain<D_, A_> { static constexpr bool slow = true; };
struct WidenFtz { using D = double; using A = float; static double f(float a) { return a != a ? double_of(0x7fffffffe0000000) : static_cast<double>(flush(a)); } };
struct NarrowF { using D = float; using A = double; static float f(double a) { return static_cast<float>(a); } };
struct NarrowFtz { using D = float; using A = double; static float f(double a) { return flush(NarrowF::f(a)); } };
struct HalfUp { using D = float; using A = uint16_t; static float f(uint16_t a) { return (a & 0x7fff) > 0x7c00 ? float_of(0x7fffffff) : half_to_float(a); } };
struct HalfDown { using D = uint16_t; using A = float; static uint16_t f(float a) { return float_to_half(a); } };
struct BrainUp { using D = float; using A = uint16_t; static float f(uint16_t a) { return float_of(static_cast<uint32_t>(a) << 16); } };
struct BrainDown { using D = uint16_t; using A = float; static uint16_t f(float a) { return float_to_brain(a); } };

template <class F, uint8_t R> void rounded1(Warp& w, const Insn& in, uint32_t mask) {
  HostRounding r(R);
  map1<F>(w, in, mask);
}
template <class F> Fn with_rounding(uint8_t r) {
  switch (r) {
    case kNearest: case 0xff: return map1<F>;
    case kZero: return rounded1<F, kZero>;
    case kDown: return rounded1<F, kDown>;
    case kUp: return rounded1<F, kUp>;
    default: return nullptr;
  }
}

// Rounds to an integral value; ties of rni go to even.
inline double integral(double v, uint8_t round) {
  switch (round) {
    case kIntZero: return __builtin_trunc(v);
    case kIntDown: return __builtin_floor(v);
    case kIntUp: return __builtin_ceil(v);
    default: return __builtin_rint(v);
  }
}
// Floating point to integer saturates. NaN: 0, or the top bit when a 64-bit type takes part.
template <class D> inline D to_integer(double v, bool wide) {
  constexpr bool is_signed = D(-1) < D(0);
  constexpr int bits = 8 * sizeof(D);
  if (v != v) return wide || bits == 64 ? static_cast<D>(uint64_t{1} << (bits - 1)) : D{0};
  double limit = is_signed ? __builtin_ldexp(1.0, bits - 1) : __builtin_ldexp(1.0, bits);
  D top = is_signed ? static_cast<D>((uint64_t{1} << (bits - 1)) - 1) : static_cast<D>(~uint64_t{0});
  if (v >= limit) return top;
  if (v < (is_signed ? -limit : 0)) return is_signed ? static_cast<D>(uint64_t{1} << (bits - 1)) : D{0};
  return static_cast<D>(v);
}
enum class Src { F32, F64, F16, BF16, S32, U32, S64, U64 };
template <Src S> inline double load(Warp& w, uint32_t at, int i, bool ftz) {
  if constexpr (S == Src::F32) { float v = reg<float>(w, at)[i]; return ftz ? flush(v) : v; }
  if constexpr (S == Src::F64) return reg<double>(w, at)[i];
  if constexpr (S == Src::F16) return half_to_float(static_cast<uint16_t>(reg<uint32_t>(w, at)[i]));
  if constexpr (S == Src::BF16) return brain_to_float(static_cast<uint16_t>(reg<uint32_t>(w, at)[i]));
  if constexpr (S == Src::S32) return static_cast<int32_t>(reg<uint32_t>(w, at)[i]);
  if constexpr (S == Src::U32) return reg<uint32_t>(w, at)[i];
  return 0;
}
template <class D, Src S, uint8_t R, bool Z> void to_int(Warp& w, const Insn& in, uint32_t mask) {
  auto* d = reg<D>(w, in.r[0]);
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    d[i] = static_cast<Box<D>>(to_integer<D>(integral(load<S>(w, in.r[1], i, Z), R), S == Src::F64));
  }
}
// The common ones in a form that vectorises: saturation by clamping before the conversion.
template <uint8_t R> struct F32ToS32 {
  using D = int32_t; using A = float;
  static int32_t f(float a) {
    float v = R == kIntZero ? a : R == kIntDown ? __builtin_floorf(a) : R == kIntUp ? __builtin_ceilf(a) : __builtin_rintf(a);
    int32_t r = static_cast<int32_t>(v > -2147483648.0f && v < 2147483648.0f ? v : 0.0f);
    r = v >= 2147483648.0f ? INT32_MAX : r;
    return v <= -2147483648.0f ? INT32_MIN : r;
  }
};
template <class D, Src S, bool Z> Fn to_int_rounded(uint8_t r) {
  switch (r) {
    case kIntNearest: return to_int<D, S, kIntNearest, Z>;
    case kIntZero: return to_int<D, S, kIntZero, Z>;
    case kIntDown: return to_int<D, S, kIntDown, Z>;
    case kIntUp: return to_int<D, S, kIntUp, Z>;
    default: return nullptr;
  }
}
template <class D> Fn to_int_fn(Ty src, uint8_t r, bool ftz) {
  switch (src) {
    case Ty::F32: return ftz ? to_int_rounded<D, Src::F32, true>(r) : to_int_rounded<D, Src::F32, false>(r);
    case Ty::F64: return to_int_rounded<D, Src::F64, false>(r);
    case Ty::F16: return to_int_rounded<D, Src::F16, false>(r);
    case Ty::BF16: return to_int_rounded<D, Src::BF16, false>(r);
    default: return nullptr;
  }
}

// Everything else, one lane at a time through double with a single final rounding; in.imm: flags << 8 | rounding.
inline uint64_t store_bits(double v, Ty d, uint8_t round, uint16_t flags, bool wide = false) {   // wide: v was an f64, whose NaNs keep their bits
  if (round >= kIntNearest && round != 0xff) v = integral(v, round), round = kNearest;
  if (flags & kSat) v = clamp01(v);
  if (flags & kRelu) v = v > 0 || v != v ? v : 0.0;
  if (round == 0xff) round = kNearest;
  bool infinities = !(flags & kFinite);   // .satfinite: the largest number instead
  switch (d) {
    case Ty::F16: return wide && v != v ? static_cast<uint16_t>(bits_of(v) >> 48 & 0x8000) | 0x7e00 | (bits_of(v) >> 42 & 0x3ff) : narrow(v, 10, 5, round, infinities);
    case Ty::BF16: return wide && v != v ? static_cast<uint16_t>(bits_of(v) >> 48 & 0x8000) | 0x7fc0 | (bits_of(v) >> 45 & 0x7f) : narrow(v, 7, 8, round, infinities);
    case Ty::TF32: return v != v ? 0x7fffe000 : narrow(v, 10, 8, round, infinities) << 13;
    case Ty::F32: {
      uint32_t b = v != v ? 0x7fffffff : narrow(v, 23, 8, round);
      return flags & kFtz && !(b & 0x7f800000) ? b & 0x80000000 : b;
    }
    default: return bits_of(v);
  }
}
template <Ty D, Src S> void general(Warp& w, const Insn& in, uint32_t mask) {
  uint16_t flags = static_cast<uint16_t>(in.imm >> 8);
  uint8_t round = static_cast<uint8_t>(in.imm);
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    uint64_t b = store_bits(load<S>(w, in.r[1], i, D != Ty::F16 && (flags & kFtz)), D, round, flags, S == Src::F64);
    if constexpr (D == Ty::TF32)   // rna only cuts a NaN
      if (uint32_t raw = reg<uint32_t>(w, in.r[1])[i]; round == kAway && (raw & 0x7fffffff) > 0x7f800000) b = (raw & 0xffffe000) - (flags & kFinite ? 0x2000 : 0);
    if constexpr (D == Ty::F64) reg<uint64_t>(w, in.r[0])[i] = b;
    else reg<uint32_t>(w, in.r[0])[i] = static_cast<uint32_t>(b);
  }
}
template <Ty D> Fn general_from(Ty s) {
  switch (s) {
    case Ty::F32: return general<D, Src::F32>;
    case Ty::F64: return general<D, Src::F64>;
    case Ty::F16: return general<D, Src::F16>;
    case Ty::BF16: return general<D, Src::BF16>;
    case Ty::S32: return general<D, Src::S32>;
    case Ty::U32: return general<D, Src::U32>;
    default: return nullptr;
  }
}
// 64-bit integers to the short formats: too wide for double, but anything inexact there is far beyond f16 ties; bf16 and f32 round by hand.
template <Ty D, bool Signed> void from_wide(Warp& w, const Insn& in, uint32_t mask) {
  uint8_t round = static_cast<uint8_t>(in.imm);
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    uint64_t v = reg<uint64_t>(w, in.r[1])[i];
    bool negative = Signed && static_cast<int64_t>(v) < 0;
    if (negative) v = 0 - v;
    if (v >> 53) v = (v & ~0x7ffull) | ((v & 0x7ff) != 0) << 11;   // sticky: keeps the rounding of shorter formats right
    double x = static_cast<double>(v);
    uint64_t b = store_bits(negative ? -x : x, D, round, static_cast<uint16_t>(in.imm >> 8) & kSat);   // of an f64 only with .sat: 0 and 1 are exact
    if constexpr (D == Ty::F64) reg<uint64_t>(w, in.r[0])[i] = b;
    else reg<uint32_t>(w, in.r[0])[i] = static_cast<uint32_t>(b);
  }
}

// Integer to integer with saturation.
template <class D, class S> struct SatInt {
  using D_ = D; using A = S;
  static D f(S a) {
    constexpr bool ds = D(-1) < D(0), ss = S(-1) < S(0);
    constexpr int n = 8 * sizeof(D);
    __int128 v = a, lo = ds ? -(__int128{1} << (n - 1)) : 0, hi = ds ? (__int128{1} << (n - 1)) - 1 : (__int128{1} << n) - 1;
    (void)ss;
    return static_cast<D>(v < lo ? lo : v > hi ? hi : v);
  }
};
template <class D, class S> void sat_int(Warp& w, const Insn& in, uint32_t mask) {
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    reg<D>(w, in.r[0])[i] = static_cast<Box<D>>(SatInt<D, S>::f(static_cast<S>(reg<S>(w, in.r[1])[i])));
  }
}
template <class D> Fn sat_from(Ty s) {
  switch (s) {
    case Ty::U8: return sat_int<D, uint8_t>; case Ty::S8: return sat_int<D, int8_t>; case Ty::U16: return sat_int<D, uint16_t>;
    case Ty::S16: return sat_int<D, int16_t>; case Ty::U32: return sat_int<D, uint32_t>; case Ty::S32: return sat_int<D, int32_t>;
    case Ty::U64: return sat_int<D, uint64_t>; case Ty::S64: return sat_int<D, int64_t>; default: return nullptr;
  }
}
#define BY_INT(t, call)                                                                                                  \
  switch (t) {                                                                                                           \
    case Ty::U8: return call(uint8_t); case Ty::S8: return call(int8_t); case Ty::U16: return call(uint16_t);            \
    case Ty::S16: return call(int16_t); case Ty::U32: return call(uint32_t); case Ty::S32: return call(int32_t);         \
    case Ty::U64: return call(uint64_t); case Ty::S64: return call(int64_t); default: return nullptr;                    \
  }

// Two floats into one register: the first operand on top.
template <Ty D> void pack_floats(Warp& w, const Insn& in, uint32_t mask) {
  uint16_t flags = static_cast<uint16_t>(in.imm >> 8);
  uint8_t round = static_cast<uint8_t>(in.imm);
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    float a = reg<float>(w, in.r[1])[i], b = reg<float>(w, in.r[2])[i];
    if (flags & kRelu) a = a > 0 || a != a ? a : 0, b = b > 0 || b != b ? b : 0;
    constexpr Ty kOne = D == Ty::F16x2 ? Ty::F16 : Ty::BF16;
    reg<uint32_t>(w, in.r[0])[i] = static_cast<uint32_t>(store_bits(a, kOne, round, flags & kFinite) << 16 | store_bits(b, kOne, round, flags & kFinite));
  }
}
template <int Bits, bool Signed> void pack_ints(Warp& w, const Insn& in, uint32_t mask) {
  constexpr int64_t lo = Signed ? -(1ll << (Bits - 1)) : 0, hi = Signed ? (1ll << (Bits - 1)) - 1 : (1ll << Bits) - 1;
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    auto sat = [&](uint32_t r) {
      int64_t v = static_cast<int32_t>(reg<uint32_t>(w, r)[i]);
      return static_cast<uint32_t>(v < lo ? lo : v > hi ? hi : v) & ((1u << Bits) - 1);
    };
    uint32_t old = in.r[3] == kNoReg ? 0 : reg<uint32_t>(w, in.r[3])[i];
    uint32_t pair = sat(in.r[1]) << Bits | sat(in.r[2]);
    reg<uint32_t>(w, in.r[0])[i] = Bits == 16 ? pair : old << (2 * Bits) | pair;
  }
}

// mov with a brace list of registers.
template <int Parts, int Bits, class Whole> void pack_op(Warp& w, const Insn& in, uint32_t mask) {
  const uint32_t* src = extras(w, in);
  auto* d = reg<Whole>(w, in.r[0]);
  alignas(64) Box<Whole> t[32];
  for (int i = 0; i < 32; i++) {
    Whole v = 0;
    for (int p = 0; p < Parts; p++) v |= static_cast<Whole>(static_cast<Whole>(reg<uint32_t>(w, src[p])[i]) & static_cast<Whole>((1ull << Bits) - 1)) << (p * Bits);
    t[i] = v;
  }
  blend<Box<Whole>>(d, t, mask);
}
template <int Parts, int Bits, class Whole> void unpack_op(Warp& w, const Insn& in, uint32_t mask) {
  const uint32_t* dst = extras(w, in);
  const auto* s = reg<Whole>(w, in.r[1]);
  alignas(64) u32a t[Parts][32];
  for (int p = 0; p < Parts; p++)
    for (int i = 0; i < 32; i++) t[p][i] = static_cast<uint32_t>(s[i] >> (p * Bits)) & static_cast<uint32_t>((1ull << Bits) - 1);
  for (int p = 0; p < Parts; p++) blend<u32a>(reg<uint32_t>(w, dst[p]), t[p], mask);
}
void pack_128(Warp& w, const Insn& in, uint32_t mask) {
  const uint32_t* src = extras(w, in);
  alignas(64) u64a t[2][32];
  for (int p = 0; p < 2; p++) for (int i = 0; i < 32; i++) t[p][i] = reg<uint64_t>(w, src[p])[i];
  for (int p = 0; p < 2; p++) blend<u64a>(reg<uint64_t>(w, in.r[0] + 256 * static_cast<uint32_t>(p)), t[p], mask);
}
void unpack_128(Warp& w, const Insn& in, uint32_t mask) {
  const uint32_t* dst = extras(w, in);
  alignas(64) u64a t[2][32];
  for (int p = 0; p < 2; p++) for (int i = 0; i < 32; i++) t[p][i] = reg<uint64_t>(w, in.r[1] + 256 * static_cast<uint32_t>(p))[i];
  for (int p = 0; p < 2; p++) blend<u64a>(reg<uint64_t>(w, dst[p]), t[p], mask);
}
}  // namespace

Fn select_convert(const Key& k) {
  bool ftz = k.flags & kFtz, sat = k.flags & kSat;
  switch (k.op) {
    case Op::Pack:
      if (k.t == Ty::B128) return k.sub == 2 ? pack_128 : nullptr;
      if (bytes_of(k.t) == 4) return k.sub == 2 ? pack_op<2, 16, uint32_t> : pack_op<4, 8, uint32_t>;
      return k.sub == 2 ? pack_op<2, 32, uint64_t> : pack_op<4, 16, uint64_t>;
    case Op::Unpack:
      if (k.t == Ty::B128) return k.sub == 2 ? unpack_128 : nullptr;
      if (bytes_of(k.t) == 4) return k.sub == 2 ? unpack_op<2, 16, uint32_t> : unpack_op<4, 8, uint32_t>;
      return k.sub == 2 ? unpack_op<2, 32, uint64_t> : unpack_op<4, 16, uint64_t>;
    case Op::CvtPackI:
      if (!sat || k.t2 != Ty::S32) return nullptr;
      switch (k.t) {
        case Ty::U16: return pack_ints<16, false>; case Ty::S16: return pack_ints<16, true>;
        case Ty::U8: return pack_ints<8, false>; case Ty::S8: return pack_ints<8, true>;
        case Ty::U4: return pack_ints<4, false>; case Ty::S4: return pack_ints<4, true>;
        case Ty::U2: return pack_ints<2, false>; case Ty::S2: return pack_ints<2, true>;
        default: return nullptr;
      }
    case Op::CvtPack:
      if (k.t != Ty::F16x2 && k.t != Ty::BF16x2) return select_narrow(k);
      if (k.t2 != Ty::F32 || (k.flags & ~(kRelu | kFinite)) || k.round > kZero) return nullptr;
      return k.t == Ty::F16x2 ? pack_floats<Ty::F16x2> : pack_floats<Ty::BF16x2>;
    case Op::Cvt: break;
    default: return nullptr;
  }
  if (k.t2 >= Ty::F16x2 && bytes_of(k.t2) <= 4 && !is_int(k.t2) && k.t2 != Ty::BF16 && k.t2 != Ty::F32 && k.t2 != Ty::TF32) return select_narrow(k);   // a pair
  if (is_int(k.t) && is_int(k.t2)) {
    if (!sat) return nullptr;
#define CALL(D) sat_from<D>(k.t2)
    BY_INT(k.t, CALL)
#undef CALL
  }
  if (is_int(k.t)) {   // sat is what these conversions do anyway
    if (k.flags & ~(kFtz | kSat) || k.round < kIntNearest) return nullptr;
    if (k.t == Ty::S32 && k.t2 == Ty::F32 && !ftz)
      switch (k.round) {
        case kIntNearest: return map1<F32ToS32<kIntNearest>>;
        case kIntZero: return map1<F32ToS32<kIntZero>>;
        case kIntDown: return map1<F32ToS32<kIntDown>>;
        case kIntUp: return map1<F32ToS32<kIntUp>>;
        default: return nullptr;
      }
#define CALL(D) to_int_fn<D>(k.t2, k.round, ftz)
    BY_INT(k.t, CALL)
#undef CALL
  }
  if (is_int(k.t2)) {   // to floating point: needs a rounding
    if (k.round > kUp || (k.flags & ~(kFtz | kSat))) return nullptr;
    if (sat) {
      bool s = is_signed(k.t2);
      if (bytes_of(k.t2) == 4) return k.t == Ty::F32 ? general_from<Ty::F32>(k.t2) : k.t == Ty::F64 ? general_from<Ty::F64>(k.t2) : k.t == Ty::F16 ? general_from<Ty::F16>(k.t2) : general_from<Ty::BF16>(k.t2);
      if (k.t == Ty::F64) return s ? from_wide<Ty::F64, true> : from_wide<Ty::F64, false>;
      if (k.t == Ty::F32) return s ? from_wide<Ty::F32, true> : from_wide<Ty::F32, false>;
      if (k.t == Ty::BF16) return s ? from_wide<Ty::BF16, true> : from_wide<Ty::BF16, false>;
      return s ? from_wide<Ty::F16, true> : from_wide<Ty::F16, false>;
    }
    if (k.t == Ty::F32) {
      switch (k.t2) {
        case Ty::S32: return with_rounding<Plain<float, int32_t>>(k.round);
        case Ty::U32: return with_rounding<Plain<float, uint32_t>>(k.round);
        case Ty::S64: return with_rounding<PlainSlow<float, int64_t>>(k.round);
        case Ty::U64: return k.round == kNearest ? map1<PlainSlow<float, uint64_t>> : from_wide<Ty::F32, false>;
        default: return nullptr;
      }
    }
    if (k.t == Ty::F64) {
      switch (k.t2) {
        case Ty::S32: return with_rounding<Plain<double, int32_t>>(k.round);
        case Ty::U32: return with_rounding<Plain<double, uint32_t>>(k.round);
        case Ty::S64: return with_rounding<PlainSlow<double, int64_t>>(k.round);
        case Ty::U64: return with_rounding<PlainSlow<double, uint64_t>>(k.round);
        default: return nullptr;
      }
    }
    bool wide = bytes_of(k.t2) == 8, s = is_signed(k.t2);
    if (k.t == Ty::F16) return wide ? (s ? from_wide<Ty::F16, true> : from_wide<Ty::F16, false>) : general_from<Ty::F16>(k.t2);
    if (k.t == Ty::BF16) return wide ? (s ? from_wide<Ty::BF16, true> : from_wide<Ty::BF16, false>) : general_from<Ty::BF16>(k.t2);
    return nullptr;
  }
  bool finite = k.t == Ty::F16 || k.t == Ty::BF16 || k.t == Ty::TF32;
  if (k.flags & ~(kFtz | kSat | kRelu | (finite && k.t2 == Ty::F32 ? kFinite : 0))) return nullptr;
  bool plain = !k.flags && (k.round == 0xff || k.round == kNearest);
  if (k.t == Ty::F64 && k.t2 == Ty::F32 && k.round == 0xff && !sat) return ftz ? map1<WidenFtz> : map1<Plain<double, float>>;
  if (k.t == Ty::F32 && k.t2 == Ty::F64 && k.round <= kUp && !sat) return ftz ? with_rounding<NarrowFtz>(k.round) : with_rounding<NarrowF>(k.round);
  if (k.t == Ty::F32 && k.t2 == Ty::F16 && plain) return map1<HalfUp>;
  if (k.t == Ty::F16 && k.t2 == Ty::F32 && plain) return map1<HalfDown>;
  if (k.t == Ty::F32 && k.t2 == Ty::BF16 && plain) return map1<BrainUp>;
  if (k.t == Ty::BF16 && k.t2 == Ty::F32 && plain) return map1<BrainDown>;
  switch (k.t) {
    case Ty::F32: return general_from<Ty::F32>(k.t2);
    case Ty::F64: return general_from<Ty::F64>(k.t2);
    case Ty::F16: return general_from<Ty::F16>(k.t2);
    case Ty::BF16: return general_from<Ty::BF16>(k.t2);
    case Ty::TF32: return k.t2 == Ty::F32 ? general<Ty::TF32, Src::F32> : nullptr;
    default: return nullptr;
  }
}

}  // namespace softgpu::SOFTGPU_ISA
