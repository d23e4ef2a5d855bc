// cp.async.bulk, cp.reduce.async.bulk and st.bulk, lane by lane and at once. Called by the interpreter on whichever thread runs the warp.
#include <string.h>

#include "softgpu/exec/half.h"
#include "softgpu/exec/mbarrier.h"
#include "softgpu/exec/ops.h"
#include "softgpu/exec/resolve.h"

namespace softgpu::SOFTGPU_ISA {
namespace {

// One lane's range of `bytes` (a power of two up to 16, or a multiple of 16), checked like any access; 0: a fault.
uint64_t range(Warp& w, const Insn& in, uint32_t base, int64_t offset, bool wide, Space space, uint32_t site, int lane, uint32_t bytes) {
  Insn at = in;
  at.site = site;
  uint64_t p[32];
  return resolve<16>(w, at, base, offset, wide, 1u << lane, space, bytes, p) == Shape::Fault ? 0 : p[lane];
}

enum { kAdd, kMin, kMax, kInc, kDec, kAnd, kOr, kXor };
template <class T> T integer(T old, T v, int op) {
  switch (op) {
    case kAdd: return static_cast<T>(old + v);
    case kMin: return old < v ? old : v;
    case kMax: return old > v ? old : v;
    case kInc: return old >= v ? 0 : static_cast<T>(old + 1);
    case kDec: return old == 0 || old > v ? v : static_cast<T>(old - 1);
    case kAnd: return old & v;
    case kOr: return old | v;
    default: return old ^ v;
  }
}
template <bool Brain> uint16_t short_float(uint16_t a, uint16_t b, int op) {
  float x = Brain ? brain_to_float(a) : half_to_float(a), y = Brain ? brain_to_float(b) : half_to_float(b);
  if (op == kAdd) return Brain ? float_to_brain(x + y) : float_to_half(x + y);
  if (x != x || y != y) return x == x ? a : y == y ? b : 0x7fff;
  return (op == kMax ? (x > y || (x == y && !(a >> 15))) : (x < y || (x == y && a >> 15))) ? a : b;
}
// Elements of type T in words of type W, each an atomic operation.
template <class W, class F> void each(uint64_t to, uint64_t from, uint32_t bytes, F f) {
  for (uint32_t i = 0; i < bytes; i += sizeof(W)) {
    W* at = reinterpret_cast<W*>(to + i);
    W v, before = __atomic_load_n(at, __ATOMIC_RELAXED), after;
    memcpy(&v, reinterpret_cast<const void*>(from + i), sizeof v);
    do after = f(before, v);
    while (!__atomic_compare_exchange_n(at, &before, after, true, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED));
  }
}
template <Ty T> void combine(uint64_t to, uint64_t from, uint32_t n, int op) {
  if constexpr (T == Ty::U32) each<uint32_t>(to, from, n, [op](uint32_t a, uint32_t b) { return integer(a, b, op); });
  if constexpr (T == Ty::S32) each<uint32_t>(to, from, n, [op](uint32_t a, uint32_t b) { return op == kAdd ? a + b : static_cast<uint32_t>(integer(static_cast<int32_t>(a), static_cast<int32_t>(b), op)); });
  if constexpr (T == Ty::U64) each<uint64_t>(to, from, n, [op](uint64_t a, uint64_t b) { return integer(a, b, op); });
  if constexpr (T == Ty::S64) each<uint64_t>(to, from, n, [op](uint64_t a, uint64_t b) { return op == kAdd ? a + b : static_cast<uint64_t>(integer(static_cast<int64_t>(a), static_cast<int64_t>(b), op)); });
  if constexpr (T == Ty::F32) each<uint32_t>(to, from, n, [](uint32_t a, uint32_t b) { float r = float_of(a) + float_of(b); return r != r ? 0x7fffffffu : bits_of(r); });
  if constexpr (T == Ty::F64) each<uint64_t>(to, from, n, [](uint64_t a, uint64_t b) { return bits_of(double_of(a) + double_of(b)); });
  if constexpr (T == Ty::F16) each<uint16_t>(to, from, n, [op](uint16_t a, uint16_t b) { return short_float<false>(a, b, op); });
  if constexpr (T == Ty::BF16) each<uint16_t>(to, from, n, [op](uint16_t a, uint16_t b) { return short_float<true>(a, b, op); });
}

// T: None copies. extra: see ptx/decode_bulk.cpp.
template <Ty T> void bulk(Warp& w, const Insn& in, uint32_t mask) {
  const uint32_t* x = extras(w, in);
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    uint32_t bytes = reg<uint32_t>(w, in.r[3])[i];
    if (bytes % 16) return fault(w, 719, m & -m, 0, "a bulk copy's size is no multiple of 16");
    if (bytes) {
      uint64_t to = range(w, in, in.r[1], in.imm, in.flags & kAddress64, kSpaceOf(in), in.site, i, bytes);
      uint64_t from = to ? range(w, in, in.r[2], static_cast<int32_t>(x[0]), x[1], static_cast<Space>(x[2]), x[3], i, bytes) : 0;
      if (!from) return;
      if (T == Ty::None) memmove(reinterpret_cast<void*>(to), reinterpret_cast<const void*>(from), bytes);
      else combine<T>(to, from, bytes, in.sub);
    }
    if (in.r[4] == kNoReg) continue;
    uint64_t barrier = range(w, in, in.r[4], static_cast<int32_t>(x[4]), x[5], Space::Shared, x[6], i, 8);
    if (!barrier) return;
    write<uint64_t>(barrier, mbarrier::with_bytes(read<uint64_t>(barrier), -static_cast<int64_t>(bytes)));
  }
}
void zeros(Warp& w, const Insn& in, uint32_t mask) {
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    uint64_t bytes = reg<uint64_t>(w, in.r[2])[i];
    if (bytes % 8 || bytes > 0xffffff) return fault(w, 719, m & -m, 0, "st.bulk of a bad size");
    for (uint64_t at = 0; at < bytes; at += 8) {
      uint64_t to = range(w, in, in.r[1], in.imm + static_cast<int64_t>(at), in.flags & kAddress64, kSpaceOf(in), in.site, i, 8);
      if (!to) return;
      write<uint64_t>(to, 0);
    }
  }
}

}  // namespace

Fn select_bulk(const Key& k) {
  if (k.op == Op::StBulk) return zeros;
  bool logic = k.sub >= kAnd, count = k.sub == kInc || k.sub == kDec;
  switch (k.t) {
    case Ty::None: return bulk<Ty::None>;
    case Ty::B32: return logic ? bulk<Ty::U32> : nullptr;
    case Ty::B64: return logic ? bulk<Ty::U64> : nullptr;
    case Ty::U32: return logic ? nullptr : bulk<Ty::U32>;
    case Ty::S32: return logic || count ? nullptr : bulk<Ty::S32>;
    case Ty::U64: return logic || count ? nullptr : bulk<Ty::U64>;
    case Ty::S64: return logic || count ? nullptr : bulk<Ty::S64>;
    case Ty::F32: return k.sub == kAdd ? bulk<Ty::F32> : nullptr;
    case Ty::F64: return k.sub == kAdd ? bulk<Ty::F64> : nullptr;
    case Ty::F16: return k.sub <= kMax ? bulk<Ty::F16> : nullptr;
    case Ty::BF16: return k.sub <= kMax ? bulk<Ty::BF16> : nullptr;
    default: return nullptr;
  }
}

}  // namespace softgpu::SOFTGPU_ISA
