// mma, wmma, ldmatrix, stmatrix, movmatrix and mbarrier. Owner: load(); one thread.
#include "softgpu/ptx/decode.h"

namespace softgpu {
namespace {

struct Dimensions { int m = 0, n = 0, k = 0; };

bool parse_shape(std::string_view s, Dimensions* d) {   // m16n8k16
  int* at[3] = {&d->m, &d->n, &d->k};
  size_t i = 0;
  for (int part = 0; part < 3; part++) {
    if (i >= s.size() || s[i] != "mnk"[part]) return false;
    for (i++; i < s.size() && s[i] >= '0' && s[i] <= '9' && *at[part] < 1000; i++) *at[part] = *at[part] * 10 + (s[i] - '0');
    if (*at[part] == 0) return false;
  }
  return i == s.size();
}

Dimensions take_shape(std::vector<std::string_view>& mods) {   // zeros: none among them
  for (size_t i = 0; i < mods.size(); i++) {
    Dimensions d;
    if (!parse_shape(mods[i], &d)) continue;
    mods.erase(mods.begin() + static_cast<ptrdiff_t>(i));
    return d;
  }
  return {};
}

int64_t packed(Dimensions d, Ty td, Ty ta, Ty tb, Ty tc, bool saturate, bool a_column, bool b_column = false, int bit_op = 0) {
  return static_cast<int64_t>(static_cast<uint64_t>(d.m) | static_cast<uint64_t>(d.n) << 6 | static_cast<uint64_t>(d.k) << 12 | static_cast<uint64_t>(td) << 24 |
                              static_cast<uint64_t>(b_column) << 58 | static_cast<uint64_t>(bit_op) << 59 |
                              static_cast<uint64_t>(ta) << 32 | static_cast<uint64_t>(tb) << 40 | static_cast<uint64_t>(tc) << 48 |
                              static_cast<uint64_t>(saturate) << 56 | static_cast<uint64_t>(a_column) << 57);
}

bool byte_type(Ty t) { return t == Ty::S8 || t == Ty::U8; }
bool byte_float(Ty t) { return t == Ty::E4M3 || t == Ty::E5M2; }
bool nibble(Ty t) { return t == Ty::S4 || t == Ty::U4; }
size_t per_register(Ty t) { return t == Ty::B1 ? 32 : nibble(t) ? 8 : bytes_of(t) == 1 ? 4 : bytes_of(t) == 2 ? 2 : 1; }

}  // namespace

// The registers of a brace list (or a single one) whose elements of type t are packed into 32 or 64 bits.
std::vector<uint32_t> Decoder::fragment(const Operand& o, Ty t, bool result) {
  Ty word = bytes_of(t) == 8 ? Ty::B64 : Ty::B32;
  std::vector<uint32_t> r;
  auto one = [&](const Operand& x) { r.push_back(result ? def(x, word) : use(x, word)); };
  if (o.what == Operand::Vector) for (const Operand& x : o.items) one(x);
  else one(o);
  return r;
}

// ".row.col" in that order: the first for a, the second for b. True: column.
bool Decoder::take_layout() {
  for (size_t i = 0; i < mods_.size(); i++) {
    if (mods_[i] != "row" && mods_[i] != "col") continue;
    bool column = mods_[i] == "col";
    mods_.erase(mods_.begin() + static_cast<ptrdiff_t>(i));
    return column;
  }
  unsupported();
}

// ".xor.popc" or ".and.popc" of one-bit matrices: 1 or 2.
int Decoder::take_bit_operation() {
  int op = mod("xor") ? 1 : mod("and") ? 2 : 0;
  if (op && !mod("popc")) unsupported();
  return op;
}

void Decoder::op_mma() {
  if (mod("sp") || mod("sp::ordered_metadata")) fail("unsupported instruction '" + std::string(whole_) + "': sparse matrices");
  if (!mod("sync")) unsupported();
  mod("aligned");
  Dimensions d = take_shape(mods_);
  bool a_column = take_layout(), b_column = take_layout();
  mod("kind::f8f6f4");
  bool saturate = mod("satfinite");
  int bit_op = take_bit_operation();
  mod("rn");
  Ty td = type(), ta = type(), tb = type(), tc = type();
  bool good = false;
  auto shape = [&](int m, int n, int k) { good |= d.m == m && d.n == n && d.k == k; };
  bool halves = ta == Ty::F16 && tb == Ty::F16 && (td == Ty::F32 || td == Ty::F16) && (tc == Ty::F32 || tc == Ty::F16);
  bool volta = halves && d.m == 8 && d.n == 8 && d.k == 4;
  if (volta) good = td == Ty::F32 || tc == Ty::F16;
  else if (a_column || !b_column) unsupported();
  if (halves || (ta == Ty::BF16 && tb == Ty::BF16 && td == Ty::F32 && tc == Ty::F32)) shape(16, 8, 8), shape(16, 8, 16);
  if (ta == Ty::TF32 && tb == Ty::TF32 && td == Ty::F32 && tc == Ty::F32) shape(16, 8, 4), shape(16, 8, 8);
  if (ta == Ty::F64 && tb == Ty::F64 && td == Ty::F64 && tc == Ty::F64) shape(8, 8, 4), shape(16, 8, 4), shape(16, 8, 8), shape(16, 8, 16);
  if (byte_float(ta) && byte_float(tb) && td == tc && (td == Ty::F32 || td == Ty::F16)) shape(16, 8, 16), shape(16, 8, 32);
  if (td == Ty::S32 && tc == Ty::S32) {
    if (byte_type(ta) && byte_type(tb)) shape(8, 8, 16), shape(16, 8, 16), shape(16, 8, 32);
    if (nibble(ta) && nibble(tb)) shape(8, 8, 32), shape(16, 8, 32), shape(16, 8, 64);
    if (ta == Ty::B1 && tb == Ty::B1) shape(8, 8, 128), shape(16, 8, 128), shape(16, 8, 256);
  }
  if (!good || (saturate && !byte_type(ta) && !nibble(ta)) || (bit_op != 0) != (ta == Ty::B1)) unsupported();
  count(4, 4);
  size_t m = static_cast<size_t>(d.m), n = static_cast<size_t>(d.n), k = static_cast<size_t>(d.k);
  std::vector<uint32_t> a = fragment(ops_[1], ta, false), b = fragment(ops_[2], tb, false), c = fragment(ops_[3], tc, false);
  std::vector<uint32_t> defs = fragment(ops_[0], td, true), uses = a;
  size_t times = volta ? 4 : 1;   // four products of groups of eight lanes
  if (defs.size() != times * m * n / 32 / per_register(td) || a.size() != times * m * k / 32 / per_register(ta) || b.size() != times * k * n / 32 / per_register(tb) ||
      c.size() != times * m * n / 32 / per_register(tc))
    fail("wrong number of registers in '" + std::string(whole_) + "'");
  uses.insert(uses.end(), b.begin(), b.end());
  uses.insert(uses.end(), c.begin(), c.end());
  Key key;
  key.op = Op::Mma;
  key.sub = volta ? 4 : 0;
  uint32_t all = constant(Width::W32, 0xffffffff);
  Insn& in = emit(key, {kNoReg}, {kNoReg, kNoReg, kNoReg, all});
  in.kind = Kind::Sync;
  in.imm = packed(d, td, ta, tb, tc, saturate, a_column, b_column, bit_op);
  extra(in, defs, uses);
}

void Decoder::op_wmma() {
  enum { Load, Store, Multiply } what = mod("load") ? Load : mod("store") ? Store : Multiply;
  if (what == Multiply && !mod("mma")) unsupported();
  char matrix = mod("a") ? 'a' : mod("b") ? 'b' : mod("c") ? 'c' : mod("d") ? 'd' : 0;
  if (!mod("sync")) unsupported();
  mod("aligned");
  Dimensions d = take_shape(mods_);
  bool shape = (d.m == 16 && d.n == 16 && (d.k == 16 || d.k == 8)) || (d.m == 32 && d.n == 8 && d.k == 16) || (d.m == 8 && d.n == 32 && d.k == 16) || (d.m == 8 && d.n == 8 && (d.k == 4 || d.k == 32 || d.k == 128));
  if (!shape) unsupported();
  bool words = d.k == 32 || d.k == 128;   // s4, u4 and b1: fragments are mma's
  int bit_op = words && what == Multiply ? take_bit_operation() : 0;
  Key key;
  key.op = Op::Mma;
  uint32_t all = constant(Width::W32, 0xffffffff);
  if (what == Multiply) {
    bool a_column = take_layout(), b_column = take_layout();   // how a and b were stored is settled by the loads
    if (words && (a_column || !b_column)) unsupported();
    bool saturate = mod("satfinite");
    mod("rn");
    Ty t[4];
    size_t n = 0;
    while (n < 4 && take_type(&t[n])) n++;
    Ty td = t[0], tc = n == 2 ? t[1] : t[3], ta = n == 2 ? Ty::F16 : t[1], tb = n == 2 ? Ty::F16 : t[2];   // f16 operands go unnamed
    bool known = ta == Ty::F16 || ta == Ty::BF16 || ta == Ty::TF32 || ta == Ty::F64 || byte_type(ta);
    if (words) known = td == Ty::S32 && tc == Ty::S32 && (d.k == 32 ? nibble(ta) : ta == Ty::B1 && bit_op);
    if ((n != 2 && n != 4) || !known || (tb != ta && !(byte_type(ta) && byte_type(tb)))) unsupported();
    count(4, 4);
    std::vector<uint32_t> a = fragment(ops_[1], ta, false), b = fragment(ops_[2], tb, false), c = fragment(ops_[3], tc, false), defs = fragment(ops_[0], td, true), uses = a;
    auto enough = [&](const std::vector<uint32_t>& r, int elements, Ty ty) {
      if (r.size() * per_register(ty) * 32 < static_cast<size_t>(elements)) fail("wrong number of registers in '" + std::string(whole_) + "'");
    };
    enough(a, d.m * d.k, ta), enough(b, d.k * d.n, tb), enough(c, d.m * d.n, tc), enough(defs, d.m * d.n, td);
    uses.insert(uses.end(), b.begin(), b.end());
    uses.insert(uses.end(), c.begin(), c.end());
    key.sub = 1;
    Insn& in = emit(key, {kNoReg}, {kNoReg, kNoReg, kNoReg, all});
    in.kind = Kind::Sync;
    in.imm = packed(d, td, ta, tb, tc, saturate, false, false, bit_op);
    in.site = static_cast<uint32_t>(defs.size() + uses.size());
    return extra(in, defs, uses, {static_cast<uint32_t>(defs.size()), static_cast<uint32_t>(a.size()), static_cast<uint32_t>(b.size()), static_cast<uint32_t>(c.size())});
  }
  bool column = mod("col");
  if (!column) mod("row");
  Space space = mod("global") ? Space::Global : mod_any({"shared", "shared::cta"}) ? Space::Shared : Space::Generic;
  Ty t = type();
  bool packed_bits = words && (matrix == 'a' || matrix == 'b');
  if (packed_bits && (d.k == 32 ? !nibble(t) : t != Ty::B1)) unsupported();
  if (packed_bits && column != (matrix == 'b')) unsupported();
  if (!matrix || (!packed_bits && t != Ty::F16 && t != Ty::BF16 && t != Ty::TF32 && t != Ty::F32 && t != Ty::F64 && t != Ty::S32 && !byte_type(t))) unsupported();
  size_t list = what == Load ? 0 : 1, place = 1 - list;
  count(2, 3);
  if (ops_[place].what != Operand::Address) fail("expected an address in '" + std::string(whole_) + "'");
  uint32_t base;
  int64_t offset;
  bool wide;
  address(ops_[place], &space, &base, &offset, &wide);
  uint32_t stride = ops_.size() == 3 ? use(ops_[2], Ty::U32) : kNoReg;
  std::vector<uint32_t> regs = fragment(ops_[list], t, what == Load);
  Dimensions own;
  own.m = matrix == 'b' ? d.k : d.m;
  own.n = matrix == 'a' ? d.k : d.n;
  own.k = static_cast<int>(regs.size());
  int words_shift = 0;   // stride: elements in a 32-bit word, as a power of two
  if (packed_bits) {   // eight rows (columns of b) of four words
    if (what == Store || regs.size() != 1) unsupported();
    own.m = 8, own.n = 4, column = false, words_shift = d.k == 32 ? 3 : 5, t = Ty::B32;
  }
  if (regs.size() * per_register(t) * 32 < static_cast<size_t>(own.m * own.n)) fail("wrong number of registers in '" + std::string(whole_) + "'");
  key.sub = what == Load ? 2 : 3;
  Insn& in = emit(key, {kNoReg}, {base, stride, kNoReg, all});
  in.kind = Kind::Sync;
  in.imm = packed(own, t, t, t, t, false, column, false, 0);
  in.sub = static_cast<uint8_t>(words_shift);
  in.flags = wide ? kAddress64 : 0;
  memory(in, space == Space::Shared ? Space::Shared : Space::Generic);
  if (what == Load) extra(in, regs, {}, {static_cast<uint32_t>(offset)});
  else extra(in, {}, regs, {static_cast<uint32_t>(offset)});
}

void Decoder::op_ldmatrix() {
  bool store = opcode_ == "stmatrix";
  if (!mod("sync")) unsupported();
  mod("aligned");
  if (opcode_ == "movmatrix") {
    if (!mod("m8n8") || !mod("trans")) unsupported();
    type();
    count(2, 2);
    Key k;
    k.op = Op::Movmatrix;
    uint32_t a = use(ops_[1], Ty::B32), all = constant(Width::W32, 0xffffffff);
    emit(k, {def(ops_[0], Ty::B32)}, {a, kNoReg, kNoReg, all}).kind = Kind::Sync;
    return;
  }
  if (!mod("m8n8")) fail("unsupported instruction '" + std::string(whole_) + "': 8-bit matrices of sm_100a");
  int n = mod("x1") ? 1 : mod("x2") ? 2 : mod("x4") ? 4 : 0;
  bool trans = mod("trans");
  Space space = mod_any({"shared", "shared::cta"}) ? Space::Shared : Space::Generic;
  if (!n || type() != Ty::B16) unsupported();
  count(2, 2);
  size_t place = store ? 0 : 1;
  if (ops_[place].what != Operand::Address) fail("expected an address in '" + std::string(whole_) + "'");
  uint32_t base;
  int64_t offset;
  bool wide;
  address(ops_[place], &space, &base, &offset, &wide);
  std::vector<uint32_t> regs = fragment(ops_[1 - place], Ty::B32, !store);
  if (regs.size() != static_cast<size_t>(n)) fail("wrong number of registers in '" + std::string(whole_) + "'");
  Key k;
  k.op = store ? Op::Stmatrix : Op::Ldmatrix;
  k.sub = static_cast<uint8_t>(n | (trans ? 0x80 : 0));
  uint32_t all = constant(Width::W32, 0xffffffff);
  Insn& in = emit(k, {kNoReg}, {base, kNoReg, kNoReg, all});
  in.kind = Kind::Sync;
  in.imm = offset;
  in.flags = wide ? kAddress64 : 0;
  memory(in, space == Space::Shared ? Space::Shared : Space::Generic);
  if (store) extra(in, {}, regs);
  else extra(in, regs, {});
}

// A place in shared memory that is no first operand: its base register and offset.
void Decoder::shared_place(const Operand& o, uint32_t* base, int64_t* offset, bool* wide) {
  if (o.what != Operand::Address) fail("expected an address in '" + std::string(whole_) + "'");
  Space s = Space::Shared;
  address(o, &s, base, offset, wide);
}

void Decoder::op_mbarrier() {
  enum { kDrop = 1, kExpect = 2 };   // Insn::sub of arrivals
  Key k;
  bool parity = false;
  if (mod("init")) k.op = Op::MbarInit;
  else if (mod("inval")) k.op = Op::MbarInit;
  else if (mod("arrive")) k.op = Op::MbarArrive;
  else if (mod("arrive_drop")) k.op = Op::MbarArrive, k.sub = kDrop;
  else if (mod_any({"test_wait", "try_wait"})) k.op = Op::MbarTest, parity = mod("parity");
  else if (mod("pending_count")) k.op = Op::MbarOther;
  else if (mod("expect_tx")) k.op = Op::MbarTx, k.sub = kExpect;
  else if (mod("complete_tx")) k.op = Op::MbarTx;
  else unsupported();
  if (k.op == Op::MbarArrive && mod("expect_tx")) k.sub |= kExpect;
  if (k.op == Op::MbarArrive) mod("noComplete");
  mod_any({"release", "acquire", "relaxed"});
  mod_any({"cta", "cluster"});
  Space space = mod_any({"shared", "shared::cta", "shared::cluster"}) ? Space::Shared : Space::Generic;
  if (type() != Ty::B64) unsupported();
  if (k.op == Op::MbarOther) {
    count(2, 2);
    uint32_t a = use(ops_[1], Ty::B64);
    emit(k, {def(ops_[0], Ty::B32)}, {a});
    return;
  }
  bool result = k.op == Op::MbarTest || (k.op == Op::MbarArrive && ops_.size() > 1 && ops_[0].what != Operand::Address);
  size_t place = result ? 1 : 0;
  bool needs = k.op == Op::MbarTest || k.op == Op::MbarTx || (k.sub & kExpect);
  count(place + 1 + (needs ? 1 : 0), place + (k.op == Op::MbarTest ? 3 : 2));
  if (ops_[place].what != Operand::Address) fail("expected an address in '" + std::string(whole_) + "'");
  uint32_t base;
  int64_t offset;
  bool wide;
  address(ops_[place], &space, &base, &offset, &wide);
  uint32_t value = kNoReg, d = kNoReg;
  if (ops_.size() > place + 1) value = use(ops_[place + 1], k.op == Op::MbarTest && !parity ? Ty::B64 : Ty::B32);
  if (result) d = def(ops_[0], k.op == Op::MbarTest ? Ty::Pred : Ty::B64);
  if (k.op == Op::MbarTest) k.sub = parity;
  Insn& in = emit(k, {d}, {base, value});
  in.imm = offset;
  in.flags = wide ? kAddress64 : 0;
  memory(in, space == Space::Shared ? Space::Shared : Space::Generic);
}

void Decoder::add_matrix(std::unordered_map<std::string_view, Handler>& m) {
  m["mma"] = &Decoder::op_mma;
  m["wmma"] = &Decoder::op_wmma;
  m["ldmatrix"] = m["stmatrix"] = m["movmatrix"] = &Decoder::op_ldmatrix;
  m["mbarrier"] = &Decoder::op_mbarrier;
}

}  // namespace softgpu
