// Parses the module-level directives of a PTX text. Owner: load(); one thread.
#include "softgpu/ptx/module.h"

#include <bit>
#include <cstdlib>
#include <cstring>

namespace softgpu {
namespace {

constexpr uint64_t kLargestVariable = 1ull << 40;
constexpr uint32_t kNewestMajor = 9, kNewestMinor = 0;   // of the PTX language
constexpr uint32_t kLargestParameters = 32764;   // bytes a kernel may take since PTX 8.1

std::string quoted(std::string_view s) { return "'" + std::string(s) + "'"; }

uint64_t round_up(uint64_t v, uint64_t to) { return (v + to - 1) / to * to; }

// A value of an initialiser: number, symbol, symbol+n, generic(symbol), 0xFF00(symbol).
void parse_value(Cursor& c, Symbol& s, Ty type, uint64_t offset) {
  uint64_t bytes = static_cast<uint64_t>(bytes_of(type));
  if (offset + bytes > s.bytes) c.fail("initialiser of " + quoted(s.name) + " is longer than the variable");
  int shift = 0;
  uint64_t mask = 0;
  if (c.peek().kind == Tok::Number && c.peek(1).kind == Tok::Punct && c.peek(1).punct == '(') {
    Number n;
    if (!parse_number(c.next().text, &n) || n.bits == 0) c.fail("bad mask in an initialiser");
    mask = n.bits;
    shift = std::countr_zero(mask);
  }
  if (mask || c.peek().kind == Tok::Name) {
    bool paren = mask != 0;
    if (c.take("generic")) paren = true;
    if (paren) c.expect('(');
    if (c.take("generic")) c.fail("nested generic() in an initialiser");
    std::string_view name = c.name("a symbol");
    int64_t addend = 0;
    if (c.take('+')) addend = c.integer();
    if (paren) c.expect(')');
    if (c.take('+')) addend = c.integer();
    s.relocations.push_back({offset, static_cast<int>(bytes), shift, name, addend});
    return;
  }
  bool minus = c.take('-');
  Number n;
  if (c.peek().kind != Tok::Number || !parse_number(c.peek().text, &n)) c.fail("bad value in an initialiser");
  c.next();
  uint64_t bits = n.bits;
  if (type == Ty::F32 && n.kind != Number::Float32Bits) bits = std::bit_cast<uint32_t>(static_cast<float>(n.kind ? n.value : static_cast<double>(n.bits)));
  if (type == Ty::F64 && n.kind != Number::Float64Bits) bits = std::bit_cast<uint64_t>(n.kind ? n.value : static_cast<double>(n.bits));
  if (minus) bits = type == Ty::F32 ? bits ^ 0x80000000u : type == Ty::F64 ? bits ^ (1ull << 63) : 0 - bits;
  if (s.init.size() < offset + bytes) s.init.resize(offset + bytes);
  std::memcpy(s.init.data() + offset, &bits, bytes);
}

void parse_list(Cursor& c, Symbol& s, Ty type, uint64_t* offset, int depth = 0) {
  if (depth > 16) c.fail("initialiser is nested too deeply");
  c.expect('{');
  while (!c.take('}')) {
    if (c.at('{')) {
      parse_list(c, s, type, offset, depth + 1);
    } else {
      parse_value(c, s, type, *offset);
      *offset += static_cast<uint64_t>(bytes_of(type));
    }
    if (!c.take(',') && !c.at('}')) c.fail("expected ',' or '}' in an initialiser");
  }
}

// Adds a symbol or merges it with an earlier declaration of the same name.
Symbol* declare(Cursor& c, Source& src, Symbol&& s) {
  auto [it, fresh] = src.names.try_emplace(s.name, nullptr);
  if (fresh) {
    src.symbols.push_back(std::move(s));
    return it->second = &src.symbols.back();
  }
  Symbol& old = *it->second;
  bool old_defined = old.function ? old.body != 0 : !old.is_extern;
  bool new_defined = s.function ? s.body != 0 : !s.is_extern;
  if (old.function != s.function || (old_defined && new_defined && !s.common)) c.fail("second definition of " + quoted(s.name));
  if (new_defined) old = std::move(s);
  return &old;
}

void parse_function(Cursor& c, Source& src, Symbol s, bool entry) {
  s.function = true;
  s.entry = entry;
  s.line = c.line();
  if (!entry && c.at('(')) s.results = parse_params(c);
  s.name = c.name("a function name");
  if (c.at('(')) s.params = parse_params(c);
  while (!c.at('{') && !c.at(';')) {
    std::string_view d = c.name("a directive, '{' or ';'");
    if (d == ".maxntid" || d == ".reqntid" || d == ".reqnctapercluster" || d == ".maxclusterrank") {
      uint64_t v[3] = {1, 1, 1};
      for (int i = 0; i < 3; i++) {
        v[i] = c.positive(1u << 30);
        if (!c.take(',')) break;
      }
      if (d == ".reqnctapercluster") {
        if (v[0] > 16 || v[1] > 16 || v[2] > 16 || v[0] * v[1] * v[2] > 16) c.fail("more than 16 blocks in a cluster");
        for (int i = 0; i < 3; i++) s.required_cluster[i] = static_cast<uint32_t>(v[i]);
      }
      if (d == ".maxntid" || d == ".reqntid") s.max_threads = static_cast<uint32_t>(v[0] * v[1] * v[2]);
      if (d == ".reqntid") for (int i = 0; i < 3; i++) s.required_block[i] = static_cast<uint32_t>(v[i]);
    } else if (d == ".minnctapersm" || d == ".maxnreg" || d == ".maxnctapersm") {
      c.integer();
    } else if (d == ".pragma") {
      while (c.peek().kind == Tok::String || c.at(',')) c.next();
      c.take(';');
    } else if (d == ".noreturn" || d == ".blocksareclusters") {
    } else if (d == ".attribute") {
      c.expect('(');
      for (int depth = 1; depth;) {
        if (c.peek().kind == Tok::End) c.fail("missing ')'");
        depth += c.at('(') ? 1 : c.at(')') ? -1 : 0;
        c.next();
      }
    } else if (d == ".explicitcluster") {
      s.explicit_cluster = true;
    } else if (d == ".abi_preserve" || d == ".abi_preserve_control") {
      c.integer();
    } else {
      c.fail("unknown directive " + quoted(d));
    }
  }
  if (c.take('{')) {
    s.body = c.index();
    c.skip_braces();
  } else {
    c.expect(';');
    s.is_extern = true;
  }
  declare(c, src, std::move(s));
}

void parse_variables(Cursor& c, Source& src, const Symbol& linkage, Space space) {
  Variable v;
  for (bool first = true; first || c.take(','); first = false) {
    Symbol s = linkage;
    s.space = space;
    s.line = c.line();
    v = parse_variable(c, first ? nullptr : &v);
    s.name = v.name;
    s.bytes = v.bytes;
    s.align = v.align;
    s.unsized = v.unsized;
    s.managed = v.managed;
    if (c.take('=')) {
      uint64_t step = static_cast<uint64_t>(bytes_of(v.type)), offset = 0;
      if (s.unsized) {   // x[] = {…}: count first, on a copy
        Cursor ahead = c;
        Symbol probe = s;
        probe.bytes = kLargestVariable;
        size_t depth = 0, values = 1;
        do {
          const Token& t = ahead.next();
          if (t.kind == Tok::End) c.fail("initialiser without end");
          if (t.kind == Tok::Punct) depth += t.punct == '{' ? 1 : t.punct == '}' ? -1 : 0, values += t.punct == ',';
        } while (depth);
        s.bytes = values * step;
        s.unsized = false;
      }
      if (c.at('{')) parse_list(c, s, v.type, &offset);
      else parse_value(c, s, v.type, 0);
    }
    if (s.unsized && space == Space::Shared) s.is_extern = true;
    declare(c, src, std::move(s));
  }
  c.expect(';');
}

}  // namespace

bool type_from(std::string_view n, Ty* out) {
  static const std::unordered_map<std::string_view, Ty> kTypes = {
      {"pred", Ty::Pred}, {"b8", Ty::B8}, {"b16", Ty::B16}, {"b32", Ty::B32}, {"b64", Ty::B64}, {"b128", Ty::B128},
      {"u8", Ty::U8}, {"u16", Ty::U16}, {"u32", Ty::U32}, {"u64", Ty::U64}, {"s8", Ty::S8}, {"s16", Ty::S16}, {"s32", Ty::S32}, {"s64", Ty::S64},
      {"f16", Ty::F16}, {"f16x2", Ty::F16x2}, {"bf16", Ty::BF16}, {"bf16x2", Ty::BF16x2}, {"f32", Ty::F32}, {"f64", Ty::F64}, {"tf32", Ty::TF32},
      {"e4m3x2", Ty::E4M3x2}, {"e5m2x2", Ty::E5M2x2}, {"u16x2", Ty::U16x2}, {"s16x2", Ty::S16x2}, {"f32x2", Ty::F32x2}, {"e4m3", Ty::E4M3}, {"e5m2", Ty::E5M2},
      {"b1", Ty::B1}, {"u2", Ty::U2}, {"s2", Ty::S2}, {"u4", Ty::U4}, {"s4", Ty::S4}, {"e2m3", Ty::E2M3}, {"e3m2", Ty::E3M2}, {"e2m1", Ty::E2M1},
      {"e2m3x2", Ty::E2M3x2}, {"e3m2x2", Ty::E3M2x2}, {"e2m1x2", Ty::E2M1x2}, {"ue8m0x2", Ty::UE8M0x2}, {"e4m3x4", Ty::E4M3x4}, {"e5m2x4", Ty::E5M2x4},
      {"e2m3x4", Ty::E2M3x4}, {"e3m2x4", Ty::E3M2x4}, {"e2m1x4", Ty::E2M1x4}};
  auto it = kTypes.find(n);
  if (it == kTypes.end()) return false;
  *out = it->second;
  return true;
}

void Cursor::expect(char punct) {
  if (!take(punct)) {
    const Token& t = peek();
    fail(std::string("expected '") + punct + "' instead of " + (t.kind == Tok::End ? "the end" : quoted(t.text)));
  }
}

std::string_view Cursor::name(const char* what) {
  if (peek().kind != Tok::Name) fail(std::string("expected ") + what);
  return next().text;
}

int64_t Cursor::integer() {
  bool minus = take('-');
  Number n;
  if (peek().kind != Tok::Number || !parse_number(peek().text, &n) || n.kind != Number::Integer) fail("expected an integer");
  next();
  return static_cast<int64_t>(minus ? 0 - n.bits : n.bits);
}

uint64_t Cursor::positive(uint64_t limit) {
  int64_t v = integer();
  if (v < 1 || static_cast<uint64_t>(v) > limit) fail("number out of range");
  return static_cast<uint64_t>(v);
}

void Cursor::skip_line() {
  uint32_t line = peek().line;
  while (peek().kind != Tok::End && peek().line == line) next();
}

void Cursor::skip_braces() {
  for (size_t depth = 1; depth;) {
    const Token& t = peek();
    if (t.kind == Tok::End) fail("missing '}'");
    if (t.kind == Tok::Punct) depth += t.punct == '{' ? 1 : t.punct == '}' ? -1 : 0;
    next();
  }
}

std::vector<ParamDecl> parse_params(Cursor& c) {
  std::vector<ParamDecl> out;
  c.expect('(');
  uint64_t offset = 0;
  while (!c.take(')')) {
    ParamDecl p;
    if (c.take(".reg")) p.in_register = true;
    else if (!c.take(".param")) c.fail("expected .param");
    Variable v = parse_variable(c);
    p.name = v.name;
    p.type = v.type;
    p.scalar = v.bytes == static_cast<uint64_t>(bytes_of(v.type));
    p.bytes = static_cast<uint32_t>(v.bytes);
    p.align = static_cast<uint32_t>(v.align);
    offset = round_up(offset, v.align);
    p.offset = static_cast<uint32_t>(offset);
    offset += v.bytes;
    if (v.bytes > kLargestParameters || offset > kLargestParameters) c.fail("parameters take more than 32764 bytes");
    out.push_back(p);
    if (!c.take(',') && !c.at(')')) c.fail("expected ',' or ')' after a parameter");
  }
  return out;
}

Variable parse_variable(Cursor& c, const Variable* before) {
  Variable v;
  uint64_t elements = 1;
  bool pointer = false;
  if (before) v.type = before->type, v.lanes = before->lanes, v.align = v.wanted_align = before->wanted_align, v.managed = before->managed;
  for (;;) {
    std::string_view w = c.name("a type or a name");
    Ty t;
    if (w[0] != '.') {
      v.name = w;
      break;
    }
    if (w == ".align") {
      uint64_t a = c.positive(1 << 20);
      if (a & (a - 1)) c.fail("alignment is not a power of two");
      if (!pointer) v.align = v.wanted_align = a;
    } else if (w == ".attribute") {
      c.expect('(');
      for (int depth = 1; depth;) {   // .unified(a, b) has brackets of its own
        if (c.peek().kind == Tok::End) c.fail("missing ')'");
        depth += c.at('(') ? 1 : c.at(')') ? -1 : 0;
        if (c.next().text == ".managed") v.managed = true;
      }
    } else if (w == ".ptr") {
      pointer = true;
    } else if (w == ".v2" || w == ".v4") {
      v.lanes = w == ".v2" ? 2 : 4;
    } else if (pointer && (w == ".global" || w == ".shared" || w == ".local" || w == ".const")) {
    } else if (type_from(w.substr(1), &t) && t != Ty::Pred && t < Ty::E4M3) {
      v.type = t;
    } else {
      c.fail("unknown type or attribute " + quoted(w));
    }
  }
  if (v.type == Ty::None) c.fail("variable " + quoted(v.name) + " has no type");
  while (c.take('[')) {
    if (c.take(']')) {
      v.unsized = true;
      continue;
    }
    uint64_t n = c.at(']') ? 0 : static_cast<uint64_t>(c.integer());
    if (n > kLargestVariable || (n && elements > kLargestVariable / n)) c.fail("variable is too large");
    elements *= n;
    c.expect(']');
  }
  uint64_t one = static_cast<uint64_t>(bytes_of(v.type)) * v.lanes;
  if (elements > kLargestVariable / one) c.fail("variable is too large");
  v.bytes = v.unsized ? 0 : elements * one;
  if (v.align < one) v.align = one > 16 ? 16 : one;
  return v;
}

// "8.5" as 85.
static uint32_t version(Cursor& c) {
  std::string_view text = c.peek().text;
  size_t dot = text.find('.');
  Number major, minor;
  if (c.peek().kind != Tok::Number || dot == text.npos || !parse_number(text.substr(0, dot), &major) || !parse_number(text.substr(dot + 1), &minor) ||
      major.kind != Number::Integer || minor.kind != Number::Integer)
    c.fail("Missing .version directive at start of file 'application ptx input'");
  if (major.bits > kNewestMajor || (major.bits == kNewestMajor && minor.bits > kNewestMinor))
    throw PtxError{c.line(), "Unsupported .version " + std::string(text) + "; current version is '" + std::to_string(kNewestMajor) + "." + std::to_string(kNewestMinor) + "'", false, 222};
  c.next();
  return static_cast<uint32_t>(major.bits * 10 + minor.bits);
}

void parse_module(Source& src) {
  src.tokens = tokenize(src.text);
  src.allocas = src.text.find("alloca.") != std::string::npos;
  Cursor c(src.tokens, 0);
  bool versioned = false;
  while (c.peek().kind != Tok::End) {
    Symbol s;
    std::string_view d = c.name("a directive");
    while (d == ".extern" || d == ".visible" || d == ".weak" || d == ".common") {
      (d == ".extern" ? s.is_extern : d == ".visible" ? s.visible : d == ".weak" ? s.weak : s.common) = true;
      d = c.name("a directive");
    }
    if (d != ".version" && !versioned) c.fail("Missing .version directive at start of file 'application ptx input'");
    if (d == ".version") {
      src.version = version(c);
      versioned = true;
    } else if (d == ".target") {
      std::string_view t = c.name("a target");
      if (t.substr(0, 3) != "sm_" || t.size() < 5) c.fail("unknown target " + quoted(t));
      for (char ch : t.substr(3)) if (ch >= '0' && ch <= '9') src.target = src.target * 10 + static_cast<uint32_t>(ch - '0');
      while (c.take(',')) c.name("a target option");
    } else if (d == ".address_size") {
      if (c.integer() != 64) c.fail("only .address_size 64 is supported");
    } else if (d == ".entry") {
      parse_function(c, src, s, true);
    } else if (d == ".func") {
      parse_function(c, src, s, false);
    } else if (d == ".global" || d == ".const" || d == ".shared") {
      parse_variables(c, src, s, d == ".global" ? Space::Global : d == ".const" ? Space::Const : Space::Shared);
    } else if (d == ".alias") {
      std::string_view alias = c.name("a name");
      c.expect(',');
      std::string_view target = c.name("a name");
      c.expect(';');
      auto it = src.names.find(alias);
      if (it == src.names.end() || !it->second->function) c.fail("alias of an undeclared function " + quoted(alias));
      it->second->alias_of = target;
    } else if (d == ".file" || d == ".loc") {
      c.skip_line();
    } else if (d == ".section") {
      while (!c.at('{')) if (c.next().kind == Tok::End) c.fail("expected '{'");
      c.next();
      c.skip_braces();
    } else if (d == ".pragma") {
      while (!c.take(';')) if (c.next().kind == Tok::End) c.fail("expected ';'");
    } else {
      c.fail("unknown directive " + quoted(d));
    }
  }
  if (!versioned) c.fail("Missing .version directive at start of file 'application ptx input'");
  if (!src.target) c.fail("Missing .target directive at start of file 'application ptx input'");
}

}  // namespace softgpu
