// Comparisons and selections: setp, set, selp, slct, testp. Stateless functions; called on whichever thread runs the warp.
#include "softgpu/exec/half.h"
#include "softgpu/exec/ops.h"

namespace softgpu::SOFTGPU_ISA {
namespace {

inline float flush(float v) { return (bits_of(v) & 0x7f800000) == 0 ? float_of(bits_of(v) & 0x80000000) : v; }

// How a register word becomes the value to compare.
template <class T> struct AsIs { using Word = T; using V = T; static V v(T w) { return w; } };
struct Ftz32 { using Word = float; using V = float; static V v(float w) { return flush(w); } };
struct Half { using Word = uint16_t; using V = float; static V v(uint16_t w) { return half_to_float(w); } };
struct HalfFtz { using Word = uint16_t; using V = float; static V v(uint16_t w) { return half_to_float(half_flush(w)); } };
struct Brain { using Word = uint16_t; using V = float; static V v(uint16_t w) { return float_of(static_cast<uint32_t>(w) << 16); } };

template <Cmp C, class V> inline bool compare(V a, V b) {
  bool unordered = a != a || b != b;
  switch (C) {
    case Cmp::Eq: return a == b;
    case Cmp::Ne: return a != b && !unordered;
    case Cmp::Lt: return a < b;
    case Cmp::Le: return a <= b;
    case Cmp::Gt: return a > b;
    case Cmp::Ge: return a >= b;
    case Cmp::Equ: return a == b || unordered;
    case Cmp::Neu: return !(a == b);
    case Cmp::Ltu: return !(a >= b);
    case Cmp::Leu: return !(a > b);
    case Cmp::Gtu: return !(a <= b);
    case Cmp::Geu: return !(a < b);
    case Cmp::Num: return !unordered;
    case Cmp::Nan: return unordered;
  }
  return false;
}

template <class L, Cmp C> uint32_t compare_all(Warp& w, const Insn& in) {
  const auto *a = reg<typename L::Word>(w, in.r[2]), *b = reg<typename L::Word>(w, in.r[3]);
  using W = typename L::Word;
  alignas(64) int32_t t[32];
  for (int i = 0; i < 32; i++) t[i] = compare<C>(L::v(static_cast<W>(a[i])), L::v(static_cast<W>(b[i]))) ? -1 : 0;
  return to_mask(t);
}
template <Mix M> inline uint32_t mixed(Warp& w, const Insn& in, uint32_t v) {
  if constexpr (M == Mix::And) return v & pred(w, in.r[4]);
  if constexpr (M == Mix::Or) return v | pred(w, in.r[4]);
  if constexpr (M == Mix::Xor) return v ^ pred(w, in.r[4]);
  return v;
}
template <class L, Cmp C> void setp(Warp& w, const Insn& in, uint32_t mask) {
  uint32_t v = compare_all<L, C>(w, in);
  set_pred(w, in.r[0], mask, v);
}
// The rarer forms: p|q and a third predicate.
template <class L, Cmp C, Mix M> void setp_mixed(Warp& w, const Insn& in, uint32_t mask) {
  uint32_t v = compare_all<L, C>(w, in), p = mixed<M>(w, in, v), q = mixed<M>(w, in, ~v);
  set_pred(w, in.r[0], mask, p);
  if (in.r[1] != kNoReg) set_pred(w, in.r[1], mask, q);
}
template <bool High> struct HalfOf2 { using Word = uint32_t; using V = float; static V v(uint32_t w) { return half_to_float(static_cast<uint16_t>(High ? w >> 16 : w)); } };
template <bool High> struct HalfOf2Ftz { using Word = uint32_t; using V = float; static V v(uint32_t w) { return half_to_float(half_flush(static_cast<uint16_t>(High ? w >> 16 : w))); } };
template <bool High> struct BrainOf2 { using Word = uint32_t; using V = float; static V v(uint32_t w) { return float_of(High ? w & 0xffff0000 : w << 16); } };
template <template <bool> class L, Cmp C, Mix M> void setp_pair(Warp& w, const Insn& in, uint32_t mask) {
  uint32_t p = mixed<M>(w, in, compare_all<L<false>, C>(w, in)), q = mixed<M>(w, in, compare_all<L<true>, C>(w, in));
  set_pred(w, in.r[0], mask, p);
  set_pred(w, in.r[1], mask, q);
}
template <class L, Cmp C, Mix M> void set_word(Warp& w, const Insn& in, uint32_t mask) {
  uint32_t p = mixed<M>(w, in, compare_all<L, C>(w, in)), one = in.sub == 0 ? ~0u : in.sub == 1 ? 0x3f800000 : in.sub == 2 ? 0x3c00 : 0x3f80;
  auto* d = reg<uint32_t>(w, in.r[0]);
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    d[i] = p >> i & 1 ? one : 0;
  }
}
template <template <bool> class L, Cmp C, Mix M> void set_pair(Warp& w, const Insn& in, uint32_t mask) {
  uint32_t p = mixed<M>(w, in, compare_all<L<false>, C>(w, in)), q = mixed<M>(w, in, compare_all<L<true>, C>(w, in));
  uint32_t one = in.sub == 0 ? 0xffff : in.sub == 2 ? 0x3c00 : 0x3f80;
  auto* d = reg<uint32_t>(w, in.r[0]);
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    d[i] = (p >> i & 1 ? one : 0) | (q >> i & 1 ? one << 16 : 0);
  }
}

