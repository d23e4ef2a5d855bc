// Exchange between the lanes of a warp, and the clocks. The interpreter has gathered the lanes before it calls these; mask is those
// that run the instruction. r[4]: member mask register.
#include <time.h>

#include "softgpu/exec/ops.h"

namespace softgpu::SOFTGPU_ISA {
namespace {

enum { kShflUp, kShflDown, kShflBfly, kShflIdx };

template <int Mode> void shfl(Warp& w, const Insn& in, uint32_t mask) {
  const auto *a = reg<uint32_t>(w, in.r[1]), *b = reg<uint32_t>(w, in.r[2]), *c = reg<uint32_t>(w, in.r[3]);
  alignas(64) u32a t[32];
  uint32_t inside = 0;
  for (int lane = 0; lane < 32; lane++) {
    int by = static_cast<int>(b[lane] & 31), clamp = static_cast<int>(c[lane] & 31), segment = static_cast<int>(c[lane] >> 8 & 31);
    int top = (lane & segment) | (clamp & ~segment), bottom = lane & segment, from;
    bool ok;
    if (Mode == kShflUp) from = lane - by, ok = from >= top;
    else if (Mode == kShflDown) from = lane + by, ok = from <= top;
    else if (Mode == kShflBfly) from = lane ^ by, ok = from <= top;
    else from = bottom | (by & ~segment), ok = from <= top;
    if (!ok) from = lane;
    t[lane] = a[from & 31];
    inside |= static_cast<uint32_t>(ok) << lane;
  }
  blend<u32a>(reg<uint32_t>(w, in.r[0]), t, mask);
  if (in.flags & kHasPredicateOut) set_pred(w, extras(w, in)[0], mask, inside);
}

enum { kAllOf, kAnyOf, kUni, kBallot };
template <int Mode> void vote(Warp& w, const Insn& in, uint32_t mask) {
  uint32_t p = pred(w, in.r[1]) & mask;
  if (Mode == kBallot) {
    auto* d = reg<uint32_t>(w, in.r[0]);
    for (int i = 0; i < 32; i++) d[i] = mask >> i & 1 ? p : d[i];
    return;
  }
  bool r = Mode == kAllOf ? p == mask : Mode == kAnyOf ? p != 0 : p == mask || p == 0;
  set_pred(w, in.r[0], mask, r ? ~0u : 0);
}

template <class T, bool All> void match(Warp& w, const Insn& in, uint32_t mask) {
  const auto* a = reg<T>(w, in.r[1]);
  alignas(64) u32a t[32];
  for (int i = 0; i < 32; i++) t[i] = 0;
  uint32_t same = 0;
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    uint32_t r = 0;
    for (uint32_t n = mask; n; n &= n - 1) r |= static_cast<uint32_t>(a[__builtin_ctz(n)] == a[i]) << __builtin_ctz(n);
    t[i] = !All || r == mask ? r : 0;
    same |= static_cast<uint32_t>(r == mask) << i;
  }
  blend<u32a>(reg<uint32_t>(w, in.r[0]), t, mask);
  if (in.flags & kHasPredicateOut) set_pred(w, extras(w, in)[0], mask, same);
}

void activemask(Warp& w, const Insn& in, uint32_t mask) {
  auto* d = reg<uint32_t>(w, in.r[0]);
  for (int i = 0; i < 32; i++) d[i] = mask >> i & 1 ? mask : d[i];
}

enum { kAdd, kMin, kMax, kAnd, kOr, kXor };
template <class T, int Mode> void redux(Warp& w, const Insn& in, uint32_t mask) {
  const auto* a = reg<uint32_t>(w, in.r[1]);
  T r = static_cast<T>(a[__builtin_ctz(mask)]);
  for (uint32_t m = mask & (mask - 1); m; m &= m - 1) {
    T v = static_cast<T>(a[__builtin_ctz(m)]);
    if (Mode == kAdd) r = static_cast<T>(static_cast<uint32_t>(r) + static_cast<uint32_t>(v));
    if (Mode == kMin) r = v < r ? v : r;
    if (Mode == kMax) r = v > r ? v : r;
    if (Mode == kAnd) r &= v;
    if (Mode == kOr) r |= v;
    if (Mode == kXor) r ^= v;
  }
  auto* d = reg<uint32_t>(w, in.r[0]);
  for (int i = 0; i < 32; i++) d[i] = mask >> i & 1 ? static_cast<uint32_t>(r) : d[i];
}

// f32, min and max: a NaN gives the others, or NaN with .NaN; -0 is less than +0. in.sub: kMin or kMax; Nan, Abs as modifiers.
template <bool Max, bool Nan, bool Abs> void redux_float(Warp& w, const Insn& in, uint32_t mask) {
  const auto* a = reg<uint32_t>(w, in.r[1]);
  bool any = false, nan = false;
  int32_t best = 0;
  auto ordered = [](uint32_t b) { return static_cast<int32_t>(b >> 31 ? ~b ^ 0x80000000u : b); };   // integers in the order of the floats
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t b = a[__builtin_ctz(m)];
    if (Abs) b &= 0x7fffffff;
    if ((b & 0x7fffffff) > 0x7f800000) {
      nan = true;
      continue;
    }
    int32_t v = ordered(b);
    best = !any || (Max ? v > best : v < best) ? v : best;
    any = true;
  }
  uint32_t r = !any || (Nan && nan) ? 0x7fffffff : best < 0 ? ~(static_cast<uint32_t>(best) ^ 0x80000000u) : static_cast<uint32_t>(best);
  auto* d = reg<uint32_t>(w, in.r[0]);
  for (int i = 0; i < 32; i++) d[i] = mask >> i & 1 ? r : d[i];
}

