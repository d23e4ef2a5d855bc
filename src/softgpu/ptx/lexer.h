// Tokens of PTX text. Names keep their dots and percent signs ("ld.global.v2.f32", "%tid.x", ".reg" are one token each).
// Owner: load() for the time of one load; one thread.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace softgpu {

enum class Tok : uint8_t { End, Name, Number, String, Punct };

struct Token {
  Tok kind = Tok::End;
  char punct = 0;
  uint32_t line = 0;
  std::string_view text;
};

// An error in PTX text, which becomes a line as NVIDIA's compiler writes it: "ptxas application ptx input, line 12; error   : text".
struct PtxError {
  uint32_t line;
  std::string text;
  bool unresolved = false;   // names something that another text may define
  int result = 218;          // INVALID_PTX
};

std::vector<Token> tokenize(std::string_view text);   // throws PtxError; ends with a Tok::End

// A number token's value. Integers and the bit patterns of 0f…/0d… literals; a decimal float gives a double.
struct Number {
  enum { Integer, Float32Bits, Float64Bits, Decimal } kind = Integer;
  uint64_t bits = 0;    // integer, or the pattern
  double value = 0;     // of float kinds
};
bool parse_number(std::string_view text, Number* out);

}  // namespace softgpu
