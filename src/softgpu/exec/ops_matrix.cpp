// mma, wmma, ldmatrix, stmatrix, movmatrix. Called by the interpreter on whichever thread runs the warp, with all its lanes gathered.
// Matrices go through dense arrays: fragments in, product, fragments out. PTX leaves the order of the sums open; here they run along k
// in f32 (f64, s32).
#include <string.h>

#include "softgpu/exec/half.h"
#include "softgpu/exec/ops.h"
#include "softgpu/exec/resolve.h"

namespace softgpu::SOFTGPU_ISA {
namespace {

// What ptx/decode_matrix.cpp packs into Insn::imm.
struct Shape3 {
  int m, n, k;
  Ty d, a, b, c;
  bool saturate, a_column, b_column;
  int bit_op;   // 1 xor, 2 and
  explicit Shape3(const Insn& in) {
    uint64_t v = static_cast<uint64_t>(in.imm);
    m = v & 63, n = v >> 6 & 63, k = v >> 12 & 0xfff;
    d = static_cast<Ty>(v >> 24 & 0xff), a = static_cast<Ty>(v >> 32 & 0xff), b = static_cast<Ty>(v >> 40 & 0xff), c = static_cast<Ty>(v >> 48 & 0xff);
    saturate = v >> 56 & 1, a_column = v >> 57 & 1, b_column = v >> 58 & 1, bit_op = v >> 59 & 3;
  }
};

inline int bits_in(Ty t) { return t == Ty::B1 ? 1 : t == Ty::S4 || t == Ty::U4 ? 4 : 8 * bytes_of(t); }
inline uint64_t fragment_bits(Warp& w, uint32_t at, int lane, int element, int bits) {
  if (bits == 64) return reg<uint64_t>(w, at)[lane];
  return reg<uint32_t>(w, at)[lane] >> (bits * element) & (bits == 32 ? 0xffffffffu : (1u << bits) - 1);
}
inline double number(uint64_t bits, Ty t) {
  switch (t) {
    case Ty::F16: return half_to_float(static_cast<uint16_t>(bits));
    case Ty::BF16: return brain_to_float(static_cast<uint16_t>(bits));
    case Ty::TF32: return float_of(static_cast<uint32_t>(bits) & 0xffffe000);
    case Ty::F32: return float_of(static_cast<uint32_t>(bits));
    case Ty::F64: return double_of(bits);
    case Ty::E4M3: return half_to_float(e4m3_to_half(static_cast<uint8_t>(bits)));
    case Ty::E5M2: return half_to_float(e5m2_to_half(static_cast<uint8_t>(bits)));
    case Ty::S8: return static_cast<int8_t>(bits);
    case Ty::U8: return static_cast<uint8_t>(bits);
    case Ty::S4: return static_cast<int8_t>(bits << 4) >> 4;
    case Ty::U4: case Ty::B1: return static_cast<double>(bits);
    default: return static_cast<int32_t>(bits);
  }
}
inline uint64_t bits_from(double v, Ty t) {
  switch (t) {
    case Ty::F16: return double_to_half(v);
    case Ty::F64: return bits_of(v);
    case Ty::F32: { float f = static_cast<float>(v); return f != f ? 0x7fffffff : bits_of(f); }
    default: return static_cast<uint32_t>(static_cast<int64_t>(v));
  }
}

constexpr int kMost = 16 * 256;   // elements of the largest operand
constexpr int kMostOut = 512;     // and of the largest result

// d = a * b + c on dense row-major arrays.
template <class T> void multiply(const Shape3& s, const double* a, const double* b, const double* c, double* d) {
  T row[32];
  T bb[256 * 8];   // the largest b
  for (int i = 0; i < s.k * s.n; i++) bb[i] = static_cast<T>(b[i]);
  for (int i = 0; i < s.m; i++) {
    for (int j = 0; j < s.n; j++) row[j] = static_cast<T>(c[i * s.n + j]);
    for (int k = 0; k < s.k; k++) {
      T x = static_cast<T>(a[i * s.k + k]);
      for (int j = 0; j < s.n; j++) row[j] += x * bb[k * s.n + j];
    }
    for (int j = 0; j < s.n; j++) d[i * s.n + j] = static_cast<double>(row[j]);
  }
}
void multiply_any(const Shape3& s, const double* a, const double* b, const double* c, double* d) {
  if (s.a == Ty::F64) return multiply<double>(s, a, b, c, d);
  if (s.a == Ty::S8 || s.a == Ty::U8 || s.a == Ty::S4 || s.a == Ty::U4 || s.a == Ty::B1) {
    if (s.bit_op == 1) {
      for (int i = 0; i < s.m * s.n; i++) {
        double sum = c[i];
        for (int k = 0; k < s.k; k++) sum += a[i / s.n * s.k + k] != b[k * s.n + i % s.n];
        d[i] = sum;
      }
    } else {
      multiply<int64_t>(s, a, b, c, d);
    }
    for (int i = 0; i < s.m * s.n; i++) {
      int64_t v = static_cast<int64_t>(d[i]);
      if (s.saturate) v = v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : v;
      d[i] = static_cast<int32_t>(v);
    }
    return;
  }
  multiply<float>(s, a, b, c, d);
}

// mma fragments, by lane (g = lane / 4, t = lane % 4), register r and element e of `per` in a register:
// A: row g + 8 (r & 1), column t per + e + 4 per (r / 2) · B: row t per + e + 4 per r, column g · C, D: element i: row g + 8 (i / 2), column 2 t + i % 2
void mma(Warp& w, const Insn& in, uint32_t mask) {
  Shape3 s(in);
  const uint32_t* x = extras(w, in);
  double a[kMost], b[kMost], c[kMostOut], d[kMostOut];
  int bits_a = bits_in(s.a), per = bits_a == 64 ? 1 : 32 / bits_a, bits_c = bits_in(s.c), bits_d = bits_in(s.d);
  int a_regs = s.m * s.k / 32 / per, b_regs = s.k * s.n / 32 / per, c_elements = s.m * s.n / 32;
  int per_c = bits_c == 16 ? 2 : 1, per_d = bits_d == 16 ? 2 : 1, high = s.m == 8 ? 1 : 2;   // registers of one column group of a
  const uint32_t *xd = x, *xa = xd + c_elements / per_d, *xb = xa + a_regs, *xc = xb + b_regs;
  for (int lane = 0; lane < 32; lane++) {
    int g = lane / 4, t = lane % 4;
    for (int r = 0; r < a_regs; r++)
      for (int e = 0; e < per; e++) a[(g + 8 * (r % high)) * s.k + t * per + e + 4 * per * (r / high)] = number(fragment_bits(w, xa[r], lane, e, bits_a), s.a);
    for (int r = 0; r < b_regs; r++)
      for (int e = 0; e < per; e++) b[(t * per + e + 4 * per * r) * s.n + g] = number(fragment_bits(w, xb[r], lane, e, bits_a), s.b);
    for (int i = 0; i < c_elements; i++) c[(g + 8 * (i / 2)) * s.n + 2 * t + i % 2] = number(fragment_bits(w, xc[i / per_c], lane, i % per_c, bits_c), s.c);
  }
  multiply_any(s, a, b, c, d);
  for (uint32_t m = mask; m; m &= m - 1) {
    int lane = __builtin_ctz(m), g = lane / 4, t = lane % 4;
    for (int i = 0; i < c_elements; i += per_d) {
      uint64_t v = bits_from(d[(g + 8 * (i / 2)) * s.n + 2 * t + i % 2], s.d);
      if (per_d == 2) v |= bits_from(d[(g + 8 * (i / 2)) * s.n + 2 * t + 1], s.d) << 16;
      if (bits_d == 64) reg<uint64_t>(w, xd[i])[lane] = v;
      else reg<uint32_t>(w, xd[i / per_d])[lane] = static_cast<uint32_t>(v);
    }
  }
}

// m8n8k4 of f16, sm_70's: lanes 4q … 4q+3 and 16+4q … 16+4q+3 make a product of their own. p: lane % 4, with 4 added in the upper half.
// a: row p, columns 0-3 (column-major: column lane % 4, rows 0-3 or 4-7) · b: likewise transposed · c, d of f16: row p, columns 0-7; of
// f32: element i: row (lane & 1) + (i & 2) (+ 4), column (i & 4) + (lane & 2) + (i & 1).
void mma_quads(Warp& w, const Insn& in, uint32_t mask) {
  Shape3 s(in);
  const uint32_t* x = extras(w, in);
  int per_c = s.c == Ty::F16 ? 2 : 1, per_d = s.d == Ty::F16 ? 2 : 1;
  const uint32_t *xd = x, *xa = xd + 8 / per_d, *xb = xa + 2, *xc = xb + 2;
  auto place = [](int lane, int i, bool half) {
    int up = lane < 16 ? 0 : 4;
    return half ? (lane % 4 + up) * 8 + i : ((lane & 1) + (i & 2) + up) * 8 + (i & 4) + (lane & 2) + (i & 1);
  };
  for (int q = 0; q < 4; q++) {
    double a[32], b[32], c[64], d[64];
    for (int j = 0; j < 8; j++) {
      int lane = 4 * q + j % 4 + (j < 4 ? 0 : 16), t = lane % 4, up = j < 4 ? 0 : 4;
      for (int i = 0; i < 4; i++) {
        a[s.a_column ? (i + up) * 4 + t : (t + up) * 4 + i] = number(fragment_bits(w, xa[i / 2], lane, i % 2, 16), Ty::F16);
        b[s.b_column ? i * 8 + t + up : t * 8 + i + up] = number(fragment_bits(w, xb[i / 2], lane, i % 2, 16), Ty::F16);
      }
      for (int i = 0; i < 8; i++) c[place(lane, i, per_c == 2)] = number(fragment_bits(w, xc[i / per_c], lane, i % per_c, 32 / per_c), s.c);
    }
    multiply<float>(s, a, b, c, d);
    for (int j = 0; j < 8; j++) {
      int lane = 4 * q + j % 4 + (j < 4 ? 0 : 16);
      if (!(mask >> lane & 1)) continue;
      for (int i = 0; i < 8; i += per_d) {
        uint64_t v = bits_from(d[place(lane, i, per_d == 2)], s.d);
        if (per_d == 2) v |= bits_from(d[place(lane, i + 1, true)], s.d) << 16;
        reg<uint32_t>(w, xd[i / per_d])[lane] = static_cast<uint32_t>(v);
      }
    }
  }
}

// wmma fragments are opaque: here element number e of the row-major matrix is element e % n of lane e / n, n elements a lane; registers
// that are left over (PTX gives f16 operands twice the room) repeat them.
struct Fragment {
  int elements, bytes, per, regs, lanes_share;
  Fragment(int count, Ty t, int registers) : elements(count), bytes(bytes_of(t)), per(bytes >= 4 ? 1 : 4 / bytes), regs(registers), lanes_share(count / 32) {}
};
void gather(Warp& w, const uint32_t* x, const Fragment& f, Ty t, double* out) {
  for (int lane = 0; lane < 32; lane++)
    for (int i = 0; i < f.lanes_share; i++) out[lane * f.lanes_share + i] = number(fragment_bits(w, x[i / f.per], lane, i % f.per, 8 * f.bytes), t);
}
void scatter(Warp& w, const uint32_t* x, const Fragment& f, const uint64_t* bits, uint32_t mask) {
  for (uint32_t m = mask; m; m &= m - 1) {
    int lane = __builtin_ctz(m);
    for (int r = 0; r < f.regs; r++) {
      uint64_t v = 0;
      for (int e = 0; e < f.per; e++) v |= bits[lane * f.lanes_share + (r * f.per + e) % f.lanes_share] << (8 * f.bytes * e);
      if (f.bytes == 8) reg<uint64_t>(w, x[r])[lane] = v;
      else reg<uint32_t>(w, x[r])[lane] = static_cast<uint32_t>(v);
    }
  }
}
// wmma.load: r[1] address, r[2] stride in elements (none: packed); rows x columns in m x n of the packed shape, type in d, column-major flag
// a_column; number of registers in k. extra: the registers.
template <bool Store> void wmma_memory(Warp& w, const Insn& in, uint32_t mask) {
  Shape3 s(in);
  const uint32_t* x = extras(w, in);
  int rows = s.m, columns = s.n, bytes = bytes_of(s.d);
  Fragment f(rows * columns, s.d, s.k);
  uint32_t lane0 = static_cast<uint32_t>(__builtin_ctz(mask));
  uint64_t stride = in.r[2] == kNoReg ? static_cast<uint64_t>(s.a_column ? rows : columns) : reg<uint32_t>(w, in.r[2])[lane0] >> in.sub;   // sub-byte elements: in words
  uint64_t base = in.flags & kAddress64 ? reg<uint64_t>(w, in.r[1])[lane0] : reg<uint32_t>(w, in.r[1])[lane0];
  base += static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(x[s.k])));
  if (kSpaceOf(in) == Space::Shared) base += reinterpret_cast<uint64_t>(w.shared);
  uint64_t bits[kMostOut];
  if (Store)
    for (int lane = 0; lane < 32; lane++)
      for (int i = 0; i < f.lanes_share; i++) bits[lane * f.lanes_share + i] = fragment_bits(w, x[i / f.per], lane, i % f.per, 8 * bytes);
  for (int r = 0; r < rows; r++)
    for (int c = 0; c < columns; c++) {
      uint64_t p = base + static_cast<uint64_t>(bytes) * (s.a_column ? static_cast<uint64_t>(c) * stride + static_cast<uint64_t>(r) : static_cast<uint64_t>(r) * stride + static_cast<uint64_t>(c));
      if (p % static_cast<uint64_t>(bytes)) return fault(w, 716, mask, p, "misaligned address");
      if (kSpaceOf(in) == Space::Shared) {
        uint64_t at = p - reinterpret_cast<uint64_t>(w.shared);
        if (at >= w.shared_bytes || static_cast<uint64_t>(bytes) > w.shared_bytes - at) return fault(w, 700, mask, at, "address outside the block's shared memory");
      } else if (uint64_t all[32] = {}; true) {
        all[lane0] = p;
        if (!check_each(w, in, 1u << lane0, static_cast<uint32_t>(bytes), all)) return;
      }
      uint64_t& v = bits[r * columns + c];
      if (Store) memcpy(reinterpret_cast<void*>(p), &v, static_cast<size_t>(bytes));
      else v = 0, memcpy(&v, reinterpret_cast<const void*>(p), static_cast<size_t>(bytes));
    }
  if (!Store) scatter(w, x, f, bits, mask);
}
// wmma.mma: extra: d, a, b, c registers, then their four counts.
void wmma_mma(Warp& w, const Insn& in, uint32_t mask) {
  Shape3 s(in);
  const uint32_t* x = extras(w, in);
  const uint32_t* counts = x + in.site;   // in.site: registers in all
  const uint32_t *xd = x, *xa = xd + counts[0], *xb = xa + counts[1], *xc = xb + counts[2];
  double a[kMost], b[kMost], c[kMostOut], d[kMostOut];
  if (s.k == 32 || s.k == 128) {   // s4, u4, b1: a word is eight or 32 elements of row (column of b) lane / 4
    int n = bits_in(s.a), per = 32 / n;
    for (int lane = 0; lane < 32; lane++)
      for (int e = 0; e < per; e++) {
        int k = lane % 4 * per + e;
        a[lane / 4 * s.k + k] = number(fragment_bits(w, xa[0], lane, e, n), s.a);
        b[k * s.n + lane / 4] = number(fragment_bits(w, xb[0], lane, e, n), s.b);
      }
  } else {
    gather(w, xa, Fragment(s.m * s.k, s.a, static_cast<int>(counts[1])), s.a, a);
    gather(w, xb, Fragment(s.k * s.n, s.b, static_cast<int>(counts[2])), s.b, b);
  }
  gather(w, xc, Fragment(s.m * s.n, s.c, static_cast<int>(counts[3])), s.c, c);
  multiply_any(s, a, b, c, d);
  uint64_t bits[kMostOut];
  for (int i = 0; i < s.m * s.n; i++) bits[i] = bits_from(d[i], s.d);
  scatter(w, xd, Fragment(s.m * s.n, s.d, static_cast<int>(counts[0])), bits, mask);
}

