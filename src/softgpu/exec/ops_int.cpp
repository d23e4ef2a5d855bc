// Integer, bit and logic instructions. Stateless functions; called by the interpreter on whichever thread runs the warp.
#include "softgpu/exec/ops.h"

namespace softgpu::SOFTGPU_ISA {
namespace {

template <class T> struct UnsignedOf { using type = T; };
template <> struct UnsignedOf<int8_t> { using type = uint8_t; };
template <> struct UnsignedOf<int16_t> { using type = uint16_t; };
template <> struct UnsignedOf<int32_t> { using type = uint32_t; };
template <> struct UnsignedOf<int64_t> { using type = uint64_t; };
template <class T> using U = typename UnsignedOf<T>::type;
template <class T> inline constexpr bool kIsSigned = T(-1) < T(0);
template <class T> struct TwiceOf;
template <> struct TwiceOf<uint16_t> { using type = uint32_t; };
template <> struct TwiceOf<int16_t> { using type = int32_t; };
template <> struct TwiceOf<uint32_t> { using type = uint64_t; };
template <> struct TwiceOf<int32_t> { using type = int64_t; };
template <> struct TwiceOf<uint64_t> { using type = unsigned __int128; };
template <> struct TwiceOf<int64_t> { using type = __int128; };
template <class T> using Twice = typename TwiceOf<T>::type;
// Arithmetic that wraps: done in an unsigned type that no promotion turns into a signed one.
template <class T> inline T wrap_mul(T a, T b) { return static_cast<T>(static_cast<uint64_t>(static_cast<U<T>>(a)) * static_cast<U<T>>(b)); }
template <> inline int32_t wrap_mul(int32_t a, int32_t b) { return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b)); }
template <> inline uint32_t wrap_mul(uint32_t a, uint32_t b) { return a * b; }

inline int32_t saturate(int64_t v) { return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : static_cast<int32_t>(v); }

template <class T> struct T1 { using D = T; using A = T; };
template <class T> struct T2 : T1<T> { using B = T; };
template <class T> struct T3 : T2<T> { using C = T; };

