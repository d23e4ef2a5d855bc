// Instructions with the operands to try them on, as PTX that both a real GPU (vectors_record.cpp) and this engine (vectors_test.cpp)
// run. Tests only. Operand letters, result first:
//   f d h b  f32, f64, f16, bf16 · x y  f16x2, bf16x2 · u l w  32, 64 and 16-bit integers · c  byte · s  small number · p  predicate (result)
#pragma once
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

namespace softgpu {

struct Vector {
  const char* instruction;
  const char* operands;
  bool approximate = false;   // compared with a tolerance
};

constexpr int kVectorLanes = 256;

// Kernels of ptx/testdata/advanced.cu, which take an array of kAdvancedWords zeroed words; run by one block.
struct AdvancedKernel { const char* name; unsigned threads; };
constexpr AdvancedKernel kAdvanced[] = {{"mma_f16", 32}, {"mma_bf16_tf32", 32}, {"mma_f64_s8", 32}, {"matrix_moves", 32}, {"wmma_shapes", 32},
                                        {"block_barrier", 128}, {"groups", 128}, {"async_copy", 32}, {"warp_reductions", 32}};
constexpr int kAdvancedWords = 4096;

inline const std::vector<Vector>& vectors() {
  static const std::vector<Vector> kVectors = {
#define ROUNDINGS(op, types, letters) {op ".rn" types, letters}, {op ".rz" types, letters}, {op ".rm" types, letters}, {op ".rp" types, letters}
      // integers
      {"add.s32", "uuu"}, {"add.sat.s32", "uuu"}, {"sub.sat.s32", "uuu"}, {"sub.u16", "www"}, {"add.u64", "lll"}, {"mul.lo.s32", "uuu"},
      {"mul.hi.s32", "uuu"}, {"mul.hi.u32", "uuu"}, {"mul.hi.s64", "lll"}, {"mul.hi.u64", "lll"}, {"mul.lo.u64", "lll"}, {"mul.wide.s32", "luu"},
      {"mul.wide.u32", "luu"}, {"mul.wide.s16", "uww"}, {"mul.wide.u16", "uww"}, {"mul.hi.u16", "www"}, {"mul.hi.s16", "www"}, {"mad.lo.s32", "uuuu"},
      {"mad.hi.u32", "uuuu"}, {"mad.hi.sat.s32", "uuuu"}, {"mad.wide.s32", "luul"}, {"mad.wide.u16", "uwwu"}, {"mul24.lo.s32", "uuu"},
      {"mul24.hi.u32", "uuu"}, {"mul24.hi.s32", "uuu"}, {"mad24.lo.u32", "uuuu"}, {"sad.s32", "uuuu"}, {"sad.u32", "uuuu"}, {"sad.s16", "wwww"},
      {"div.s32", "uuu"}, {"div.u32", "uuu"}, {"rem.s32", "uuu"}, {"rem.u32", "uuu"}, {"div.s64", "lll"}, {"rem.u64", "lll"}, {"div.s16", "www"}, {"rem.u16", "www"},
      {"abs.s32", "uu"}, {"abs.s64", "ll"}, {"neg.s16", "ww"}, {"min.s32", "uuu"}, {"max.u64", "lll"}, {"min.u16", "www"}, {"popc.b32", "uu"}, {"popc.b64", "ul"},
      {"clz.b32", "uu"}, {"clz.b64", "ul"}, {"bfind.u32", "uu"}, {"bfind.s32", "uu"}, {"bfind.shiftamt.s64", "ul"}, {"bfind.shiftamt.u32", "uu"}, {"brev.b32", "uu"}, {"brev.b64", "ll"},
      {"bfe.u32", "uucc"}, {"bfe.s32", "uucc"}, {"bfe.u64", "llcc"}, {"bfe.s64", "llcc"}, {"bfi.b32", "uuucc"}, {"bfi.b64", "lllcc"}, {"bmsk.clamp.b32", "ucc"}, {"bmsk.wrap.b32", "ucc"},
      {"szext.clamp.s32", "uuc"}, {"szext.wrap.u32", "uuc"}, {"fns.b32", "uuss"}, {"dp4a.s32.u32", "uuuu"}, {"dp4a.u32.u32", "uuuu"}, {"dp4a.s32.s32", "uuuu"}, {"dp2a.lo.s32.u32", "uuuu"}, {"dp2a.hi.u32.s32", "uuuu"},
      {"and.b32", "uuu"}, {"xor.b64", "lll"}, {"not.b16", "ww"}, {"cnot.b32", "uu"}, {"shl.b32", "uuc"}, {"shr.s32", "uuc"}, {"shr.u64", "llc"}, {"shr.s16", "wwc"}, {"shl.b16", "wwc"}, {"shr.s64", "llc"},
      {"shf.l.wrap.b32", "uuuc"}, {"shf.r.wrap.b32", "uuuc"}, {"shf.l.clamp.b32", "uuuc"}, {"shf.r.clamp.b32", "uuuc"},
      {"prmt.b32", "uuuu"}, {"prmt.b32.f4e", "uuuu"}, {"prmt.b32.b4e", "uuuu"}, {"prmt.b32.rc8", "uuuu"}, {"prmt.b32.ecl", "uuuu"}, {"prmt.b32.ecr", "uuuu"}, {"prmt.b32.rc16", "uuuu"},
      {"max.s16x2", "uuu"}, {"min.u16x2", "uuu"}, {"add.u16x2", "uuu"}, {"max.relu.s32", "uuu"},
      // f32
      ROUNDINGS("add", ".f32", "fff"), ROUNDINGS("mul", ".f32", "fff"), ROUNDINGS("fma", ".f32", "ffff"), ROUNDINGS("div", ".f32", "fff"),
      ROUNDINGS("sqrt", ".f32", "ff"), ROUNDINGS("rcp", ".f32", "ff"), ROUNDINGS("add", ".ftz.f32", "fff"), ROUNDINGS("fma", ".ftz.f32", "ffff"),
      {"sub.f32", "fff"}, {"sub.ftz.f32", "fff"}, {"mul.ftz.f32", "fff"}, {"add.sat.f32", "fff"}, {"mul.ftz.sat.f32", "fff"}, {"fma.rn.sat.f32", "ffff"}, {"div.rn.ftz.f32", "fff"}, {"sqrt.rn.ftz.f32", "ff"}, {"rcp.rn.ftz.f32", "ff"},
      {"neg.f32", "ff"}, {"neg.ftz.f32", "ff"}, {"abs.f32", "ff"}, {"abs.ftz.f32", "ff"}, {"min.f32", "fff"}, {"max.f32", "fff"}, {"min.ftz.f32", "fff"}, {"max.NaN.f32", "fff"}, {"min.xorsign.abs.f32", "fff"}, {"max.NaN.xorsign.abs.f32", "fff"}, {"copysign.f32", "fff"},
      {"ex2.approx.f32", "ff", true}, {"ex2.approx.ftz.f32", "ff", true}, {"lg2.approx.f32", "ff", true}, {"sin.approx.f32", "ff", true}, {"cos.approx.ftz.f32", "ff", true}, {"tanh.approx.f32", "ff", true},
      {"rcp.approx.f32", "ff", true}, {"rcp.approx.ftz.f32", "ff", true}, {"rsqrt.approx.f32", "ff", true}, {"rsqrt.approx.ftz.f32", "ff", true}, {"sqrt.approx.f32", "ff", true}, {"sqrt.approx.ftz.f32", "ff", true}, {"div.approx.f32", "fff", true}, {"div.full.f32", "fff", true},
      // f64
      ROUNDINGS("add", ".f64", "ddd"), ROUNDINGS("mul", ".f64", "ddd"), ROUNDINGS("fma", ".f64", "dddd"), ROUNDINGS("div", ".f64", "ddd"), ROUNDINGS("sqrt", ".f64", "dd"), ROUNDINGS("rcp", ".f64", "dd"),
      {"neg.f64", "dd"}, {"abs.f64", "dd"}, {"min.f64", "ddd"}, {"max.f64", "ddd"}, {"copysign.f64", "ddd"}, {"rcp.approx.ftz.f64", "dd", true}, {"rsqrt.approx.ftz.f64", "dd", true}, {"rsqrt.approx.f64", "dd", true},
      {"sub.f64", "ddd"}, {"sub.rz.f64", "ddd"},
      // f16, bf16
      {"ex2.approx.ftz.bf16", "bb", true}, {"tanh.approx.bf16", "bb", true}, {"abs.bf16", "bb"}, {"min.ftz.NaN.f16", "hhh"}, {"max.xorsign.abs.f16", "hhh"}, {"min.xorsign.abs.bf16", "bbb"}, {"fma.rn.sat.f16x2", "xxxx"}, {"fma.rn.ftz.relu.f16", "hhhh"},
      {"add.f16", "hhh"}, {"add.rn.ftz.f16", "hhh"}, {"add.sat.f16", "hhh"}, {"sub.f16x2", "xxx"}, {"mul.f16x2", "xxx"}, {"mul.ftz.f16x2", "xxx"}, {"fma.rn.f16", "hhhh"}, {"fma.rn.relu.f16x2", "xxxx"}, {"fma.rn.sat.f16", "hhhh"}, {"fma.rn.ftz.f16", "hhhh"},
      {"neg.f16", "hh"}, {"abs.f16x2", "xx"}, {"min.f16", "hhh"}, {"max.NaN.f16x2", "xxx"}, {"max.ftz.f16", "hhh"}, {"ex2.approx.f16", "hh", true}, {"tanh.approx.f16x2", "xx", true},
      {"add.bf16", "bbb"}, {"mul.bf16x2", "yyy"}, {"sub.bf16", "bbb"}, {"fma.rn.bf16", "bbbb"}, {"fma.rn.relu.bf16x2", "yyyy"}, {"neg.bf16", "bb"}, {"min.bf16", "bbb"}, {"max.NaN.bf16x2", "yyy"},
      // comparison and selection
      {"setp.lt.s32", "puu"}, {"setp.ge.u32", "puu"}, {"setp.ne.s64", "pll"}, {"setp.hi.u16", "pww"}, {"setp.lt.f32", "pff"}, {"setp.ne.f32", "pff"}, {"setp.neu.f32", "pff"}, {"setp.leu.f32", "pff"}, {"setp.gtu.ftz.f32", "pff"}, {"setp.num.f32", "pff"}, {"setp.nan.f64", "pdd"}, {"setp.ge.f64", "pdd"}, {"setp.equ.f16", "phh"}, {"setp.lt.ftz.f16", "phh"}, {"setp.gt.bf16", "pbb"},
      {"set.lt.u32.f32", "uff"}, {"set.geu.f32.f32", "fff"}, {"set.eq.s32.s32", "uuu"}, {"set.lt.f16x2.f16x2", "xxx"}, {"set.gt.u32.bf16x2", "uyy"}, {"set.geu.bf16.bf16", "bbb"}, {"slct.b32.s32", "uuuu"}, {"slct.ftz.u64.f32", "lllf"}, {"testp.finite.f32", "pf"}, {"testp.subnormal.f64", "pd"}, {"testp.normal.f32", "pf"}, {"testp.notanumber.f32", "pf"},
      // conversion
      {"cvt.rni.s32.f32", "uf"}, {"cvt.rzi.u32.f32", "uf"}, {"cvt.rmi.s64.f32", "lf"}, {"cvt.rpi.u64.f32", "lf"}, {"cvt.rzi.s16.f32", "wf"}, {"cvt.rzi.u8.f32", "uf"}, {"cvt.rzi.s8.f32", "uf"}, {"cvt.rni.ftz.s32.f32", "uf"}, {"cvt.rzi.s32.f64", "ud"}, {"cvt.rni.u64.f64", "ld"}, {"cvt.rmi.s64.f64", "ld"}, {"cvt.rpi.u32.f64", "ud"}, {"cvt.rzi.s32.f16", "uh"}, {"cvt.rni.u16.f16", "wh"}, {"cvt.rzi.s64.f16", "lh"}, {"cvt.rzi.s32.bf16", "ub"},
      ROUNDINGS("cvt", ".f32.s32", "fu"), ROUNDINGS("cvt", ".f32.u64", "fl"), ROUNDINGS("cvt", ".f64.s64", "dl"), ROUNDINGS("cvt", ".f32.f64", "fd"), {"cvt.rn.ftz.f32.f64", "fd"}, {"cvt.rn.sat.f32.f64", "fd"}, {"cvt.rz.f32.s64", "fl"}, {"cvt.rn.f32.u8", "fu"}, {"cvt.rn.f16.s32", "hu"}, {"cvt.rn.f16.u64", "hl"}, {"cvt.rz.f16.s64", "hl"}, {"cvt.rn.bf16.s32", "bu"},
      {"cvt.f64.f32", "df"}, {"cvt.ftz.f64.f32", "df"}, {"cvt.sat.f32.f32", "ff"}, {"cvt.rni.f32.f32", "ff"}, {"cvt.rzi.f32.f32", "ff"}, {"cvt.rmi.ftz.f32.f32", "ff"}, {"cvt.rpi.f64.f64", "dd"}, {"cvt.rni.f64.f64", "dd"}, {"cvt.rni.f16.f16", "hh"}, {"cvt.f32.f16", "fh"}, {"cvt.ftz.f32.f16", "fh"}, {"cvt.f64.f16", "dh"},
      {"cvt.rn.f16.f32", "hf"}, {"cvt.rz.f16.f32", "hf"}, {"cvt.rm.f16.f32", "hf"}, {"cvt.rp.f16.f32", "hf"}, {"cvt.rn.ftz.f16.f32", "hf"}, {"cvt.rn.relu.f16.f32", "hf"}, {"cvt.rn.f16.f64", "hd"}, {"cvt.rn.bf16.f32", "bf"}, {"cvt.rz.bf16.f32", "bf"}, {"cvt.rn.relu.bf16.f32", "bf"}, {"cvt.f32.bf16", "fb"}, {"cvt.rn.f16x2.f32", "xff"}, {"cvt.rn.bf16x2.f32", "yff"}, {"cvt.rz.relu.bf16x2.f32", "yff"}, {"cvt.rna.tf32.f32", "uf"}, {"cvt.rn.tf32.f32", "uf"},
      {"cvt.rn.bf16.f16", "bh"}, {"cvt.rn.f16.bf16", "hb"}, {"cvt.rn.bf16.f64", "bd"}, {"cvt.rn.bf16.u64", "bl"}, {"cvt.rpi.f16.f16", "hh"}, {"cvt.rn.f32.s16", "fw"}, {"cvt.rn.f64.u16", "dw"}, {"cvt.rz.f16x2.f32", "xff"}, {"cvt.rn.relu.f16x2.f32", "xff"}, {"cvt.sat.f16.f16", "hh"},
      {"cvt.rn.satfinite.e4m3x2.f32", "wff"}, {"cvt.rn.satfinite.e5m2x2.f32", "wff"}, {"cvt.rn.satfinite.relu.e4m3x2.f32", "wff"}, {"cvt.rn.satfinite.e4m3x2.f16x2", "wx"}, {"cvt.rn.satfinite.relu.e5m2x2.f16x2", "wx"},
      {"cvt.rn.f16x2.e4m3x2", "xw"}, {"cvt.rn.f16x2.e5m2x2", "xw"}, {"cvt.rn.relu.f16x2.e4m3x2", "xw"},
      {"cvt.s32.s8", "uu"}, {"cvt.u32.u8", "uu"}, {"cvt.s8.s32", "uu"}, {"cvt.s64.s16", "lw"}, {"cvt.u16.s8", "wu"}, {"cvt.sat.s8.s32", "uu"}, {"cvt.sat.u8.s32", "uu"}, {"cvt.sat.u32.s64", "ul"}, {"cvt.sat.s16.u64", "wl"}, {"cvt.sat.s32.u32", "uu"}, {"cvt.sat.u32.s32", "uu"}, {"cvt.pack.sat.s16.s32", "uuu"}, {"cvt.pack.sat.u8.s32.b32", "uuuu"},
#undef ROUNDINGS
  };
  return kVectors;
}

inline int letter_bytes(char c) { return std::strchr("dl", c) ? 8 : std::strchr("hbw", c) ? 2 : 4; }

// Operand k of a lane: edge cases mixed with random patterns. The same everywhere.
inline uint64_t vector_input(char letter, int vector, int operand, int lane) {
  uint64_t s = static_cast<uint64_t>(vector) * 1000003 + static_cast<uint64_t>(operand) * 7919 + static_cast<uint64_t>(lane) + 1;
  auto next = [&] {
    s ^= s << 13, s ^= s >> 7, s ^= s << 17;
    return s * 0x2545f4914f6cdd1dull;
  };
  for (int i = 0; i < 4; i++) next();
  uint64_t r = next(), pick = next() >> 33;
  static const uint32_t f[] = {0, 0x80000000, 1, 0x807fffff, 0x00800000, 0x3f800000, 0xbf800000, 0x3f800001, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc01234, 0x7f812345,
                               0x40490fdb, 0x4b000001, 0x3f000000, 0xbf000000, 0x4effffff, 0x4f000000, 0xcf000000, 0x5f000000, 0x477fe000, 0x477ff000, 0x33800000, 0x38800000, 0x42c80000};
  static const uint64_t d[] = {0, 1ull << 63, 1, 0x800fffffffffffff, 0x0010000000000000, 0x3ff0000000000000, 0xbff0000000000000, 0x3ff0000000000001, 0x7fefffffffffffff, 0x7ff0000000000000, 0xfff0000000000000,
                               0x7ff8000000000000, 0xfff8000000001234, 0x7ff0000000012345, 0x400921fb54442d18, 0x3fe0000000000000, 0x41dfffffffc00000, 0x41e0000000000000, 0xc3e0000000000000, 0x47efffffe0000000, 0x47effffff0000000, 0x36a0000000000000, 0x380fffffffffffff};
  static const uint16_t h[] = {0, 0x8000, 1, 0x83ff, 0x0400, 0x3c00, 0xbc00, 0x3c01, 0x7bff, 0x7c00, 0xfc00, 0x7e00, 0xfe01, 0x7d55, 0x4248, 0x3800};
  static const uint16_t b[] = {0, 0x8000, 1, 0x807f, 0x0080, 0x3f80, 0xbf80, 0x3f81, 0x7f7f, 0x7f80, 0xff80, 0x7fc0, 0xffc1, 0x7fa5, 0x4049, 0x3f00};
  static const uint32_t u[] = {0, 1, 2, 31, 32, 33, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff, 0xfffffffe, 100, 0x12345678};
  bool edge = pick % 5 < 2;
  pick /= 5;
  auto half = [&](const uint16_t* t, uint64_t p, uint64_t bits) { return edge ? t[p % 16] : static_cast<uint16_t>(p & 64 ? bits : (bits & 0x83ff) | (0x3400 + (bits >> 20 & 7) * 0x400)); };
  auto brain = [&](uint64_t p, uint64_t bits) { return edge ? b[p % 16] : static_cast<uint16_t>(p & 64 ? bits : (bits & 0x807f) | (0x3e00 + (bits >> 20 & 7) * 0x80)); };
  switch (letter) {
    case 'f': return edge ? f[pick % 28] : pick & 64 ? r & 0xffffffff : (r & 0x807fffff) | (0x3c000000 + (r >> 40 & 15) * 0x800000);
    case 'd': return edge ? d[pick % 23] : pick & 64 ? r : (r & 0x800fffffffffffff) | (0x3f00000000000000 + (pick & 63) * 0x0010000000000000);
    case 'h': return half(h, pick, r);
    case 'b': return brain(pick, r);
    case 'x': return half(h, pick, r) | static_cast<uint32_t>(half(h, pick >> 8, r >> 16)) << 16;
    case 'y': return brain(pick, r) | static_cast<uint32_t>(brain(pick >> 8, r >> 16)) << 16;
    case 'u': return edge ? u[pick % 18] : pick & 64 ? r & 0xffffffff : (r & 0xffffffff) >> (r >> 40 & 31);
    case 'l': return edge ? (pick & 1 ? static_cast<uint64_t>(static_cast<int64_t>(static_cast<int32_t>(u[pick / 2 % 18]))) : static_cast<uint64_t>(u[pick / 2 % 18]) << 32 | u[pick / 64 % 18]) : r >> (r >> 40 & 63);
    case 'w': return edge ? u[pick % 18] & 0xffff : r & 0xffff;
    case 'c': return edge ? u[pick % 9] : r & (pick & 64 ? 0xff : 0x3f);
    case 's': return (r % 64) - 24;
    default: return 0;
  }
}

// A module with a kernel v<k>(out, a, b, c, d) per instruction; every operand array has kVectorLanes elements of its letter's size.
inline std::string vectors_ptx() {
  std::string s = ".version 8.6\n.target sm_90\n.address_size 64\n";
  for (size_t k = 0; k < vectors().size(); k++) {
    const Vector& v = vectors()[k];
    std::string instruction = v.instruction, body, name = "v" + std::to_string(k), list;
    size_t n = std::strlen(v.operands);
    s += ".visible .entry " + name + "(.param .u64 p0, .param .u64 p1, .param .u64 p2, .param .u64 p3, .param .u64 p4)\n{\n.reg .pred %p; .reg .b32 %t; .reg .b64 %i, %q, %o;\nmov.u32 %t, %tid.x; cvt.u64.u32 %i, %t;\n";
    for (size_t o = 0; o < n; o++) {
      char c = v.operands[o];
      std::string bits = std::to_string(8 * letter_bytes(c)), r = "%x" + std::to_string(o), size = std::to_string(letter_bytes(c));
      if (o && list.size()) list += ", ";
      list += c == 'p' ? "%p" : r;
      if (c != 'p') s += ".reg .b" + bits + " " + r + ";\n";
      if (o == 0) continue;
      s += "ld.param.u64 %q, [p" + std::to_string(o) + "]; mad.lo.u64 %o, %i, " + size + ", %q; ld.global.b" + bits + " " + r + ", [%o];\n";
    }
    s += instruction + " " + list + ";\n";
    if (v.operands[0] == 'p') s += ".reg .b32 %x0; selp.b32 %x0, 1, 0, %p;\n";
    std::string bits = std::to_string(8 * letter_bytes(v.operands[0])), size = std::to_string(letter_bytes(v.operands[0]));
    s += "ld.param.u64 %q, [p0]; mad.lo.u64 %o, %i, " + size + ", %q; st.global.b" + bits + " [%o], %x0;\nret;\n}\n";
  }
  return s;
}

}  // namespace softgpu
