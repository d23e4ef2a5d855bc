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
  w.fault_global = false;
  w.fault_text = text;
}

// Shared memory of a cluster. A 32-bit shared address has the number of a block + 1 above its 24 bits of offset, 0 for the block itself.
constexpr uint32_t kClusterShift = 24, kClusterOffset = (1u << kClusterShift) - 1, kNoBlock = ~0u;
inline uint32_t cluster_block(const Warp& w, uint64_t host, uint32_t bytes) {   // the block whose shared memory holds this generic address
  uint64_t at = host - reinterpret_cast<uint64_t>(w.cluster_shared), block = at / w.cluster_stride, offset = at - block * w.cluster_stride;
  return block < w.cluster_blocks && offset < w.shared_bytes && bytes <= w.shared_bytes - offset ? static_cast<uint32_t>(block) : kNoBlock;
}
inline uint64_t cluster_address(const Warp& w, uint64_t a, uint32_t bytes) {    // host address, 0: none
  uint64_t block = a >> kClusterShift, offset = a & kClusterOffset;
  if (block > w.cluster_blocks || offset >= w.shared_bytes || bytes > w.shared_bytes - offset) return 0;
  return reinterpret_cast<uint64_t>(w.cluster_shared) + offset + (block ? block - 1 : w.cluster_rank) * w.cluster_stride;
}

