// Splits PTX text into tokens. Owner: load(); one thread.
#include "softgpu/ptx/lexer.h"

#include <bit>
#include <cstdlib>

namespace softgpu {
namespace {

bool name_start(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || c == '%' || c == '.'; }
bool digit(char c) { return c >= '0' && c <= '9'; }
bool name_char(char c) { return name_start(c) || digit(c); }

}  // namespace

std::vector<Token> tokenize(std::string_view s) {
  std::vector<Token> out;
  out.reserve(s.size() / 4 + 8);
  uint32_t line = 1;
  size_t i = 0, n = s.size();
  while (i < n) {
    char c = s[i];
    if (c == '\n') {
      line++, i++;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      i++;
    } else if (c == 0) {
      break;
    } else if (c == '/' && i + 1 < n && s[i + 1] == '/') {
      while (i < n && s[i] != '\n') i++;
    } else if (c == '/' && i + 1 < n && s[i + 1] == '*') {
      uint32_t start = line;
      for (i += 2;; i++) {
        if (i + 1 >= n) throw PtxError{start, "comment without end"};
        if (s[i] == '\n') line++;
        if (s[i] == '*' && s[i + 1] == '/') break;
      }
      i += 2;
    } else if (digit(c) || (c == '.' && i + 1 < n && digit(s[i + 1]))) {
      size_t b = i++;
      while (i < n && (digit(s[i]) || (s[i] >= 'a' && s[i] <= 'z') || (s[i] >= 'A' && s[i] <= 'Z') || s[i] == '.' || s[i] == '_' ||
                       ((s[i] == '+' || s[i] == '-') && (s[i - 1] == 'e' || s[i - 1] == 'E') && s[b + 1] != 'x' && s[b + 1] != 'X' &&
                        s[b + 1] != 'f' && s[b + 1] != 'd' && s[b + 1] != 'F' && s[b + 1] != 'D')))
        i++;
      out.push_back({Tok::Number, 0, line, s.substr(b, i - b)});
    } else if (name_start(c)) {
      size_t b = i++;
      while (i < n && ((name_char(s[i]) && !(s[i] == '.' && s[b] == '.')) ||   // ".reg.b32" is two tokens
                       (s[i] == ':' && i + 2 < n && s[i + 1] == ':' && name_char(s[i + 2])))) i += s[i] == ':' ? 2 : 1;
      out.push_back({Tok::Name, 0, line, s.substr(b, i - b)});
    } else if (c == '"') {
      size_t b = ++i;
      while (i < n && s[i] != '"' && s[i] != '\n') i += s[i] == '\\' && i + 1 < n ? 2 : 1;
      if (i >= n || s[i] != '"') throw PtxError{line, "string without end"};
      out.push_back({Tok::String, 0, line, s.substr(b, i - b)});
      i++;
    } else {
      switch (c) {
        case '{': case '}': case '(': case ')': case '[': case ']': case '<': case '>': case ',': case ';': case ':': case '=':
        case '+': case '-': case '@': case '!': case '|': case '*': case '&': case '~': case '/': case '#': case '?': case '^':
          out.push_back({Tok::Punct, c, line, s.substr(i, 1)});
          i++;
          break;
        default:
          throw PtxError{line, "unexpected character (code " + std::to_string(static_cast<unsigned char>(c)) + ")"};
      }
    }
  }
  out.push_back({Tok::End, 0, line, {}});
  return out;
}

bool parse_number(std::string_view t, Number* out) {
  *out = Number{};
  auto hex = [](std::string_view d, uint64_t* v) {
    *v = 0;
    if (d.empty() || d.size() > 16) return false;
    for (char c : d) {
      int x = digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
      if (x < 0) return false;
      *v = *v << 4 | static_cast<uint64_t>(x);
    }
    return true;
  };
  if (t.size() == 10 && t[0] == '0' && (t[1] == 'f' || t[1] == 'F')) {
    out->kind = Number::Float32Bits;
    if (!hex(t.substr(2), &out->bits)) return false;
    out->value = std::bit_cast<float>(static_cast<uint32_t>(out->bits));
    return true;
  }
  if (t.size() == 18 && t[0] == '0' && (t[1] == 'd' || t[1] == 'D')) {
    out->kind = Number::Float64Bits;
    if (!hex(t.substr(2), &out->bits)) return false;
    out->value = std::bit_cast<double>(out->bits);
    return true;
  }
  std::string_view d = t;
  if (d.size() > 1 && (d.back() == 'U' || d.back() == 'u')) d.remove_suffix(1);
  if (d.size() > 2 && d[0] == '0' && (d[1] == 'x' || d[1] == 'X')) return hex(d.substr(2), &out->bits);
  int base = 10;
  size_t i = 0;
  if (d.size() > 2 && d[0] == '0' && (d[1] == 'b' || d[1] == 'B')) base = 2, i = 2;
  else if (d.size() > 1 && d[0] == '0' && d.find_first_of(".eE") == d.npos) base = 8, i = 1;
  uint64_t v = 0;
  bool large = false;
  for (; i < d.size(); i++) {
    if (!digit(d[i]) || d[i] - '0' >= base) break;
    large |= __builtin_mul_overflow(v, static_cast<uint64_t>(base), &v) || __builtin_add_overflow(v, static_cast<uint64_t>(d[i] - '0'), &v);
  }
  if (i == d.size()) {
    if (large) return false;
    out->bits = v;
    return true;
  }
  std::string copy(t);
  char* end;
  out->kind = Number::Decimal;
  out->value = std::strtod(copy.c_str(), &end);
  return *end == 0;
}

}  // namespace softgpu