template <class L, Cmp C> Fn setp_fn(const Key& k) {
  if (k.op == Op::Set) {
    switch (k.mix) {
      case Mix::None: return set_word<L, C, Mix::None>;
      case Mix::And: return set_word<L, C, Mix::And>;
      case Mix::Or: return set_word<L, C, Mix::Or>;
      default: return set_word<L, C, Mix::Xor>;
    }
  }
  switch (k.mix) {
    case Mix::None: return k.sub ? static_cast<Fn>(setp_mixed<L, C, Mix::None>) : setp<L, C>;
    case Mix::And: return setp_mixed<L, C, Mix::And>;
    case Mix::Or: return setp_mixed<L, C, Mix::Or>;
    default: return setp_mixed<L, C, Mix::Xor>;
  }
}
template <template <bool> class L, Cmp C> Fn pair_fn(const Key& k) {
  bool set = k.op == Op::Set;
  switch (k.mix) {
    case Mix::None: return set ? set_pair<L, C, Mix::None> : setp_pair<L, C, Mix::None>;
    case Mix::And: return set ? set_pair<L, C, Mix::And> : setp_pair<L, C, Mix::And>;
    case Mix::Or: return set ? set_pair<L, C, Mix::Or> : setp_pair<L, C, Mix::Or>;
    default: return set ? set_pair<L, C, Mix::Xor> : setp_pair<L, C, Mix::Xor>;
  }
}
#define CASES(call)                                                                                                     \
  switch (k.cmp) {                                                                                                      \
    case Cmp::Eq: return call(Cmp::Eq); case Cmp::Ne: return call(Cmp::Ne); case Cmp::Lt: return call(Cmp::Lt);         \
    case Cmp::Le: return call(Cmp::Le); case Cmp::Gt: return call(Cmp::Gt); case Cmp::Ge: return call(Cmp::Ge);         \
    MORE(call) default: return nullptr;                                                                                 \
  }
#define MORE(call)
template <class L> Fn ordered(const Key& k) {
#define CALL(c) (setp_fn<L, c>(k))
  CASES(CALL)
}
#undef MORE
#define MORE(call)                                                                                                      \
  case Cmp::Equ: return call(Cmp::Equ); case Cmp::Neu: return call(Cmp::Neu); case Cmp::Ltu: return call(Cmp::Ltu);     \
  case Cmp::Leu: return call(Cmp::Leu); case Cmp::Gtu: return call(Cmp::Gtu); case Cmp::Geu: return call(Cmp::Geu);     \
  case Cmp::Num: return call(Cmp::Num); case Cmp::Nan: return call(Cmp::Nan);
template <class L> Fn floating(const Key& k) { CASES(CALL) }
#define PAIR(c) (pair_fn<L, c>(k))
template <template <bool> class L> Fn pairs(const Key& k) { CASES(PAIR) }

