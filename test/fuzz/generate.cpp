// Control flow and the frame of a random program: see program.h. One thread per Generator.
#include "generate.h"

#include <cstring>

#include "softgpu/exec/vectors.h"

namespace fuzz {

std::string Generator::declare_pools() {
  std::string s;
  for (const Pool& p : kPools) s += std::string(".reg ") + p.type + " %" + p.letter + "<" + std::to_string(p.count) + ">;\n";
  return s;
}

Node Generator::statement(const Place& at) {
  unsigned k = r.below(100);
  if (at.depth < 3) {
    if (k < 5) return branch(at);
    if (k < 8) return loop(at);
    if (k < 9 && !at.function) return table_branch(at);
  }
  std::string s;
  if (k < 13) s = carry();
  else if (k < 16) s = pack();
  else if (k < 18) s = compare_pair();
  else if (at.function) s = plain(at);
  else if (k < 24) s = reload();
  else if (k < 31) s = memory(at);
  else if (k < 32) s = constant_load();
  else if (k < 36) s = atomic(at);
  else if (k < 39 && functions_) s = call(at);
  else if (k < 47 && !at.mask.empty()) s = lanes(at);
  else if (k < 50 && at.uniform) s = exchange(at);
  else s = plain(at);
  return {{s}, {}};
}

std::vector<Node> Generator::body(const Place& at, unsigned statements) {
  std::vector<Node> list;
  for (unsigned i = 0; i < statements; i++) list.push_back(statement(at));
  return list;
}

// if and else. The lanes of each side are known from a ballot before it.
Node Generator::branch(const Place& at) {
  std::string n = id(), k = "%k" + n, m = "%m" + n, e = "%e" + n;
  bool even = at.uniform && r.chance(40), both = r.chance(60);   // even: the whole block takes the same side
  Place yes = at, no = at;
  yes.depth = no.depth = at.depth + 1;
  std::string head = "{\n.reg .pred " + k + ";\n.reg .b32 " + m + ", " + e + ";\n";
  if (even) head += "setp.eq.u32 " + k + ", %cta, " + std::to_string(r.below(2)) + ";\n";
  else if (r.chance(50)) head += "setp.lt.s32 " + k + ", " + reg('u') + ", " + reg('u') + ";\n";
  else head += "not.pred " + k + ", " + reg('p') + ";\n";
  if (!even) {
    yes.full = yes.uniform = no.full = no.uniform = false;
    if (!at.mask.empty()) {
      head += "vote.sync.ballot.b32 " + m + ", " + k + ", " + at.mask + ";\nnot.b32 " + e + ", " + m + ";\nand.b32 " + e + ", " + e + ", " + at.mask + ";\n";
      yes.mask = m, no.mask = e;
    }
  }
  const char* bra = even && r.chance(50) ? "bra.uni" : "bra";
  head += "@!" + k + " " + bra + (both ? " ELSE" : " END") + n + ";\n";
  Node node{{head}, {}};
  node.bodies.push_back(body(yes, 1 + r.below(5)));
  if (both) {
    node.pieces.push_back(std::string(bra) + " END" + n + ";\nELSE" + n + ":\n");
    node.bodies.push_back(body(no, 1 + r.below(4)));
  }
  node.pieces.push_back("END" + n + ":\n}\n");
  return node;
}

Node Generator::loop(const Place& at) {
  std::string n = id(), k = "%k" + n, m = "%m" + n, c = "%c" + n;
  bool even = r.chance(40);
  Place in = at;
  in.depth = at.depth + 1;
  std::string head = "{\n.reg .pred " + k + ";\n.reg .b32 " + m + ", " + c + ";\n";
  head += even ? "mov.u32 " + c + ", " + std::to_string(1 + r.below(4)) + ";\n" : "and.b32 " + c + ", " + reg('u') + ", 3;\n";
  bool ballot = !even && !at.mask.empty();
  if (ballot) head += "mov.b32 " + m + ", " + at.mask + ";\n", in.mask = m;
  if (!even) in.full = in.uniform = false;
  head += "LOOP" + n + ":\nsetp.ne.u32 " + k + ", " + c + ", 0;\n";
  if (ballot) head += "vote.sync.ballot.b32 " + m + ", " + k + ", " + m + ";\n";
  head += "@!" + k + " bra DONE" + n + ";\n";
  return {{head, "sub.u32 " + c + ", " + c + ", 1;\nbra LOOP" + n + ";\nDONE" + n + ":\n}\n"}, {body(in, 1 + r.below(5))}};
}

// brx.idx over two to four labels. The whole block takes the same way: lanes that part here hang an H200 now and then (driver 580).
Node Generator::table_branch(const Place& at) {
  std::string n = id();
  unsigned ways = 2 + r.below(3);
  Place in = at;
  in.depth = at.depth + 1;
  std::string list;
  for (unsigned i = 0; i < ways; i++) list += (i ? ", CASE" : "CASE") + n + "_" + std::to_string(i);
  Node node{{"{\n.reg .b32 %t;\nTABLE" + n + ": .branchtargets " + list + ";\nadd.u32 %t, %cta, " + std::to_string(r.below(100)) + ";\nrem.u32 %t, %t, " + std::to_string(ways) + ";\nbrx.idx %t, TABLE" + n + ";\n"}, {}};
  for (unsigned i = 0; i < ways; i++) {
    node.pieces.back() += "CASE" + n + "_" + std::to_string(i) + ":\n";
    node.bodies.push_back(body(in, 1 + r.below(3)));
    node.pieces.push_back(r.chance(75) ? "bra END" + n + ";\n" : "");   // else it falls into the next
  }
  node.pieces.back() += "END" + n + ":\n}\n";
  return node;
}

// (b32 result) from (b32, b64, b32); the recursive one calls itself while its first argument's low bits last.
Node Generator::function(unsigned number, bool recursive) {
  std::string name = "g" + std::to_string(seed_) + "_" + std::to_string(number), n = id();
  std::string head = ".func (.param .b32 result) " + name + "(.param .b32 a, .param .b64 b, .param .b32 c)\n{\n" + declare_pools() +
                     ".reg .b32 %left, %sum;\n.reg .pred %early;\nld.param.b32 %left, [a];\nld.param.b64 %l0, [b];\nld.param.b32 %f0, [c];\nmov.b32 %sum, 0;\n";
  for (const Pool& p : kPools)
    for (unsigned i = 0; i < p.count; i++) {
      std::string d = std::string("%") + p.letter + std::to_string(i), k = std::to_string(i * 77 + 3);
      if (d == "%l0" || d == "%f0") continue;
      if (p.letter == 'p') head += "setp.gt.s32 " + d + ", %f0, " + std::to_string(static_cast<int>(i * 1000) - 1500) + ";\n";
      else if (!std::strcmp(p.type, ".b64")) head += "mad.lo.u64 " + d + ", %l0, " + k + ", " + std::to_string(p.letter == 'd' ? 0x3ff0000000000000ull : 5ull) + ";\n";
      else if (!std::strcmp(p.type, ".b16")) head += "cvt.u16.u64 " + d + ", %l" + std::to_string(i) + ";\n";
      else head += "mad.lo.u32 " + d + ", %f0, " + k + ", %left;\n";
    }
  Place at;
  at.function = true, at.depth = 1;
  Node node{{head}, {body(at, 3 + r.below(8))}};
  std::string fold = "xor.b32 %sum, %u0, %f1;\nxor.b32 %sum, %sum, %u3;\n{\n.reg .b32 %lo, %hi;\nmov.b64 {%lo, %hi}, %d2;\nadd.u32 %sum, %sum, %hi;\nmov.b64 {%lo, %hi}, %l1;\nxor.b32 %sum, %sum, %lo;\ncvt.u32.u16 %lo, %h1;\nadd.u32 %sum, %sum, %lo;\nadd.u32 %sum, %sum, %x1;\nadd.u32 %sum, %sum, %y2;\n}\n";
  if (recursive) {
    fold += "and.b32 %left, %left, 3;\nsetp.eq.u32 %early, %left, 0;\n@%early bra RETURN" + n + ";\n{\n.param .b32 pr, pa, pc;\n.param .b64 pb;\nsub.u32 %left, %left, 1;\nst.param.b32 [pa], %left;\nst.param.b64 [pb], %l2;\nst.param.b32 [pc], %sum;\n"
            "call (pr), " + name + ", (pa, pb, pc);\nld.param.b32 %left, [pr];\nxor.b32 %sum, %sum, %left;\n}\nRETURN" + n + ":\n";
  } else if (r.chance(50)) {
    fold += "st.param.b32 [result], %sum;\nsetp.lt.u32 %early, %u1, %u2;\n@%early ret;\nnot.b32 %sum, %sum;\n";
  }
  node.pieces.push_back(fold + "st.param.b32 [result], %sum;\nret;\n}\n");
  return node;
}

Program Generator::program() {
  Program p;
  p.seed = seed_;
  const unsigned blocks[] = {32, 64, 64, 96, 33, 48, 80, 7};
  p.block = block_ = r.of(blocks);
  std::string n = std::to_string(seed_);
  p.constants = ".const .align 16 .b32 c" + n + "[16] = {";
  for (unsigned i = 0; i < 16; i++) p.constants += (i ? ", " : "") + std::to_string(r.next() & 0xffffffff >> r.below(32));
  p.constants += "};\n";
  for (functions_ = 0; functions_ < r.below(4); functions_++) {
    if (r.chance(35)) recursive_ = functions_;
    p.functions.push_back(function(functions_, recursive_ == functions_));
  }
  std::string head = ".visible .entry f" + n + "(.param .u64 in, .param .u64 out, .param .u64 scratch)\n{\n" + declare_pools() +
                     ".shared .align 16 .b8 sh[" + std::to_string(64 + 96 * 8 + 96 * 32) + "];\n.local .align 16 .b8 loc[64];\n"
                     ".reg .b64 %in, %out, %own, %all, %gsh, %gloc;\n.reg .b32 %me, %cta, %nt, %lane, %mask, %own_sh, %t0, %t1;\n.reg .pred %q0, %q1;\n"
                     "mov.u32 %me, %tid.x;\nmov.u32 %cta, %ctaid.x;\nmov.u32 %nt, %ntid.x;\nmov.u32 %lane, %laneid;\n"
                     "ld.param.u64 %in, [in];\nld.param.u64 %out, [out];\nld.param.u64 %all, [scratch];\ncvta.to.global.u64 %in, %in;\n"
                     "mad.lo.u32 %t0, %cta, %nt, %me;\nmad.wide.u32 %own, %t0, " + std::to_string(kPrivateBytes) + ", %all;\nadd.u64 %own, %own, " + std::to_string(kCounterBytes) + ";\n"
                     "mad.wide.u32 %out, %t0, " + std::to_string(kOutWords * 4) + ", %out;\n"
                     "mov.u32 %own_sh, sh;\nmad.lo.u32 %own_sh, %me, 32, %own_sh;\nadd.u32 %own_sh, %own_sh, " + std::to_string(64 + 96 * 8) + ";\n"
                     "cvt.u64.u32 %gsh, %own_sh;\ncvta.shared.u64 %gsh, %gsh;\nmov.u64 %gloc, loc;\ncvta.local.u64 %gloc, %gloc;\n"
                     // lanes of this warp: all, or what is left of the block
                     "sub.u32 %t1, %me, %lane;\nsub.u32 %t1, %nt, %t1;\nmin.u32 %t1, %t1, 32;\nmov.u32 %mask, 1;\nshl.b32 %mask, %mask, %t1;\nsub.u32 %mask, %mask, 1;\n";
  for (unsigned i = 0; i < 64; i += 8) head += "st.local.b64 [loc+" + std::to_string(i) + "], " + std::to_string(r.next()) + ";\n";
  for (unsigned i = 0; i < 32; i += 8) head += "st.shared.b64 [%own_sh+" + std::to_string(i) + "], " + std::to_string(r.next()) + ";\n";
  head += "setp.lt.u32 %q0, %me, 8;\n@%q0 st.shared.b64 [sh], 0;\n";   // counters of the block: the first 64 bytes
  for (unsigned i = 8; i < 64; i += 8) head += "@%q0 st.shared.b64 [sh+" + std::to_string(i) + "], 0;\n";
  head += "bar.sync 0;\n";
  head += "{\n.reg .b64 %a;\n.reg .b32 %i;\n";
  for (const Pool& q : kPools) {
    if (q.letter == 'p') continue;
    for (unsigned i = 0; i < q.count; i++)
      head += "mad.lo.u32 %i, %t0, " + std::to_string(2 * r.below(200) + 1) + ", " + std::to_string(r.below(512)) + ";\nand.b32 %i, %i, 511;\nmad.wide.u32 %a, %i, 8, %in;\nld.global" + q.type + " %" + q.letter + std::to_string(i) +
              ", [%a+" + std::to_string((std::strchr(kTables, q.letter) - kTables) * kTableBytes) + "];\n";
  }
  head += "}\n";
  for (unsigned i = 0; i < 4; i++) head += "setp.gt.s32 %p" + std::to_string(i) + ", %u" + std::to_string(i) + ", " + std::to_string(i * 5) + ";\n";
  Place at;
  at.mask = "%mask", at.full = block_ % 32 == 0, at.uniform = true;
  p.kernel = {{head}, {body(at, 20 + r.below(60))}};

  std::string tail;
  unsigned word = 0;
  auto put = [&](const char* type, const std::string& v, unsigned words) { tail += std::string("st.global") + type + " [%out+" + std::to_string(4 * word) + "], " + v + ";\n", word += words; };
  for (const Pool& q : kPools)
    for (unsigned i = 0; i < q.count; i++) {
      std::string v = std::string("%") + q.letter + std::to_string(i);
      if (!std::strcmp(q.type, ".b64")) put(".b64", v, 2);
      else if (!std::strcmp(q.type, ".b32")) put(".b32", v, 1);
      else if (q.letter == 'p') tail += "selp.b32 %t0, 1, 0, " + v + ";\n", put(".b32", "%t0", 1);
      else tail += "cvt.u32.u16 %t0, " + v + ";\n", put(".b32", "%t0", 1);
    }
  for (unsigned i = 0; i < 64; i += 4) tail += "ld.local.b32 %t0, [loc+" + std::to_string(i) + "];\n", put(".b32", "%t0", 1);
  // the block's counters, by adding: no thread may be late
  tail += "bar.sync 0;\nsetp.eq.u32 %q0, %me, 0;\n{\n.reg .b64 %v;\n";
  for (unsigned i = 0; i < 8; i++) tail += "ld.shared.b64 %v, [sh+" + std::to_string(8 * i) + "];\n@%q0 red.global.add.u64 [%all+" + std::to_string(64 + 8 * i) + "], %v;\n";
  p.kernel.pieces.push_back(tail + "}\nret;\n}\n");
  return p;
}

Program generate(uint64_t seed) { return Generator(seed).program(); }

namespace {
void print(const Node& n, std::string* s) {
  for (size_t i = 0; i < n.pieces.size(); i++) {
    *s += n.pieces[i];
    if (i < n.bodies.size()) for (const Node& b : n.bodies[i]) print(b, s);
  }
}
}  // namespace

std::string Program::text() const {
  std::string s = constants;
  for (const Node& f : functions) print(f, &s);
  print(kernel, &s);
  return s;
}

std::string out_word_name(unsigned word) {
  for (const Pool& q : kPools) {
    unsigned words = std::strcmp(q.type, ".b64") ? 1 : 2;
    if (word < words * q.count) return std::string("%") + q.letter + std::to_string(word / words) + (words == 2 ? word % 2 ? ".high" : ".low" : "");
    word -= words * q.count;
  }
  return "local word " + std::to_string(word);
}

std::vector<uint8_t> input_tables() {
  std::vector<uint8_t> bytes(std::strlen(kTables) * kTableBytes);
  for (unsigned t = 0; kTables[t]; t++)
    for (unsigned i = 0; i < kTableEntries; i++) {
      uint64_t v = softgpu::vector_input(kTables[t], static_cast<int>(t), 0, static_cast<int>(i));
      std::memcpy(&bytes[t * kTableBytes + i * 8], &v, 8);
    }
  return bytes;
}

}  // namespace fuzz
