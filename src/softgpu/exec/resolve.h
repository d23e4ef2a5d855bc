// From the address operands of 32 lanes to checked host addresses. Included only by exec/ops_*.cpp (see ops.h).
#pragma once
#include "softgpu/exec/ops.h"

namespace softgpu::SOFTGPU_ISA {
namespace {

enum class Shape { Fault, Uniform, Row, Scattered };   // of the active lanes: one address, neighbours in order (all 32), anything

inline Space kSpaceOf(const Insn& in) { return static_cast<Space>(in.flags >> 4); }

template <class M> struct SignedWordOf { using type = uint32_t; };
template <> struct SignedWordOf<int8_t> { using type = int32_t; };
template <> struct SignedWordOf<int16_t> { using type = int32_t; };
template <> struct SignedWordOf<uint64_t> { using type = uint64_t; };
template <class M> using SignedWord = typename SignedWordOf<M>::type;

template <class M> inline M read(uint64_t p) { return *reinterpret_cast<const volatile M*>(p); }
template <class M> inline void write(uint64_t p, M v) { *reinterpret_cast<volatile M*>(p) = v; }

inline void fault(Warp& w, int code, uint32_t mask, uint64_t address, const char* text) {
  w.fault = code;
  w.fault_lane = static_cast<uint32_t>(__builtin_ctz(mask));
  w.fault_address = address;
  w.fault_text = text;
}

// Slow path: every active lane looked up by itself, windows of the generic space included.
inline bool check_each(Warp& w, const Insn& in, uint32_t mask, uint32_t bytes, const uint64_t* p) {
  Site& site = w.sites[in.site];
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t i = static_cast<uint32_t>(__builtin_ctz(m));
    uint64_t a = p[i];
    if (a >= site.lo && a < site.hi && bytes <= site.hi - a) continue;
    uint64_t shared = a - reinterpret_cast<uint64_t>(w.shared), local = a - reinterpret_cast<uint64_t>(w.local) - i * w.local_bytes;
    uint64_t param = a - reinterpret_cast<uint64_t>(w.params);
    if (shared < w.shared_bytes && bytes <= w.shared_bytes - shared) continue;
    if (local < w.local_bytes && bytes <= w.local_bytes - local) continue;
    if (param < w.param_bytes && bytes <= w.param_bytes - param) continue;
    Site found;
    if (!w.find(w, a, &found) || bytes > found.hi - a) return fault(w, 700, 1u << i, a, "address outside every allocation"), false;
    site = found;
  }
  return true;
}

// p[i] becomes the host address of lane i (for lanes that are off, that of an active one). Align: bytes of one element.
template <int Align> inline Shape resolve(Warp& w, const Insn& in, uint32_t base, int64_t offset, bool wide, uint32_t mask, Space space, uint32_t bytes, uint64_t* p) {
  if (wide) {
    const u64a* a = reg<uint64_t>(w, base);
    for (int i = 0; i < 32; i++) p[i] = a[i] + static_cast<uint64_t>(offset);
  } else {
    const u32a* a = reg<uint32_t>(w, base);
    for (int i = 0; i < 32; i++) p[i] = static_cast<uint32_t>(a[i] + static_cast<uint32_t>(offset));
  }
  if (mask != kAll) {
    uint64_t any = p[__builtin_ctz(mask)];
    for (int i = 0; i < 32; i++) p[i] = mask >> i & 1 ? p[i] : any;
  }
  uint64_t first = p[0], bits = 0, differ = 0, ragged = 0;
  int64_t least = static_cast<int64_t>(first), most = least;   // signed comparison, which AVX2 has; ranges end below 2^63
  for (int i = 0; i < 32; i++) {
    int64_t v = static_cast<int64_t>(p[i]);
    least = v < least ? v : least;
    most = v > most ? v : most;
  }
  uint64_t low = static_cast<uint64_t>(least), high = static_cast<uint64_t>(most);
  for (int i = 0; i < 32; i++) {
    bits |= p[i];
    differ |= p[i] ^ first;
    ragged |= p[i] ^ (first + static_cast<uint64_t>(i) * bytes);
  }
  Shape shape = differ == 0 ? Shape::Uniform : ragged == 0 ? Shape::Row : Shape::Scattered;
  uint64_t align = bytes == static_cast<uint32_t>(Align) ? Align : bytes > 16 ? 16 : bytes;
  if (bits & (align - 1)) {
    for (uint32_t m = mask; m; m &= m - 1)
      if (p[__builtin_ctz(m)] & (align - 1)) {
        fault(w, 716, m & -m, p[__builtin_ctz(m)], "misaligned address");
        break;
      }
    return Shape::Fault;
  }
  if (space == Space::Shared || space == Space::Local) {
    uint64_t size = space == Space::Shared ? w.shared_bytes : w.local_bytes;
    if (least < 0 || high >= size || bytes > size - high) {
      for (uint32_t m = mask; m; m &= m - 1) {
        uint64_t a = p[__builtin_ctz(m)];
        if (a < size && bytes <= size - a) continue;
        fault(w, 700, m & -m, a, space == Space::Shared ? "address outside the block's shared memory" : "address outside the thread's local memory");
        return Shape::Fault;
      }
    }
    if (space == Space::Shared) {
      uint64_t b = reinterpret_cast<uint64_t>(w.shared);
      for (int i = 0; i < 32; i++) p[i] += b;
    } else {
      uint64_t b = reinterpret_cast<uint64_t>(w.local), step = w.local_bytes;
      if (mask == kAll) for (int i = 0; i < 32; i++) p[i] += b + static_cast<uint64_t>(i) * step;
      else for (int i = 0; i < 32; i++) p[i] += b + (mask >> i & 1 ? static_cast<uint64_t>(i) : static_cast<uint64_t>(__builtin_ctz(mask))) * step;
      shape = Shape::Scattered;
    }
    return shape;
  }
  const Site& site = w.sites[in.site];
  if (low >= site.lo && low < site.hi && high < site.hi && bytes <= site.hi - high) return shape;
  return check_each(w, in, mask, bytes, p) ? shape : Shape::Fault;
}

}  // namespace
}  // namespace softgpu::SOFTGPU_ISA