// ldmatrix: lanes 8i … 8i+7 give the rows of matrix i; lane l receives two neighbours of row l / 4 (of column l / 4 with .trans).
// in.sub: matrices, bit 7: .trans.
template <bool Store> void matrix_rows(Warp& w, const Insn& in, uint32_t mask) {
  int n = in.sub & 7;
  bool trans = in.sub & 0x80;
  const uint32_t* x = extras(w, in);
  uint64_t p[32];
  uint32_t givers = n == 4 ? kAll : (1u << (8 * n)) - 1;
  givers &= mask;
  if (!givers || resolve<16>(w, in, in.r[1], in.imm, in.flags & kAddress64, givers, kSpaceOf(in), 16, p) == Shape::Fault) return;
  uint16_t m[4][8][8];
  if (!Store)
    for (int i = 0; i < n; i++)
      for (int r = 0; r < 8; r++) memcpy(m[i][r], reinterpret_cast<const void*>(p[8 * i + r]), 16);
  for (int i = 0; i < n; i++) {
    auto* v = reg<uint32_t>(w, x[i]);
    for (int lane = 0; lane < 32; lane++) {
      int r = lane / 4, c = lane % 4 * 2;
      uint16_t &lo = trans ? m[i][c][r] : m[i][r][c], &hi = trans ? m[i][c + 1][r] : m[i][r][c + 1];
      if (Store) lo = static_cast<uint16_t>(v[lane]), hi = static_cast<uint16_t>(v[lane] >> 16);
      else if (mask >> lane & 1) v[lane] = lo | static_cast<uint32_t>(hi) << 16;
    }
  }
  if (Store)
    for (int i = 0; i < n; i++)
      for (int r = 0; r < 8; r++) memcpy(reinterpret_cast<void*>(p[8 * i + r]), m[i][r], 16);
}
void movmatrix(Warp& w, const Insn& in, uint32_t mask) {
  const auto* a = reg<uint32_t>(w, in.r[1]);
  alignas(64) u32a t[32];
  auto at = [&](int row, int column) { return a[row * 4 + column / 2] >> (column % 2 * 16) & 0xffff; };
  for (int lane = 0; lane < 32; lane++) t[lane] = at(lane % 4 * 2, lane / 4) | at(lane % 4 * 2 + 1, lane / 4) << 16;
  blend<u32a>(reg<uint32_t>(w, in.r[0]), t, mask);
}

}  // namespace

Fn select_matrix(const Key& k) {
  switch (k.op) {
    case Op::Mma: return k.sub == 0 ? mma : k.sub == 1 ? wmma_mma : k.sub == 4 ? mma_quads : k.sub == 2 ? wmma_memory<false> : wmma_memory<true>;
    case Op::Ldmatrix: return matrix_rows<false>;
    case Op::Stmatrix: return matrix_rows<true>;
    case Op::Movmatrix: return movmatrix;
    default: return nullptr;
  }
}

}  // namespace softgpu::SOFTGPU_ISA
