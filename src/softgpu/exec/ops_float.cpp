// f32 and f64 arithmetic. Stateless functions; called by the interpreter on whichever thread runs the warp.
// A NaN result of f32 is 0x7fffffff; f64 passes an operand's NaN on, the second operand's before the third's before the first's
// (div: the first's). Both as an H200 does (vectors_test.cpp). The .approx functions are at least as
// exact as PTX asks, not bit-equal to the hardware's tables.
#include <math.h>

#include "softgpu/exec/ops.h"

namespace softgpu::SOFTGPU_ISA {
namespace {

inline float flush(float v) { return (bits_of(v) & 0x7f800000) == 0 ? float_of(bits_of(v) & 0x80000000) : v; }
inline double flush(double v) { return v; }   // f64 has no .ftz
inline float quiet(float v) { return v != v ? float_of(0x7fffffff) : v; }
inline double quiet(double v) { return v; }
template <class T> inline T clamp01(T v) { return v > 0 ? (v < 1 ? v : T{1}) : T{0}; }   // NaN becomes 0

template <class T, bool Ftz> inline T in(T v) { if constexpr (Ftz) return flush(v); else return v; }
template <class T, bool Ftz, bool Sat> inline T out(T v) {
  if constexpr (Ftz) v = flush(v);
  if constexpr (Sat) return clamp01(v);
  else return quiet(v);
}

inline bool is_nan(double v) { return v != v; }
inline double quieted(double v) { return double_of(bits_of(v) | 1ull << 51); }
inline float pass_nan(float r, float, float) { return r; }
inline float pass_nan(float r, float, float, float) { return r; }
inline double pass_nan(double r, double a, double b) { return is_nan(b) ? quieted(b) : is_nan(a) ? quieted(a) : r; }
inline double pass_nan(double r, double a, double b, double c) { return is_nan(b) ? quieted(b) : is_nan(c) ? quieted(c) : is_nan(a) ? quieted(a) : r; }

template <class T> struct F1 { using D = T; using A = T; };
template <class T> struct F2 : F1<T> { using B = T; };
template <class T> struct F3 : F2<T> { using C = T; };

template <class T, bool Z, bool S> struct AddF : F2<T> { static T f(T a, T b) { return out<T, Z, S>(pass_nan(in<T, Z>(a) + in<T, Z>(b), a, b)); } };
template <class T, bool Z, bool S> struct SubF : F2<T> { static T f(T a, T b) { return out<T, Z, S>(pass_nan(in<T, Z>(a) - in<T, Z>(b), a, b)); } };
template <class T, bool Z, bool S> struct MulF : F2<T> { static T f(T a, T b) { return out<T, Z, S>(pass_nan(in<T, Z>(a) * in<T, Z>(b), a, b)); } };
template <class T, bool Z, bool S> struct DivF : F2<T> {
  static T f(T a, T b) {
    T q = in<T, Z>(a) / in<T, Z>(b);
    if constexpr (Z && sizeof(T) == 4) {   // .ftz flushes a quotient that would stay subnormal if exponents had no end
      float scaled = in<T, Z>(a) * 0x1p64f / in<T, Z>(b);
      if (scaled > -0x1p-62f && scaled < 0x1p-62f) q *= 0.0f;
    }
    return out<T, Z, S>(pass_nan(q, b, a));
  }
};
// div.approx is a * (1/b): a divisor beyond 2^126 counts as infinite.
template <class T, bool Z, bool S> struct DivApproxF : F2<T> {
  static T f(T a, T b) {
    if constexpr (sizeof(T) == 4)
      if ((bits_of(b) & 0x7fffffff) > 0x7e800000 && (bits_of(b) & 0x7fffffff) < 0x7f800000) b = float_of((bits_of(b) & 0x80000000) | 0x7f800000), a = in<T, Z>(a) * float_of(bits_of(b) & 0x80000000), b = 1;
    return out<T, Z, S>(in<T, Z>(a) / in<T, Z>(b));
  }
};
inline float fma_of(float a, float b, float c) { return __builtin_fmaf(a, b, c); }
inline double fma_of(double a, double b, double c) { return __builtin_fma(a, b, c); }
template <class T, bool Z, bool S> struct FmaF : F3<T> {
  static T f(T a, T b, T c) { return out<T, Z, S>(pass_nan(fma_of(in<T, Z>(a), in<T, Z>(b), in<T, Z>(c)), a, b, c)); }
};
template <class T, bool Z, bool> struct RcpF : F1<T> { static T f(T a) { return out<T, Z, false>(T{1} / in<T, Z>(a)); } };
inline float sqrt_of(float a) { return __builtin_sqrtf(a); }
inline double sqrt_of(double a) { return __builtin_sqrt(a); }
template <class T, bool Z, bool> struct SqrtF : F1<T> { static T f(T a) { return out<T, Z, false>(sqrt_of(in<T, Z>(a))); } };
template <class T, bool Z, bool> struct RsqrtF : F1<T> { static T f(T a) { return out<T, Z, false>(static_cast<T>(1.0 / __builtin_sqrt(static_cast<double>(in<T, Z>(a))))); } };
#define LIBM(Name, call) \
  template <class T, bool Z, bool> struct Name : F1<T> { static constexpr bool slow = true; static T f(T a) { return out<T, Z, false>(call(in<T, Z>(a))); } };
// As the hardware does it: x / 2pi cut to f32, then the function of the fraction. So large arguments lose all their digits.
inline double turns(float x) {
  double exact = static_cast<double>(x) * 0.15915493667125702;
  float t = static_cast<float>(exact);
  if (__builtin_fabs(static_cast<double>(t)) > __builtin_fabs(exact)) t = float_of(bits_of(t) - 1);
  return (static_cast<double>(t) - __builtin_rint(static_cast<double>(t))) * 6.283185307179586;
}
inline float sin_of(float x) { double t = turns(x); return t == 0 ? float_of(bits_of(x) & 0x80000000) : static_cast<float>(sin(t)); }
inline float cos_of(float x) { return static_cast<float>(cos(turns(x))); }
LIBM(SinF, sin_of)
LIBM(CosF, cos_of)
LIBM(Lg2F, log2f)
LIBM(Ex2F, exp2f)
LIBM(TanhF, tanhf)
inline float unless_nan(float r, float) { return quiet(r); }
inline double unless_nan(double r, double a) { return is_nan(a) ? quieted(a) : r; }
template <class T, bool Z, bool> struct NegF : F1<T> { static T f(T a) { return unless_nan(-in<T, Z>(a), a); } };
inline float abs_of(float a) { return float_of(bits_of(a) & 0x7fffffff); }
inline double abs_of(double a) { return double_of(bits_of(a) & ~(1ull << 63)); }
template <class T, bool Z, bool> struct AbsF : F1<T> { static T f(T a) { return unless_nan(abs_of(in<T, Z>(a)), a); } };

inline bool sign_of(float a) { return bits_of(a) >> 31; }
inline bool sign_of(double a) { return bits_of(a) >> 63; }
inline float nan_of(float) { return float_of(0x7fffffff); }
inline double nan_of(double v) { return quieted(v); }
inline float flip(float a, bool s) { return float_of((bits_of(a) & 0x7fffffff) | static_cast<uint32_t>(s) << 31); }
inline double flip(double a, bool s) { return double_of((bits_of(a) & ~(1ull << 63)) | static_cast<uint64_t>(s) << 63); }
// -0 is less than +0; a NaN gives the other operand, or NaN with .NaN.
template <class T, bool Max, bool Nan> inline T pick(T a, T b) {
  bool a_nan = a != a, b_nan = b != b;
  bool first = Max ? (a > b || (a == b && !sign_of(a))) : (a < b || (a == b && sign_of(a)));
  T r = first ? a : b;
  r = a_nan ? b : b_nan ? a : r;
  if (Nan) return a_nan || b_nan ? nan_of(a) : r;
  return a_nan && b_nan ? nan_of(b) : r;
}
template <class T, bool Z, bool Max, bool Nan, bool Xor> struct PickF : F2<T> {
  static T f(T a, T b) {
    a = in<T, Z>(a), b = in<T, Z>(b);
    if constexpr (Xor) {
      bool s = sign_of(a) != sign_of(b);
      T r = pick<T, Max, Nan>(abs_of(a), abs_of(b));
      return r != r ? r : flip(r, s);
    }
    return pick<T, Max, Nan>(a, b);
  }
};
template <class T> struct CopysignF : F2<T> { static T f(T a, T b) { return flip(b, sign_of(a)); } };

// rcp/rsqrt.approx.ftz.f64: from the upper word only, lower word of the result zero.
template <bool Root> struct CoarseF : F1<double> {
  static double f(double a) {
    uint64_t top = bits_of(a) & 0xffffffff00000000;
    if ((top & 0x7ff0000000000000) == 0) top &= 1ull << 63;
    double v = double_of(top), r = Root ? 1.0 / __builtin_sqrt(v) : 1.0 / v;
    if (r != r) return double_of(0x7fffffff00000000);
    uint64_t b = bits_of(r) & 0xffffffff00000000;
    if ((b & 0x7ff0000000000000) == 0) b &= 1ull << 63;
    return double_of(b);
  }
};

// f32x2: two f32 in 64 bits.
inline float half_of(uint64_t v, int h) { return float_of(static_cast<uint32_t>(v >> (32 * h))); }
inline uint64_t join(float lo, float hi) { return static_cast<uint64_t>(bits_of(hi)) << 32 | bits_of(lo); }
template <template <class, bool, bool> class F, bool Z> struct Pair2 : F2<uint64_t> {
  static uint64_t f(uint64_t a, uint64_t b) {
    return join(F<float, Z, false>::f(half_of(a, 0), half_of(b, 0)), F<float, Z, false>::f(half_of(a, 1), half_of(b, 1)));
  }
};
template <bool Z> struct PairFma : F3<uint64_t> {
  static uint64_t f(uint64_t a, uint64_t b, uint64_t c) {
    return join(FmaF<float, Z, false>::f(half_of(a, 0), half_of(b, 0), half_of(c, 0)), FmaF<float, Z, false>::f(half_of(a, 1), half_of(b, 1), half_of(c, 1)));
  }
};

template <Fn F, uint8_t R> void rounded(Warp& w, const Insn& in, uint32_t mask) {
  HostRounding r(R);
  F(w, in, mask);
}
template <Fn F> Fn with_rounding(uint8_t r) {
  switch (r) {
    case kNearest: return F;
    case kZero: return rounded<F, kZero>;
    case kDown: return rounded<F, kDown>;
    case kUp: return rounded<F, kUp>;
    default: return nullptr;
  }
}
#define FLOAT_OP(n, F)                                                                                        \
  if (k.t == Ty::F64) return k.flags ? nullptr : with_rounding<map##n<F<double, false, false>>>(k.round);     \
  if (k.t != Ty::F32) return nullptr;                                                                         \
  if (sat) return ftz ? with_rounding<map##n<F<float, true, true>>>(k.round) : with_rounding<map##n<F<float, false, true>>>(k.round); \
  return ftz ? with_rounding<map##n<F<float, true, false>>>(k.round) : with_rounding<map##n<F<float, false, false>>>(k.round);
#define APPROX_OP(F)                                                                                          \
  if (k.t != Ty::F32 || !approx || k.round != kNearest) return nullptr;                                       \
  return ftz ? map1<F<float, true, false>> : map1<F<float, false, false>>;

template <class T, bool Z> Fn pick_fn(const Key& k) {
  bool nan = k.flags & kNan, x = k.flags & kXorSign;
  if (k.op == Op::FMax) {
    if (nan) return x ? map2<PickF<T, Z, true, true, true>> : map2<PickF<T, Z, true, true, false>>;
    return x ? map2<PickF<T, Z, true, false, true>> : map2<PickF<T, Z, true, false, false>>;
  }
  if (nan) return x ? map2<PickF<T, Z, false, true, true>> : map2<PickF<T, Z, false, true, false>>;
  return x ? map2<PickF<T, Z, false, false, true>> : map2<PickF<T, Z, false, false, false>>;
}

uint16_t allowed_flags(Op op) {
  switch (op) {
    case Op::FAdd: case Op::FSub: case Op::FMul: case Op::FFma: return kFtz | kSat;
    case Op::FDiv: return kFtz | kApprox | kFull;
    case Op::Rcp: case Op::Sqrt: case Op::Rsqrt: case Op::Sin: case Op::Cos: case Op::Lg2: case Op::Ex2: return kFtz | kApprox;
    case Op::Tanh: return kApprox;
    case Op::FNeg: case Op::FAbs: return kFtz;
    case Op::FMin: case Op::FMax: return kFtz | kNan | kXorSign;
    default: return 0;
  }
}

}  // namespace

Fn select_float(const Key& key) {
  Key k = key;
  if (k.t == Ty::F32x2) {
    if (k.flags & ~kFtz) return nullptr;
    bool z = k.flags;
    switch (k.op) {
      case Op::FAdd: return z ? with_rounding<map2<Pair2<AddF, true>>>(k.round) : with_rounding<map2<Pair2<AddF, false>>>(k.round);
      case Op::FSub: return z ? with_rounding<map2<Pair2<SubF, true>>>(k.round) : with_rounding<map2<Pair2<SubF, false>>>(k.round);
      case Op::FMul: return z ? with_rounding<map2<Pair2<MulF, true>>>(k.round) : with_rounding<map2<Pair2<MulF, false>>>(k.round);
      case Op::FFma: return z ? with_rounding<map3<PairFma<true>>>(k.round) : with_rounding<map3<PairFma<false>>>(k.round);
      default: return nullptr;
    }
  }
  if ((k.t != Ty::F32 && k.t != Ty::F64) || (k.flags & ~allowed_flags(k.op))) return nullptr;
  bool ftz = k.flags & kFtz, sat = k.flags & kSat, approx = k.flags & kApprox;
  switch (k.op) {
    case Op::FAdd: FLOAT_OP(2, AddF)
    case Op::FSub: FLOAT_OP(2, SubF)
    case Op::FMul: FLOAT_OP(2, MulF)
    case Op::FFma: FLOAT_OP(3, FmaF)
    case Op::FDiv:
      if (approx && k.t == Ty::F32 && k.round == kNearest) return ftz ? map2<DivApproxF<float, true, false>> : map2<DivApproxF<float, false, false>>;
      k.flags &= static_cast<uint16_t>(~(kApprox | kFull));
      FLOAT_OP(2, DivF)
    case Op::Rcp:
      if (k.t == Ty::F64 && approx) return ftz ? map1<CoarseF<false>> : nullptr;
      k.flags &= static_cast<uint16_t>(~kApprox);
      FLOAT_OP(1, RcpF)
    case Op::Sqrt:
      k.flags &= static_cast<uint16_t>(~kApprox);
      FLOAT_OP(1, SqrtF)
    case Op::Rsqrt:
      if (k.t == Ty::F64 && ftz) return approx ? map1<CoarseF<true>> : nullptr;
      if (!approx || k.round != kNearest) return nullptr;
      k.flags &= static_cast<uint16_t>(~kApprox);
      FLOAT_OP(1, RsqrtF)
    case Op::Sin: APPROX_OP(SinF)
    case Op::Cos: APPROX_OP(CosF)
    case Op::Lg2: APPROX_OP(Lg2F)
    case Op::Ex2: APPROX_OP(Ex2F)
    case Op::Tanh: APPROX_OP(TanhF)
    case Op::FNeg: FLOAT_OP(1, NegF)
    case Op::FAbs: FLOAT_OP(1, AbsF)
    case Op::FMin: case Op::FMax:
      if (k.round != kNearest) return nullptr;
      if (k.t == Ty::F64) return k.flags ? nullptr : pick_fn<double, false>(k);
      return ftz ? pick_fn<float, true>(k) : pick_fn<float, false>(k);
    case Op::Copysign: return k.t == Ty::F64 ? map2<CopysignF<double>> : map2<CopysignF<float>>;
    default: return nullptr;
  }
}

}  // namespace softgpu::SOFTGPU_ISA
