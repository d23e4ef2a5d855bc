// Branches, calls, barriers of the block, trap and exit. Owner: load(); one thread.
#include "softgpu/ptx/decode.h"

namespace softgpu {

void Decoder::op_bra() {
  mod("uni");
  count(1, 1);
  if (ops_[0].what != Operand::Name) fail("expected a label in '" + std::string(whole_) + "'");
  emit_kind(Kind::Bra);
  scopes_.back().jumps.push_back({static_cast<uint32_t>(f_.code.size() - 1), ops_[0].name});
}

void Decoder::op_brx() {
  if (!mod("idx")) unsupported();
  mod("uni");
  count(2, 2);
  uint32_t index = use(ops_[0], Ty::U32);
  const std::vector<std::string_view>* labels = nullptr;
  if (ops_[1].what == Operand::Name)
    for (auto s = scopes_.rbegin(); s != scopes_.rend() && !labels; ++s) {
      auto it = s->target_lists.find(ops_[1].name);
      if (it != s->target_lists.end()) labels = &it->second;
    }
  if (!labels) fail("unknown .branchtargets in '" + std::string(whole_) + "'");
  Insn& in = emit_kind(Kind::Brx, {}, {index});
  in.imm = static_cast<int64_t>(labels->size());
  std::vector<uint32_t> empty(labels->size(), 0);
  extra(in, {}, {}, empty);
  for (size_t i = 0; i < labels->size(); i++)
    scopes_.back().jumps.push_back({static_cast<uint32_t>(in.extra + i) | 1u << 31, (*labels)[i]});
}

void Decoder::frame_access(Op op, uint32_t reg, Ty t, uint32_t at) {
  Key k;
  k.op = op, k.sub = 1, k.space = Space::Local;
  k.t = bytes_of(t) == 1 ? Ty::U8 : bytes_of(t) == 2 ? Ty::U16 : bytes_of(t) == 4 ? Ty::U32 : bytes_of(t) == 8 ? Ty::U64 : Ty::B128;
  uint32_t base = special(Special::FrameBase);
  Insn& in = op == Op::Ld ? emit(k, {reg}, {base}) : emit(k, {}, {base, reg});
  in.imm = at;
  in.flags = kAddress64;
  memory(in, Space::Local);
}

// Pairs the caller's .param variables with the places of the callee's formal ones. A frame holds parameters, then results.
// A register or a number goes through a place in the caller's frame; results: registers to be loaded from such places afterwards.
void Decoder::call_arguments(const Operand& list, std::vector<ParamDecl>& formal, std::vector<std::pair<const Operand*, uint32_t>>* results) {
  if (list.items.size() != formal.size()) fail("wrong number of arguments of a call");
  for (size_t i = 0; i < formal.size(); i++) {
    const Operand& o = list.items[i];
    Space space = Space::Generic;
    uint32_t at = 0;
    Variable v;
    if (o.what == Operand::Name && lookup_variable(o.name, &space, &at, &v)) {
      if (space != Space::Local) fail("arguments of a call must be .param variables or registers");
      f_.args.push_back({at, formal[i].offset, v.bytes < formal[i].bytes ? static_cast<uint32_t>(v.bytes) : formal[i].bytes});
      continue;
    }
    if (!formal[i].scalar) fail("arguments of a call must be .param variables or registers");
    at = frame_space(formal[i].bytes, formal[i].align);
    if (results) results->push_back({&o, at});
    else frame_access(Op::St, use(o, formal[i].type), formal[i].type, at);
    f_.args.push_back({at, formal[i].offset, formal[i].bytes});
  }
}

// .reg results go where the caller looks for them; what alloca took is given back.
void Decoder::leave_function() {
  for (const RegisterParam& r : register_results_) frame_access(Op::St, r.reg, r.type, r.at);
  if (stack_mark_ == kNoReg) return;
  Key k;
  k.op = Op::Stack, k.sub = 2;
  emit(k, {}, {stack_mark_});
}

// alloca takes from the end of the thread's local memory, towards the frames. sub: 0 alloca, 1 stacksave, 2 stackrestore.
void Decoder::op_alloca() {
  if (type() != Ty::U64) unsupported();
  f_.calls_indirectly = true;   // how much stack is needed is not known
  Key k;
  k.op = Op::Stack;
  k.sub = opcode_ == "alloca" ? 0 : opcode_ == "stacksave" ? 1 : 2;
  if (k.sub == 2) {
    count(1, 1);
    uint32_t a = use(ops_[0], Ty::U64);
    emit(k, {}, {a});
    return;
  }
  if (k.sub == 1) {
    count(1, 1);
    emit(k, {def(ops_[0], Ty::U64)}, {});
    return;
  }
  count(2, 3);
  if (ops_.size() == 3 && ops_[2].what != Operand::Immediate) fail("expected a number as alignment in '" + std::string(whole_) + "'");
  uint64_t align = ops_.size() == 3 ? ops_[2].number.bits : 8;
  if (align == 0 || (align & (align - 1)) || align > (1u << 16)) fail("bad alignment in '" + std::string(whole_) + "'");
  uint32_t size = use(ops_[1], Ty::U64), a = constant(Width::W64, align < 8 ? 8 : align), base = special(Special::FrameBase);
  emit(k, {def(ops_[0], Ty::U64)}, {size, a, base});
  allocas_.push_back(static_cast<uint32_t>(f_.code.size() - 1));
}

void Decoder::op_call() {
  mod("uni");
  size_t i = 0;
  Operand none;
  none.what = Operand::List;
  const Operand* results = &none;
  const Operand* params = &none;
  if (i < ops_.size() && ops_[i].what == Operand::List) results = &ops_[i++];
  if (i >= ops_.size()) fail("call without a function");
  const Operand& target = ops_[i++];
  if (i < ops_.size() && ops_[i].what == Operand::List) params = &ops_[i++];
  std::vector<ParamDecl> formal, formal_results;
  uint32_t callee = 0;
  bool indirect = target.what == Operand::Register;
  if (indirect) {
    if (i >= ops_.size() || ops_[i].what != Operand::Name) fail("indirect call without a prototype");
    const Scope::Prototype* p = nullptr;
    for (auto s = scopes_.rbegin(); s != scopes_.rend() && !p; ++s) {
      auto it = s->prototypes.find(ops_[i].name);
      if (it != s->prototypes.end()) p = &it->second;
    }
    if (!p) fail("unknown prototype '" + std::string(ops_[i].name) + "'");
    formal = p->params, formal_results = p->results;
    i++;
  } else {
    if (i < ops_.size() && ops_[i].what == Operand::Name) i++;   // a prototype that the function itself tells
    if (target.what != Operand::Name) fail("call of something that is no function");
    auto it = ctx_.source->names.find(target.name);
    if (it == ctx_.source->names.end() || !it->second->function || it->second->entry) fail("call of the unknown function '" + std::string(target.name) + "'");
    const Symbol* s = it->second;
    formal = s->params, formal_results = s->results;
    while (s->definition) s = s->definition;
    if (!s->body && !ctx_.builtin(s->name)) unresolved("call of the undefined function '" + std::string(target.name) + "'");
    callee = s->index;
    f_.callees.push_back(callee);
  }
  if (i != ops_.size()) fail("wrong operands of a call");
  uint32_t at = 0;
  for (auto* list : {&formal, &formal_results})
    for (ParamDecl& p : *list) {
      at = (at + p.align - 1) / p.align * p.align;
      p.offset = at;
      at += p.bytes;
    }
  uint32_t first = static_cast<uint32_t>(f_.args.size());
  std::vector<std::pair<const Operand*, uint32_t>> loads;
  call_arguments(*params, formal, nullptr);
  call_arguments(*results, formal_results, &loads);
  uint32_t reg = indirect ? use(target, Ty::U64) : kNoReg;
  if (indirect) f_.calls_indirectly = true;
  Insn& in = emit_kind(indirect ? Kind::CallIndirect : Kind::Call, {}, {reg});
  in.imm = callee;
  extra(in, {}, {}, {first, static_cast<uint32_t>(formal.size()), static_cast<uint32_t>(formal_results.size())});
  for (size_t r = 0, taken = 0; r < formal_results.size() && taken < loads.size(); r++)
    if (loads[taken].first == &results->items[r]) {
      frame_access(Op::Ld, def(*loads[taken].first, formal_results[r].type), formal_results[r].type, loads[taken].second);
      taken++;
    }
}

void Decoder::op_ret() {
  mod("uni");
  count(0, 0);
  leave_function();
  emit_kind(symbol_.entry ? Kind::Exit : Kind::Ret);
}

void Decoder::op_exit() {
  count(0, 0);
  emit_kind(Kind::Exit);
}

void Decoder::op_trap() {
  count(0, 0);
  emit_kind(Kind::Trap);
}

void Decoder::op_pause() {
  if (opcode_ == "nanosleep") {
    type();
    count(1, 1);
    emit_kind(Kind::Pause);
  } else {   // pmevent, brkpt: for tools
    mods_.clear();
    emit_kind(Kind::Nop);
  }
}

void Decoder::op_bar() {
  if (mod("cluster")) {
    bool arrives = mod("arrive");
    if (!arrives && !mod("wait")) unsupported();
    mod_any({"acquire", "release", "relaxed"});
    mod("aligned");
    count(0, 0);
    emit_kind(arrives ? Kind::ClusterArrive : Kind::ClusterWait);
    return;
  }
  if (mod("warp")) {
    if (!mod("sync")) unsupported();
    count(1, 1);
    uint32_t mask = use(ops_[0], Ty::U32);
    Key k;
    k.op = Op::Prefetch;
    Insn& in = emit(k, {kNoReg}, {kNoReg, kNoReg, kNoReg, mask});
    in.kind = Kind::Sync;
    return;
  }
  mod("cta");
  mod("aligned");
  enum { Wait, Arrive, Popc, And, Or };
  if (mod("arrive")) {
    count(2, 2);
    uint32_t id = use(ops_[0], Ty::U32), n = use(ops_[1], Ty::U32);
    emit_kind(Kind::BarArrive, {}, {id, n}).sub = Arrive;
    return;
  }
  if (mod("red")) {
    uint8_t sub = mod("popc") ? Popc : mod("and") ? And : mod("or") ? Or : 0;
    if (!sub) unsupported();
    Ty t = type();
    count(3, 4);
    bool counted = ops_.size() == 4;
    uint32_t id = use(ops_[1], Ty::U32), n = counted ? use(ops_[2], Ty::U32) : kNoReg, p = use_predicate(ops_.back());
    uint32_t d = def(ops_[0], sub == Popc ? t : Ty::Pred);
    emit_kind(Kind::Bar, {d}, {id, n, p}).sub = sub;
    return;
  }
  if (!mod("sync")) unsupported();
  count(1, 2);
  uint32_t id = use(ops_[0], Ty::U32), n = ops_.size() > 1 ? use(ops_[1], Ty::U32) : kNoReg;
  Insn& in = emit_kind(Kind::Bar, {}, {id, n});
  in.sub = Wait;
  if (n == kNoReg && ops_[0].what == Operand::Immediate) in.flags = kWholeBlock, in.imm = ops_[0].number.bits & 15;
}

void Decoder::add_flow(std::unordered_map<std::string_view, Handler>& m) {
  m["bra"] = &Decoder::op_bra;
  m["brx"] = &Decoder::op_brx;
  m["call"] = &Decoder::op_call;
  m["ret"] = &Decoder::op_ret;
  m["exit"] = &Decoder::op_exit;
  m["trap"] = &Decoder::op_trap;
  m["alloca"] = m["stacksave"] = m["stackrestore"] = &Decoder::op_alloca;
  m["bar"] = m["barrier"] = &Decoder::op_bar;
  m["nanosleep"] = m["pmevent"] = m["brkpt"] = &Decoder::op_pause;
}

}  // namespace softgpu
