// Instructions with the operands to try them on, as PTX that both a real GPU (vectors_record.cpp) and this engine (vectors_test.cpp)
// run. Tests only. Operand letters, result first:
// An instruction with '$' is a text of its own: $0 the result, $1 … the operands, [%z] the lane's place in the results, [%s] and [%gs] (generic)
// 16 bytes of shared memory, [%scratch] 16 bytes of global memory, %p %p2 %t %t2 %q %o %w %v %h1 … %h4 free registers.
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
  bool deviates = false;      // NVIDIA's driver 580 gives something else than the PTX manual says; here it is as the manual says
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
      // ---- the second list: every form that the first leaves out (order kept, so that old records stay good)
      {"add.u32", "uuu"}, {"add.s16", "www"}, {"add.s64", "lll"}, {"add.s16x2", "uuu"}, {"sub.s64", "lll"}, {"sub.u32", "uuu"}, {"mul.lo.s16", "www"}, {"mul.lo.s64", "lll"}, {"mad.lo.u16", "wwww"}, {"mad.lo.s64", "llll"},
      {"mad.hi.s32", "uuuu"}, {"mad.hi.u64", "llll"}, {"mad.hi.s64", "llll"}, {"mad.hi.s16", "wwww"}, {"mad.hi.u16", "wwww"}, {"mad.wide.s16", "uwwu"}, {"mad.wide.u32", "luul"},
      {"mul24.lo.u32", "uuu"}, {"mad24.lo.s32", "uuuu"}, {"mad24.hi.s32", "uuuu"}, {"mad24.hi.u32", "uuuu"}, {"mad24.hi.sat.s32", "uuuu"}, {"sad.u16", "wwww"}, {"sad.s64", "llll"}, {"sad.u64", "llll"},
      {"div.u16", "www"}, {"div.u64", "lll"}, {"rem.s16", "www"}, {"rem.s64", "lll"}, {"abs.s16", "ww"}, {"neg.s32", "uu"}, {"neg.s64", "ll"}, {"min.s16", "www"}, {"min.u32", "uuu"}, {"min.s64", "lll"}, {"min.u64", "lll"},
      {"max.s16", "www"}, {"max.u16", "www"}, {"max.s32", "uuu"}, {"max.u32", "uuu"}, {"max.s64", "lll"}, {"min.s16x2", "uuu"}, {"max.u16x2", "uuu"}, {"min.relu.s16x2", "uuu"}, {"max.relu.s16x2", "uuu"}, {"min.relu.s32", "uuu"},
      {"bfind.u64", "ul"}, {"bfind.s64", "ul"}, {"bfind.shiftamt.s32", "uu"}, {"bfind.shiftamt.u64", "ul"}, {"szext.wrap.s32", "uuc"}, {"szext.clamp.u32", "uuc"}, {"dp4a.u32.s32", "uuuu"}, {"dp2a.lo.u32.u32", "uuuu"}, {"dp2a.hi.s32.s32", "uuuu"}, {"dp2a.lo.s32.s32", "uuuu"}, {"dp2a.hi.u32.u32", "uuuu"}, {"dp2a.hi.s32.u32", "uuuu"}, {"dp2a.lo.u32.s32", "uuuu"},
      {"and.b16", "www"}, {"and.b64", "lll"}, {"or.b16", "www"}, {"or.b32", "uuu"}, {"or.b64", "lll"}, {"xor.b32", "uuu"}, {"xor.b16", "www"}, {"not.b32", "uu"}, {"not.b64", "ll"}, {"cnot.b16", "ww"}, {"cnot.b64", "ll"},
      {"shl.b64", "llc"}, {"shr.u16", "wwc"}, {"shr.u32", "uuc"}, {"shr.b32", "uuc"}, {"lop3.b32 $0, $1, $2, $3, 0x96", "uuuu"}, {"lop3.b32 $0, $1, $2, $3, 0xe8", "uuuu"}, {"lop3.b32 $0, $1, $2, $3, 0x1b", "uuuu"},
      {"setp.gt.u32 %p, $1, $2; lop3.or.b32 $0|%p, $1, $2, $3, 0x80, %p; @%p add.u32 $0, $0, 1", "uuuu"}, {"setp.gt.u32 %p, $1, $2; lop3.and.b32 $0|%p, $1, $2, $3, 0x80, !%p; @%p add.u32 $0, $0, 1", "uuuu"},
      {"add.cc.u32 $0, $1, $2; addc.u32 $0, $0, $3", "uuuu"}, {"sub.cc.u32 $0, $1, $2; subc.u32 $0, $0, $3", "uuuu"}, {"add.cc.u64 $0, $1, $2; addc.u64 $0, $0, $3", "llll"}, {"sub.cc.s64 $0, $1, $2; subc.s64 $0, $0, $3", "llll"},
      {"mad.lo.cc.u32 $0, $1, $2, $3; madc.hi.u32 $0, $1, $2, $0", "uuuu"}, {"mad.lo.cc.s64 $0, $1, $2, $3; madc.hi.s64 $0, $1, $2, $0", "llll"}, {"mad.hi.cc.u32 $0, $1, $2, $3; madc.lo.cc.u32 $0, $1, $2, $0; addc.s32 $0, $0, 0", "uuuu"},
      // video
      {"vadd.s32.s32.u32 $0, $1.b1, $2.h1", "uuu"}, {"vadd.u32.u32.u32.sat $0, $1, $2", "uuu", false, true}, {"vadd.s32.s32.s32.sat $0, $1, $2", "uuu"}, {"vadd.s32.u32.s32.sat.add $0, $1, $2, $3", "uuuu"}, {"vadd.u32.s32.s32.min $0, $1, $2, $3", "uuuu", false, true}, {"vadd.s32.s32.s32.max $0, $1.h0, $2.b3, $3", "uuuu"},
      {"vadd.s32.s32.s32.sat $0.b2, $1, $2.b0, $3", "uuuu", false, true}, {"vadd.u32.u32.s32.sat $0.h1, $1, $2.b0, $3", "uuuu", false, true}, {"vadd.s32.s32.s32 $0.h0, $1, $2, $3", "uuuu"},
      {"vsub.s32.u32.u32 $0, $1, $2", "uuu"}, {"vsub.u32.u32.u32.sat $0, $1, $2", "uuu"}, {"vsub.s32.s32.u32.sat.max $0, $1, $2, $3", "uuuu"}, {"vsub.s32.u32.u32.sat $0.b3, $1.b1, $2.b2, $3", "uuuu", false, true},
      {"vabsdiff.u32.s32.s32 $0, $1, $2", "uuu"}, {"vabsdiff.s32.u32.s32.sat $0, $1, $2", "uuu"}, {"vabsdiff.u32.u32.u32.add $0, $1.b0, $2.b1, $3", "uuuu"}, {"vmin.s32.s32.u32 $0, $1, $2", "uuu"}, {"vmax.u32.u32.s32 $0, $1, $2", "uuu"}, {"vmax.s32.s32.s32.sat.min $0, $1.h1, $2, $3", "uuuu"}, {"vmin.u32.s32.s32.sat $0, $1, $2", "uuu"},
      {"vshl.u32.u32.u32.clamp $0, $1, $2", "uuc"}, {"vshl.s32.s32.u32.sat.wrap $0, $1, $2", "uuc", false, true}, {"vshr.u32.u32.u32.clamp $0, $1, $2", "uuc"}, {"vshr.s32.s32.u32.wrap $0, $1, $2", "uuc"}, {"vshr.u32.s32.u32.clamp.add $0, $1.h1, $2.b0, $3", "uuuu"},
      {"vmad.s32.s32.s32 $0, $1.h0, $2.h1, $3", "uuuu"}, {"vmad.u32.u32.u32 $0, $1, $2, $3", "uuuu"}, {"vmad.s32.s32.s32.sat.shr7 $0, $1, $2, $3", "uuuu"}, {"vmad.u32.u32.u32.sat.shr15 $0, $1, $2, $3", "uuuu", false, true}, {"vmad.s32.u32.s32.sat $0, $1.b3, $2, $3", "uuuu"}, {"vmad.s32.u32.u32.sat $0, -$1, $2, $3", "uuuu", false, true}, {"vmad.s32.s32.s32 $0, $1, $2, -$3", "uuuu"}, {"vmad.u32.u32.u32.po.shr7 $0, $1, $2, $3", "uuuu", false, true},
      {"vset.s32.u32.lt $0, $1, $2", "uuu"}, {"vset.u32.u32.ge.add $0, $1.b1, $2.b2, $3", "uuuu"}, {"vset.s32.s32.ne $0.h1, $1, $2, $3", "uuuu", false, true}, {"vset.u32.s32.gt.max $0, $1, $2, $3", "uuuu"},
      {"vadd2.u32.u32.u32 $0, $1, $2, $3", "uuuu"}, {"vadd2.s32.s32.s32.sat $0, $1, $2, $3", "uuuu"}, {"vadd2.u32.u32.s32.sat $0.h1, $1.h20, $2.h13, $3", "uuuu"}, {"vadd2.s32.s32.s32.add $0, $1, $2, $3", "uuuu"}, {"vsub2.s32.u32.u32.sat $0, $1, $2, $3", "uuuu"}, {"vavrg2.u32.u32.u32 $0, $1, $2, $3", "uuuu"}, {"vavrg2.s32.s32.s32 $0, $1, $2, $3", "uuuu"}, {"vavrg2.s32.u32.s32.add $0, $1, $2, $3", "uuuu"},
      {"vabsdiff2.u32.s32.s32 $0, $1, $2, $3", "uuuu"}, {"vmin2.s32.s32.s32 $0, $1, $2, $3", "uuuu"}, {"vmax2.u32.u32.u32 $0, $1, $2, $3", "uuuu"}, {"vset2.s32.s32.lt $0, $1, $2, $3", "uuuu"}, {"vset2.u32.u32.ge.add $0, $1, $2, $3", "uuuu"},
      {"vadd4.u32.u32.u32 $0, $1, $2, $3", "uuuu"}, {"vadd4.u32.u32.u32.sat $0, $1, $2, $3", "uuuu"}, {"vadd4.s32.s32.s32.add $0.b320, $1.b7610, $2.b4321, $3", "uuuu"}, {"vsub4.s32.s32.s32.sat $0, $1, $2, $3", "uuuu"}, {"vavrg4.u32.u32.u32 $0, $1, $2, $3", "uuuu"}, {"vavrg4.s32.s32.s32 $0, $1, $2, $3", "uuuu"},
      {"vabsdiff4.u32.u32.u32.add $0, $1, $2, $3", "uuuu"}, {"vabsdiff4.s32.s32.s32.sat $0, $1, $2, $3", "uuuu"}, {"vmin4.u32.u32.u32 $0, $1, $2, $3", "uuuu"}, {"vmax4.s32.s32.s32 $0.b21, $1, $2, $3", "uuuu"}, {"vset4.u32.u32.eq $0, $1, $2, $3", "uuuu"}, {"vset4.s32.s32.le.add $0, $1, $2, $3", "uuuu"},
      // floating point
      {"fma.rz.sat.f32", "ffff"}, {"mul.rm.ftz.sat.f32", "fff"}, {"sub.rp.f32", "fff"}, {"sub.rm.ftz.sat.f32", "fff"}, {"div.rz.ftz.f32", "fff"}, {"rcp.rp.ftz.f32", "ff"}, {"sqrt.rm.ftz.f32", "ff"}, {"mad.rn.f32", "ffff"}, {"mad.rz.ftz.f32", "ffff"}, {"mad.rn.f64", "dddd"}, {"sub.rm.f64", "ddd"},
      {"max.ftz.f32", "fff"}, {"min.NaN.f32", "fff"}, {"min.ftz.NaN.f32", "fff"}, {"max.xorsign.abs.f32", "fff"}, {"max.ftz.xorsign.abs.f32", "fff"}, {"min.NaN.xorsign.abs.f32", "fff"},
      {"div.approx.ftz.f32", "fff", true}, {"div.full.ftz.f32", "fff", true}, {"sin.approx.ftz.f32", "ff", true}, {"cos.approx.f32", "ff", true}, {"lg2.approx.ftz.f32", "ff", true},
      {"ex2.approx.ftz.bf16x2", "yy", true}, {"ex2.approx.f16x2", "xx", true}, {"tanh.approx.f16", "hh", true}, {"tanh.approx.bf16x2", "yy", true},
      {"add.rn.f16x2", "xxx"}, {"add.ftz.sat.f16x2", "xxx"}, {"sub.f16", "hhh"}, {"sub.ftz.sat.f16", "hhh"}, {"mul.f16", "hhh"}, {"mul.sat.f16x2", "xxx"}, {"fma.rn.f16x2", "xxxx"}, {"fma.rn.ftz.sat.f16x2", "xxxx"}, {"neg.ftz.f16x2", "xx"}, {"neg.f16x2", "xx"}, {"abs.f16", "hh"}, {"abs.ftz.f16", "hh"}, {"abs.ftz.f16x2", "xx"}, {"neg.ftz.f16", "hh"},
      {"min.f16x2", "xxx"}, {"min.NaN.xorsign.abs.f16x2", "xxx"}, {"max.f16", "hhh"}, {"max.ftz.NaN.xorsign.abs.f16", "hhh"}, {"max.ftz.f16x2", "xxx"}, {"min.ftz.xorsign.abs.f16x2", "xxx"}, {"min.NaN.f16", "hhh"},
      {"add.bf16x2", "yyy"}, {"add.rn.bf16", "bbb"}, {"sub.bf16x2", "yyy"}, {"mul.bf16", "bbb"}, {"fma.rn.bf16x2", "yyyy"}, {"fma.rn.relu.bf16", "bbbb"}, {"neg.bf16x2", "yy"}, {"abs.bf16x2", "yy"}, {"max.bf16", "bbb"}, {"min.NaN.bf16", "bbb"}, {"max.NaN.xorsign.abs.bf16x2", "yyy"}, {"min.bf16x2", "yyy"},
      {"fma.rn.oob.f16", "hhhh"}, {"fma.rn.oob.relu.f16x2", "xxxx"}, {"fma.rn.oob.bf16", "bbbb"}, {"fma.rn.oob.relu.bf16x2", "yyyy"},
      // comparison
      {"setp.eq.b16", "pww"}, {"setp.ne.b32", "puu"}, {"setp.eq.b64", "pll"}, {"setp.lo.u32", "puu"}, {"setp.hs.u64", "pll"}, {"setp.le.s16", "pww"}, {"setp.ls.u32", "puu"}, {"setp.gt.s64", "pll"}, {"setp.ltu.f64", "pdd"}, {"setp.neu.f64", "pdd"}, {"setp.gt.f64", "pdd"}, {"setp.num.f16", "phh"}, {"setp.nan.bf16", "pbb"}, {"setp.neu.bf16", "pbb"}, {"setp.equ.f32", "pff"}, {"setp.ltu.f32", "pff"}, {"setp.geu.f32", "pff"}, {"setp.le.ftz.f32", "pff"}, {"setp.gt.ftz.f16", "phh"},
      {"setp.gt.u32 %p, $3, 99; setp.lt.and.s32 %p|%p2, $1, $2, %p; selp.u32 $0, 1, 0, %p; @%p2 add.u32 $0, $0, 2", "uuuu"}, {"setp.gt.u32 %p, $3, 99; setp.lt.or.f32 %p|%p2, $1, $2, !%p; selp.u32 $0, 1, 0, %p; @%p2 add.u32 $0, $0, 2", "uffu"}, {"setp.gt.u32 %p, $3, 99; setp.geu.xor.f64 %p|%p2, $1, $2, %p; selp.u32 $0, 1, 0, %p; @%p2 add.u32 $0, $0, 2", "uddu"},
      {"setp.lt.f16x2 %p|%p2, $1, $2; selp.u32 $0, 1, 0, %p; @%p2 add.u32 $0, $0, 2", "uxx"}, {"setp.gt.u32 %p, $3, 99; setp.neu.and.f16x2 %p|%p2, $1, $2, %p; selp.u32 $0, 1, 0, %p; @%p2 add.u32 $0, $0, 2", "uxxu"}, {"setp.nan.bf16x2 %p|%p2, $1, $2; selp.u32 $0, 1, 0, %p; @%p2 add.u32 $0, $0, 2", "uyy"}, {"setp.lt.ftz.f16x2 %p|%p2, $1, $2; selp.u32 $0, 1, 0, %p; @%p2 add.u32 $0, $0, 2", "uxx"},
      {"set.gt.s32.f64", "udd"}, {"set.lt.f32.f64", "fdd"}, {"set.hi.u32.u16", "uww"}, {"set.ne.f32.u64", "fll"}, {"set.ltu.ftz.u32.f32", "uff"}, {"set.eq.u32.f16", "uhh"}, {"set.lt.u16.f16", "whh"}, {"set.neu.s16.f16", "whh"}, {"set.ge.f16.f16", "hhh"}, {"set.ge.ftz.f16.f16", "hhh"}, {"set.lt.u32.f16x2", "uxx"}, {"set.geu.ftz.f16x2.f16x2", "xxx"}, {"set.lt.u16.bf16", "wbb"}, {"set.num.u32.bf16", "ubb"}, {"set.ne.bf16x2.bf16x2", "yyy"}, {"set.nan.s32.f16x2", "uxx"}, {"set.lt.f32.s32", "fuu"}, {"set.le.s32.s64", "ull"},
      {"setp.gt.u32 %p, $3, 99; set.lt.xor.u32.f32 $0, $1, $2, %p", "uffu"}, {"setp.gt.u32 %p, $3, 99; set.lt.and.f32.s32 $0, $1, $2, !%p", "fuuu"}, {"setp.gt.u32 %p, $3, 99; set.gt.or.f16x2.f16x2 $0, $1, $2, %p", "xxxu"},
      {"setp.gt.u32 %p, $3, 99; selp.b16 $0, $1, $2, %p", "wwwu"}, {"setp.gt.u32 %p, $3, 99; selp.f32 $0, $1, $2, %p", "fffu"}, {"setp.gt.u32 %p, $3, 99; selp.f64 $0, $1, $2, %p", "dddu"}, {"setp.gt.u32 %p, $3, 99; selp.b64 $0, $1, $2, !%p", "lllu"},
      {"slct.u16.s32", "wwwu"}, {"slct.f32.f32", "ffff"}, {"slct.f64.s32", "dddu"}, {"slct.s64.f32", "lllf"}, {"slct.ftz.b32.f32", "uuuf"}, {"testp.infinite.f64", "pd"}, {"testp.number.f32", "pf"}, {"testp.number.f64", "pd"}, {"testp.notanumber.f64", "pd"}, {"testp.normal.f64", "pd"}, {"testp.subnormal.f32", "pf"}, {"testp.infinite.f32", "pf"}, {"testp.finite.f64", "pd"},
      // conversion
      {"cvt.rn.satfinite.f16.f32", "hf"}, {"cvt.rz.satfinite.f16.f32", "hf"}, {"cvt.rn.relu.satfinite.f16.f32", "hf"}, {"cvt.rn.satfinite.bf16.f32", "bf"}, {"cvt.rz.relu.satfinite.bf16.f32", "bf"}, {"cvt.rn.satfinite.f16x2.f32", "xff"}, {"cvt.rz.relu.satfinite.f16x2.f32", "xff"}, {"cvt.rn.satfinite.bf16x2.f32", "yff"}, {"cvt.rn.relu.bf16x2.f32", "yff"}, {"cvt.rz.relu.f16.f32", "hf"}, {"cvt.rz.relu.bf16.f32", "bf"}, {"cvt.rz.bf16x2.f32", "yff"}, {"cvt.rz.relu.f16x2.f32", "xff"},
      {"cvt.rna.satfinite.tf32.f32", "uf"}, {"cvt.rz.tf32.f32", "uf"}, {"cvt.rn.relu.tf32.f32", "uf"}, {"cvt.rz.relu.tf32.f32", "uf"}, 
      {"cvt.rn.satfinite.relu.e5m2x2.f32", "wff"}, {"cvt.rn.satfinite.relu.e4m3x2.f16x2", "wx"}, {"cvt.rn.satfinite.e5m2x2.f16x2", "wx"}, {"cvt.rn.relu.f16x2.e5m2x2", "xw"},
      {"cvt.rmi.s32.f32", "uf"}, {"cvt.rpi.s32.f32", "uf"}, {"cvt.rni.s64.f32", "lf"}, {"cvt.rzi.u64.f32", "lf"}, {"cvt.rzi.ftz.u32.f32", "uf"}, {"cvt.rpi.u16.f32", "wf"}, {"cvt.rni.u8.f64", "ud"}, {"cvt.rzi.s8.f64", "ud"}, {"cvt.rpi.s16.f64", "wd"}, {"cvt.rmi.u64.f64", "ld"}, {"cvt.rzi.s64.f64", "ld"}, {"cvt.rni.s32.f64", "ud"}, {"cvt.rmi.s8.f16", "uh"}, {"cvt.rzi.u8.f16", "uh"}, {"cvt.rpi.s16.f16", "wh"}, {"cvt.rni.u32.f16", "uh"}, {"cvt.rzi.u64.f16", "lh"}, {"cvt.rni.s64.bf16", "lb"}, {"cvt.rzi.u32.bf16", "ub"}, {"cvt.rmi.s16.bf16", "wb"}, {"cvt.rzi.u64.bf16", "lb"}, {"cvt.rzi.sat.s32.f32", "uf"},
      {"cvt.rm.f32.u32", "fu"}, {"cvt.rp.f32.s64", "fl"}, {"cvt.rn.f32.s8", "fu"}, {"cvt.rn.f32.u16", "fw"}, {"cvt.rn.f64.s32", "du"}, {"cvt.rn.f64.u32", "du"}, {"cvt.rp.f64.u64", "dl"}, {"cvt.rn.f64.s8", "du"}, {"cvt.rz.f16.u32", "hu"}, {"cvt.rp.f16.s64", "hl"}, {"cvt.rm.f16.s16", "hw"}, {"cvt.rn.f16.u8", "hu"}, {"cvt.rz.bf16.u32", "bu"}, {"cvt.rm.bf16.s64", "bl"}, {"cvt.rp.bf16.u16", "bw"}, {"cvt.rp.bf16.u64", "bl"}, {"cvt.rm.bf16.s32", "bu"},
      {"cvt.rmi.f16.f16", "hh"}, {"cvt.rzi.f16.f16", "hh"}, {"cvt.rni.bf16.bf16", "bb"}, {"cvt.rzi.bf16.bf16", "bb"}, {"cvt.rmi.bf16.bf16", "bb"}, {"cvt.rpi.bf16.bf16", "bb"}, {"cvt.rpi.f32.f32", "ff"}, {"cvt.rni.ftz.f32.f32", "ff"}, {"cvt.rni.sat.f32.f32", "ff"}, {"cvt.rmi.f64.f64", "dd"}, {"cvt.rzi.f64.f64", "dd"}, {"cvt.rz.f16.f64", "hd"}, {"cvt.rm.f16.f64", "hd"}, {"cvt.rp.f16.f64", "hd"}, {"cvt.rz.bf16.f64", "bd"}, {"cvt.rp.bf16.f64", "bd"}, {"cvt.rm.bf16.f32", "bf"}, {"cvt.rp.bf16.f32", "bf"}, {"cvt.sat.f32.f16", "fh"}, {"cvt.f64.bf16", "db"}, {"cvt.rz.bf16.f16", "bh"}, {"cvt.rp.f16.bf16", "hb"}, {"cvt.rm.ftz.f16.f32", "hf"}, {"cvt.rn.sat.f16.f32", "hf"}, {"cvt.rz.ftz.sat.f32.f64", "fd"}, {"cvt.rn.sat.f32.u32", "fu"}, {"cvt.sat.f64.f64", "dd"}, {"cvt.sat.f64.f32", "df"}, {"cvt.rni.sat.f16.f16", "hh"}, {"cvt.ftz.sat.f32.f32", "ff"},
      {"cvt.u64.s8", "lu"}, {"cvt.s16.u8", "wu"}, {"cvt.u8.s64", "ul"}, {"cvt.s32.s64", "ul"}, {"cvt.u64.u32", "lu"}, {"cvt.s64.s32", "lu"}, {"cvt.u16.u64", "wl"}, {"cvt.s8.u16", "uw"}, {"cvt.sat.u8.s16", "uw"}, {"cvt.sat.s8.u64", "ul"}, {"cvt.sat.u16.s32", "wu"}, {"cvt.sat.u64.s32", "lu"}, {"cvt.sat.s64.u64", "ll"}, {"cvt.sat.u64.s64", "ll"}, {"cvt.sat.s32.u64", "ul"},
      {"cvt.pack.sat.u16.s32", "uuu"}, {"cvt.pack.sat.s8.s32.b32", "uuuu"}, {"cvt.pack.sat.u4.s32.b32", "uuuu"}, {"cvt.pack.sat.s4.s32.b32", "uuuu"}, {"cvt.pack.sat.u2.s32.b32", "uuuu"}, {"cvt.pack.sat.s2.s32.b32", "uuuu"},
      // memory: [%z] is this lane's result, [%s] 16 bytes of shared memory of its own
      {"st.global.b32 [%z], $1; red.global.add.f32 [%z], $2; ld.global.b32 $0, [%z]", "fff"}, {"st.shared.b32 [%s], $1; red.shared.add.f32 [%s], $2; ld.shared.b32 $0, [%s]", "fff"}, {"st.b32 [%gs], $1; red.add.f32 [%gs], $2; ld.b32 $0, [%gs]", "fff"}, {"st.b32 [%z], $1; atom.add.f32 $0, [%z], $2; ld.b32 $0, [%z]", "fff"},
      {"st.global.b64 [%z], $1; red.global.add.f64 [%z], $2; ld.global.b64 $0, [%z]", "ddd"}, {"st.shared.b64 [%s], $1; atom.shared.add.f64 $0, [%s], $2; ld.shared.b64 $0, [%s]", "ddd"},
      {"st.global.b16 [%z], $1; red.global.add.noftz.f16 [%z], $2; ld.global.b16 $0, [%z]", "hhh"}, {"st.global.b16 [%z], $1; atom.global.add.noftz.bf16 $0, [%z], $2; ld.global.b16 $0, [%z]", "bbb"}, {"st.global.b32 [%z], $1; red.global.add.noftz.f16x2 [%z], $2; ld.global.b32 $0, [%z]", "xxx"}, {"st.global.b32 [%z], $1; red.global.add.noftz.bf16x2 [%z], $2; ld.global.b32 $0, [%z]", "yyy"}, {"st.shared.b32 [%s], $1; atom.shared.add.noftz.f16x2 $0, [%s], $2; ld.shared.b32 $0, [%s]", "xxx"}, {"st.shared.b16 [%s], $1; atom.shared.add.noftz.f16 $0, [%s], $2; ld.shared.b16 $0, [%s]", "hhh"},
      {"st.global.v2.b32 [%scratch], {$2, $1}; red.global.add.v2.f32 [%scratch], {$1, $2}; ld.global.b32 $0, [%scratch+4]", "fff"},
      {"st.global.b32 [%scratch], $1; st.global.b32 [%scratch+4], $1; atom.global.max.noftz.v2.f16x2 {%t, $0}, [%scratch], {$2, $2}; ld.global.b32 $0, [%scratch+4]", "xxx"}, {"st.global.b16 [%scratch+2], $1; red.global.min.noftz.v4.bf16 [%scratch], {$1, $2, $1, $2}; ld.global.b16 $0, [%scratch+2]", "bbb"}, {"st.global.b16 [%scratch+6], $1; red.global.add.noftz.v8.f16 [%scratch], {$1, $2, $1, $2, $1, $2, $1, $2}; ld.global.b16 $0, [%scratch+6]", "hhh"}, {"st.global.b32 [%scratch+4], $1; red.global.add.noftz.v4.bf16x2 [%scratch], {$1, $2, $1, $2}; ld.global.b32 $0, [%scratch+4]", "yyy"}, {"st.global.b32 [%scratch+12], $1; red.global.add.v4.f32 [%scratch], {$1, $2, $1, $2}; ld.global.b32 $0, [%scratch+12]", "fff"},
      {"st.global.b32 [%z], $1; atom.global.inc.u32 $0, [%z], $2; ld.global.b32 %t, [%z]; add.u32 $0, $0, %t", "uuu"}, {"st.shared.b32 [%s], $1; atom.shared.dec.u32 $0, [%s], $2; ld.shared.b32 %t, [%s]; add.u32 $0, $0, %t", "uuu"}, {"st.global.b64 [%z], $1; atom.global.min.s64 $0, [%z], $2; ld.global.b64 $0, [%z]", "lll"}, {"st.shared.b64 [%s], $1; atom.shared.max.u64 $0, [%s], $2; ld.shared.b64 $0, [%s]", "lll"}, {"st.global.b32 [%z], $1; atom.global.min.s32 $0, [%z], $2; ld.global.b32 $0, [%z]", "uuu"}, {"st.global.b64 [%z], $1; atom.acq_rel.gpu.global.cas.b64 $0, [%z], $1, $2; ld.global.b64 $0, [%z]", "lll"}, {"st.global.b16 [%z], $1; atom.global.cas.b16 $0, [%z], $1, $2; ld.global.b16 $0, [%z]", "www"}, {"st.global.b64 [%z], $1; atom.relaxed.sys.global.xor.b64 $0, [%z], $2; ld.global.b64 $0, [%z]", "lll"}, {"st.shared.b64 [%s], $1; atom.shared::cta.exch.b64 %q, [%s], $2; ld.shared.b64 $0, [%s]; add.u64 $0, $0, %q", "lll"},
      {"mov.b128 %w, {$1, $2}; st.global.b128 [%scratch], %w; mov.b128 %v, {$2, $3}; atom.relaxed.gpu.global.cas.b128 %w, [%scratch], %w, %v; ld.global.b64 $0, [%scratch+8]; mov.b128 {%q, %o}, %w; xor.b64 $0, $0, %o", "llll"}, {"mov.b128 %w, {$1, $2}; st.shared.b128 [%s], %w; mov.b128 %v, {$2, $3}; atom.shared.exch.b128 %w, [%s], %v; ld.shared.b64 $0, [%s]; mov.b128 {%q, %o}, %w; xor.b64 $0, $0, %q", "llll"},
      {"st.shared.v4.b32 [%s], {$1, $2, $3, $1}; ld.shared.b128 %w, [%s]; mov.b128 {%q, %o}, %w; xor.b64 $0, %q, %o", "luuu"}, {"st.b8 [%z+1], $1; ld.relaxed.gpu.global.s8 $0, [%z+1]", "uc"}, {"st.release.sys.global.b16 [%z], $1; ld.acquire.gpu.global.u16 $0, [%z]", "ww"}, {"st.mmio.relaxed.sys.global.u32 [%z], $1; ld.mmio.relaxed.sys.global.u32 $0, [%z]", "uu"}, {"st.volatile.global.v2.u8 [%z], {$1, $2}; ld.weak.global.L1::no_allocate.L2::128B.u16 $0, [%z]", "wcc"},
      {"mov.b32 {%h1, %h2}, $1; mov.b32 $0, {%h2, %h1}", "uu"}, {"mov.b64 {%t, %t2}, $1; mov.b64 $0, {%t2, %t}", "ll"}, {"mov.b64 {%h1, %h2, %h3, %h4}, $1; mov.b64 $0, {%h4, %h3, %h2, %h1}", "ll"}, {"prmt.b32 $0, $1, $2, 0x7bd4", "uuu"},
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

