// Operands: their text, and the registers that hold their values. Owner: load(); one thread.
#include <bit>

#include "softgpu/ptx/decode.h"

namespace softgpu {
namespace {

std::string quoted(std::string_view s) { return "'" + std::string(s) + "'"; }

}  // namespace

void Decoder::parse_operands() {
  ops_.clear();
  if (c_.take(';')) return;
  for (;;) {
    ops_.push_back(parse_operand());
    if (c_.take(';')) return;
    c_.expect(',');
  }
}

Operand Decoder::parse_address() {
  Operand o;
  o.what = Operand::Address;
  const Token& t = c_.peek();
  if (t.kind == Tok::Number || c_.at('-')) {
    o.offset = c_.integer();
  } else {
    std::string_view n = c_.name("an address");
    if (!lookup_register(n, &o.reg)) o.name = n;
    while (c_.at('+') || c_.at('-')) {
      bool minus = c_.next().punct == '-';
      uint64_t v = static_cast<uint64_t>(c_.integer());
      o.offset = static_cast<int64_t>(static_cast<uint64_t>(o.offset) + (minus ? 0 - v : v));
    }
  }
  while (c_.take(',')) o.items.push_back(parse_operand());
  c_.expect(']');
  return o;
}

Operand Decoder::parse_operand() {
  Operand o;
  if (c_.take('[')) return parse_address();
  if (c_.at('{') || c_.at('(')) {
    bool vector = c_.next().punct == '{';
    o.what = vector ? Operand::Vector : Operand::List;
    char end = vector ? '}' : ')';
    while (!c_.take(end)) {
      if (c_.at('{') || c_.at('(')) c_.fail("nested operand list");
      o.items.push_back(parse_operand());
      if (!c_.take(',') && !c_.at(end)) c_.fail("expected ',' or the end of an operand list");
    }
    if (vector) second_result(o);
    return o;
  }
  if (c_.take('!')) o.negated = true;
  if (c_.take('-')) o.minus = true;
  const Token& t = c_.next();
  if (t.kind == Tok::Number) {
    o.what = Operand::Immediate;
    if (!parse_number(t.text, &o.number)) fail("bad number " + quoted(t.text));
    return o;
  }
  if (t.kind != Tok::Name) fail("bad operand " + quoted(t.text) + " of " + quoted(whole_));
  if (t.text == "_") {
    o.what = Operand::Sink;
  } else if (lookup_register(t.text, &o.reg) || special_register(t.text, &o.reg)) {
    o.what = Operand::Register;
  } else if (t.text == "WARP_SZ") {
    o.what = Operand::Immediate;
    o.number.bits = 32;
  } else {
    o.what = Operand::Name;
    o.name = t.text;
    if (c_.at('+') || c_.at('-')) {
      bool minus = c_.next().punct == '-';
      uint64_t v = static_cast<uint64_t>(c_.integer());
      o.offset = static_cast<int64_t>(minus ? 0 - v : v);
    }
  }
  second_result(o);
  return o;
}

// d|p
void Decoder::second_result(Operand& o) {
  if (!c_.take('|')) return;
  std::string_view n = c_.name("a predicate");
  if (n != "_" && (!lookup_register(n, &o.second) || v_[o.second].width != Width::Pred)) fail("unknown predicate " + quoted(n));
}

uint32_t Decoder::fresh(Width w, Ty t) {
  VirtualRegister r;
  r.width = w;
  r.type = t;
  v_.push_back(r);
  return static_cast<uint32_t>(v_.size() - 1);
}

// variable: bits are added to its address.
uint32_t Decoder::constant(Width w, uint64_t bits, uint32_t variable) {
  if (w == Width::W32) bits &= 0xffffffff;
  auto [it, fresh_one] = constants_.try_emplace({w, bits, variable}, 0);
  if (fresh_one) {
    it->second = fresh(w);
    v_.back().fixed = true;
  }
  return it->second;
}

uint32_t Decoder::special(Special s) {
  uint32_t& r = specials_[static_cast<int>(s)];
  if (r == kNoReg) {
    r = fresh(s == Special::FrameBase || s == Special::ParamBase ? Width::W64 : s == Special::ExplicitCluster ? Width::Pred : Width::W32);
    v_.back().fixed = true;
  }
  return r;
}

uint64_t Decoder::immediate(const Operand& o, Ty t) const {
  const Number& n = o.number;
  uint64_t bits = n.bits;
  if (t == Ty::F32 && n.kind != Number::Float32Bits && n.kind != Number::Integer) bits = std::bit_cast<uint32_t>(static_cast<float>(n.value));
  else if (t == Ty::F64 && n.kind != Number::Float64Bits && n.kind != Number::Integer) bits = std::bit_cast<uint64_t>(n.value);
  else if (t == Ty::F32 && n.kind == Number::Integer) bits = std::bit_cast<uint32_t>(static_cast<float>(n.bits));
  else if (t == Ty::F64 && n.kind == Number::Integer) bits = std::bit_cast<uint64_t>(static_cast<double>(n.bits));
  else if (n.kind == Number::Decimal) fail("a decimal number is not a value of this type in " + quoted(whole_));
  if (o.minus) bits = t == Ty::F32 ? bits ^ 0x80000000u : t == Ty::F64 ? bits ^ (1ull << 63) : 0 - bits;
  return bits;
}

uint32_t Decoder::use(const Operand& o, Ty t) {
  Width w = width_of(t);
  switch (o.what) {
    case Operand::Immediate:
      if (w == Width::W128) unsupported();
      if (w == Width::Pred) return constant(w, immediate(o, Ty::B32) ? 0xffffffff : 0);
      return constant(w, immediate(o, t));
    case Operand::Register: {
      Width have = v_[o.reg].width;
      uint32_t r = o.reg;
      if (have == Width::W64 && w == Width::W32) {
        Key k;
        k.op = Op::Extend, k.t = Ty::B64, k.t2 = Ty::B32;
        r = fresh(Width::W32);
        emit(k, {r}, {o.reg});
      } else if (have != w) {
        fail("operand of the wrong size in " + quoted(whole_));
      }
      if (o.negated) {
        if (w != Width::Pred) fail("'!' before something that is no predicate in " + quoted(whole_));
        Key k;
        k.op = Op::PredLogic, k.sub = 3;   // not
        uint32_t n = fresh(Width::Pred, Ty::Pred);
        emit(k, {n}, {r});
        return n;
      }
      return r;
    }
    case Operand::Name:
      return symbol_value(o.name, o.offset, t);
    default:
      fail("bad operand of " + quoted(whole_));
  }
}

uint32_t Decoder::def(const Operand& o, Ty t) {
  Width w = width_of(t);
  if (o.what == Operand::Sink) return fresh(w, t);
  if (o.what != Operand::Register || v_[o.reg].fixed || o.negated) fail("bad destination of " + quoted(whole_));
  Width have = v_[o.reg].width;
  if (have == w) return o.reg;   // a short value in a 32-bit register: every fn that makes one writes it extended
  if (have == Width::W64 && w == Width::W32) {
    uint32_t r = fresh(w, t);
    widen_.push_back({r, o.reg, t});
    return r;
  }
  fail("destination of the wrong size in " + quoted(whole_));
}

uint32_t Decoder::shared_offset(const Symbol& s) {
  auto [it, fresh_one] = ctx_.shared_offsets->try_emplace(&s, 0);
  if (fresh_one) {
    uint64_t a = s.align, at = (*ctx_.shared_bytes + a - 1) / a * a;
    if (s.bytes > (1u << 30) || at + s.bytes > (1u << 30)) fail("too much .shared memory");
    it->second = static_cast<uint32_t>(at);
    *ctx_.shared_bytes = static_cast<uint32_t>(at + s.bytes);
    if (a > *ctx_.shared_align) *ctx_.shared_align = static_cast<uint32_t>(a);
  }
  return it->second;
}

// The value of a name used as a number: its address in its own space.
uint32_t Decoder::symbol_value(std::string_view name, int64_t offset, Ty t) {
  bool wide = width_of(t) == Width::W64;
  if (width_of(t) != Width::W32 && !wide) fail("bad operand " + quoted(name) + " of " + quoted(whole_));
  Operand o;
  o.what = Operand::Address;
  o.name = name;
  o.offset = offset;
  Space space = Space::Generic;
  uint32_t base;
  int64_t imm;
  bool base_wide;
  address(o, &space, &base, &imm, &base_wide);
  if (v_[base].fixed)   // a plain number?
    for (auto& [key, reg] : constants_)
      if (reg == base) return constant(wide ? Width::W64 : Width::W32, key.bits + static_cast<uint64_t>(imm), key.variable);
  uint32_t r = base;
  if (base_wide != wide) {
    r = fresh(wide ? Width::W64 : Width::W32);
    Key k;
    k.op = Op::Extend, k.t = wide ? Ty::U32 : Ty::B64, k.t2 = wide ? Ty::B64 : Ty::B32;
    emit(k, {r}, {base});
  }
  if (!imm) return r;
  uint32_t sum = fresh(wide ? Width::W64 : Width::W32);
  Key k;
  k.op = Op::Add, k.t = wide ? Ty::U64 : Ty::U32;
  emit(k, {sum}, {r, constant(wide ? Width::W64 : Width::W32, static_cast<uint64_t>(imm))});
  return sum;
}

// Splits an address operand into base register and offset; names decide the space when the instruction left it open.
void Decoder::address(const Operand& o, Space* space, uint32_t* base, int64_t* offset, bool* wide) {
  *offset = o.offset;
  if (o.what == Operand::Register || !o.items.empty()) fail("expected an address in " + quoted(whole_));
  if (o.reg != kNoReg) {
    *base = o.reg;
    *wide = v_[o.reg].width == Width::W64;
    if (v_[o.reg].width != Width::W64 && v_[o.reg].width != Width::W32) fail("bad address in " + quoted(whole_));
    return;
  }
  *wide = true;
  if (o.name.empty()) {
    *base = constant(Width::W64, static_cast<uint64_t>(o.offset));
    *offset = 0;
    return;
  }
  Space s;
  uint32_t at;
  if (lookup_variable(o.name, &s, &at, nullptr)) {
    *space = s;
    if (s == Space::Shared) {
      *wide = false;
      *base = constant(Width::W32, at);
      return;
    }
    *base = special(s == Space::Local ? Special::FrameBase : Special::ParamBase);
    *offset += at;
    return;
  }
  auto it = ctx_.source->names.find(o.name);
  if (it == ctx_.source->names.end()) fail("Unknown symbol " + quoted(o.name) + " in " + quoted(whole_));
  const Symbol* sym = it->second;
  while (sym->definition) sym = sym->definition;
  if (sym->function) {
    if (!sym->body) unresolved("address of the undefined function " + quoted(o.name));
    *base = constant(Width::W64, function_address(sym->index));
    *space = Space::Generic;
    return;
  }
  *space = sym->space;
  if (sym->space == Space::Shared) {
    *wide = false;
    if (sym->unsized || sym->is_extern) *base = special(Special::DynamicShared);
    else *base = constant(Width::W32, shared_offset(*sym));
    return;
  }
  if (sym->variable == ~0u) unresolved("undefined variable " + quoted(o.name));
  *base = constant(Width::W64, 0, sym->variable);
}

}  // namespace softgpu
