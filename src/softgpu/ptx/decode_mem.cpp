// Loads, stores, atomics, address conversion and asynchronous copies. Owner: load(); one thread.
#include "softgpu/ptx/decode.h"

namespace softgpu {
namespace {

// Unsigned type of the same size: loads and stores only care for size and sign extension.
Ty access_type(Ty t) {
  if (is_signed(t) && bytes_of(t) < 4) return t;
  switch (bytes_of(t)) {
    case 1: return Ty::U8;
    case 2: return Ty::U16;
    case 4: return Ty::U32;
    case 8: return Ty::U64;
    default: return Ty::B128;
  }
}

// `{%r1}` without .v is written for %r1 (NCCL's kernels have it).
void unwrap(Operand& o, int vector) {
  if (vector != 1 || o.what != Operand::Vector || o.items.size() != 1) return;
  Operand only = o.items[0];
  o = only;
}

}  // namespace

// Completes a memory access: its space, and a number under which workers keep the range that it found last.
void Decoder::memory(Insn& in, Space space) {
  in.flags = static_cast<uint8_t>((in.flags & 15) | static_cast<int>(space) << 4);
  in.site = (*ctx_.sites)++;
}

// Where to cache and what to fetch beside it: hints. True: an operand with a cache policy follows.
bool Decoder::cache_hints() {
  mod_any({"ca", "cg", "cs", "lu", "cv", "nc", "wb", "wt"});
  mod_any({"ca", "cg", "cs", "nc"});
  mod_any({"L1::evict_normal", "L1::evict_unchanged", "L1::evict_first", "L1::evict_last", "L1::no_allocate"});
  mod_any({"L2::evict_first", "L2::evict_last", "L2::evict_normal"});
  bool hint = mod("L2::cache_hint");
  mod_any({"L2::64B", "L2::128B", "L2::256B"});
  return hint;
}

void Decoder::op_ld() {
  Space space = Space::Generic;
  bool param = false;
  if (mod("global")) space = Space::Global;
  else if (mod_any({"shared", "shared::cta", "shared::cluster"})) space = Space::Shared;
  else if (mod("local")) space = Space::Local;
  else if (mod("const")) space = Space::Const;
  else if (mod_any({"param", "param::entry", "param::func"})) space = Space::Param, param = true;
  // Ordering and scope: every load here is at least as strong as asked for.
  mod("mmio");
  mod_any({"volatile", "weak", "relaxed", "acquire"});
  mod_any({"cta", "cluster", "gpu", "sys"});
  bool hint = cache_hints();
  mod("unified");
  uint8_t n = mod("v2") ? 2 : mod("v4") ? 4 : mod("v8") ? 8 : 1;
  Ty t = type();
  count(2, hint ? 3 : 2);
  if (ops_[1].what != Operand::Address) fail("expected an address in '" + std::string(whole_) + "'");
  unwrap(ops_[0], n);
  if ((n > 1) != (ops_[0].what == Operand::Vector) || (n > 1 && ops_[0].items.size() != n)) fail("wrong vector length in '" + std::string(whole_) + "'");
  if (bytes_of(t) * n > 32) unsupported();
  uint32_t base;
  int64_t offset;
  bool wide;
  Space by_name = space;
  address(ops_[1], &by_name, &base, &offset, &wide);
  if (param) space = ops_[1].name.empty() ? Space::Param : by_name;   // a function's parameters lie in its local frame
  if (space == Space::Generic && !ops_[1].name.empty()) space = by_name;
  if (space == Space::Const || space == Space::Param) space = space == Space::Param && !ops_[1].name.empty() ? Space::Param : Space::Generic;
  Key k;
  k.t = access_type(t);
  k.sub = n;
  bool direct = space == Space::Param;
  k.op = direct ? Op::LdParam : Op::Ld;
  k.space = space;
  if (direct && (offset < 0 || offset + bytes_of(t) * n > 32768)) fail("parameter access out of range in '" + std::string(whole_) + "'");
  std::vector<uint32_t> defs;
  if (n == 1) defs.push_back(def(ops_[0], t));
  else for (Operand& o : ops_[0].items) defs.push_back(def(o, t));
  Insn& in = emit(k, {n == 1 ? defs[0] : kNoReg}, {base});
  in.imm = offset;
  in.flags = wide ? kAddress64 : 0;
  memory(in, space);
  if (n > 1) extra(in, defs, {});
}

void Decoder::op_st() {
  for (std::string_view m : mods_) if (m == "async" || m == "bulk") return op_async_store();
  Space space = Space::Generic;
  bool param = false;
  if (mod("global")) space = Space::Global;
  else if (mod_any({"shared", "shared::cta", "shared::cluster"})) space = Space::Shared;
  else if (mod("local")) space = Space::Local;
  else if (mod_any({"param", "param::func"})) space = Space::Param, param = true;
  mod("mmio");
  mod_any({"volatile", "weak", "relaxed", "release"});
  mod_any({"cta", "cluster", "gpu", "sys"});
  bool hint = cache_hints();
  uint8_t n = mod("v2") ? 2 : mod("v4") ? 4 : mod("v8") ? 8 : 1;
  Ty t = type();
  count(2, hint ? 3 : 2);
  if (ops_[0].what != Operand::Address) fail("expected an address in '" + std::string(whole_) + "'");
  unwrap(ops_[1], n);
  if ((n > 1) != (ops_[1].what == Operand::Vector) || (n > 1 && ops_[1].items.size() != n)) fail("wrong vector length in '" + std::string(whole_) + "'");
  if (bytes_of(t) * n > 32) unsupported();
  uint32_t base;
  int64_t offset;
  bool wide;
  Space by_name = space;
  address(ops_[0], &by_name, &base, &offset, &wide);
  if (param) {
    space = by_name;
    if (space != Space::Local) fail("a kernel's parameters cannot be written: '" + std::string(whole_) + "'");
  }
  if (space == Space::Generic && !ops_[0].name.empty() && by_name != Space::Const) space = by_name;
  Key k;
  k.op = Op::St;
  k.t = access_type(t);
  k.sub = n;
  k.space = space;
  std::vector<uint32_t> uses;
  if (n == 1) uses.push_back(use(ops_[1], t));
  else for (Operand& o : ops_[1].items) uses.push_back(use(o, t));
  Insn& in = emit(k, {}, {base, n == 1 ? uses[0] : kNoReg});
  in.imm = offset;
  in.flags = wide ? kAddress64 : 0;
  memory(in, space);
  if (n > 1) extra(in, {}, uses);
}

void Decoder::op_atom() {
  bool red = opcode_ == "red";
  Key k;
  k.op = red ? Op::Red : Op::Atom;
  for (std::string_view m : mods_) if (m == "async") return op_async_store();
  mod_any({"relaxed", "acquire", "release", "acq_rel"});
  mod_any({"cta", "cluster", "gpu", "sys"});
  if (mod("global")) k.space = Space::Global;
  else if (mod_any({"shared", "shared::cta", "shared::cluster"})) k.space = Space::Shared;
  mod("noftz");
  bool hint = mod("L2::cache_hint");
  constexpr const char* kNames[] = {"add", "min", "max", "inc", "dec", "and", "or", "xor", "exch", "cas"};
  k.sub = 0xff;
  for (uint8_t i = 0; i < 10; i++) if (mod(kNames[i])) k.sub = i;
  if (k.sub == 0xff) unsupported();
  size_t lanes = mod("v2") ? 2 : mod("v4") ? 4 : mod("v8") ? 8 : 1;
  k.t = type();
  bool cas = k.sub == 9;
  size_t first = red ? 0 : 1, n = first + (cas ? 3 : 2);
  count(n, n + (hint ? 1 : 0));
  if (ops_[first].what != Operand::Address) fail("expected an address in '" + std::string(whole_) + "'");
  uint32_t base;
  int64_t offset;
  bool wide;
  Space by_name = k.space;
  address(ops_[first], &by_name, &base, &offset, &wide);
  if (k.space == Space::Generic && !ops_[first].name.empty()) k.space = by_name;
  if (k.space != Space::Shared) k.space = Space::Generic;
  if (lanes == 1 && k.sub != 0 && is_float(k.t)) unsupported();   // min and max of floats exist for vectors only
  if (lanes > 1) return atom_vector(k, lanes, red, base, offset, wide);
  if (ops_[first + 1].what == Operand::Vector) unsupported();
  uint32_t b = use(ops_[first + 1], k.t), c = cas ? use(ops_[first + 2], k.t) : kNoReg;
  uint32_t d = red ? kNoReg : def(ops_[0], k.t);
  Insn& in = emit(k, {d}, {base, b, c});
  in.imm = offset;
  in.flags = wide ? kAddress64 : 0;
  memory(in, k.space);
}

// .v2, .v4, .v8: every element is an atomic operation of its own; the address is aligned for all of them.
void Decoder::atom_vector(Key k, size_t lanes, bool red, uint32_t base, int64_t offset, bool wide) {
  bool half = k.t == Ty::F16 || k.t == Ty::BF16, pair = k.t == Ty::F16x2 || k.t == Ty::BF16x2;
  if (k.space == Space::Shared || k.sub > 2 || !(half || (pair && lanes <= 4) || (k.t == Ty::F32 && k.sub == 0 && lanes <= 4))) unsupported();
  const Operand& values = ops_[red ? 1 : 2];
  if (values.what != Operand::Vector || values.items.size() != lanes || (!red && (ops_[0].what != Operand::Vector || ops_[0].items.size() != lanes)))
    fail("wrong vector length in '" + std::string(whole_) + "'");
  std::vector<uint32_t> uses, defs, olds;
  for (const Operand& o : values.items) uses.push_back(use(o, k.t));
  if (!red) for (const Operand& o : ops_[0].items) defs.push_back(def(o, k.t));
  for (size_t i = 0; i < lanes; i++) {   // the first checks the alignment of the whole
    Insn& in = emit(k, {red ? kNoReg : fresh(Width::W32)}, {base, uses[i]});
    in.imm = offset + static_cast<int64_t>(i) * bytes_of(k.t);
    in.flags = wide ? kAddress64 : 0;
    in.extra = i ? 0 : static_cast<uint32_t>(lanes) * static_cast<uint32_t>(bytes_of(k.t));
    memory(in, k.space);
    olds.push_back(in.r[0]);
  }
  for (size_t i = 0; i < defs.size(); i++) {   // only now: a result may be the register of a value or the address
    Key m;
    m.op = Op::Mov, m.t = Ty::U32;
    emit(m, {defs[i]}, {olds[i]});
  }
}

void Decoder::op_cvta() {
  Key k;
  k.op = Op::Cvta;
  if (mod("to")) k.sub = 1;
  if (mod("global")) k.space = Space::Global;
  else if (mod_any({"shared", "shared::cta", "shared::cluster"})) k.space = Space::Shared;
  else if (mod("local")) k.space = Space::Local;
  else if (mod("const")) k.space = Space::Const;
  else if (mod_any({"param", "param::entry"})) k.space = Space::Param;
  else unsupported();
  k.t = type();
  if (k.t != Ty::U64) unsupported();
  count(2, 2);
  uint32_t a = use(ops_[1], k.t);
  if (k.space != Space::Shared && k.space != Space::Local) k.op = Op::Mov, k.sub = 0;   // these addresses are generic ones already
  emit(k, {def(ops_[0], k.t)}, {a});
}

void Decoder::op_isspacep() {
  Key k;
  k.op = Op::Isspacep;
  if (mod("global")) k.space = Space::Global;
  else if (mod_any({"shared", "shared::cta"})) k.space = Space::Shared;   // ptxas makes the same of both: the own block's
  else if (mod("shared::cluster")) k.space = Space::Shared, k.sub = 1;
  else if (mod("local")) k.space = Space::Local;
  else if (mod("const")) k.space = Space::Const;
  else if (mod_any({"param", "param::entry"})) k.space = Space::Param;
  else unsupported();
  count(2, 2);
  uint32_t a = use(ops_[1], Ty::U64);
  emit(k, {def(ops_[0], Ty::Pred)}, {a});
}

// mapa d, a, rank: the same variable in another block of the cluster. getctarank d, a: which block an address belongs to.
void Decoder::op_mapa() {
  Key k;
  k.op = opcode_ == "mapa" ? Op::Mapa : Op::Getctarank;
  if (mod("shared::cluster")) k.space = Space::Shared;
  k.t = type();
  if (k.t != Ty::U32 && k.t != Ty::U64) unsupported();
  bool mapa = k.op == Op::Mapa;
  count(mapa ? 3 : 2, mapa ? 3 : 2);
  uint32_t a = use(ops_[1], k.t), rank = mapa ? use(ops_[2], Ty::U32) : kNoReg;
  emit(k, {def(ops_[0], mapa ? k.t : Ty::U32)}, {a, rank});
}

// Hints and orderings that this execution gives anyway: fences (one is issued for other host threads), prefetches, cache policies.
void Decoder::op_nothing() {
  if (opcode_ == "createpolicy") {
    mods_.clear();
    count(1, 4);
    Key k;
    k.op = Op::Mov, k.t = Ty::U64;
    uint32_t zero = constant(Width::W64, 0);
    emit(k, {def(ops_[0], Ty::U64)}, {zero});
    return;
  }
  if (opcode_ == "fence" || opcode_ == "membar") {
    bool tensormap = mod("proxy") && mod("tensormap::generic");
    mod_any({"async", "async::generic", "alias"});
    mod("mbarrier_init");
    mod_any({"sc", "acq_rel", "acquire", "release"});
    mod_any({"sync_restrict::shared::cta", "sync_restrict::shared::cluster"});
    mod_any({"cta", "cluster", "gpu", "sys", "gl"});
    mod_any({"global", "shared::cta", "shared::cluster"});
    count(0, tensormap ? 2 : 0);
    Key k;
    k.op = Op::Prefetch;
    emit(k, {}, {});
    return;
  }
  mods_.clear();   // prefetch, prefetchu, applypriority, discard, griddepcontrol, setmaxnreg are performance hints
  emit_kind(Kind::Nop);
}

// cp.async: copied at once, so commit and wait have nothing to do.
void Decoder::op_cp() {
  for (std::string_view m : mods_) if (m == "bulk") return op_bulk();
  if (!mod("async")) unsupported();
  if (mod("mbarrier")) {   // the copies are over: with .noinc it is an arrival, without it changes nothing
    if (!mod("arrive")) unsupported();
    if (mod("noinc")) {
      mods_.insert(mods_.begin(), "arrive");
      return op_mbarrier();
    }
    mods_.clear();
    count(1, 1);
    emit_kind(Kind::Nop);
    return;
  }
  if (mod_any({"commit_group", "wait_all"})) {
    count(0, 0);
    emit_kind(Kind::Nop);
    return;
  }
  if (mod("wait_group")) {
    count(1, 1);
    emit_kind(Kind::Nop);
    return;
  }
  Key k;
  k.op = Op::CpAsync;
  mod_any({"ca", "cg"});
  if (!mod_any({"shared", "shared::cta"}) || !mod("global")) unsupported();
  bool hint = mod("L2::cache_hint");
  mod_any({"L2::64B", "L2::128B", "L2::256B"});
  count(3, hint ? 5 : 4);
  if (ops_[0].what != Operand::Address || ops_[1].what != Operand::Address) fail("expected an address in '" + std::string(whole_) + "'");
  if (ops_[2].what != Operand::Immediate || (ops_[2].number.bits != 4 && ops_[2].number.bits != 8 && ops_[2].number.bits != 16)) unsupported();
  k.sub = static_cast<uint8_t>(ops_[2].number.bits);
  uint32_t to, from;
  int64_t to_offset, from_offset;
  bool to_wide, from_wide;
  Space s = Space::Shared;
  address(ops_[0], &s, &to, &to_offset, &to_wide);
  s = Space::Global;
  address(ops_[1], &s, &from, &from_offset, &from_wide);
  uint32_t size = kNoReg, ignore = kNoReg;
  bool third = ops_.size() > 3 && !(hint && ops_.size() == 4);
  if (third && ops_[3].what == Operand::Register && v_[ops_[3].reg].width == Width::Pred) ignore = use_predicate(ops_[3]);
  else if (third) size = use(ops_[3], Ty::U32);
  Insn& in = emit(k, {}, {to, from, size, ignore});
  in.imm = from_offset;
  in.flags = (to_wide ? kAddress64 : 0);
  memory(in, Space::Global);
  extra(in, {}, {}, {static_cast<uint32_t>(to_offset), from_wide});
}

void Decoder::add_mem(std::unordered_map<std::string_view, Handler>& m) {
  m["ld"] = m["ldu"] = &Decoder::op_ld;
  m["st"] = &Decoder::op_st;
  m["atom"] = m["red"] = &Decoder::op_atom;
  m["cvta"] = &Decoder::op_cvta;
  m["isspacep"] = &Decoder::op_isspacep;
  m["mapa"] = m["getctarank"] = &Decoder::op_mapa;
  m["cp"] = &Decoder::op_cp;
  for (const char* n : {"fence", "membar", "prefetch", "prefetchu", "createpolicy", "griddepcontrol", "applypriority", "discard"})
    m[n] = &Decoder::op_nothing;
}

}  // namespace softgpu
