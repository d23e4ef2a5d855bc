// The loops that all instruction functions are made of: 32 lanes, with a fast path when all of them are active.
// Included only by exec/ops_*.cpp, each compiled once per instruction set with SOFTGPU_ISA naming the namespace; everything has
// internal linkage so that the linker never mixes the sets.
#pragma once
#include <cstdint>
#if defined(__SSE2__)
#include <immintrin.h>
#endif

#include "softgpu/exec/warp.h"

#ifndef SOFTGPU_ISA
#define SOFTGPU_ISA isa_base
#endif

namespace softgpu::SOFTGPU_ISA {

Fn select_int(const Key& k);
Fn select_float(const Key& k);
Fn select_half(const Key& k);
Fn select_compare(const Key& k);
Fn select_convert(const Key& k);
Fn select_memory(const Key& k);
Fn select_atomic(const Key& k);
Fn select_warp(const Key& k);
Fn select_matrix(const Key& k);
Fn select_mbarrier(const Key& k);
Fn select_video(const Key& k);
Fn select_bulk(const Key& k);
Fn select_narrow(const Key& k);   // by select_convert

namespace {

typedef uint32_t u32a __attribute__((may_alias));
typedef uint64_t u64a __attribute__((may_alias));
typedef float f32a __attribute__((may_alias));
typedef double f64a __attribute__((may_alias));

// Where a T lives in the register file: its own type for 32 and 64 bits, uint32_t for shorter ones.
template <class T> struct BoxOf { using type = u32a; };
template <> struct BoxOf<uint64_t> { using type = u64a; };
template <> struct BoxOf<int64_t> { using type = u64a; };
template <> struct BoxOf<float> { using type = f32a; };
template <> struct BoxOf<double> { using type = f64a; };
template <class T> using Box = typename BoxOf<T>::type;

template <class T> inline Box<T>* reg(Warp& w, uint32_t offset) { return reinterpret_cast<Box<T>*>(w.regs + offset); }
inline uint32_t& pred(Warp& w, uint32_t offset) { return *reinterpret_cast<u32a*>(w.regs + offset); }
inline void set_pred(Warp& w, uint32_t offset, uint32_t mask, uint32_t value) {
  uint32_t& p = pred(w, offset);
  p = (p & ~mask) | (value & mask);
}

inline const uint32_t* extras(Warp& w, const Insn& in) { return w.extra + in.extra; }

constexpr uint32_t kAll = ~0u;

inline uint32_t bits_of(float f) { return __builtin_bit_cast(uint32_t, f); }
inline uint64_t bits_of(double f) { return __builtin_bit_cast(uint64_t, f); }
inline float float_of(uint32_t b) { return __builtin_bit_cast(float, b); }
inline double double_of(uint64_t b) { return __builtin_bit_cast(double, b); }

// 32 lane words, 0 or ~0, to a mask with a bit a lane and back.
inline uint32_t to_mask(const int32_t* t) {
  uint32_t m = 0;
#if defined(__AVX2__)
  for (int i = 0; i < 4; i++)
    m |= static_cast<uint32_t>(_mm256_movemask_ps(_mm256_castsi256_ps(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(t + 8 * i))))) << (8 * i);
#elif defined(__SSE2__)
  for (int i = 0; i < 8; i++)
    m |= static_cast<uint32_t>(_mm_movemask_ps(_mm_castsi128_ps(_mm_loadu_si128(reinterpret_cast<const __m128i*>(t + 4 * i))))) << (4 * i);
#else
  for (int i = 0; i < 32; i++) m |= static_cast<uint32_t>(t[i] & 1) << i;
#endif
  return m;
}

template <class B> inline void blend(B* d, const B* t, uint32_t mask) {
#pragma GCC ivdep
  for (int i = 0; i < 32; i++) d[i] = mask >> i & 1 ? t[i] : d[i];
}

// F: D and S types, static D f(S…). kSlow: too dear to compute for lanes that are off.
template <class F> inline constexpr bool kSlow = requires { F::slow; };

template <class F> void map1(Warp& w, const Insn& in, uint32_t mask) {
  auto* d = reg<typename F::D>(w, in.r[0]);
  const auto* a = reg<typename F::A>(w, in.r[1]);
  using D = Box<typename F::D>;
  if (mask == kAll) {
#pragma GCC ivdep
    for (int i = 0; i < 32; i++) d[i] = static_cast<D>(F::f(static_cast<typename F::A>(a[i])));
  } else if constexpr (kSlow<F>) {
    for (uint32_t m = mask; m; m &= m - 1) {
      int i = __builtin_ctz(m);
      d[i] = static_cast<D>(F::f(static_cast<typename F::A>(a[i])));
    }
  } else {
    alignas(64) D t[32];
    for (int i = 0; i < 32; i++) t[i] = static_cast<D>(F::f(static_cast<typename F::A>(a[i])));
    blend(d, t, mask);
  }
}

template <class F> void map2(Warp& w, const Insn& in, uint32_t mask) {
  auto* d = reg<typename F::D>(w, in.r[0]);
  const auto* a = reg<typename F::A>(w, in.r[1]);
  const auto* b = reg<typename F::B>(w, in.r[2]);
  using D = Box<typename F::D>;
  if (mask == kAll) {
#pragma GCC ivdep
    for (int i = 0; i < 32; i++) d[i] = static_cast<D>(F::f(static_cast<typename F::A>(a[i]), static_cast<typename F::B>(b[i])));
  } else if constexpr (kSlow<F>) {
    for (uint32_t m = mask; m; m &= m - 1) {
      int i = __builtin_ctz(m);
      d[i] = static_cast<D>(F::f(static_cast<typename F::A>(a[i]), static_cast<typename F::B>(b[i])));
    }
  } else {
    alignas(64) D t[32];
    for (int i = 0; i < 32; i++) t[i] = static_cast<D>(F::f(static_cast<typename F::A>(a[i]), static_cast<typename F::B>(b[i])));
    blend(d, t, mask);
  }
}

template <class F> void map3(Warp& w, const Insn& in, uint32_t mask) {
  auto* d = reg<typename F::D>(w, in.r[0]);
  const auto* a = reg<typename F::A>(w, in.r[1]);
  const auto* b = reg<typename F::B>(w, in.r[2]);
  const auto* c = reg<typename F::C>(w, in.r[3]);
  using D = Box<typename F::D>;
  auto one = [&](int i) {
    return static_cast<D>(F::f(static_cast<typename F::A>(a[i]), static_cast<typename F::B>(b[i]), static_cast<typename F::C>(c[i])));
  };
  if (mask == kAll) {
#pragma GCC ivdep
    for (int i = 0; i < 32; i++) d[i] = one(i);
  } else if constexpr (kSlow<F>) {
    for (uint32_t m = mask; m; m &= m - 1) d[__builtin_ctz(m)] = one(__builtin_ctz(m));
  } else {
    alignas(64) D t[32];
    for (int i = 0; i < 32; i++) t[i] = one(i);
    blend(d, t, mask);
  }
}

// Rounding of the host's floating-point unit for the life of this object; memory is the barrier that keeps the loops inside.
class HostRounding {
 public:
#if defined(__SSE2__)
  explicit HostRounding(uint8_t round) {
    if (round == kNearest || round > kUp) return;
    asm volatile("stmxcsr %0" : "=m"(old_) : : "memory");
    uint32_t mode = round == kZero ? 3 : round == kDown ? 1 : 2;
    uint32_t now = (old_ & ~0x6000u) | mode << 13;
    asm volatile("ldmxcsr %0" : : "m"(now) : "memory");
    set_ = true;
  }
  ~HostRounding() {
    if (set_) asm volatile("ldmxcsr %0" : : "m"(old_) : "memory");
  }
 private:
  uint32_t old_ = 0;
  bool set_ = false;
#else
  explicit HostRounding(uint8_t) {}
#endif
};

}  // namespace
}  // namespace softgpu::SOFTGPU_ISA