// Slow path: every active lane looked up by itself, windows of the generic space included.
inline bool check_each(Warp& w, const Insn& in, uint32_t mask, uint32_t bytes, const uint64_t* p) {
  Site& site = w.sites[in.site];
  for (uint32_t m = mask; m; m &= m - 1) {
    uint32_t i = static_cast<uint32_t>(__builtin_ctz(m));
    uint64_t a = p[i];
    if (a >= site.lo && a < site.hi && bytes <= site.hi - a) continue;
    uint64_t local = a - reinterpret_cast<uint64_t>(w.local) - i * w.local_bytes;
    uint64_t param = a - reinterpret_cast<uint64_t>(w.params);
    if (cluster_block(w, a, bytes) != kNoBlock) continue;
    if (local < w.local_bytes && bytes <= w.local_bytes - local) continue;
    if (param < w.param_bytes && bytes <= w.param_bytes - param) continue;
    Site found;
    if (!w.find(w, a, &found) || bytes > found.hi - a) return fault(w, 700, 1u << i, a, "address outside every allocation"), w.fault_global = true, false;
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
        w.fault_global = space != Space::Shared && space != Space::Local;
        break;
      }
    return Shape::Fault;
  }
  if (space == Space::Shared || space == Space::Local) {
    uint64_t size = space == Space::Shared ? w.shared_bytes : w.local_bytes;
    if (least < 0 || high >= size || bytes > size - high) {
      for (uint32_t m = mask; m; m &= m - 1) {
        uint64_t a = p[__builtin_ctz(m)];
        if (space == Space::Shared ? cluster_address(w, a, bytes) != 0 : a < size && bytes <= size - a) continue;
        fault(w, 700, m & -m, a, space == Space::Shared ? "address outside the block's shared memory" : "address outside the thread's local memory");
        return Shape::Fault;
      }
      if (space == Space::Shared) {   // somewhere in the cluster
        for (int i = 0; i < 32; i++) p[i] = cluster_address(w, p[i], bytes);
        return Shape::Scattered;
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
inline __m256i lanes_on(uint32_t mask, int k) {   // of eight lanes, from 8 * k on
  const __m256i lane_bits = _mm256_setr_epi32(1, 2, 4, 8, 16, 32, 64, 128);
  return _mm256_cmpeq_epi32(_mm256_and_si256(_mm256_set1_epi32(static_cast<int>(mask >> (8 * k))), lane_bits), lane_bits);
}

// The 32 lanes (also those that are off) name neighbouring words of the block's shared memory: done at once.
template <bool Store> inline bool shared_row(Warp& w, const Insn& in, uint32_t values, uint32_t mask) {
  const u32a* x = reinterpret_cast<const u32a*>(w.regs + in.r[1]);
  if (x[31] - x[0] != 124) return false;
  const __m256i* a = reinterpret_cast<const __m256i*>(x);
  __m256i p = _mm256_add_epi32(_mm256_broadcastd_epi32(_mm_loadu_si32(a)), _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28));
  const __m256i step = _mm256_set1_epi32(32);
  __m256i same = _mm256_cmpeq_epi32(p, _mm256_loadu_si256(a));
  for (int k = 1; k < 4; k++) {
    p = _mm256_add_epi32(p, step);
    same = _mm256_and_si256(same, _mm256_cmpeq_epi32(p, _mm256_loadu_si256(a + k)));
  }
  if (!_mm256_testc_si256(same, _mm256_set1_epi32(-1))) return false;
  uint32_t first = x[0] + static_cast<uint32_t>(in.imm);
  uint32_t low = first + 4 * static_cast<uint32_t>(__builtin_ctz(mask)), high = first + 4 * (31 - static_cast<uint32_t>(__builtin_clz(mask)));
  if (first & 3 || low > high || high >= w.shared_bytes || w.shared_bytes - high < 4) return false;
  __m256i* v = reinterpret_cast<__m256i*>(w.regs + values);
  int* at = reinterpret_cast<int*>(w.shared + static_cast<int32_t>(first));   // where lane 0 would be
  for (int k = 0; k < 4; k++) {
    uint32_t part = mask >> (8 * k) & 0xff;
    if (!part) continue;
    __m256i* row = reinterpret_cast<__m256i*>(at + 8 * k);
    if (part == 0xff) {
      if (Store) _mm256_storeu_si256(row, _mm256_loadu_si256(v + k));
      else _mm256_storeu_si256(v + k, _mm256_loadu_si256(row));
    } else {
      __m256i on = lanes_on(mask, k);
      if (Store) _mm256_maskstore_epi32(at + 8 * k, on, _mm256_loadu_si256(v + k));
      else _mm256_maskstore_epi32(reinterpret_cast<int*>(v + k), on, _mm256_maskload_epi32(at + 8 * k, on));
    }
  }
  return true;
}

// Lanes in mask read (or write, from values) 4 bytes of the block's shared memory: eight lanes at a time, which mostly are a row or one
// word. False, and nothing done: not that simple.
template <bool Store> inline bool shared_words(Warp& w, const Insn& in, uint32_t values, uint32_t mask) {
  if (shared_row<Store>(w, in, values, mask)) return true;
  if (w.shared_bytes < 4) return false;
  const __m256i* a = reinterpret_cast<const __m256i*>(w.regs + in.r[1]);
  const __m256i offset = _mm256_set1_epi32(static_cast<int>(in.imm)), limit = _mm256_set1_epi32(static_cast<int>(w.shared_bytes - 4));
  const __m256i steps = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28), ones = _mm256_set1_epi32(-1);
  __m256i p[4], on[4], most = _mm256_setzero_si256(), bits = most;
  for (int k = 0; k < 4; k++) {
    p[k] = _mm256_add_epi32(_mm256_loadu_si256(a + k), offset);
    if (mask != kAll) {
      on[k] = lanes_on(mask, k);
      p[k] = _mm256_and_si256(p[k], on[k]);
    }
    most = _mm256_max_epu32(most, p[k]);
    bits = _mm256_or_si256(bits, p[k]);
  }
  if (!_mm256_testz_si256(bits, _mm256_set1_epi32(3)) || !_mm256_testc_si256(_mm256_cmpeq_epi32(_mm256_max_epu32(most, limit), limit), ones)) return false;
  __m256i* v = reinterpret_cast<__m256i*>(w.regs + values);
  for (int k = 0; k < 4; k++) {
    uint32_t part = mask >> (8 * k) & 0xff;
    if (!part) continue;
    uint32_t first = static_cast<uint32_t>(_mm256_cvtsi256_si32(p[k]));
    __m256i same = _mm256_broadcastd_epi32(_mm256_castsi256_si128(p[k]));
    uint8_t* at = w.shared + first;
    bool row = part == 0xff && _mm256_testc_si256(_mm256_cmpeq_epi32(p[k], _mm256_add_epi32(same, steps)), ones);
    if (Store && row) {
      _mm256_storeu_si256(reinterpret_cast<__m256i*>(at), _mm256_loadu_si256(v + k));
    } else if (Store) {
      alignas(32) uint32_t to[8], word[8];
      _mm256_store_si256(reinterpret_cast<__m256i*>(to), p[k]);
      _mm256_store_si256(reinterpret_cast<__m256i*>(word), _mm256_loadu_si256(v + k));
      for (; part; part &= part - 1) *reinterpret_cast<u32a*>(w.shared + to[__builtin_ctz(part)]) = word[__builtin_ctz(part)];
    } else {
      __m256i got;
      if (row) got = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(at));
      else if (_mm256_testc_si256(_mm256_cmpeq_epi32(p[k], same), ones)) got = _mm256_set1_epi32(*reinterpret_cast<const int*>(at));
      else got = _mm256_i32gather_epi32(reinterpret_cast<const int*>(w.shared), p[k], 1);
      if (mask != kAll) got = _mm256_blendv_epi8(_mm256_loadu_si256(v + k), got, on[k]);
      _mm256_storeu_si256(v + k, got);
    }
  }
  return true;
}
#else
template <bool Store> inline bool shared_words(Warp&, const Insn&, uint32_t, uint32_t) { return false; }
#endif

}  // namespace
}  // namespace softgpu::SOFTGPU_ISA
