// The table of instructions.h. Immutable after the first call; any thread.
#include "instructions.h"

namespace fuzz {
namespace {

using List = std::vector<const char*>;
constexpr const char* kR4[] = {".rn", ".rz", ".rm", ".rp"};

struct Table {
  std::vector<Instruction> rows;
  void add(std::string text, std::string operands) { rows.push_back({std::move(text), std::move(operands)}); }

  void integers() {
    struct Type { const char *s, *u, *b; char reg, divisor, wide; };
    for (const Type& t : {Type{".s16", ".u16", ".b16", 'w', 'W', 'u'}, Type{".s32", ".u32", ".b32", 'u', 'U', 'l'}, Type{".s64", ".u64", ".b64", 'l', 'L', 0}}) {
      std::string r(1, t.reg), d(1, t.divisor);
      for (const char* type : {t.s, t.u}) {
        for (const char* op : {"add", "sub", "mul.lo", "mul.hi", "min", "max"}) add(std::string(op) + type, r + r + r);
        for (const char* op : {"mad.lo", "mad.hi", "sad"}) add(std::string(op) + type, r + r + r + r);
        for (const char* op : {"div", "rem"}) add(std::string(op) + type, r + r + d);
        if (t.wide) add(std::string("mul.wide") + type, t.wide + r + r), add(std::string("mad.wide") + type, t.wide + r + r + t.wide);
        add(std::string("shr") + type, r + r + "c");
      }
      add(std::string("abs") + t.s, r + r), add(std::string("neg") + t.s, r + r);
      for (const char* op : {"and", "or", "xor"}) add(std::string(op) + t.b, r + r + r);
      for (const char* op : {"not", "cnot"}) add(std::string(op) + t.b, r + r);
      add(std::string("shl") + t.b, r + r + "c");
    }
    for (const char* op : {"add.sat.s32", "sub.sat.s32", "mul24.lo.s32", "mul24.lo.u32", "mul24.hi.s32", "mul24.hi.u32"}) add(op, "uuu");
    for (const char* op : {"mad.hi.sat.s32", "mad24.lo.s32", "mad24.lo.u32", "mad24.hi.s32", "mad24.hi.u32", "mad24.hi.sat.s32"}) add(op, "uuuu");
    for (const char* op : {"popc.b32", "clz.b32", "brev.b32", "bfind.u32", "bfind.s32", "bfind.shiftamt.u32", "bfind.shiftamt.s32"}) add(op, "uu");
    for (const char* op : {"popc.b64", "clz.b64", "bfind.u64", "bfind.s64", "bfind.shiftamt.u64", "bfind.shiftamt.s64"}) add(op, "ul");
    add("brev.b64", "ll");
    add("bfe.u32", "uuCC"), add("bfe.s32", "uuCC"), add("bfe.u64", "llCC"), add("bfe.s64", "llCC"), add("bfi.b32", "uuuCC"), add("bfi.b64", "lllCC");
    for (const char* mode : {".clamp", ".wrap"}) {
      add(std::string("bmsk") + mode + ".b32", "ucc"), add(std::string("szext") + mode + ".s32", "uuc"), add(std::string("szext") + mode + ".u32", "uuc");
      add(std::string("shf.l") + mode + ".b32", "uuuc"), add(std::string("shf.r") + mode + ".b32", "uuuc");
    }
    add("fns.b32", "uuss");
    for (const char* a : {".s32", ".u32"})
      for (const char* b : {".s32", ".u32"})
        for (const char* op : {"dp4a", "dp2a.lo", "dp2a.hi"}) add(std::string(op) + a + b, "uuuu");
    for (const char* mode : {"", ".f4e", ".b4e", ".rc8", ".ecl", ".ecr", ".rc16"}) add(std::string("prmt.b32") + mode, "uuuu");
    for (int i = 0; i < 6; i++) add("lop3.b32", "uuuui");
    for (const char* op : {"min.s16x2", "max.s16x2", "min.u16x2", "max.u16x2", "add.s16x2", "add.u16x2"}) add(op, "uuu");
    add("max.relu.s32", "uuu"), add("min.relu.s32", "uuu"), add("max.relu.s16x2", "uuu");
    for (const char* op : {"and.pred", "or.pred", "xor.pred"}) add(op, "ppp");
    add("not.pred", "pp");
  }

