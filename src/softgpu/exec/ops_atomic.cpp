// atom and red: host atomics on global memory; shared memory needs none, since one thread runs a block at a time.
// Called by the interpreter on whichever thread runs the warp.
#include "softgpu/exec/half.h"
#include "softgpu/exec/ops.h"
#include "softgpu/exec/resolve.h"

namespace softgpu::SOFTGPU_ISA {
namespace {

enum Atomic { kAdd, kMin, kMax, kInc, kDec, kAnd, kOr, kXor, kExch, kCas };

template <class T, int A> inline T combine(T old, T v, T with) {
  if constexpr (A == kExch) return v;
  if constexpr (A == kCas) return old == v ? with : old;
  if constexpr (A == kAdd) return static_cast<T>(old + v);
  if constexpr (A == kMin) return old < v ? old : v;
  if constexpr (A == kMax) return old > v ? old : v;
  if constexpr (A == kInc) return old >= v ? 0 : static_cast<T>(old + 1);
  if constexpr (A == kDec) return old == 0 || old > v ? v : static_cast<T>(old - 1);
  if constexpr (A == kAnd) return old & v;
  if constexpr (A == kOr) return old | v;
  if constexpr (A == kXor) return old ^ v;
}

// How a memory word of type W is combined.
template <class W, class T, int A> struct IntegerOp { static W f(W old, W v, W with) { return static_cast<W>(combine<T, A>(static_cast<T>(old), static_cast<T>(v), static_cast<T>(with))); } };
template <> struct IntegerOp<uint32_t, int32_t, kAdd> { static uint32_t f(uint32_t old, uint32_t v, uint32_t) { return old + v; } };
inline float flush(float v) { return (bits_of(v) & 0x7f800000) == 0 ? float_of(bits_of(v) & 0x80000000) : v; }
struct AddF32 {
  static uint32_t f(uint32_t old, uint32_t v, uint32_t) {
    float r = float_of(old) + float_of(v);
    return r != r ? 0x7fffffff : bits_of(r);
  }
};
struct AddF32Ftz {   // in global memory subnormals count as zero
  static uint32_t f(uint32_t old, uint32_t v, uint32_t) {
    float r = flush(flush(float_of(old)) + flush(float_of(v)));
    return r != r ? 0x7fffffff : bits_of(r);
  }
};
struct AddF64 { static uint64_t f(uint64_t old, uint64_t v, uint64_t) { return bits_of(double_of(old) + double_of(v)); } };
struct AddF64Global {   // NaNs pass as they are
  static uint64_t f(uint64_t old, uint64_t v, uint64_t) {
    auto nan = [](uint64_t b) { return (b & ~(1ull << 63)) > 0x7ff0000000000000; };
    return nan(v) ? v : nan(old) ? old : bits_of(double_of(old) + double_of(v));
  }
};
struct AddF16 { static uint16_t f(uint16_t old, uint16_t v, uint16_t) { return float_to_half(half_to_float(old) + half_to_float(v)); } };
struct AddBF16 { static uint16_t f(uint16_t old, uint16_t v, uint16_t) { return float_to_brain(brain_to_float(old) + brain_to_float(v)); } };
template <bool Brain, bool Max> struct PickHalf {   // -0 is less than +0; a NaN gives the other operand
  static uint16_t f(uint16_t a, uint16_t b, uint16_t) {
    float x = Brain ? brain_to_float(a) : half_to_float(a), y = Brain ? brain_to_float(b) : half_to_float(b);
    if (x != x || y != y) return x == x ? a : y == y ? b : 0x7fff;
    bool first = Max ? (x > y || (x == y && !(a >> 15))) : (x < y || (x == y && a >> 15));
    return first ? a : b;
  }
};
template <class H> struct PairOf {
  static uint32_t f(uint32_t old, uint32_t v, uint32_t) {
    return static_cast<uint32_t>(H::f(static_cast<uint16_t>(old >> 16), static_cast<uint16_t>(v >> 16), 0)) << 16 |
           H::f(static_cast<uint16_t>(old), static_cast<uint16_t>(v), 0);
  }
};

// Lanes in order; the value before goes to r[0] when there is one (atom).
template <class W, class F, bool Cas> void atomic(Warp& w, const Insn& in, uint32_t mask) {
  uint64_t p[32];
  if (in.extra && in.extra != sizeof(W)) {   // the first element of a vector: aligned as a whole
    for (uint32_t m = mask; m; m &= m - 1) {
      uint64_t a = (in.flags & kAddress64 ? reg<uint64_t>(w, in.r[1])[__builtin_ctz(m)] : reg<uint32_t>(w, in.r[1])[__builtin_ctz(m)]) + static_cast<uint64_t>(in.imm);
      if (a & (in.extra - 1)) return fault(w, 716, m & -m, a, "misaligned address");
    }
  }
  if (resolve<sizeof(W)>(w, in, in.r[1], in.imm, in.flags & kAddress64, mask, kSpaceOf(in), sizeof(W), p) == Shape::Fault) return;
  alignas(64) Box<W> v[32], with[32], old[32];
  const auto* b = reg<W>(w, in.r[2]);
  for (int i = 0; i < 32; i++) v[i] = b[i];
  if constexpr (Cas) {
    const auto* c = reg<W>(w, in.r[3]);
    for (int i = 0; i < 32; i++) with[i] = c[i];
  }
  bool shared = kSpaceOf(in) == Space::Shared;
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    W* at = reinterpret_cast<W*>(p[i]);
    W x = static_cast<W>(v[i]), y = Cas ? static_cast<W>(with[i]) : W{0};
    if (shared) {
      W before = *at;
      *at = F::f(before, x, y);
      old[i] = before;
      continue;
    }
    W before = __atomic_load_n(at, __ATOMIC_RELAXED), after;
    do after = F::f(before, x, y);
    while (!__atomic_compare_exchange_n(at, &before, after, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
    old[i] = before;
  }
  if (in.r[0] != kNoReg) blend<Box<W>>(reg<W>(w, in.r[0]), old, mask);
}

// add.f32 and add.f64: which rule holds depends on where the word lies.
template <class W, class Global, class Local> void add_float(Warp& w, const Insn& in, uint32_t mask) {
  if (kSpaceOf(in) == Space::Shared) return atomic<W, Local, false>(w, in, mask);
  uint32_t inside = 0;   // generic addresses of shared memory
  if (in.flags & kAddress64)
    for (uint32_t m = mask; m; m &= m - 1)
      if (cluster_block(w, reg<uint64_t>(w, in.r[1])[__builtin_ctz(m)] + static_cast<uint64_t>(in.imm), sizeof(W)) != kNoBlock) inside |= m & -m;
  if (mask & ~inside) atomic<W, Global, false>(w, in, mask & ~inside);
  if (inside && !w.fault) atomic<W, Local, false>(w, in, inside);
}

// 128 bits: exch and cas only, the two halves in arrays of their own.
template <bool Cas> void atomic128(Warp& w, const Insn& in, uint32_t mask) {
  uint64_t p[32];
  if (resolve<16>(w, in, in.r[1], in.imm, in.flags & kAddress64, mask, kSpaceOf(in), 16, p) == Shape::Fault) return;
  auto value = [&](uint32_t r, int i) { return static_cast<unsigned __int128>(reg<uint64_t>(w, r + 256)[i]) << 64 | reg<uint64_t>(w, r)[i]; };
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    auto* at = reinterpret_cast<unsigned __int128*>(p[i]);
    unsigned __int128 x = value(in.r[2], i), before;
    if (Cas) {
      before = __sync_val_compare_and_swap(at, x, value(in.r[3], i));
    } else {
      do before = __sync_val_compare_and_swap(at, x, x);   // reads it
      while (__sync_val_compare_and_swap(at, before, x) != before);
    }
    if (in.r[0] == kNoReg) continue;
    reg<uint64_t>(w, in.r[0])[i] = static_cast<uint64_t>(before);
    reg<uint64_t>(w, in.r[0] + 256)[i] = static_cast<uint64_t>(before >> 64);
  }
}

template <class W, class T, int A> Fn fn() { return atomic<W, IntegerOp<W, T, A>, A == kCas>; }
template <class W, class S> Fn integer(const Key& k) {
  bool s = is_signed(k.t);
  switch (k.sub) {
    case kAdd: return fn<W, W, kAdd>();
    case kMin: return s ? fn<W, S, kMin>() : fn<W, W, kMin>();
    case kMax: return s ? fn<W, S, kMax>() : fn<W, W, kMax>();
    case kInc: return sizeof(W) == 4 && !s ? fn<W, W, kInc>() : nullptr;
    case kDec: return sizeof(W) == 4 && !s ? fn<W, W, kDec>() : nullptr;
    case kAnd: return fn<W, W, kAnd>();
    case kOr: return fn<W, W, kOr>();
    case kXor: return fn<W, W, kXor>();
    case kExch: return fn<W, W, kExch>();
    case kCas: return fn<W, W, kCas>();
    default: return nullptr;
  }
}

template <class Add, bool Brain> Fn pick16(int sub) {
  return sub == kAdd ? atomic<uint16_t, Add, false> : sub == kMin ? atomic<uint16_t, PickHalf<Brain, false>, false> : sub == kMax ? atomic<uint16_t, PickHalf<Brain, true>, false> : nullptr;
}
template <class Add, bool Brain> Fn pick32(int sub) {
  return sub == kAdd ? atomic<uint32_t, PairOf<Add>, false> : sub == kMin ? atomic<uint32_t, PairOf<PickHalf<Brain, false>>, false>
         : sub == kMax ? atomic<uint32_t, PairOf<PickHalf<Brain, true>>, false> : nullptr;
}

}  // namespace

Fn select_atomic(const Key& k) {
  switch (k.t) {
    case Ty::B32: case Ty::U32: case Ty::S32: return integer<uint32_t, int32_t>(k);
    case Ty::B64: case Ty::U64: case Ty::S64: return integer<uint64_t, int64_t>(k);
    case Ty::B16: return k.sub == kCas ? fn<uint16_t, uint16_t, kCas>() : k.sub == kExch ? fn<uint16_t, uint16_t, kExch>() : nullptr;
    case Ty::B128: return k.sub == kCas ? atomic128<true> : k.sub == kExch ? atomic128<false> : nullptr;
    case Ty::F32: return k.sub == kAdd ? add_float<uint32_t, AddF32Ftz, AddF32> : nullptr;
    case Ty::F64: return k.sub == kAdd ? add_float<uint64_t, AddF64Global, AddF64> : nullptr;
    case Ty::F16: return pick16<AddF16, false>(k.sub);
    case Ty::BF16: return pick16<AddBF16, true>(k.sub);
    case Ty::F16x2: return pick32<AddF16, false>(k.sub);
    case Ty::BF16x2: return pick32<AddBF16, true>(k.sub);
    default: return nullptr;
  }
}

}  // namespace softgpu::SOFTGPU_ISA
