// What the module-level directives of PTX say: variables, functions and their parameters, before any body is decoded.
// Owner: load() for the time of one load; one thread. Views point into the PTX text, which lives as long.
#pragma once
#include <deque>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "softgpu/ptx/insn.h"
#include "softgpu/ptx/lexer.h"

namespace softgpu {

struct Symbol;

struct Relocation {   // an address inside an initialiser
  uint64_t offset;
  int bytes;          // 1, 2, 4 or 8
  int shift;          // which byte of the address, for the 0xFF00(name) form
  std::string_view name;
  int64_t addend;
};

struct ParamDecl {
  std::string_view name;
  Ty type = Ty::None;
  uint32_t bytes = 0, align = 1, offset = 0;
  bool in_register = false, scalar = false;   // scalar: registers and numbers may stand for it in a call
};

struct Symbol {
  std::string_view name;
  uint32_t line = 0;
  bool function = false, entry = false;
  bool is_extern = false, visible = false, weak = false, common = false, managed = false;
  Space space = Space::Global;
  // variable
  uint64_t bytes = 0, align = 1;
  bool unsized = false;                 // extern .shared x[];
  std::vector<uint8_t> init;            // as far as there are values; the rest is zero
  std::vector<Relocation> relocations;
  uint32_t variable = ~0u;              // global, const: its number in the program, when it is defined
  // function
  std::vector<ParamDecl> params, results;
  size_t body = 0;                      // token after '{'; 0: none
  uint32_t required_block[3] = {0, 0, 0}, max_threads = 0;
  uint32_t required_cluster[3] = {0, 0, 0};
  bool explicit_cluster = false;        // may only be launched with cluster dimensions
  uint32_t index = 0;                   // in the program's functions
  Symbol* definition = nullptr;         // what an extern declaration or an alias stands for
  std::string_view alias_of;
};

// One PTX text with what its module-level directives declare.
struct Source {
  std::string text;
  std::vector<Token> tokens;
  std::deque<Symbol> symbols;
  std::unordered_map<std::string_view, Symbol*> names;
  uint32_t target = 0;   // 75 for sm_75
  uint32_t version = 0;  // 90 for .version 9.0
  bool allocas = false;  // functions may have to give stack back
};

void parse_module(Source& source);   // fills everything but text; throws PtxError

bool type_from(std::string_view name, Ty* out);   // "f32", without the dot

// A position in a token list, with the usual small steps.
class Cursor {
 public:
  Cursor(const std::vector<Token>& tokens, size_t at) : t_(&tokens), i_(at) {}
  const Token& peek(size_t ahead = 0) const { return (*t_)[i_ + ahead < t_->size() ? i_ + ahead : t_->size() - 1]; }
  const Token& next() { const Token& t = peek(); if (i_ + 1 < t_->size()) i_++; return t; }
  bool at(char punct) const { return peek().kind == Tok::Punct && peek().punct == punct; }
  bool at(std::string_view name) const { return peek().kind == Tok::Name && peek().text == name; }
  bool take(char punct) { if (!at(punct)) return false; next(); return true; }
  bool take(std::string_view name) { if (!at(name)) return false; next(); return true; }
  void expect(char punct);
  std::string_view name(const char* what);
  int64_t integer();                  // with an optional minus sign
  uint64_t positive(uint64_t limit);  // an integer from 1 to limit
  void skip_line();                   // the rest of this line
  void skip_braces();                 // after '{', to its '}'
  [[noreturn]] void fail(const std::string& text) const { throw PtxError{peek().line, text}; }
  size_t index() const { return i_; }
  uint32_t line() const { return peek().line; }
 private:
  const std::vector<Token>* t_;
  size_t i_;
};

// .param/.local/.shared/.global variable after its space word: alignment, type, name, array size. Shared by modules and bodies.
struct Variable {
  std::string_view name;
  Ty type = Ty::None;
  uint64_t bytes = 0, align = 1;
  uint64_t lanes = 1, wanted_align = 1;   // .v2, .v4; .align
  bool unsized = false, managed = false;
};
Variable parse_variable(Cursor& c, const Variable* before = nullptr);   // before: the one before the comma, whose type holds on
std::vector<ParamDecl> parse_params(Cursor& c);                          // '(' … ')' of a function or a prototype

}  // namespace softgpu