  void floats() {
    for (const char* r : kR4) {
      std::string round = r;
      for (const char* ftz : {"", ".ftz"}) {
        for (const char* sat : {"", ".sat"}) {
          for (const char* op : {"add", "sub", "mul"}) add(op + round + ftz + sat + ".f32", "fff");
          add("fma" + round + ftz + sat + ".f32", "ffff");
        }
        add("div" + round + ftz + ".f32", "fff"), add("sqrt" + round + ftz + ".f32", "ff"), add("rcp" + round + ftz + ".f32", "ff");
      }
      for (const char* op : {"add", "sub", "mul", "div"}) add(op + round + ".f64", "ddd");
      add("fma" + round + ".f64", "dddd"), add("sqrt" + round + ".f64", "dd"), add("rcp" + round + ".f64", "dd");
    }
    for (const char* ftz : {"", ".ftz"}) {
      std::string z = ftz;
      add("neg" + z + ".f32", "ff"), add("abs" + z + ".f32", "ff");
      for (const char* op : {"min", "max"})
        for (const char* nan : {"", ".NaN"})
          for (const char* sign : {"", ".xorsign.abs"}) add(op + z + nan + sign + ".f32", "fff");
    }
    for (const char* op : {"neg.f64", "abs.f64"}) add(op, "dd");
    for (const char* op : {"min.f64", "max.f64", "copysign.f64"}) add(op, "ddd");
    add("copysign.f32", "fff");
    for (const char* c : {"finite", "infinite", "number", "notanumber", "normal", "subnormal"}) {
      add(std::string("testp.") + c + ".f32", "pf"), add(std::string("testp.") + c + ".f64", "pd");
    }
  }

  void halves() {
    struct Type { const char* name; char reg; bool brain; };
    for (const Type& t : {Type{".f16", 'h', false}, Type{".f16x2", 'x', false}, Type{".bf16", 'b', true}, Type{".bf16x2", 'y', true}}) {
      std::string r(1, t.reg), n = t.name;
      for (const char* op : {"add.rn", "sub.rn", "mul.rn"}) {
        add(op + n, r + r + r);
        if (t.brain) continue;
        for (const char* m : {".ftz", ".sat", ".ftz.sat"}) add(op + (m + n), r + r + r);
      }
      for (const char* m : {"", ".relu"}) add("fma.rn" + (m + n), r + r + r + r);
      if (!t.brain) for (const char* m : {".ftz", ".sat", ".ftz.sat", ".ftz.relu"}) add("fma.rn" + (m + n), r + r + r + r);
      add("neg" + n, r + r), add("abs" + n, r + r);
      if (!t.brain) add("neg.ftz" + n, r + r), add("abs.ftz" + n, r + r);
      for (const char* op : {"min", "max"})
        for (const char* ftz : t.brain ? List{""} : List{"", ".ftz"})
          for (const char* nan : {"", ".NaN"})
            for (const char* sign : {"", ".xorsign.abs"}) add(op + (ftz + (nan + (sign + n))), r + r + r);
    }
  }

  void comparisons() {
    struct Type { const char* name; char reg; int kind; };   // 0 signed, 1 unsigned, 2 bits, 3 float
    const Type types[] = {{".s16", 'w', 0}, {".s32", 'u', 0}, {".s64", 'l', 0}, {".u16", 'w', 1}, {".u32", 'u', 1}, {".u64", 'l', 1}, {".b32", 'u', 2}, {".b64", 'l', 2}, {".f32", 'f', 3}, {".f64", 'd', 3}, {".f16", 'h', 3}, {".bf16", 'b', 3}};
    for (const Type& t : types) {
      std::string r(1, t.reg), n = t.name;
      List names = t.kind == 0 ? List{"eq", "ne", "lt", "le", "gt", "ge"} : t.kind == 1 ? List{"eq", "ne", "lo", "ls", "hi", "hs", "lt", "ge"} : t.kind == 2 ? List{"eq", "ne"}
                 : List{"eq", "ne", "lt", "le", "gt", "ge", "equ", "neu", "ltu", "leu", "gtu", "geu", "num", "nan"};
      int i = 0;
      for (const char* c : names) {
        const char* mix[] = {".and", ".or", ".xor"};
        std::string ftz = t.kind == 3 && (t.reg == 'f' || t.reg == 'h') && i % 3 == 1 ? ".ftz" : "";
        add("setp." + std::string(c) + ftz + n, "p" + r + r);
        add("setp." + std::string(c) + mix[i % 3] + ftz + n, "p" + r + r + "p");
        if (t.reg != 'h' && t.reg != 'b') add("set." + std::string(c) + ftz + (i % 2 ? ".f32" : ".u32") + n, (i % 2 ? "f" : "u") + r + r);
        i++;
      }
      if (t.kind != 3 || t.reg == 'f' || t.reg == 'd') add("selp" + n, r + r + r + "p"), add("slct" + n + ".s32", r + r + r + "u"), add("slct.ftz" + n + ".f32", r + r + r + "f"), add("slct" + n + ".f32", r + r + r + "f");
    }
    for (const char* c : {"lt", "geu", "ne", "equ"}) {
      std::string s = std::string("set.") + c;
      add(s + ".f16.f16", "hhh"), add(s + ".f16x2.f16x2", "xxx"), add(s + ".u32.f16x2", "uxx"), add(s + ".bf16.bf16", "bbb"), add(s + ".bf16x2.bf16x2", "yyy"), add(s + ".u32.bf16x2", "uyy"), add(s + ".u16.f16", "whh"), add(s + ".ftz.s32.f16", "uhh");
    }
  }