// The instruction as one word, for the records.
inline std::string vector_name(const Vector& v) {
  std::string s = v.instruction;
  for (char& c : s) if (c == ' ') c = '_';
  return s;
}

inline std::string with_operands(std::string_view text, const std::vector<std::string>& names) {
  std::string s;
  for (size_t i = 0; i < text.size(); i++)
    if (text[i] == '$') s += names[static_cast<size_t>(text[++i] - '0')];
    else s += text[i];
  return s;
}

// A module with a kernel v<k>(out, a, b, c, d, scratch) per instruction; every operand array has kVectorLanes elements of its letter's size.
inline std::string vectors_ptx() {
  std::string s = ".version 8.6\n.target sm_90\n.address_size 64\n.shared .align 16 .b8 sm[4096];\n";
  for (size_t k = 0; k < vectors().size(); k++) {
    const Vector& v = vectors()[k];
    std::string instruction = v.instruction, name = "v" + std::to_string(k), list;
    size_t n = std::strlen(v.operands);
    s += ".visible .entry " + name + "(.param .u64 p0, .param .u64 p1, .param .u64 p2, .param .u64 p3, .param .u64 p4, .param .u64 p5)\n{\n"
         ".reg .pred %p, %p2; .reg .b32 %t, %t2, %s; .reg .b64 %i, %q, %o, %z, %gs, %scratch; .reg .b16 %h<5>; .reg .b128 %w, %v;\nmov.u32 %t, %tid.x; cvt.u64.u32 %i, %t;\n";
    std::string size0 = std::to_string(letter_bytes(v.operands[0]));
    s += "ld.param.u64 %q, [p0]; mad.lo.u64 %z, %i, " + size0 + ", %q;\n";
    if (instruction.find("%s") != instruction.npos || instruction.find("%gs") != instruction.npos)
      s += "mov.u32 %s, sm; mad.lo.u32 %s, %t, 16, %s; cvt.u64.u32 %gs, %s; cvta.shared.u64 %gs, %gs; ld.param.u64 %q, [p5]; mad.lo.u64 %scratch, %i, 16, %q;\n";
    std::vector<std::string> names;
    for (size_t o = 0; o < n; o++) {
      char c = v.operands[o];
      std::string bits = std::to_string(8 * letter_bytes(c)), r = "%x" + std::to_string(o), size = std::to_string(letter_bytes(c));
      if (o) list += ", ";
      list += c == 'p' ? "%p" : r;
      names.push_back(c == 'p' ? "%p" : r);
      if (c != 'p') s += ".reg .b" + bits + " " + r + ";\n";
      if (o == 0) continue;
      s += "ld.param.u64 %q, [p" + std::to_string(o) + "]; mad.lo.u64 %o, %i, " + size + ", %q; ld.global.b" + bits + " " + r + ", [%o];\n";
    }
    s += (instruction.find('$') != instruction.npos ? with_operands(instruction, names) : instruction + " " + list) + ";\n";
    if (v.operands[0] == 'p') s += ".reg .b32 %x0; selp.b32 %x0, 1, 0, %p;\n";
    s += "st.global.b" + std::to_string(8 * letter_bytes(v.operands[0])) + " [%z], %x0;\nret;\n}\n";
  }
  return s;
}

}  // namespace softgpu
