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
struct AddF32 {
  static uint32_t f(uint32_t old, uint32_t v, uint32_t) {   // atomics on f32 in global memory flush nothing here
    float r = float_of(old) + float_of(v);
    return r != r ? 0x7fffffff : bits_of(r);
  }
};
struct AddF64 { static uint64_t f(uint64_t old, uint64_t v, uint64_t) { return bits_of(double_of(old) + double_of(v)); } };
struct AddF16 { static uint16_t f(uint16_t old, uint16_t v, uint16_t) { return float_to_half(half_to_float(old) + half_to_float(v)); } };
struct AddBF16 { static uint16_t f(uint16_t old, uint16_t v, uint16_t) { return float_to_brain(brain_to_float(old) + brain_to_float(v)); } };
template <class H> struct PairOf {
  static uint32_t f(uint32_t old, uint32_t v, uint32_t) {
    return static_cast<uint32_t>(H::f(static_cast<uint16_t>(old >> 16), static_cast<uint16_t>(v >> 16), 0)) << 16 |
           H::f(static_cast<uint16_t>(old), static_cast<uint16_t>(v), 0);
  }
};

// Lanes in order; the value before goes to r[0] when there is one (atom).
template <class W, class F, bool Cas> void atomic(Warp& w, const Insn& in, uint32_t mask) {
  uint64_t p[32];
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

}  // namespace

Fn select_atomic(const Key& k) {
  switch (k.t) {
    case Ty::B32: case Ty::U32: case Ty::S32: return integer<uint32_t, int32_t>(k);
    case Ty::B64: case Ty::U64: case Ty::S64: return integer<uint64_t, int64_t>(k);
    case Ty::B16: return k.sub == kCas ? fn<uint16_t, uint16_t, kCas>() : k.sub == kExch ? fn<uint16_t, uint16_t, kExch>() : nullptr;
    case Ty::F32: return k.sub == kAdd ? atomic<uint32_t, AddF32, false> : nullptr;
    case Ty::F64: return k.sub == kAdd ? atomic<uint64_t, AddF64, false> : nullptr;
    case Ty::F16: return k.sub == kAdd ? atomic<uint16_t, AddF16, false> : nullptr;
    case Ty::BF16: return k.sub == kAdd ? atomic<uint16_t, AddBF16, false> : nullptr;
    case Ty::F16x2: return k.sub == kAdd ? atomic<uint32_t, PairOf<AddF16>, false> : nullptr;
    case Ty::BF16x2: return k.sub == kAdd ? atomic<uint32_t, PairOf<AddBF16>, false> : nullptr;
    default: return nullptr;
  }
}

}  // namespace softgpu::SOFTGPU_ISA