  void conversions() {
    struct Type { const char* name; char reg; int bits = 0; };
    const Type ints[] = {{".s8", 'u', 8}, {".u8", 'u', 8}, {".s16", 'w', 16}, {".u16", 'w', 16}, {".s32", 'u', 32}, {".u32", 'u', 32}, {".s64", 'l', 64}, {".u64", 'l', 64}};
    const Type floats[] = {{".f32", 'f'}, {".f64", 'd'}, {".f16", 'h'}, {".bf16", 'b'}};
    for (const Type& a : ints)
      for (const Type& b : ints) {
        add(std::string("cvt") + a.name + b.name, std::string{a.reg, b.reg});
        bool fits = a.bits > b.bits && (a.name[1] == 's' || b.name[1] == 'u');   // nothing to saturate: not allowed
        if (!fits && a.name != b.name) add(std::string("cvt.sat") + a.name + b.name, std::string{a.reg, b.reg});
      }
    for (const Type& i : ints)
      for (const Type& f : floats) {
        if (f.reg == 'b' && i.bits == 8) continue;
        for (const char* r : {".rni", ".rzi", ".rmi", ".rpi"}) {
          add(std::string("cvt") + r + i.name + f.name, std::string{i.reg, f.reg});
          if (f.reg == 'f') add(std::string("cvt") + r + ".ftz" + i.name + f.name, std::string{i.reg, f.reg});
        }
        for (const char* r : kR4) add(std::string("cvt") + r + f.name + i.name, std::string{f.reg, i.reg});
      }
    for (const char* r : {".rni", ".rzi", ".rmi", ".rpi"}) {
      for (const Type& f : {floats[0], floats[1], floats[2]}) add(std::string("cvt") + r + f.name + f.name, std::string{f.reg, f.reg});
      add(std::string("cvt") + r + ".ftz.f32.f32", "ff"), add(std::string("cvt") + r + ".sat.f32.f32", "ff");
    }
    for (const char* r : kR4) {
      for (const char* m : {"", ".ftz", ".sat", ".ftz.sat"}) add(std::string("cvt") + r + m + ".f32.f64", "fd");
      for (const char* f : {".f32", ".f64"}) add(std::string("cvt") + r + ".f16" + f, f[1] == 'f' && f[2] == '3' ? "hf" : "hd");
      add(std::string("cvt") + r + ".bf16.f32", "bf"), add(std::string("cvt") + r + ".sat.f16.f32", "hf");
    }
    for (const char* m : {"", ".ftz", ".sat", ".ftz.sat"}) add(std::string("cvt") + m + ".f64.f32", "df"), add(std::string("cvt") + m + ".f32.f32", "ff"), add(std::string("cvt") + m + ".f32.f16", "fh");
    for (const char* m : {"", ".relu"})
      for (const char* r : {".rn", ".rz"}) add(std::string("cvt") + r + m + ".f16.f32", "hf"), add(std::string("cvt") + r + m + ".bf16.f32", "bf"), add(std::string("cvt") + r + m + ".f16x2.f32", "xff"), add(std::string("cvt") + r + m + ".bf16x2.f32", "yff");
    for (const char* m : {"", ".relu"}) {
      for (const char* t : {".e4m3x2", ".e5m2x2"}) {
        add(std::string("cvt.rn.satfinite") + m + t + ".f32", "wff"), add(std::string("cvt.rn.satfinite") + m + t + ".f16x2", "wx"), add(std::string("cvt.rn") + m + ".f16x2" + t, "xw");
      }
      add(std::string("cvt.rn") + m + ".tf32.f32", "uf"), add(std::string("cvt.rz") + m + ".tf32.f32", "uf");
    }
    add("cvt.rna.tf32.f32", "uf"), add("cvt.f64.f16", "dh"), add("cvt.f32.bf16", "fb"), add("cvt.f64.bf16", "db"), add("cvt.rn.bf16.f16", "bh"), add("cvt.rn.f16.bf16", "hb"), add("cvt.rn.bf16.f64", "bd"), add("cvt.sat.f16.f16", "hh");
    for (const char* t : {".u16", ".s16"}) add(std::string("cvt.pack.sat") + t + ".s32", "uuu");
    for (const char* t : {".u8", ".s8"}) add(std::string("cvt.pack.sat") + t + ".s32.b32", "uuuu");
    for (const char* t : {".b32", ".u32", ".f32"}) add(std::string("mov") + t, "uf");
    add("mov.b64", "ld"), add("mov.b16", "wh"), add("mov.f32", "fu"), add("mov.f64", "dl"), add("mov.b32", "xu"), add("mov.b32", "yu"), add("mov.b16", "bw"), add("mov.b16", "hw");
  }
};

}  // namespace

const std::vector<Instruction>& instructions() {
  static const std::vector<Instruction> kRows = [] {
    Table t;
    t.integers(), t.floats(), t.halves(), t.comparisons(), t.conversions();
    return t.rows;
  }();
  return kRows;
}

}  // namespace fuzz
