// Statements without bodies: see program.h. Each is a text of its own that leaves only the pools' registers and the thread's memory changed.
#include <cstdio>
#include <cstring>

#include "generate.h"

namespace fuzz {
namespace {

// Where in the table each kind begins, so that the many conversions do not crowd out the rest.
const std::vector<size_t>& sections() {
  static const std::vector<size_t> kStarts = [] {
    std::vector<size_t> v;
    for (const char* first : {"add.s16", "add.rn.f32", "add.rn.f16", "setp.eq.s16", "cvt.s8.s8"})
      for (size_t i = 0; i < instructions().size(); i++)
        if (instructions()[i].text == first) { v.push_back(i); break; }
    v.push_back(instructions().size());
    return v;
  }();
  return kStarts;
}

const char* bits(int bytes) { return bytes == 1 ? ".u8" : bytes == 2 ? ".b16" : bytes == 4 ? ".b32" : ".b64"; }

}  // namespace

std::string Generator::reg(char letter) {
  for (const Pool& p : kPools)
    if (p.letter == letter) return std::string("%") + letter + std::to_string(r.below(p.count));
  return "?";
}

std::string Generator::instruction(const Instruction& in, bool guarded) {
  std::string before, list, g = guarded ? guard() : "";
  bool literals = in.text.find("16x2") == std::string::npos && in.text.compare(0, 3, "cvt") && in.text.compare(0, 3, "mov") && r.chance(15);
  int temporaries = 0;
  for (size_t i = 0; i < in.operands.size(); i++) {
    char c = in.operands[i];
    std::string o;
    char text[32];
    auto narrowed = [&](const char* op, const char* type, const std::string& from, const char* with) {
      std::string t = "%z" + std::to_string(temporaries++);
      before += std::string(".reg .b") + type + " " + t + ";\n" + op + ".b" + type + " " + t + ", " + from + ", " + with + ";\n";
      return t;
    };
    switch (c) {
      case 'U': o = narrowed("or", "32", reg('u'), "1"); break;
      case 'L': o = narrowed("or", "64", reg('l'), "1"); break;
      case 'W': o = narrowed("or", "16", reg('w'), "1"); break;
      case 's': o = narrowed("and", "32", reg('u'), "31"); break;
      case 'c': o = r.chance(25) ? std::to_string(r.below(70)) : r.chance(70) ? narrowed("and", "32", any32(), "63") : any32(); break;
      case 'i': o = std::to_string(r.below(256)); break;
      case 'C': o = narrowed("and", "32", any32(), "255"); break;   // a position: what lies above 255 is not defined
      default:
        if (i && literals && r.chance(40) && std::strchr("ulfd", c)) {
          static const char* kFloats[] = {"0f00000000", "0f80000000", "0f3F800000", "0fBF000000", "0f7F800000", "0f7FC00000", "0f00000001", "0f4B000001", "0f7F7FFFFF"};
          static const char* kDoubles[] = {"0d0000000000000000", "0d8000000000000000", "0d3FF0000000000000", "0dBFE0000000000000", "0d7FF0000000000000", "0d0000000000000001", "0d4330000000000001"};
          if (c == 'f') o = r.of(kFloats);
          else if (c == 'd') o = r.of(kDoubles);
          else std::snprintf(text, sizeof text, "%d", static_cast<int>(r.next()) >> r.below(32)), o = text;
        } else if (c == 'u' || c == 'f' || c == 'x' || c == 'y') {
          o = r.chance(8) ? any32() : reg(c);   // sometimes bits of another kind
        } else if (c == 'l' || c == 'd') {
          o = r.chance(8) ? any64() : reg(c);
        } else if (c == 'w' || c == 'h' || c == 'b') {
          o = r.chance(8) ? any16() : reg(c);
        } else {
          o = reg(c);
        }
    }
    if (i == 2 && !in.text.compare(0, 1, "m") && (in.text[1] == 'i' || in.text.compare(0, 3, "max") == 0))   // min and max of one register are a move
      while (list.size() >= o.size() && !list.compare(list.size() - o.size(), o.size(), o)) o = reg(c);
    if (i) list += ", ";
    list += o;
  }
  if (!in.text.compare(0, 4, "set.")) g.clear();   // NVIDIA's compiler mixes up the old value under a guard
  std::string s = g + in.text + " " + list + ";\n";
  // It also leaves bits above these 16, and takes the absolute value of -32768 for 32768.
  if (!in.text.compare(0, 4, "set.") && std::strchr("hb", in.operands[0])) s = "mov.b16 " + list.substr(0, list.find(',')) + list.substr(list.find(','), 5) + ";\n";
  if (in.text == "abs.s16") s = g + "not.b16 " + list + ";\n";
  // Which NaN comes out is not defined for f64, nor where the compiler may see a move or a change of sign.
  char result = in.operands[0];
  std::string d = list.substr(0, list.find(','));
  std::string op = in.text.substr(0, in.text.find('.'));
  bool moves = in.text == "cvt.f32.f32" || op == "neg" || op == "abs" || op == "copysign" || op == "min" || op == "max";
  if (result == 'd' && op != "mov") before += ".reg .pred %nan;\n", s += "setp.nan.f64 %nan, " + d + ", " + d + ";\n@%nan mov.b64 " + d + ", 0x7ff8000000000000;\n";
  if (result == 'f' && moves) before += ".reg .pred %nan;\n", s += "setp.nan.f32 %nan, " + d + ", " + d + ";\n@%nan mov.b32 " + d + ", 0x7fffffff;\n";
  if ((result == 'h' || result == 'b') && moves) before += ".reg .pred %nan;\n", s += std::string("setp.nan.") + (result == 'h' ? "f16" : "bf16") + " %nan, " + d + ", " + d + ";\n@%nan mov.b16 " + d + ", 0x7fff;\n";
  return before.empty() ? s : "{\n" + before + s + "}\n";
}

std::string Generator::plain(const Place&) {
  const auto& starts = sections();
  static const int kShares[] = {0, 0, 0, 1, 1, 1, 2, 2, 3, 4};
  size_t k = static_cast<size_t>(r.of(kShares));
  size_t n = starts[k] + r.below(static_cast<unsigned>(starts[k + 1] - starts[k]));
  const Instruction& in = instructions()[n];
  return instruction(in, r.chance(12) && in.text.compare(0, 5, "testp"));   // NVIDIA's compiler overlooks the guard of a testp
}

// A fresh value of the pool's kind from the tables, one or several at a time.
std::string Generator::reload() {
  static const char* kModes[] = {"", ".nc", ".ca", ".cg", ".cs", ".cv", ".volatile", ".relaxed.gpu"};
  char letter = kTables[r.below(9)];
  const char* type = nullptr;
  for (const Pool& p : kPools) if (p.letter == letter) type = p.type;
  std::string at = std::to_string((std::strchr(kTables, letter) - kTables) * kTableBytes), g = r.chance(15) ? guard() : "";
  std::string s = "{\n.reg .b64 %a;\n.reg .b32 %i;\nadd.u32 %i, " + reg('u') + ", " + std::to_string(r.below(100000)) + ";\nand.b32 %i, %i, 510;\nmad.wide.u32 %a, %i, 8, %in;\n";
  if (r.chance(30)) {   // two registers of 64 bits or up to four of 32, next to each other
    bool wide = !std::strcmp(type, ".b64");
    bool four = !wide && r.chance(50);
    std::string list;
    const Pool* pool = nullptr;
    for (const Pool& p : kPools) if (p.letter == letter) pool = &p;
    unsigned first = r.below(pool->count), n = four && pool->count >= 4 ? 4 : 2;   // a register may stand in a list once
    for (unsigned i = 0; i < n; i++) list += std::string(i ? ", %" : "%") + letter + std::to_string((first + i) % pool->count);
    return s + g + "ld.global" + r.of(kModes) + (n == 4 ? ".v4" : ".v2") + type + " {" + list + "}, [%a+" + at + "];\n}\n";
  }
  return s + g + "ld.global" + r.of(kModes) + type + " " + reg(letter) + ", [%a+" + at + "];\n}\n";
}

// A store to, and later loads from, the thread's own bytes in global, shared or local memory: all widths, any of them by generic addresses.
std::string Generator::memory(const Place&) {
  struct Where { const char *space, *base; unsigned bytes; bool wide; };
  static const Where kPlaces[] = {{".global", "%own", 64, true}, {"", "%own", 64, true}, {".shared", "%own_sh", 32, false}, {"", "%gsh", 32, true}, {".local", "loc", 64, false}, {"", "%gloc", 64, true}};
  const Where& p = r.of(kPlaces);
  bool store = r.chance(50), local_name = !std::strcmp(p.base, "loc");
  int bytes = 1 << r.below(4);
  unsigned n = bytes == 1 ? 1 : 1u << r.below(bytes == 8 ? 2 : 3), total = static_cast<unsigned>(bytes) * n;
  std::string s = "{\n.reg .b64 %a, %o;\n.reg .b32 %i;\n", address;
  if (r.chance(50)) {   // at a computed place
    s += "and.b32 %i, " + reg('u') + ", " + std::to_string((p.bytes - 1) & ~(total - 1)) + ";\n";
    if (local_name) s += "mov.u64 %a, loc;\ncvt.u64.u32 %o, %i;\nadd.u64 %a, %a, %o;\n", address = "[%a]";
    else if (p.wide) s += "cvt.u64.u32 %o, %i;\nadd.u64 %a, " + std::string(p.base) + ", %o;\n", address = "[%a]";
    else s += "add.u32 %i, %i, " + std::string(p.base) + ";\n", address = "[%i]";
  } else {
    address = "[" + std::string(p.base) + "+" + std::to_string(r.below(p.bytes / total) * total) + "]";
  }
  std::string value, type = bits(bytes);
  char pool = bytes == 8 ? "ld"[r.below(2)] : bytes == 2 ? "whb"[r.below(3)] : "uf"[r.below(2)];
  const Pool* q = nullptr;
  for (const Pool& x : kPools) if (x.letter == pool) q = &x;
  unsigned first = r.below(q->count);
  for (unsigned i = 0; i < n; i++) value += std::string(i ? ", %" : "%") + pool + std::to_string((first + i) % q->count);
  if (n > 1) value = "{" + value + "}", type = (n == 2 ? ".v2" : ".v4") + type;
  if (n == 1 && bytes < 4 && !store) {   // into a wider register: zeroes or the sign above
    const char* kinds[] = {".u", ".s", ".b"};
    type = r.of(kinds) + std::to_string(8 * bytes), value = r.chance(50) ? any32() : r.chance(50) ? any64() : bytes == 1 ? any16() : any32();
  }
  if (n == 1 && bytes < 4 && store) type = bytes == 1 ? ".b8" : ".b16", value = r.chance(50) ? any32() : any64();
  std::string g = r.chance(15) ? guard() : "", order = p.space[0] != '.' || p.space[1] == 'l' ? "" : r.chance(25) ? ".volatile" : "";
  if (store) s += g + "st" + order + p.space + type + " " + address + ", " + value + ";\n";
  else s += g + "ld" + order + p.space + type + " " + value + ", " + address + ";\n";
  return s + "}\n";
}

std::string Generator::constant_load() {
  std::string c = "c" + std::to_string(seed_);
  if (r.chance(40)) return "ld.const.v2.b32 {%u1, %f" + std::to_string(r.below(8)) + "}, [" + c + "+" + std::to_string(8 * r.below(8)) + "];\n";
  return "{\n.reg .b64 %a, %o;\n.reg .b32 %i;\nand.b32 %i, " + reg('u') + ", 15;\nmul.wide.u32 %o, %i, 4;\nmov.u64 %a, " + c + ";\nadd.u64 %a, %a, %o;\nld.const.u32 " + any32() + ", [%a];\n}\n";
}

std::string Generator::pack() {
  switch (r.below(6)) {
    case 0: return "mov.b32 " + any32() + ", {" + any16() + ", " + any16() + "};\n";
    case 1: return "mov.b64 " + any64() + ", {" + any32() + ", " + any32() + "};\n";
    case 2: return "mov.b64 " + any64() + ", {" + any16() + ", " + any16() + ", " + any16() + ", " + any16() + "};\n";
    case 3: return "mov.b32 {%w0, " + reg('h') + "}, " + any32() + ";\n";
    case 4: return "mov.b64 {%u2, " + reg('f') + "}, " + any64() + ";\n";
    default: return "mov.b64 {%w1, %h2, %b0, %w3}, " + any64() + ";\n";
  }
}

// Chains through the carry flag.
std::string Generator::carry() {
  bool wide = r.chance(30);
  std::string t = wide ? ".u64" : ".u32";
  char c = wide ? 'l' : 'u';
  switch (r.below(4)) {
    case 0: return "add.cc" + t + " " + reg(c) + ", " + reg(c) + ", " + reg(c) + ";\naddc.cc" + t + " " + reg(c) + ", " + reg(c) + ", " + reg(c) + ";\naddc" + t + " " + reg(c) + ", " + reg(c) + ", 0;\n";
    case 1: return "sub.cc" + t + " " + reg(c) + ", " + reg(c) + ", " + reg(c) + ";\nsubc.cc" + t + " " + reg(c) + ", " + reg(c) + ", " + reg(c) + ";\nsubc" + t + " " + reg(c) + ", " + reg(c) + ", 0;\n";
    case 2: return "mad.lo.cc" + t + " " + reg(c) + ", " + reg(c) + ", " + reg(c) + ", " + reg(c) + ";\nmadc.hi" + t + " " + reg(c) + ", " + reg(c) + ", " + reg(c) + ", " + reg(c) + ";\n";
    default: return "mad.hi.cc" + t + " " + reg(c) + ", " + reg(c) + ", " + reg(c) + ", " + reg(c) + ";\nmadc.lo.cc" + t + " " + reg(c) + ", " + reg(c) + ", " + reg(c) + ", " + reg(c) + ";\naddc" + t + " " + reg(c) + ", " + reg(c) + ", " + reg(c) + ";\n";
  }
}

std::string Generator::compare_pair() {
  const char* forms[] = {"setp.lt.s32", "setp.ge.u32", "setp.neu.f32", "setp.lt.ftz.f32", "setp.gtu.f64", "setp.le.f16x2", "setp.neu.bf16x2", "setp.lt.ftz.f16x2"};
  const char letters[] = {'u', 'u', 'f', 'f', 'd', 'x', 'y', 'x'};
  unsigned k = r.below(8), p = r.below(4), q = (p + 1 + r.below(3)) % 4;
  std::string s = forms[k], mix = r.chance(40) ? ".and" : "";
  size_t dot = s.find('.', 5);
  return s.substr(0, dot) + mix + s.substr(dot) + " %p" + std::to_string(p) + "|%p" + std::to_string(q) + ", " + reg(letters[k]) + ", " + reg(letters[k]) + (mix.empty() ? "" : ", " + reg('p')) + ";\n";
}

// What lanes of a warp see of each other. A value is taken only from a lane that is there.
std::string Generator::lanes(const Place& at) {
  const std::string& m = at.mask;
  switch (r.below(10)) {
    case 0: case 1: case 2: case 3: {
      const char* modes[] = {"up", "down", "bfly", "idx"};
      std::string mode = r.of(modes), d = any32(), a = any32();
      if (at.full) {
        std::string c = r.chance(50) ? (mode == "up" ? "0" : "31") : std::to_string((32 - (1 << r.below(6))) << 8 | (mode == "up" ? 0 : 31));
        if (r.chance(20)) c = reg('u');
        return "shfl.sync." + mode + ".b32 " + d + "|" + reg('p') + ", " + a + ", " + (r.chance(50) ? std::to_string(r.below(32)) : reg('u')) + ", " + c + ", -1;\n";
      }
      std::string s = "{\n.reg .b32 %b, %v, %from, %own;\n.reg .pred %in, %there;\nmov.b32 %own, " + a + ";\nand.b32 %b, " + reg('u') + ", 31;\n";
      s += "shfl.sync." + mode + ".b32 %v|%in, %own, %b, " + (mode == "up" ? "0" : "31") + ", " + m + ";\n";
      s += mode == "up" ? "sub.u32 %from, %lane, %b;\n" : mode == "down" ? "add.u32 %from, %lane, %b;\n" : mode == "bfly" ? "xor.b32 %from, %lane, %b;\n" : "mov.b32 %from, %b;\n";
      s += "shr.u32 %from, " + m + ", %from;\nand.b32 %from, %from, 1;\nsetp.eq.and.u32 %there, %from, 1, %in;\nselp.b32 " + d + ", %v, %own, %there;\n}\n";
      return s;
    }
    case 4: {
      const char* modes[] = {"all", "any", "uni"};
      return std::string("vote.sync.") + r.of(modes) + ".pred " + reg('p') + ", " + (r.chance(50) ? "!" : "") + reg('p') + ", " + m + ";\n";
    }
    case 5: return "vote.sync.ballot.b32 " + reg('u') + ", " + (r.chance(50) ? "!" : "") + reg('p') + ", " + m + ";\n";
    case 6: {
      std::string s = "{\n.reg .b32 %v;\n.reg .b64 %w;\nand.b32 %v, " + any32() + ", " + std::to_string(r.below(8)) + ";\ncvt.u64.u32 %w, %v;\n";
      const char* forms[] = {"match.any.sync.b32 ", "match.any.sync.b64 ", "match.all.sync.b32 ", "match.all.sync.b64 "};
      unsigned k = r.below(4);
      return s + forms[k] + reg('u') + (k >= 2 ? "|" + reg('p') : "") + (k % 2 ? ", %w, " : ", %v, ") + m + ";\n}\n";
    }
    case 7: {
      const char* forms[] = {"add.u32", "add.s32", "min.u32", "max.s32", "min.s32", "max.u32", "and.b32", "or.b32", "xor.b32"};
      return std::string("redux.sync.") + r.of(forms) + " " + reg('u') + ", " + any32() + ", " + m + ";\n";
    }
    case 8:   // who else is active is not defined, but one always is oneself
      return "{\n.reg .b32 %v;\nactivemask.b32 %v;\nshr.u32 %v, %v, %lane;\nand.b32 " + reg('u') + ", %v, 1;\nbar.warp.sync " + m + ";\n}\n";
    default:   // one is elected; which one is not defined
      return "{\n.reg .b32 %v;\n.reg .pred %one;\nelect.sync %v|%one, " + m + ";\nvote.sync.ballot.b32 %v, %one, " + m + ";\npopc.b32 " + reg('u') + ", %v;\n}\n";
  }
}

// Each thread leaves a value in shared memory and takes another's, or the block's threads count.
std::string Generator::exchange(const Place&) {
  std::string barrier = std::to_string(r.below(16)), d = any32();
  std::string bar = block_ % 32 == 0 && r.chance(50) ? "bar.sync " + barrier + ", " + std::to_string(block_) + ";\n" : "bar.sync " + barrier + ";\n";
  if (r.chance(30)) {
    const char* forms[] = {"bar.red.popc.u32 ", "bar.red.and.pred ", "bar.red.or.pred "};
    unsigned k = r.below(3);
    return std::string(forms[k]) + (k ? reg('p') : reg('u')) + ", " + barrier + ", " + (r.chance(40) ? "!" : "") + reg('p') + ";\n";
  }
  bool wide = r.chance(40);
  std::string bytes = wide ? "8" : "4", v = wide ? any64() : any32(), t = wide ? ".b64" : ".b32";
  if (wide) d = any64();
  return "{\n.reg .b32 %i, %a;\nmov.u32 %a, sh;\nadd.u32 %a, %a, 64;\nmad.lo.u32 %i, %me, " + bytes + ", %a;\n" + bar + "st.shared" + t + " [%i], " + v + ";\n" + bar + "rem.u32 %i, " + reg('u') +
         ", %nt;\nmad.lo.u32 %i, %i, " + bytes + ", %a;\nld.shared" + t + " " + d + ", [%i];\n}\n";
}

// On the thread's own bytes, or on a counter to which all threads add in an operation whose order does not matter.
std::string Generator::atomic(const Place&) {
  struct Form { const char* text; char letter; bool global_only; };
  static const Form kOwn[] = {{"add.u32", 'u', false}, {"add.s32", 'u', false}, {"add.u64", 'l', false}, {"min.s32", 'u', false}, {"max.u32", 'u', false}, {"min.u64", 'l', false}, {"max.s64", 'l', false}, {"and.b32", 'u', false},
                              {"or.b64", 'l', false}, {"xor.b32", 'u', false}, {"exch.b32", 'u', false}, {"exch.b64", 'l', false}, {"inc.u32", 'u', false}, {"dec.u32", 'u', false}, {"cas.b32", 'u', false}, {"cas.b64", 'l', false},
                              {"cas.b16", 'w', false}, {"add.f32", 'f', false}, {"add.noftz.f16", 'h', false}, {"add.noftz.f16x2", 'x', false}, {"add.noftz.bf16", 'b', false}, {"add.noftz.bf16x2", 'y', false}};
  struct Place { const char *space, *base; };
  static const Place kPlaces[] = {{".global", "%own"}, {"", "%own"}, {".shared", "%own_sh"}, {"", "%gsh"}};
  if (r.chance(70)) {
    const Form& f = r.of(kOwn);
    const Place& p = r.of(kPlaces);
    std::string address = "[" + std::string(p.base) + "+" + std::to_string(8 * r.below(4)) + "]", text = f.text, list = reg(f.letter);
    if (!text.compare(0, 3, "cas")) list += ", " + reg(f.letter);
    const char* orders[] = {"", ".relaxed.gpu", ".acq_rel.cta", ".acquire.sys", ".release.gpu"};
    bool red = r.chance(20) && text.compare(0, 3, "cas") && text.compare(0, 4, "exch");
    if (red) return "red" + std::string(p.space) + "." + text + " " + address + ", " + list + ";\n";
    return (r.chance(15) ? guard() : "") + "atom" + r.of(orders) + p.space + "." + text + " " + reg(f.letter) + ", " + address + ", " + list + ";\n";
  }
  static const char* kShared[] = {"add.u32", "add.u64", "or.b32", "xor.b32", "max.s32", "min.s32", "inc.u32", "max.u64"};
  unsigned k = r.below(8);
  std::string text = kShared[k], v = text.find("64") != std::string::npos ? reg('l') : k == 6 ? "1000000" : any32(), at = std::to_string(8 * k);
  std::string space = r.chance(50) ? ".shared" : ".global", base = space == ".shared" ? "sh" : "%all";
  if (r.chance(50)) return (r.chance(15) ? guard() : "") + "red" + space + "." + text + " [" + base + "+" + at + "], " + v + ";\n";
  return std::string("{\n.reg .") + (v[1] == 'l' ? "b64" : "b32") + " %old;\natom" + space + "." + text + " %old, [" + base + "+" + at + "], " + v + ";\n}\n";
}

std::string Generator::call(const Place&) {
  unsigned k = r.below(functions_);
  std::string name = "g" + std::to_string(seed_) + "_" + std::to_string(k), n = id();
  std::string s = "{\n.param .b32 pr, pa, pc;\n.param .b64 pb;\nst.param.b32 [pa], " + any32() + ";\nst.param.b64 [pb], " + any64() + ";\nst.param.b32 [pc], " + any32() + ";\n";
  if (r.chance(35)) {   // by a pointer that depends on the lane
    std::string other = "g" + std::to_string(seed_) + "_" + std::to_string(r.below(functions_));
    s += ".reg .b64 %f, %o;\nmov.u64 %f, " + name + ";\nmov.u64 %o, " + other + ";\nselp.b64 %f, %f, %o, " + reg('p') + ";\nPROTO" + n + ": .callprototype (.param .b32 _) _ (.param .b32 _, .param .b64 _, .param .b32 _);\n";
    s += "call (pr), %f, (pa, pb, pc), PROTO" + n + ";\n";
  } else {
    s += (r.chance(25) ? guard() : "") + "call (pr), " + name + ", (pa, pb, pc);\n";   // not called: what is in pr is not defined, so see below
    if (s.find("@") != std::string::npos) return s + "}\n";
  }
  return s + "ld.param.b32 " + any32() + ", [pr];\n}\n";
}

}  // namespace fuzz