template <class T> struct MovF : T1<T> { static T f(T a) { return a; } };
template <class T> struct AddF : T2<T> { static T f(T a, T b) { return static_cast<T>(static_cast<U<T>>(a) + static_cast<U<T>>(b)); } };
template <class T> struct SubF : T2<T> { static T f(T a, T b) { return static_cast<T>(static_cast<U<T>>(a) - static_cast<U<T>>(b)); } };
struct AddSat : T2<int32_t> { static int32_t f(int32_t a, int32_t b) { return saturate(int64_t{a} + b); } };
struct SubSat : T2<int32_t> { static int32_t f(int32_t a, int32_t b) { return saturate(int64_t{a} - b); } };
template <class T> struct MulLoF : T2<T> { static T f(T a, T b) { return wrap_mul(a, b); } };
template <class T> struct MulHiF : T2<T> {
  static T f(T a, T b) { return static_cast<T>(static_cast<Twice<T>>(a) * static_cast<Twice<T>>(b) >> (8 * sizeof(T))); }
};
template <> struct MulHiF<uint16_t> : T2<uint16_t> {
  static uint16_t f(uint16_t a, uint16_t b) { return static_cast<uint16_t>(static_cast<uint32_t>(a) * b >> 16); }
};
template <class T> struct MulWideF { using D = Twice<T>; using A = T; using B = T; static D f(T a, T b) { return static_cast<D>(a) * static_cast<D>(b); } };
template <class T> struct MadLoF : T3<T> { static T f(T a, T b, T c) { return AddF<T>::f(wrap_mul(a, b), c); } };
template <class T> struct MadHiF : T3<T> { static T f(T a, T b, T c) { return AddF<T>::f(MulHiF<T>::f(a, b), c); } };
struct MadHiSat : T3<int32_t> { static int32_t f(int32_t a, int32_t b, int32_t c) { return saturate((int64_t{a} * b >> 32) + c); } };
template <class T> struct MadWideF {
  using D = Twice<T>; using A = T; using B = T; using C = Twice<T>;
  static D f(T a, T b, C c) { return static_cast<D>(static_cast<U<D>>(static_cast<D>(a) * static_cast<D>(b)) + static_cast<U<D>>(c)); }
};
template <class T> inline int64_t low24(T v) { return kIsSigned<T> ? int64_t{static_cast<int32_t>(static_cast<uint32_t>(v) << 8) >> 8} : int64_t{static_cast<uint32_t>(v) & 0xffffff}; }
template <class T> struct Mul24LoF : T2<T> { static T f(T a, T b) { return static_cast<T>(low24(a) * low24(b)); } };
template <class T> struct Mul24HiF : T2<T> { static T f(T a, T b) { return static_cast<T>(low24(a) * low24(b) >> 16); } };
template <class T> struct Mad24LoF : T3<T> { static T f(T a, T b, T c) { return AddF<T>::f(Mul24LoF<T>::f(a, b), c); } };
template <class T> struct Mad24HiF : T3<T> { static T f(T a, T b, T c) { return AddF<T>::f(Mul24HiF<T>::f(a, b), c); } };
struct Mad24HiSat : T3<int32_t> { static int32_t f(int32_t a, int32_t b, int32_t c) { return saturate(int64_t{Mul24HiF<int32_t>::f(a, b)} + c); } };
template <class T> struct SadF : T3<T> {
  static T f(T a, T b, T c) { return AddF<T>::f(c, a < b ? SubF<T>::f(b, a) : SubF<T>::f(a, b)); }
};
// Division by zero gives all ones, quotient and remainder alike, as NVIDIA's devices do.
template <class T> struct DivF : T2<T> {
  static constexpr bool slow = true;
  static T f(T a, T b) {
    if (b == 0) return static_cast<T>(~U<T>{0});
    if constexpr (kIsSigned<T>) if (b == -1) return static_cast<T>(U<T>{0} - static_cast<U<T>>(a));
    return static_cast<T>(a / b);
  }
};
template <class T> struct RemF : T2<T> {
  static constexpr bool slow = true;
  static T f(T a, T b) {
    if (b == 0) return static_cast<T>(~U<T>{0});
    if constexpr (kIsSigned<T>) if (b == -1) return 0;
    return static_cast<T>(a % b);
  }
};
template <class T> struct AbsF : T1<T> { static T f(T a) { return a < 0 ? static_cast<T>(U<T>{0} - static_cast<U<T>>(a)) : a; } };
template <class T> struct NegF : T1<T> { static T f(T a) { return static_cast<T>(U<T>{0} - static_cast<U<T>>(a)); } };
template <class T> struct MinF : T2<T> { static T f(T a, T b) { return a < b ? a : b; } };
template <class T> struct MaxF : T2<T> { static T f(T a, T b) { return a > b ? a : b; } };
template <class T> struct MinRelu : T2<T> { static T f(T a, T b) { T v = a < b ? a : b; return v < 0 ? 0 : v; } };
template <class T> struct MaxRelu : T2<T> { static T f(T a, T b) { T v = a > b ? a : b; return v < 0 ? 0 : v; } };
template <class Half, template <class> class F> struct Pair16 : T2<uint32_t> {   // u16x2, s16x2
  static uint32_t f(uint32_t a, uint32_t b) {
    uint16_t lo = static_cast<uint16_t>(F<Half>::f(static_cast<Half>(a), static_cast<Half>(b)));
    uint16_t hi = static_cast<uint16_t>(F<Half>::f(static_cast<Half>(a >> 16), static_cast<Half>(b >> 16)));
    return static_cast<uint32_t>(hi) << 16 | lo;
  }
};
template <class T> struct PopcF { using D = uint32_t; using A = T; static uint32_t f(T a) { return static_cast<uint32_t>(__builtin_popcountll(static_cast<U<T>>(a))); } };
template <class T> struct ClzF {
  using D = uint32_t; using A = T;
  static uint32_t f(T a) { return a ? static_cast<uint32_t>(__builtin_clzll(a)) - (64 - 8 * sizeof(T)) : 8 * sizeof(T); }
};
template <class T, bool Shift> struct BfindF {
  using D = uint32_t; using A = T;
  static uint32_t f(T a) {
    U<T> v = static_cast<U<T>>(kIsSigned<T> && a < 0 ? ~a : a);
    if (v == 0) return ~0u;
    uint32_t at = 63 - static_cast<uint32_t>(__builtin_clzll(v));
    return Shift ? 8 * sizeof(T) - 1 - at : at;
  }
};
template <class T> struct BrevF : T1<T> {
  static T f(T a) {
    uint64_t v = a;
    v = (v >> 1 & 0x5555555555555555) | (v & 0x5555555555555555) << 1;
    v = (v >> 2 & 0x3333333333333333) | (v & 0x3333333333333333) << 2;
    v = (v >> 4 & 0x0f0f0f0f0f0f0f0f) | (v & 0x0f0f0f0f0f0f0f0f) << 4;
    return static_cast<T>(__builtin_bswap64(v) >> (64 - 8 * sizeof(T)));
  }
};
template <class T> struct BfeF {
  using D = T; using A = T; using B = uint32_t; using C = uint32_t;
  static T f(T a, uint32_t b, uint32_t c) {
    constexpr uint32_t msb = 8 * sizeof(T) - 1;
    uint32_t pos = b & 0xff, len = c & 0xff;
    bool negative = kIsSigned<T> && len && (static_cast<U<T>>(a) >> (pos + len - 1 < msb ? pos + len - 1 : msb) & 1);
    U<T> bits = pos > msb ? 0 : static_cast<U<T>>(a) >> pos;
    U<T> mask = len > msb ? ~U<T>{0} : (U<T>{1} << len) - 1;
    U<T> valid = pos > msb ? 0 : ~U<T>{0} >> pos;   // bits that exist in a
    mask &= valid;
    if (len == 0) return 0;
    U<T> fill = len > msb ? valid : ((U<T>{1} << len) - 1) & valid;
    return static_cast<T>((bits & mask) | (negative ? ~fill : 0));
  }
};
template <class T> inline T bfi(T a, T b, uint32_t c, uint32_t d) {
  constexpr uint32_t n = 8 * sizeof(T);
  uint32_t pos = c & 0xff, len = d & 0xff;
  if (pos >= n || len == 0) return b;
  T mask = (len >= n ? ~T{0} : (T{1} << len) - 1) << pos;
  return (b & ~mask) | (a << pos & mask);
}
template <class T> void bfi_op(Warp& w, const Insn& in, uint32_t mask) {
  auto *d = reg<T>(w, in.r[0]), *a = reg<T>(w, in.r[1]), *b = reg<T>(w, in.r[2]);
  auto *c = reg<uint32_t>(w, in.r[3]), *e = reg<uint32_t>(w, in.r[4]);
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    d[i] = bfi<T>(a[i], b[i], c[i], e[i]);
  }
}
template <bool Clamp> struct BmskF : T2<uint32_t> {
  static uint32_t f(uint32_t a, uint32_t b) {
    if (!Clamp) a &= 31, b &= 31;
    if (a >= 32 || b == 0) return 0;
    return (b >= 32 ? ~0u : (1u << b) - 1) << a;
  }
};
template <class T, bool Clamp> struct SzextF {
  using D = T; using A = T; using B = uint32_t;
  static T f(T a, uint32_t b) {
    if (!Clamp) b &= 31;
    if (b >= 32) return a;
    if (b == 0) return 0;
    uint32_t up = static_cast<uint32_t>(a) << (32 - b);
    return static_cast<T>(kIsSigned<T> ? static_cast<uint32_t>(static_cast<int32_t>(up) >> (32 - b)) : up >> (32 - b));
  }
};
struct FnsF : T3<uint32_t> {
  static constexpr bool slow = true;
  static uint32_t f(uint32_t mask, uint32_t base, uint32_t offset) {
    int32_t n = static_cast<int32_t>(offset), pos = static_cast<int32_t>(base);
    if (base > 31) return ~0u;
    if (n == 0) return mask >> base & 1 ? base : ~0u;
    int32_t step = n > 0 ? 1 : -1, left = n > 0 ? n - 1 : -n - 1;
    for (; pos >= 0 && pos < 32; pos += step)
      if (mask >> pos & 1 && left-- == 0) return static_cast<uint32_t>(pos);
    return ~0u;
  }
};
template <class A4, class B4> struct Dp4aF : T3<uint32_t> {
  static uint32_t f(uint32_t a, uint32_t b, uint32_t c) {
    for (int i = 0; i < 4; i++) c += static_cast<uint32_t>(static_cast<int32_t>(static_cast<A4>(a >> 8 * i)) * static_cast<int32_t>(static_cast<B4>(b >> 8 * i)));
    return c;
  }
};
template <class A2, class B4, bool Hi> struct Dp2aF : T3<uint32_t> {
  static uint32_t f(uint32_t a, uint32_t b, uint32_t c) {
    for (int i = 0; i < 2; i++)
      c += static_cast<uint32_t>(static_cast<int32_t>(static_cast<A2>(a >> 16 * i)) * static_cast<int32_t>(static_cast<B4>(b >> (8 * i + (Hi ? 16 : 0)))));
    return c;
  }
};
template <class T> struct AndF : T2<T> { static T f(T a, T b) { return a & b; } };
template <class T> struct OrF : T2<T> { static T f(T a, T b) { return a | b; } };
template <class T> struct XorF : T2<T> { static T f(T a, T b) { return a ^ b; } };
template <class T> struct NotF : T1<T> { static T f(T a) { return static_cast<T>(~a); } };
template <class T> struct CnotF : T1<T> { static T f(T a) { return a == 0; } };
// Shifts clamp at the width.
template <class T> struct ShlF {
  using D = T; using A = T; using B = uint32_t;
  static T f(T a, uint32_t b) { return b >= 8 * sizeof(T) ? T{0} : static_cast<T>(static_cast<U<T>>(a) << b); }
};
template <class T> struct ShrF {
  using D = T; using A = T; using B = uint32_t;
  static T f(T a, uint32_t b) {
    if constexpr (kIsSigned<T>) return static_cast<T>(a >> (b >= 8 * sizeof(T) ? 8 * sizeof(T) - 1 : b));
    else return b >= 8 * sizeof(T) ? T{0} : static_cast<T>(a >> b);
  }
};
template <bool Left, bool Clamp> struct ShfF : T3<uint32_t> {
  static uint32_t f(uint32_t a, uint32_t b, uint32_t c) {
    uint32_t n = Clamp ? (c > 32 ? 32 : c) : c & 31;
    uint64_t both = static_cast<uint64_t>(b) << 32 | a;
    return static_cast<uint32_t>(Left ? both << n >> 32 : both >> n);
  }
};
void lop3_op(Warp& w, const Insn& in, uint32_t mask) {
  auto *d = reg<uint32_t>(w, in.r[0]), *a = reg<uint32_t>(w, in.r[1]), *b = reg<uint32_t>(w, in.r[2]), *c = reg<uint32_t>(w, in.r[3]);
  uint32_t k[8];   // term i is taken when bit i of the table is set
  for (int i = 0; i < 8; i++) k[i] = in.sub >> i & 1 ? ~0u : 0;
  alignas(64) uint32_t t[32];
  for (int i = 0; i < 32; i++) {
    uint32_t x = a[i], y = b[i], z = c[i];
    t[i] = (~x & ((~y & ((~z & k[0]) | (z & k[1]))) | (y & ((~z & k[2]) | (z & k[3]))))) |
           (x & ((~y & ((~z & k[4]) | (z & k[5]))) | (y & ((~z & k[6]) | (z & k[7])))));
  }
  blend<u32a>(d, t, mask);
}
inline uint32_t prmt_bytes(uint64_t both, uint32_t selector) {
  uint32_t r = 0;
  for (int i = 0; i < 4; i++) {
    uint32_t s = selector >> (4 * i) & 15, byte = static_cast<uint32_t>(both >> (8 * (s & 7))) & 0xff;
    if (s & 8) byte = byte & 0x80 ? 0xff : 0;
    r |= byte << (8 * i);
  }
  return r;
}
template <int Mode> struct PrmtF : T3<uint32_t> {
  static constexpr bool slow = true;
  static uint32_t f(uint32_t a, uint32_t b, uint32_t c) {
    constexpr uint16_t kTable[7][4] = {{0, 0, 0, 0}, {0x3210, 0x4321, 0x5432, 0x6543}, {0x5670, 0x6701, 0x7012, 0x0123}, {0x0000, 0x1111, 0x2222, 0x3333},
                                       {0x3210, 0x3211, 0x3222, 0x3333}, {0x0000, 0x1110, 0x2210, 0x3210}, {0x1010, 0x3232, 0x1010, 0x3232}};
    return prmt_bytes(static_cast<uint64_t>(b) << 32 | a, Mode == 0 ? c & 0xffff : kTable[Mode][c & 3]);
  }
};

