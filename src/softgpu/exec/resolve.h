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

// The commonest access by far, all 32 lanes at neighbouring global addresses: the first one, or 0 when it is anything else.
template <int Bytes> inline uint64_t whole_row(Warp& w, const Insn& in) {
  const u64a* a = reg<uint64_t>(w, in.r[1]);
  uint64_t differ = 0, zero = a[0], first = zero + static_cast<uint64_t>(in.imm);
  for (int i = 0; i < 32; i++) differ |= a[i] ^ (zero + static_cast<uint64_t>(i) * Bytes);
  const Site& site = w.sites[in.site];
  return differ == 0 && first % Bytes == 0 && first >= site.lo && first < site.hi && site.hi - first >= 32 * Bytes ? first : 0;
}
inline bool is_global(const Insn& in) { return (in.flags & kAddress64) && kSpaceOf(in) != Space::Shared && kSpaceOf(in) != Space::Local; }
inline bool is_shared(const Insn& in) { return !(in.flags & kAddress64) && kSpaceOf(in) == Space::Shared; }

#if defined(__AVX2__)
// All 32 lanes read 4 bytes of shared memory: eight lanes at a time, which mostly are a row or one word. False: not that simple.
inline bool load_shared_words(Warp& w, const Insn& in) {
  const __m256i* a = reinterpret_cast<const __m256i*>(w.regs + in.r[1]);
  __m256i offset = _mm256_set1_epi32(static_cast<int>(in.imm)), p[4], most, bits;
  for (int k = 0; k < 4; k++) p[k] = _mm256_add_epi32(_mm256_loadu_si256(a + k), offset);
  most = _mm256_max_epu32(_mm256_max_epu32(p[0], p[1]), _mm256_max_epu32(p[2], p[3]));
  bits = _mm256_or_si256(_mm256_or_si256(p[0], p[1]), _mm256_or_si256(p[2], p[3]));
  if (w.shared_bytes < 4 || !_mm256_testz_si256(bits, _mm256_set1_epi32(3))) return false;
  __m256i limit = _mm256_set1_epi32(static_cast<int>(w.shared_bytes - 4));
  if (!_mm256_testc_si256(_mm256_cmpeq_epi32(_mm256_max_epu32(most, limit), limit), _mm256_set1_epi32(-1))) return false;
  __m256i* d = reinterpret_cast<__m256i*>(w.regs + in.r[0]);
  const __m256i steps = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28), ones = _mm256_set1_epi32(-1);
  for (int k = 0; k < 4; k++) {
    uint32_t first = static_cast<uint32_t>(_mm256_cvtsi256_si32(p[k]));
    __m256i same = _mm256_broadcastd_epi32(_mm256_castsi256_si128(p[k]));
    const void* at = w.shared + first;
    if (_mm256_testc_si256(_mm256_cmpeq_epi32(p[k], _mm256_add_epi32(same, steps)), ones)) _mm256_storeu_si256(d + k, _mm256_loadu_si256(static_cast<const __m256i*>(at)));
    else if (_mm256_testc_si256(_mm256_cmpeq_epi32(p[k], same), ones)) _mm256_storeu_si256(d + k, _mm256_set1_epi32(*static_cast<const int*>(at)));
    else _mm256_storeu_si256(d + k, _mm256_i32gather_epi32(reinterpret_cast<const int*>(w.shared), p[k], 1));
  }
  return true;
}
#else
inline bool load_shared_words(Warp&, const Insn&) { return false; }
#endif

}  // namespace
}  // namespace softgpu::SOFTGPU_ISA