template <class T> void selp(Warp& w, const Insn& in, uint32_t mask) {
  auto *d = reg<T>(w, in.r[0]), *a = reg<T>(w, in.r[1]), *b = reg<T>(w, in.r[2]);
  uint32_t p = pred(w, in.r[3]);
  alignas(64) T t[32];
  for (int i = 0; i < 32; i++) t[i] = p >> i & 1 ? a[i] : b[i];
  if (mask == kAll) for (int i = 0; i < 32; i++) d[i] = t[i];
  else blend<Box<T>>(d, t, mask);
}
template <class T, class S, bool Z> struct SlctF {
  using D = T; using A = T; using B = T; using C = S;
  static T f(T a, T b, S c) { return (Z ? flush(static_cast<float>(c)) >= 0 : c >= 0) ? a : b; }
};
template <class T> Fn slct_fn(const Key& k) {
  if (k.t2 == Ty::S32) return map3<SlctF<T, int32_t, false>>;
  if (k.t2 == Ty::F32) return k.flags & kFtz ? map3<SlctF<T, float, true>> : map3<SlctF<T, float, false>>;
  return nullptr;
}
template <class T, int Class> void testp(Warp& w, const Insn& in, uint32_t mask) {
  auto* a = reg<T>(w, in.r[1]);
  uint32_t r = 0;
  for (int i = 0; i < 32; i++) {
    uint64_t b = bits_of(a[i]), exp = sizeof(T) == 4 ? b >> 23 & 0xff : b >> 52 & 0x7ff, top = sizeof(T) == 4 ? 0xff : 0x7ff;
    uint64_t frac = sizeof(T) == 4 ? b & 0x7fffff : b & 0xfffffffffffff;
    bool v = Class == 0 ? exp != top : Class == 1 ? exp == top && !frac : Class == 2 ? exp != top || !frac : Class == 3 ? exp == top && frac
             : Class == 4 ? exp != top && (exp != 0 || !frac) : exp == 0 && frac;
    r |= static_cast<uint32_t>(v) << i;
  }
  set_pred(w, in.r[0], mask, r);
}
template <class T> Fn testp_fn(int c) {
  constexpr Fn k[] = {testp<T, 0>, testp<T, 1>, testp<T, 2>, testp<T, 3>, testp<T, 4>, testp<T, 5>};
  return c < 6 ? k[c] : nullptr;
}

}  // namespace

Fn select_compare(const Key& k) {
  bool ftz = k.flags & kFtz;
  if (k.round != kNearest || (k.flags & ~kFtz)) return nullptr;
  switch (k.op) {
    case Op::Setp: case Op::Set: {
      Ty t = k.op == Op::Set ? k.t2 : k.t;
      if (ftz && t != Ty::F32 && t != Ty::F16 && t != Ty::F16x2) return nullptr;
      switch (t) {
        case Ty::U16: return ordered<AsIs<uint16_t>>(k);
        case Ty::S16: return ordered<AsIs<int16_t>>(k);
        case Ty::U32: return ordered<AsIs<uint32_t>>(k);
        case Ty::S32: return ordered<AsIs<int32_t>>(k);
        case Ty::U64: return ordered<AsIs<uint64_t>>(k);
        case Ty::S64: return ordered<AsIs<int64_t>>(k);
        case Ty::F32: return ftz ? floating<Ftz32>(k) : floating<AsIs<float>>(k);
        case Ty::F64: return floating<AsIs<double>>(k);
        case Ty::F16: return ftz ? floating<HalfFtz>(k) : floating<Half>(k);
        case Ty::BF16: return floating<Brain>(k);
        case Ty::F16x2: return ftz ? pairs<HalfOf2Ftz>(k) : pairs<HalfOf2>(k);
        case Ty::BF16x2: return pairs<BrainOf2>(k);
        default: return nullptr;
      }
    }
    case Op::Selp: return bytes_of(k.t) <= 4 && bytes_of(k.t) >= 2 ? selp<uint32_t> : bytes_of(k.t) == 8 ? selp<uint64_t> : nullptr;
    case Op::Slct: return bytes_of(k.t) == 8 ? slct_fn<uint64_t>(k) : bytes_of(k.t) <= 4 ? slct_fn<uint32_t>(k) : nullptr;
    case Op::Testp: return k.t == Ty::F32 ? testp_fn<float>(k.sub) : k.t == Ty::F64 ? testp_fn<double>(k.sub) : nullptr;
    default: return nullptr;
  }
}

}  // namespace softgpu::SOFTGPU_ISA