void elect(Warp& w, const Insn& in, uint32_t mask) {
  uint32_t leader = static_cast<uint32_t>(__builtin_ctz(mask));
  auto* d = reg<uint32_t>(w, in.r[0]);
  for (int i = 0; i < 32; i++) d[i] = mask >> i & 1 ? leader : d[i];
  set_pred(w, extras(w, in)[0], mask, 1u << leader);
}

// %clock %clock_hi %clock64 %globaltimer %globaltimer_lo %globaltimer_hi; clocks count nanoseconds.
void read_clock(Warp& w, const Insn& in, uint32_t mask) {
  timespec t;
  clock_gettime(in.sub < 3 ? CLOCK_MONOTONIC : CLOCK_REALTIME, &t);
  uint64_t ns = static_cast<uint64_t>(t.tv_sec) * 1000000000 + static_cast<uint64_t>(t.tv_nsec);
  if (in.sub == 2 || in.sub == 3) {
    auto* d = reg<uint64_t>(w, in.r[0]);
    for (int i = 0; i < 32; i++) d[i] = mask >> i & 1 ? ns : d[i];
  } else {
    auto* d = reg<uint32_t>(w, in.r[0]);
    uint32_t v = static_cast<uint32_t>(in.sub == 1 || in.sub == 5 ? ns >> 32 : ns);
    for (int i = 0; i < 32; i++) d[i] = mask >> i & 1 ? v : d[i];
  }
}

template <class T> Fn redux_fn(int sub) {
  constexpr Fn k[] = {redux<T, kAdd>, redux<T, kMin>, redux<T, kMax>, redux<T, kAnd>, redux<T, kOr>, redux<T, kXor>};
  return k[sub];
}

}  // namespace

Fn select_warp(const Key& k) {
  switch (k.op) {
    case Op::Shfl: {
      constexpr Fn kFns[] = {shfl<kShflUp>, shfl<kShflDown>, shfl<kShflBfly>, shfl<kShflIdx>};
      return bytes_of(k.t) == 4 ? kFns[k.sub] : nullptr;
    }
    case Op::Vote: {
      constexpr Fn kFns[] = {vote<kAllOf>, vote<kAnyOf>, vote<kUni>, vote<kBallot>};
      return kFns[k.sub];
    }
    case Op::Match:
      if (k.t == Ty::B64) return k.sub ? match<uint64_t, true> : match<uint64_t, false>;
      return k.sub ? match<uint32_t, true> : match<uint32_t, false>;
    case Op::Activemask: return activemask;
    case Op::Redux:
      if (k.t == Ty::F32) {
        bool nan = k.flags & kNan, abs = k.flags & kAbs;
        if (k.sub == kMax) return nan ? (abs ? redux_float<true, true, true> : redux_float<true, true, false>) : abs ? redux_float<true, false, true> : redux_float<true, false, false>;
        return nan ? (abs ? redux_float<false, true, true> : redux_float<false, true, false>) : abs ? redux_float<false, false, true> : redux_float<false, false, false>;
      }
      return k.t == Ty::S32 ? redux_fn<int32_t>(k.sub) : redux_fn<uint32_t>(k.sub);
    case Op::Elect: return elect;
    case Op::ReadClock: return read_clock;
    default: return nullptr;
  }
}

}  // namespace softgpu::SOFTGPU_ISA