// .cc chains: the carry is a bit a lane in the warp. Subtraction borrows: carry set means a borrow.
template <class T, Op op> void carry_op(Warp& w, const Insn& in, uint32_t mask) {
  bool mad = op == Op::MadLoC || op == Op::MadHiC;
  auto *d = reg<T>(w, in.r[0]), *a = reg<T>(w, in.r[1]), *b = reg<T>(w, in.r[2]), *c = mad ? reg<T>(w, in.r[3]) : nullptr;
  using U = typename UnsignedOf<T>::type;
  uint32_t out = 0;
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    U carry = in.sub & 1 ? w.carry >> i & 1 : 0, x = static_cast<U>(a[i]), y = static_cast<U>(b[i]), r;
    if (mad) {
      x = op == Op::MadLoC ? x * y : static_cast<U>(MulHiF<T>::f(static_cast<T>(x), static_cast<T>(y)));
      y = static_cast<U>(c[i]);
    }
    bool over;
    if constexpr (op == Op::SubC) {
      U t = x - y;
      r = t - carry;
      over = x < y || t < carry;
    } else {
      U t = x + y;
      r = t + carry;
      over = t < x || r < t;
    }
    d[i] = r;
    out |= static_cast<uint32_t>(over) << i;
  }
  if (in.sub & 2) w.carry = (w.carry & ~mask) | out;
}
template <class T, Op op, int Sub> void carry_with(Warp& w, const Insn& in, uint32_t mask) {
  Insn copy = in;
  copy.sub = Sub;
  carry_op<T, op>(w, copy, mask);
}
template <class T, Op op> Fn carry_fn(const Key& k) {
  bool reads = k.flags & kReadsCarry, writes = k.flags & kWritesCarry;
  return reads ? (writes ? carry_with<T, op, 3> : carry_with<T, op, 1>) : carry_with<T, op, 2>;
}
template <Op op> Fn carry_by_type(const Key& k) {
  switch (k.t) {
    case Ty::U32: return carry_fn<uint32_t, op>(k);
    case Ty::S32: return carry_fn<int32_t, op>(k);
    case Ty::U64: return carry_fn<uint64_t, op>(k);
    case Ty::S64: return carry_fn<int64_t, op>(k);
    default: return nullptr;
  }
}

