// Statements, scopes, names and modifiers of a function body. Owner: load(); one thread.
#include "softgpu/ptx/decode.h"

namespace softgpu {
namespace {

constexpr uint32_t kMostRegisters = 1u << 20;      // declared in one function
constexpr uint32_t kMostLocalBytes = 512u << 10;   // local memory of a thread, as on NVIDIA's devices
constexpr uint32_t kMostScopes = 200;
constexpr uint32_t kExtraJump = 1u << 31;

std::string quoted(std::string_view s) { return "'" + std::string(s) + "'"; }

// Instructions that are known and left out on purpose.
const char* refusal(std::string_view opcode, std::string_view whole) {
  if (opcode == "cp" && whole.find(".bulk.tensor") != whole.npos) return "tensor copies";
  static const std::unordered_map<std::string_view, const char*> kReasons = {
      {"wgmma", "warpgroup matrices (sm_90a)"}, {"tcgen05", "tensor memory (sm_100a)"}, {"tensormap", "tensor copies"},
      {"setmaxnreg", "register counts of warpgroups (sm_90a)"}, {"clusterlaunchcontrol", "work stealing between clusters (sm_100)"}};
  auto it = kReasons.find(opcode);
  return it == kReasons.end() ? nullptr : it->second;
}

}  // namespace

void Decoder::run() {
  for (uint32_t& s : specials_) s = kNoReg;
  f_.frame_bytes = 0;
  open_scope();
  auto parameter = [&](const std::vector<ParamDecl>& list, std::vector<CallArg>* out) {
    for (const ParamDecl& p : list) {
      if (p.in_register) {   // arrives in memory like any other
        if (symbol_.entry || !p.scalar) throw PtxError{symbol_.line, "bad parameter " + quoted(p.name) + " of " + quoted(symbol_.name)};
        uint32_t at = frame_space(p.bytes, p.align), r = fresh(width_of(p.type), p.type);
        out->push_back({0, at, p.bytes});
        scopes_.back().registers[p.name] = r;
        if (out == &f_.params) frame_access(Op::Ld, r, p.type, at);
        else register_results_.push_back({r, p.type, at});
        continue;
      }
      Variable v;
      v.name = p.name;
      v.bytes = p.bytes;
      uint32_t at = p.offset;
      if (!symbol_.entry) {
        at = frame_space(p.bytes, p.align);
        out->push_back({0, at, p.bytes});
      }
      scopes_.back().variables[p.name] = {symbol_.entry ? Space::Param : Space::Local, v};
      scopes_.back().variable_offsets[p.name] = at;
    }
  };
  parameter(symbol_.params, &f_.params);
  parameter(symbol_.results, &f_.results);
  if (ctx_.source->allocas && !symbol_.entry) {
    Key k;
    k.op = Op::Stack, k.sub = 1;
    stack_mark_ = fresh(Width::W64, Ty::U64);
    emit(k, {stack_mark_}, {});
  }
  while (!c_.at('}') || scopes_.size() > 1) statement();
  line_ = c_.line();
  leave_function();
  emit_kind(symbol_.entry ? Kind::Exit : Kind::Ret);
  close_scope();
  for (uint32_t i : allocas_) f_.code[i].imm = f_.frame_bytes;
  hoist();
  finish();
}

uint32_t Decoder::frame_space(uint32_t bytes, uint32_t align) {
  uint32_t at = (f_.frame_bytes + align - 1) / align * align;
  if (bytes > kMostLocalBytes || at + bytes > kMostLocalBytes) c_.fail("more than 512 KiB of local memory");
  f_.frame_bytes = at + bytes;
  return at;
}

void Decoder::open_scope() {
  if (scopes_.size() >= kMostScopes) c_.fail("blocks are nested too deeply");
  scopes_.emplace_back();
}

void Decoder::close_scope() {
  Scope s = std::move(scopes_.back());
  scopes_.pop_back();
  for (auto& [at, label] : s.jumps) {
    auto it = s.labels.find(label);
    if (it != s.labels.end()) {
      if (at & kExtraJump) f_.extra[at & ~kExtraJump] = it->second;
      else f_.code[at].imm = it->second;
    } else if (scopes_.empty()) {
      throw PtxError{at & kExtraJump ? symbol_.line : f_.code[at].line, "unknown label " + quoted(label)};
    } else {
      scopes_.back().jumps.push_back({at, label});
    }
  }
}

void Decoder::statement() {
  line_ = c_.line();
  if (c_.take('{')) return open_scope();
  if (c_.take('}')) return close_scope();
  if (c_.take(';')) return;
  const Token& t = c_.peek();
  if (t.kind == Tok::End) c_.fail("function without end");
  if (t.kind == Tok::Name && c_.peek(1).kind == Tok::Punct && c_.peek(1).punct == ':') {
    std::string_view label = c_.next().text;
    c_.next();
    if (c_.at(".branchtargets")) {
      c_.next();
      auto& list = scopes_.back().target_lists[label];
      do list.push_back(c_.name("a label"));
      while (c_.take(','));
      return c_.expect(';');
    }
    if (c_.at(".callprototype")) {
      c_.next();
      Scope::Prototype p;
      if (c_.at('(')) p.results = parse_params(c_);
      c_.name("'_'");
      if (c_.at('(')) p.params = parse_params(c_);
      while (c_.peek().kind == Tok::Name) {
        std::string_view a = c_.next().text;
        if (a == ".abi_preserve" || a == ".abi_preserve_control") c_.integer();
        else if (a != ".noreturn") c_.fail("unknown attribute " + quoted(a) + " of .callprototype");
      }
      scopes_.back().prototypes[label] = std::move(p);
      return c_.expect(';');
    }
    if (c_.at(".calltargets")) {   // all of one shape: the first one's
      c_.next();
      std::string_view first = c_.peek().text;
      do c_.name("a function");
      while (c_.take(','));
      auto it = ctx_.source->names.find(first);
      if (it == ctx_.source->names.end() || !it->second->function) c_.fail("unknown function " + quoted(first));
      scopes_.back().prototypes[label] = {it->second->results, it->second->params};
      return c_.expect(';');
    }
    if (!scopes_.back().labels.try_emplace(label, static_cast<uint32_t>(f_.code.size())).second) c_.fail("second label " + quoted(label));
    return;
  }
  if (t.kind == Tok::Name && t.text[0] == '.') return directive(c_.next().text);

  uint32_t guard = kNoReg;
  bool negated = false;
  if (c_.take('@')) {
    negated = c_.take('!');
    std::string_view p = c_.name("a predicate");
    if (!lookup_register(p, &guard) || v_[guard].width != Width::Pred) c_.fail("unknown predicate " + quoted(p));
  }
  line_ = c_.line();
  whole_ = c_.name("an instruction");
  mods_.clear();
  size_t dot = whole_.find('.');
  opcode_ = whole_.substr(0, dot);
  while (dot != whole_.npos) {
    size_t next = whole_.find('.', dot + 1);
    mods_.push_back(whole_.substr(dot + 1, next == whole_.npos ? next : next - dot - 1));
    dot = next;
  }
  Handler h = find_handler(opcode_);
  if (const char* why = refusal(opcode_, whole_)) fail("unsupported instruction " + quoted(whole_) + ": " + why);
  // There is no multicast memory, and the device says so: programs that have both kinds of code do not get here when they run.
  const bool multicast = opcode_ == "multimem";
  if (!h && !multicast) fail("Not a name of any known instruction: " + quoted(whole_));
  size_t first = f_.code.size();
  widen_.clear();
  parse_operands();
  if (multicast) {
    emit_kind(Kind::Trap);
  } else {
    (this->*h)();
    all_mods_taken();
  }
  for (size_t i = 0; i < widen_.size(); i++) {
    Widen w = widen_[i];
    Key k;
    k.op = Op::Extend, k.t = w.type, k.t2 = v_[w.to].width == Width::W64 ? Ty::B64 : Ty::B32;
    emit(k, {w.to}, {w.from});
  }
  if (guard != kNoReg)
    for (size_t i = first; i < f_.code.size(); i++) f_.code[i].guard = guard, f_.code[i].guard_negated = negated;
}

void Decoder::directive(std::string_view d) {
  if (d == ".reg") declare_registers();
  else if (d == ".local") declare_variable(Space::Local);
  else if (d == ".param") declare_variable(Space::Param);
  else if (d == ".shared") declare_variable(Space::Shared);
  else if (d == ".loc" || d == ".file") c_.skip_line();
  else if (d == ".pragma") {
    while (!c_.take(';')) if (c_.next().kind == Tok::End) c_.fail("expected ';'");
  } else c_.fail("unknown directive " + quoted(d));
}

void Decoder::declare_registers() {
  Ty t = Ty::None;
  while (c_.peek().kind == Tok::Name && c_.peek().text[0] == '.') {
    std::string_view w = c_.next().text;
    if (!type_from(w.substr(1), &t)) c_.fail("unknown register type " + quoted(w));
  }
  if (t == Ty::None) c_.fail("register without a type");
  do {
    std::string_view name = c_.name("a register name");
    uint32_t n = 1;
    bool family = c_.take('<');
    if (family) {
      n = static_cast<uint32_t>(c_.positive(kMostRegisters));
      c_.expect('>');
    }
    if (v_.size() + n > kMostRegisters) c_.fail("too many registers");
    VirtualRegister r;
    r.width = width_of(t);
    r.type = t;
    if (family) scopes_.back().families.push_back({name, {static_cast<uint32_t>(v_.size()), n}});
    else scopes_.back().registers[name] = static_cast<uint32_t>(v_.size());
    v_.resize(v_.size() + n, r);
  } while (c_.take(','));
  c_.expect(';');
}

void Decoder::declare_variable(Space space) {
  Variable v;
  for (bool first = true; first || c_.take(','); first = false) {
    v = parse_variable(c_, first ? nullptr : &v);
    Scope& s = scopes_.back();
    uint32_t at = 0;
    if (space == Space::Shared) {
      if (v.unsized || v.bytes > (1u << 30)) c_.fail("bad .shared variable " + quoted(v.name));
      uint32_t a = static_cast<uint32_t>(v.align);
      at = (*ctx_.shared_bytes + a - 1) / a * a;
      if (at + v.bytes > (1u << 30)) c_.fail("too much .shared memory");
      *ctx_.shared_bytes = at + static_cast<uint32_t>(v.bytes);
      if (a > *ctx_.shared_align) *ctx_.shared_align = a;
    } else {
      if (v.bytes > kMostLocalBytes) c_.fail("variable " + quoted(v.name) + " needs more than 512 KiB of local memory");
      at = frame_space(static_cast<uint32_t>(v.bytes), static_cast<uint32_t>(v.align));
    }
    s.variables[v.name] = {space == Space::Shared ? space : Space::Local, v};
    s.variable_offsets[v.name] = at;
  }
  c_.expect(';');
}

bool Decoder::lookup_register(std::string_view name, uint32_t* reg) {
  size_t digits = name.size();
  while (digits > 0 && name[digits - 1] >= '0' && name[digits - 1] <= '9') digits--;
  std::string_view stem = name.substr(0, digits);
  uint64_t number = 0;
  bool numbered = digits < name.size() && name.size() - digits < 9;
  if (numbered) for (char ch : name.substr(digits)) number = number * 10 + static_cast<uint64_t>(ch - '0');
  for (auto s = scopes_.rbegin(); s != scopes_.rend(); ++s) {
    if (numbered)
      for (auto& [n, range] : s->families)
        if (n == stem && number < range.second) return *reg = range.first + static_cast<uint32_t>(number), true;
    if (s->registers.empty()) continue;
    auto it = s->registers.find(name);
    if (it != s->registers.end()) return *reg = it->second, true;
  }
  return false;
}

bool Decoder::lookup_variable(std::string_view name, Space* space, uint32_t* offset, Variable* v) {
  for (auto s = scopes_.rbegin(); s != scopes_.rend(); ++s) {
    auto it = s->variables.find(name);
    if (it == s->variables.end()) continue;
    *space = it->second.first;
    *offset = s->variable_offsets[name];
    if (v) *v = it->second.second;
    return true;
  }
  return false;
}

bool Decoder::special_register(std::string_view n, uint32_t* reg) {
  static const std::unordered_map<std::string_view, Special> kSpecials = {
      {"%tid.x", Special::TidX}, {"%tid.y", Special::TidY}, {"%tid.z", Special::TidZ},
      {"%ntid.x", Special::NtidX}, {"%ntid.y", Special::NtidY}, {"%ntid.z", Special::NtidZ},
      {"%ctaid.x", Special::CtaidX}, {"%ctaid.y", Special::CtaidY}, {"%ctaid.z", Special::CtaidZ},
      {"%nctaid.x", Special::NctaidX}, {"%nctaid.y", Special::NctaidY}, {"%nctaid.z", Special::NctaidZ},
      {"%laneid", Special::Laneid}, {"%warpid", Special::Warpid}, {"%nwarpid", Special::Nwarpid}, {"%smid", Special::Smid},
      {"%nsmid", Special::Nsmid}, {"%gridid", Special::Gridid}, {"%lanemask_eq", Special::LanemaskEq}, {"%lanemask_le", Special::LanemaskLe},
      {"%lanemask_lt", Special::LanemaskLt}, {"%lanemask_ge", Special::LanemaskGe}, {"%lanemask_gt", Special::LanemaskGt},
      {"%envreg1", Special::Envreg1}, {"%envreg2", Special::Envreg2}, {"%dynamic_smem_size", Special::DynamicSharedBytes},
      {"%total_smem_size", Special::TotalSharedBytes}, {"%aggr_smem_size", Special::TotalSharedBytes},
      {"%reserved_smem_offset_begin", Special::Zero}, {"%reserved_smem_offset_end", Special::Zero}, {"%reserved_smem_offset_cap", Special::Zero},
      {"%reserved_smem_offset_0", Special::Zero}, {"%reserved_smem_offset_1", Special::Zero}, {"%current_graph_exec", Special::Zero},
      {"%clusterid.x", Special::ClusteridX}, {"%clusterid.y", Special::ClusteridY}, {"%clusterid.z", Special::ClusteridZ},
      {"%nclusterid.x", Special::NclusteridX}, {"%nclusterid.y", Special::NclusteridY}, {"%nclusterid.z", Special::NclusteridZ},
      {"%cluster_ctaid.x", Special::ClusterCtaidX}, {"%cluster_ctaid.y", Special::ClusterCtaidY}, {"%cluster_ctaid.z", Special::ClusterCtaidZ},
      {"%cluster_nctaid.x", Special::ClusterNctaidX}, {"%cluster_nctaid.y", Special::ClusterNctaidY}, {"%cluster_nctaid.z", Special::ClusterNctaidZ},
      {"%cluster_ctarank", Special::ClusterCtarank}, {"%cluster_nctarank", Special::ClusterNctarank}, {"%is_explicit_cluster", Special::ExplicitCluster},
      {"%tid.w", Special::Zero}, {"%ctaid.w", Special::Zero}};
  if (n.empty() || n[0] != '%') return false;
  auto it = kSpecials.find(n);
  if (it != kSpecials.end()) return *reg = special(it->second), true;
  if (n.substr(0, 3) == "%pm" || n.substr(0, 7) == "%envreg") return *reg = special(Special::Zero), true;   // no counters; nobody sets these registers
  // clocks change while the warp runs: read by an instruction of their own
  int kind = n == "%clock" ? 0 : n == "%clock_hi" ? 1 : n == "%clock64" ? 2 : n == "%globaltimer" ? 3 : n == "%globaltimer_lo" ? 4 : n == "%globaltimer_hi" ? 5 : -1;
  if (kind < 0) return false;
  Key k;
  k.op = Op::ReadClock;
  k.sub = static_cast<uint8_t>(kind);
  *reg = fresh(kind == 2 || kind == 3 ? Width::W64 : Width::W32);
  emit(k, {*reg}, {}).sub = k.sub;
  return true;
}

bool Decoder::mod(std::string_view m) {
  for (size_t i = 0; i < mods_.size(); i++)
    if (mods_[i] == m) return mods_.erase(mods_.begin() + static_cast<ptrdiff_t>(i)), true;
  return false;
}

bool Decoder::mod_any(std::initializer_list<std::string_view> list) {
  for (std::string_view m : list)
    if (mod(m)) return true;
  return false;
}

bool Decoder::take_type(Ty* t) {
  for (size_t i = 0; i < mods_.size(); i++)
    if (type_from(mods_[i], t)) return mods_.erase(mods_.begin() + static_cast<ptrdiff_t>(i)), true;
  return false;
}

Ty Decoder::type() {
  Ty t;
  if (!take_type(&t)) fail("instruction " + quoted(whole_) + " has no type");
  return t;
}

void Decoder::all_mods_taken() {
  if (!mods_.empty()) fail("unknown modifier '." + std::string(mods_[0]) + "' of " + quoted(whole_));
}

void Decoder::unsupported() const { fail("unsupported instruction " + quoted(whole_)); }

void Decoder::count(size_t least, size_t most) const {
  if (ops_.size() < least || ops_.size() > most) fail("Arguments mismatch for instruction " + quoted(whole_));
}

Insn& Decoder::add(Insn in, std::initializer_list<uint32_t> defs, std::initializer_list<uint32_t> uses) {
  Meta m;
  int i = 0;
  for (uint32_t d : defs) {
    if (d != kNoReg) m.defs |= static_cast<uint8_t>(1 << i);
    in.r[i++] = d;
  }
  if (defs.size() == 0) i = 1;   // r[0] is the destination's place
  for (uint32_t u : uses) {
    if (u != kNoReg) m.uses |= static_cast<uint8_t>(1 << i);
    in.r[i++] = u;
  }
  in.line = line_;
  f_.code.push_back(in);
  meta_.push_back(m);
  return f_.code.back();
}

Insn& Decoder::emit(const Key& key, std::initializer_list<uint32_t> defs, std::initializer_list<uint32_t> uses) {
  Insn in;
  in.fn = ctx_.select(key);
  if (!in.fn) unsupported();
  in.sub = key.sub;
  Insn& out = add(in, defs, uses);
  Meta& m = meta_.back();
  m.op = key.op, m.type = key.t;
  m.elementwise = key.op < Op::Ld;
  m.pure = m.elementwise && key.op != Op::ReadClock && key.op != Op::AddC && key.op != Op::SubC && key.op != Op::MadLoC && key.op != Op::MadHiC &&
           !(key.flags & (kReadsCarry | kWritesCarry));
  return out;
}

Insn& Decoder::emit_kind(Kind kind, std::initializer_list<uint32_t> defs, std::initializer_list<uint32_t> uses) {
  Insn in;
  in.kind = kind;
  Insn& out = add(in, defs, uses);
  meta_.back().elementwise = false;
  return out;
}

void Decoder::extra(Insn& in, const std::vector<uint32_t>& defs, const std::vector<uint32_t>& uses, const std::vector<uint32_t>& numbers) {
  Meta& m = meta_[static_cast<size_t>(&in - f_.code.data())];
  in.extra = static_cast<uint32_t>(f_.extra.size());
  m.extra_defs = static_cast<uint32_t>(defs.size());
  m.extra_uses = static_cast<uint32_t>(uses.size());
  f_.extra.insert(f_.extra.end(), defs.begin(), defs.end());
  f_.extra.insert(f_.extra.end(), uses.begin(), uses.end());
  f_.extra.insert(f_.extra.end(), numbers.begin(), numbers.end());
}

Decoder::Handler Decoder::find_handler(std::string_view opcode) {
  static const std::unordered_map<std::string_view, Handler> kHandlers = [] {
    std::unordered_map<std::string_view, Handler> m;
    add_alu(m), add_mem(m), add_flow(m), add_warp(m), add_matrix(m), add_video(m), add_texture(m);
    return m;
  }();
  auto it = kHandlers.find(opcode);
  return it == kHandlers.end() ? nullptr : it->second;
}

}  // namespace softgpu
