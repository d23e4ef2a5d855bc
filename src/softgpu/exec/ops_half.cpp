// f16 and bf16 arithmetic, scalar and packed in pairs. Stateless functions; called on whichever thread runs the warp.
// Sums, products, quotients and roots are exact enough in f32 that one more rounding gives the correctly rounded result; fma is
// computed in double with a sticky bit.
#include <math.h>

#include "softgpu/exec/half.h"
#include "softgpu/exec/ops.h"

namespace softgpu::SOFTGPU_ISA {
namespace {

struct F16 {
  static float up(uint16_t h) { return half_to_float(h); }
  static uint16_t down(float f) { return float_to_half(f); }
  static uint16_t down_exact(double d) { return double_to_half(d); }
  static uint16_t flush(uint16_t h) { return half_flush(h); }
  static constexpr uint16_t kNan = 0x7fff, kOne = 0x3c00, kInfinity = 0x7c00;
};
struct BF16 {
  static float up(uint16_t h) { return brain_to_float(h); }
  static uint16_t down(float f) { return float_to_brain(f); }
  static uint16_t down_exact(double d) { return double_to_brain(d); }
  static uint16_t flush(uint16_t h) { return (h & 0x7f80) == 0 ? h & 0x8000 : h; }
  static constexpr uint16_t kNan = 0x7fff, kOne = 0x3f80, kInfinity = 0x7f80;
};

// a*b+c in double, rounded to odd when inexact, so that the final rounding sees what was lost.
inline double fma_sticky(double a, double b, double c) {
  double p = a * b, s = p + c;   // the product of two such numbers is exact
  double bb = s - p, err = (p - (s - bb)) + (c - bb);
  uint64_t u = bits_of(s);
  bool finite = (u >> 52 & 0x7ff) != 0x7ff;
  if (finite && err != 0 && !(u & 1)) u += (err > 0) == (s > 0) ? 1 : ~uint64_t{0};
  return double_of(u);
}

enum Flags { kZ = 1, kS = 2, kR = 4 };   // ftz, sat, relu
template <class H, int Fl> inline uint16_t in(uint16_t a) { return Fl & kZ ? H::flush(a) : a; }
template <class H, int Fl> inline uint16_t out(uint16_t r) {
  if (Fl & kZ) r = H::flush(r);
  bool nan = (r & 0x7fff) > H::kInfinity;
  if (Fl & kS) r = nan || r >> 15 ? 0 : r > H::kOne ? H::kOne : r;
  if (Fl & kR) r = nan ? H::kNan : r >> 15 ? 0 : r;
  return r;
}
// .ftz of f16 flushes what would stay below the least normal number if exponents had no end: it keeps all 11 bits when it rounds.
template <class H, int Fl, class T> inline bool tiny(T exact) {
  constexpr T kLimit = T(0x1p-14) - T(0x1p-26);
  return (Fl & kZ) && H::kInfinity == 0x7c00 && exact > -kLimit && exact < kLimit;
}
template <class H, int Fl> struct Add { static uint16_t f(uint16_t a, uint16_t b) { return out<H, Fl>(H::down(H::up(in<H, Fl>(a)) + H::up(in<H, Fl>(b)))); } };
template <class H, int Fl> struct Sub { static uint16_t f(uint16_t a, uint16_t b) { return out<H, Fl>(H::down(H::up(in<H, Fl>(a)) - H::up(in<H, Fl>(b)))); } };
template <class H, int Fl> struct Mul {
  static uint16_t f(uint16_t a, uint16_t b) {
    float exact = H::up(in<H, Fl>(a)) * H::up(in<H, Fl>(b));
    return out<H, Fl>(H::down(tiny<H, Fl>(exact) ? exact * 0.0f : exact));
  }
};
template <class H, int Fl> struct Fma {
  static uint16_t f(uint16_t a, uint16_t b, uint16_t c) {
    double exact = fma_sticky(H::up(in<H, Fl>(a)), H::up(in<H, Fl>(b)), H::up(in<H, Fl>(c)));
    return out<H, Fl>(H::down_exact(tiny<H, Fl>(exact) ? exact * 0.0 : exact));
  }
};
template <class H, int Fl> struct FmaOob {   // 0xffff stands for "outside the tensor": the result is 0
  static uint16_t f(uint16_t a, uint16_t b, uint16_t c) { return a == 0xffff || b == 0xffff ? 0 : Fma<H, Fl>::f(a, b, c); }
};
template <class H> inline bool nan(uint16_t a) { return (a & 0x7fff) > H::kInfinity; }
template <class H, int Fl> struct Neg { static uint16_t f(uint16_t a) { return nan<H>(a) ? H::kNan : in<H, Fl>(a) ^ 0x8000; } };
template <class H, int Fl> struct Abs { static uint16_t f(uint16_t a) { return nan<H>(a) ? H::kNan : in<H, Fl>(a) & 0x7fff; } };
template <class H, bool Max, bool Nan, bool Xor, bool Z> struct Pick {
  static uint16_t f(uint16_t a, uint16_t b) {
    if (Z) a = H::flush(a), b = H::flush(b);
    uint16_t sign = Xor ? (a ^ b) & 0x8000 : 0;
    if (Xor) a &= 0x7fff, b &= 0x7fff;
    bool a_nan = (a & 0x7fff) > H::kInfinity, b_nan = (b & 0x7fff) > H::kInfinity;
    if (a_nan || b_nan) return Nan || (a_nan && b_nan) ? H::kNan : (a_nan ? b : a) | sign;
    float x = H::up(a), y = H::up(b);
    bool first = Max ? (x > y || (x == y && !(a >> 15))) : (x < y || (x == y && a >> 15));
    return Xor ? (first ? a : b) | sign : first ? a : b;
  }
};
template <class H, int Fl> struct Ex2 { static uint16_t f(uint16_t a) { return out<H, Fl>(H::down(exp2f(H::up(in<H, Fl>(a))))); } };
template <class H, int Fl> struct Tanh { static uint16_t f(uint16_t a) { return out<H, Fl>(H::down(tanhf(H::up(a)))); } };

template <class F> struct One1 { using D = uint16_t; using A = uint16_t; static uint16_t f(uint16_t a) { return F::f(a); } };
template <class F> struct One2 : One1<F> { using B = uint16_t; static uint16_t f(uint16_t a, uint16_t b) { return F::f(a, b); } };
template <class F> struct One3 : One2<F> { using C = uint16_t; static uint16_t f(uint16_t a, uint16_t b, uint16_t c) { return F::f(a, b, c); } };
inline uint32_t join(uint16_t hi, uint16_t lo) { return static_cast<uint32_t>(hi) << 16 | lo; }
inline uint16_t hi(uint32_t v) { return static_cast<uint16_t>(v >> 16); }
inline uint16_t lo(uint32_t v) { return static_cast<uint16_t>(v); }
template <class F> struct Two1 { using D = uint32_t; using A = uint32_t; static uint32_t f(uint32_t a) { return join(F::f(hi(a)), F::f(lo(a))); } };
template <class F> struct Two2 : Two1<F> { using B = uint32_t; static uint32_t f(uint32_t a, uint32_t b) { return join(F::f(hi(a), hi(b)), F::f(lo(a), lo(b))); } };
template <class F> struct Two3 : Two2<F> {
  using C = uint32_t;
  static uint32_t f(uint32_t a, uint32_t b, uint32_t c) { return join(F::f(hi(a), hi(b), hi(c)), F::f(lo(a), lo(b), lo(c))); }
};

#define BOTH(n, ...) (pair ? map##n<Two##n<__VA_ARGS__>> : map##n<One##n<__VA_ARGS__>>)
template <class H> Fn select(const Key& k, bool pair) {
  bool z = k.flags & kFtz, s = k.flags & kSat, relu = k.flags & kRelu, nan = k.flags & kNan, x = k.flags & kXorSign;
  switch (k.op) {
#define ARITHMETIC(n, F) s ? (z ? BOTH(n, F<H, kZ | kS>) : BOTH(n, F<H, kS>)) : z ? BOTH(n, F<H, kZ>) : BOTH(n, F<H, 0>)
    case Op::FAdd: return relu ? nullptr : ARITHMETIC(2, Add);
    case Op::FSub: return relu ? nullptr : ARITHMETIC(2, Sub);
    case Op::FMul: return relu ? nullptr : ARITHMETIC(2, Mul);
    case Op::FFma:
      if (k.flags & kOob) return s || z ? nullptr : relu ? BOTH(3, FmaOob<H, kR>) : BOTH(3, FmaOob<H, 0>);
      if (relu) return s ? nullptr : z ? BOTH(3, Fma<H, kZ | kR>) : BOTH(3, Fma<H, kR>);
      return ARITHMETIC(3, Fma);
    case Op::FNeg: return z ? BOTH(1, Neg<H, kZ>) : BOTH(1, Neg<H, 0>);
    case Op::FAbs: return z ? BOTH(1, Abs<H, kZ>) : BOTH(1, Abs<H, 0>);
    case Op::FMin:
      if (z && x) return nan ? BOTH(2, Pick<H, false, true, true, true>) : BOTH(2, Pick<H, false, false, true, true>);
      if (z) return nan ? BOTH(2, Pick<H, false, true, false, true>) : BOTH(2, Pick<H, false, false, false, true>);
      if (x) return nan ? BOTH(2, Pick<H, false, true, true, false>) : BOTH(2, Pick<H, false, false, true, false>);
      return nan ? BOTH(2, Pick<H, false, true, false, false>) : BOTH(2, Pick<H, false, false, false, false>);
    case Op::FMax:
      if (z && x) return nan ? BOTH(2, Pick<H, true, true, true, true>) : BOTH(2, Pick<H, true, false, true, true>);
      if (z) return nan ? BOTH(2, Pick<H, true, true, false, true>) : BOTH(2, Pick<H, true, false, false, true>);
      if (x) return nan ? BOTH(2, Pick<H, true, true, true, false>) : BOTH(2, Pick<H, true, false, true, false>);
      return nan ? BOTH(2, Pick<H, true, true, false, false>) : BOTH(2, Pick<H, true, false, false, false>);
    case Op::Ex2: return z ? BOTH(1, Ex2<H, kZ>) : BOTH(1, Ex2<H, 0>);
    case Op::Tanh: return BOTH(1, Tanh<H, 0>);
    default: return nullptr;
  }
}

uint16_t allowed_flags(Op op) {
  switch (op) {
    case Op::FAdd: case Op::FSub: case Op::FMul: return kFtz | kSat;
    case Op::FFma: return kFtz | kSat | kRelu | kOob;
    case Op::FNeg: case Op::FAbs: return kFtz;
    case Op::FMin: case Op::FMax: return kFtz | kNan | kXorSign;
    case Op::Ex2: return kFtz | kApprox;
    case Op::Tanh: return kApprox;
    default: return 0;
  }
}

}  // namespace

Fn select_half(const Key& k) {
  if (k.round != kNearest || (k.flags & ~allowed_flags(k.op))) return nullptr;
  switch (k.t) {
    case Ty::F16: return select<F16>(k, false);
    case Ty::F16x2: return select<F16>(k, true);
    case Ty::BF16: return select<BF16>(k, false);
    case Ty::BF16x2: return select<BF16>(k, true);
    default: return nullptr;
  }
}

}  // namespace softgpu::SOFTGPU_ISA