template <int Mode> void pred_logic(Warp& w, const Insn& in, uint32_t mask) {
  uint32_t a = pred(w, in.r[1]);
  uint32_t r = Mode == 3 ? ~a : a;
  if constexpr (Mode == 0) r = a & pred(w, in.r[2]);
  if constexpr (Mode == 1) r = a | pred(w, in.r[2]);
  if constexpr (Mode == 2) r = a ^ pred(w, in.r[2]);
  set_pred(w, in.r[0], mask, r);
}

template <class D_, class A_> struct ExtendF { using D = D_; using A = A_; static D f(A a) { return static_cast<D>(a); } };
struct NarrowF { using D = uint32_t; using A = uint64_t; static uint32_t f(uint64_t a) { return static_cast<uint32_t>(a); } };

#define MAP(n, F, ...) static_cast<Fn>(map##n<F<__VA_ARGS__>>)
// One switch row per family: signed and unsigned of three widths.
#define INT_TYPES(n, F)                             \
  switch (k.t) {                                    \
    case Ty::U16: return MAP(n, F, uint16_t);       \
    case Ty::S16: return MAP(n, F, int16_t);        \
    case Ty::U32: return MAP(n, F, uint32_t);       \
    case Ty::S32: return MAP(n, F, int32_t);        \
    case Ty::U64: return MAP(n, F, uint64_t);       \
    case Ty::S64: return MAP(n, F, int64_t);        \
    default: return nullptr;                        \
  }
