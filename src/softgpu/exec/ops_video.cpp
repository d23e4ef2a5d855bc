// Video instructions. Stateless functions; called by the interpreter on whichever thread runs the warp.
#include "softgpu/exec/ops.h"
#include "softgpu/ptx/video.h"

namespace softgpu::SOFTGPU_ISA {
namespace {

inline int64_t field(uint64_t v, int at, int bits, bool is_signed) {
  uint64_t x = v >> at & ((uint64_t{1} << bits) - 1);
  return is_signed ? static_cast<int64_t>(x << (64 - bits)) >> (64 - bits) : static_cast<int64_t>(x);
}
inline int part_at(int p) { return p == 0 ? 0 : p < 5 ? 8 * (p - 1) : 16 * (p - 5); }
inline int part_bits(int p) { return p == 0 ? 32 : p < 5 ? 8 : 16; }
inline __int128 saturated(__int128 v, int bits, bool is_signed) {
  __int128 lo = is_signed ? -(__int128{1} << (bits - 1)) : 0, hi = is_signed ? (__int128{1} << (bits - 1)) - 1 : (__int128{1} << bits) - 1;
  return v < lo ? lo : v > hi ? hi : v;
}
inline int64_t operate(const VideoBits& v, int64_t a, int64_t b) {
  switch (v.op) {
    case VideoOp::Add: return a + b;
    case VideoOp::Sub: return a - b;
    case VideoOp::AbsDiff: return a < b ? b - a : a - b;
    case VideoOp::Min: return a < b ? a : b;
    case VideoOp::Max: return a > b ? a : b;
    case VideoOp::Average: return (a + b + (a + b >= 0)) >> 1;
    case VideoOp::Set: return v.compare == 0 ? a == b : v.compare == 1 ? a != b : v.compare == 2 ? a < b : v.compare == 3 ? a <= b : v.compare == 4 ? a > b : a >= b;
    case VideoOp::Shl: b = v.clamp ? (b > 32 ? 32 : b) : b & 31; return static_cast<int64_t>(static_cast<uint64_t>(a) << b);
    case VideoOp::Shr: b = v.clamp ? (b > 32 ? 32 : b) : b & 31; return a >> b;
    default: return 0;
  }
}
inline uint32_t scalar(const VideoBits& v, uint32_t a, uint32_t b, uint32_t c) {
  int64_t r = operate(v, field(a, part_at(v.a), part_bits(v.a), v.signed_a), field(b, part_at(v.b), part_bits(v.b), v.signed_b));
  if (v.saturate) r = static_cast<int64_t>(saturated(r, part_bits(v.d), v.signed_d));
  int64_t with = field(c, 0, 32, v.signed_d), low = field(static_cast<uint64_t>(r), 0, 32, v.signed_d);
  if (v.second == 1) return static_cast<uint32_t>(low + with);
  if (v.second == 2) return static_cast<uint32_t>(low < with ? low : with);
  if (v.second == 3) return static_cast<uint32_t>(low > with ? low : with);
  if (!v.d) return static_cast<uint32_t>(r);
  uint32_t mask = (part_bits(v.d) == 8 ? 0xffu : 0xffffu) << part_at(v.d);
  return (c & ~mask) | (static_cast<uint32_t>(r) << part_at(v.d) & mask);
}
inline uint32_t mad(const VideoBits& v, uint32_t a, uint32_t b, uint32_t c) {
  bool is_signed = v.signed_a || v.signed_b || v.negate;
  __int128 r = static_cast<__int128>(field(a, part_at(v.a), part_bits(v.a), v.signed_a)) * field(b, part_at(v.b), part_bits(v.b), v.signed_b);
  if (v.negate & 1) r = -r;
  __int128 with = field(c, 0, 32, is_signed);
  r += v.negate & 2 ? -with : with;
  r += v.plus_one;
  r >>= v.shift == 1 ? 7 : v.shift == 2 ? 15 : 0;
  return static_cast<uint32_t>(v.saturate ? saturated(r, 32, is_signed) : r);
}
inline uint32_t lanes(const VideoBits& v, uint32_t a, uint32_t b, uint32_t c) {
  uint64_t both = static_cast<uint64_t>(b) << 32 | a;
  int bits = 32 / v.lanes;
  uint32_t r = c, sum = c;
  for (int i = 0; i < v.lanes; i++) {
    if (!(v.d >> i & 1)) continue;
    int64_t x = operate(v, field(both, bits * (v.a >> 4 * i & 7), bits, v.signed_a), field(both, bits * (v.b >> 4 * i & 7), bits, v.signed_b));
    if (v.saturate) x = static_cast<int64_t>(saturated(x, bits, v.signed_d));
    uint32_t mask = ((1u << bits) - 1) << bits * i;
    r = (r & ~mask) | (static_cast<uint32_t>(x) << bits * i & mask);
    sum += static_cast<uint32_t>(x);
  }
  return v.second ? sum : r;
}
void video(Warp& w, const Insn& in, uint32_t mask) {
  VideoBits v = VideoBits::unpack(static_cast<uint64_t>(in.imm));
  auto *d = reg<uint32_t>(w, in.r[0]), *a = reg<uint32_t>(w, in.r[1]), *b = reg<uint32_t>(w, in.r[2]), *c = reg<uint32_t>(w, in.r[3]);
  for (uint32_t m = mask; m; m &= m - 1) {
    int i = __builtin_ctz(m);
    d[i] = v.lanes > 1 ? lanes(v, a[i], b[i], c[i]) : v.op == VideoOp::Mad ? mad(v, a[i], b[i], c[i]) : scalar(v, a[i], b[i], c[i]);
  }
}

}  // namespace

Fn select_video(const Key& k) { return k.op == Op::Video ? video : nullptr; }

}  // namespace softgpu::SOFTGPU_ISA