#define BIT_TYPES(n, F)                             \
  switch (bytes_of(k.t)) {                          \
    case 2: return MAP(n, F, uint16_t);             \
    case 4: return MAP(n, F, uint32_t);             \
    case 8: return MAP(n, F, uint64_t);             \
    default: return nullptr;                        \
  }
#define WORD_TYPES(n, F)                            \
  switch (k.t) {                                    \
    case Ty::U32: return MAP(n, F, uint32_t);       \
    case Ty::S32: return MAP(n, F, int32_t);        \
    default: return nullptr;                        \
  }

uint16_t allowed_flags(Op op) {
  switch (op) {
    case Op::Add: case Op::Sub: case Op::MadHi: case Op::Mad24Hi: return kSat;
    case Op::AddC: case Op::SubC: case Op::MadLoC: case Op::MadHiC: return kReadsCarry | kWritesCarry;
    case Op::Bfind: return kShiftAmount;
    case Op::Shf: return kLeft | kClamp;
    case Op::Bmsk: case Op::Szext: return kClamp;
    case Op::Dp2a: return kHigh;
    case Op::Min: case Op::Max: return kRelu;
    default: return 0;
  }
}

}  // namespace

Fn select_int(const Key& k) {
  if (k.flags & ~allowed_flags(k.op) || k.round != kNearest) return nullptr;
  bool sat = k.flags & kSat, clamp = k.flags & kClamp;
  if (sat && k.t != Ty::S32) return nullptr;
  switch (k.op) {
    case Op::Mov:
      switch (bytes_of(k.t)) {
        case 1: case 2: case 4: return MAP(1, MovF, uint32_t);
        case 8: return MAP(1, MovF, uint64_t);
        default: return nullptr;
      }
    case Op::Add:
      if (sat) return map2<AddSat>;
      if (k.t == Ty::U16x2 || k.t == Ty::S16x2) return map2<Pair16<uint16_t, AddF>>;
      BIT_TYPES(2, AddF)
    case Op::Sub: if (sat) return map2<SubSat>; BIT_TYPES(2, SubF)
    case Op::MulLo: BIT_TYPES(2, MulLoF)
    case Op::MulHi: INT_TYPES(2, MulHiF)
    case Op::MadLo: BIT_TYPES(3, MadLoF)
    case Op::MadHi: if (sat) return map3<MadHiSat>; INT_TYPES(3, MadHiF)
    case Op::MulWide:
      switch (k.t) {
        case Ty::U16: return MAP(2, MulWideF, uint16_t);
        case Ty::S16: return MAP(2, MulWideF, int16_t);
        case Ty::U32: return MAP(2, MulWideF, uint32_t);
        case Ty::S32: return MAP(2, MulWideF, int32_t);
        default: return nullptr;
      }
    case Op::MadWide:
      switch (k.t) {
        case Ty::U16: return MAP(3, MadWideF, uint16_t);
        case Ty::S16: return MAP(3, MadWideF, int16_t);
        case Ty::U32: return MAP(3, MadWideF, uint32_t);
        case Ty::S32: return MAP(3, MadWideF, int32_t);
        default: return nullptr;
      }
    case Op::Mul24Lo: WORD_TYPES(2, Mul24LoF)
    case Op::Mul24Hi: WORD_TYPES(2, Mul24HiF)
    case Op::Mad24Lo: WORD_TYPES(3, Mad24LoF)
    case Op::Mad24Hi: if (sat) return map3<Mad24HiSat>; WORD_TYPES(3, Mad24HiF)
    case Op::Sad: INT_TYPES(3, SadF)
    case Op::Div: INT_TYPES(2, DivF)
    case Op::Rem: INT_TYPES(2, RemF)
    case Op::Abs:
      switch (k.t) {
        case Ty::S16: return MAP(1, AbsF, int16_t);
        case Ty::S32: return MAP(1, AbsF, int32_t);
        case Ty::S64: return MAP(1, AbsF, int64_t);
        default: return nullptr;
      }
    case Op::Neg: if (!is_signed(k.t)) return nullptr; BIT_TYPES(1, NegF)
    case Op::Min:
      if (k.t == Ty::U16x2) return k.flags ? nullptr : map2<Pair16<uint16_t, MinF>>;
      if (k.t == Ty::S16x2) return k.flags ? map2<Pair16<int16_t, MinRelu>> : map2<Pair16<int16_t, MinF>>;
      if (k.flags) return k.t == Ty::S32 ? map2<MinRelu<int32_t>> : nullptr;
      INT_TYPES(2, MinF)
    case Op::Max:
      if (k.t == Ty::U16x2) return k.flags ? nullptr : map2<Pair16<uint16_t, MaxF>>;
      if (k.t == Ty::S16x2) return k.flags ? map2<Pair16<int16_t, MaxRelu>> : map2<Pair16<int16_t, MaxF>>;
      if (k.flags) return k.t == Ty::S32 ? map2<MaxRelu<int32_t>> : nullptr;
      INT_TYPES(2, MaxF)
    case Op::Popc: return k.t == Ty::U32 ? MAP(1, PopcF, uint32_t) : k.t == Ty::U64 ? MAP(1, PopcF, uint64_t) : nullptr;
    case Op::Clz: return k.t == Ty::U32 ? MAP(1, ClzF, uint32_t) : k.t == Ty::U64 ? MAP(1, ClzF, uint64_t) : nullptr;
    case Op::Bfind: {
      bool s = k.flags & kShiftAmount;
      switch (k.t) {
        case Ty::U32: return s ? map1<BfindF<uint32_t, true>> : map1<BfindF<uint32_t, false>>;
        case Ty::S32: return s ? map1<BfindF<int32_t, true>> : map1<BfindF<int32_t, false>>;
        case Ty::U64: return s ? map1<BfindF<uint64_t, true>> : map1<BfindF<uint64_t, false>>;
        case Ty::S64: return s ? map1<BfindF<int64_t, true>> : map1<BfindF<int64_t, false>>;
        default: return nullptr;
      }
    }
    case Op::Brev: return k.t == Ty::U32 ? MAP(1, BrevF, uint32_t) : k.t == Ty::U64 ? MAP(1, BrevF, uint64_t) : nullptr;
    case Op::Bfe:
      switch (k.t) {
        case Ty::U32: return MAP(3, BfeF, uint32_t);
        case Ty::S32: return MAP(3, BfeF, int32_t);
        case Ty::U64: return MAP(3, BfeF, uint64_t);
        case Ty::S64: return MAP(3, BfeF, int64_t);
        default: return nullptr;
      }
    case Op::Bfi: return k.t == Ty::U32 ? bfi_op<uint32_t> : k.t == Ty::U64 ? bfi_op<uint64_t> : nullptr;
    case Op::Bmsk: return k.t != Ty::U32 ? nullptr : clamp ? map2<BmskF<true>> : map2<BmskF<false>>;
    case Op::Szext:
      if (k.t == Ty::U32) return clamp ? map2<SzextF<uint32_t, true>> : map2<SzextF<uint32_t, false>>;
      if (k.t == Ty::S32) return clamp ? map2<SzextF<int32_t, true>> : map2<SzextF<int32_t, false>>;
      return nullptr;
    case Op::Fns: return k.t == Ty::U32 ? map3<FnsF> : nullptr;
    case Op::Dp4a:
      if (k.t == Ty::U32) return k.t2 == Ty::U32 ? map3<Dp4aF<uint8_t, uint8_t>> : k.t2 == Ty::S32 ? map3<Dp4aF<uint8_t, int8_t>> : nullptr;
      if (k.t == Ty::S32) return k.t2 == Ty::U32 ? map3<Dp4aF<int8_t, uint8_t>> : k.t2 == Ty::S32 ? map3<Dp4aF<int8_t, int8_t>> : nullptr;
      return nullptr;
    case Op::Dp2a: {
      bool hi = k.flags & kHigh;
      if (k.t == Ty::U32 && k.t2 == Ty::U32) return hi ? map3<Dp2aF<uint16_t, uint8_t, true>> : map3<Dp2aF<uint16_t, uint8_t, false>>;
      if (k.t == Ty::U32 && k.t2 == Ty::S32) return hi ? map3<Dp2aF<uint16_t, int8_t, true>> : map3<Dp2aF<uint16_t, int8_t, false>>;
      if (k.t == Ty::S32 && k.t2 == Ty::U32) return hi ? map3<Dp2aF<int16_t, uint8_t, true>> : map3<Dp2aF<int16_t, uint8_t, false>>;
      if (k.t == Ty::S32 && k.t2 == Ty::S32) return hi ? map3<Dp2aF<int16_t, int8_t, true>> : map3<Dp2aF<int16_t, int8_t, false>>;
      return nullptr;
    }
    case Op::And: BIT_TYPES(2, AndF)
    case Op::Or: BIT_TYPES(2, OrF)
    case Op::Xor: BIT_TYPES(2, XorF)
    case Op::Not: BIT_TYPES(1, NotF)
    case Op::Cnot: BIT_TYPES(1, CnotF)
    case Op::Shl: BIT_TYPES(2, ShlF)
    case Op::Shr: INT_TYPES(2, ShrF)
    case Op::Shf:
      if (k.t != Ty::U32) return nullptr;
      if (k.flags & kLeft) return clamp ? map3<ShfF<true, true>> : map3<ShfF<true, false>>;
      return clamp ? map3<ShfF<false, true>> : map3<ShfF<false, false>>;
    case Op::Lop3: return k.t == Ty::U32 ? lop3_op : nullptr;
    case Op::Prmt:
      if (k.t != Ty::U32) return nullptr;
      switch (k.sub) {
        case 0: return map3<PrmtF<0>>;
        case 1: return map3<PrmtF<1>>;
        case 2: return map3<PrmtF<2>>;
        case 3: return map3<PrmtF<3>>;
        case 4: return map3<PrmtF<4>>;
        case 5: return map3<PrmtF<5>>;
        case 6: return map3<PrmtF<6>>;
        default: return nullptr;
      }
    case Op::AddC: return carry_by_type<Op::AddC>(k);
    case Op::SubC: return carry_by_type<Op::SubC>(k);
    case Op::MadLoC: return carry_by_type<Op::MadLoC>(k);
    case Op::MadHiC: return carry_by_type<Op::MadHiC>(k);
    case Op::PredLogic: {
      constexpr Fn kFns[] = {pred_logic<0>, pred_logic<1>, pred_logic<2>, pred_logic<3>, pred_logic<4>};
      return k.sub < 5 ? kFns[k.sub] : nullptr;
    }
    case Op::Extend:
      if (k.t2 == Ty::B64) {
        switch (k.t) {
          case Ty::S8: return map1<ExtendF<int64_t, int8_t>>;
          case Ty::S16: return map1<ExtendF<int64_t, int16_t>>;
          case Ty::S32: return map1<ExtendF<int64_t, int32_t>>;
          default: break;
        }
        switch (bytes_of(k.t)) {
          case 1: return map1<ExtendF<uint64_t, uint8_t>>;
          case 2: return map1<ExtendF<uint64_t, uint16_t>>;
          case 4: return map1<ExtendF<uint64_t, uint32_t>>;
          default: return map1<ExtendF<uint64_t, uint64_t>>;
        }
      }
      switch (k.t) {
        case Ty::S8: return map1<ExtendF<int32_t, int8_t>>;
        case Ty::S16: return map1<ExtendF<int32_t, int16_t>>;
        default: break;
      }
      switch (bytes_of(k.t)) {
        case 1: return map1<ExtendF<uint32_t, uint8_t>>;
        case 2: return map1<ExtendF<uint32_t, uint16_t>>;
        case 4: return map1<ExtendF<uint32_t, uint32_t>>;
        default: return map1<NarrowF>;
      }
    default: return nullptr;
  }
}

}  // namespace softgpu::SOFTGPU_ISA
