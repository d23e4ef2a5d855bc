// The instructions from which random programs are put together: each form once, with the kinds of its operands. Every form gives the
// same bits on every GPU (approximations are left out), and every multiplication and addition names its rounding, so that no compiler may fuse them.
// Operand letters, result first:
//   f d h b  f32, f64, f16, bf16 · x y  f16x2, bf16x2 · u l w  32, 64 and 16-bit integers · p  predicate · c  shift amount or position
//   C  position or length of a field: 0..255 · U L W  divisor: not zero · s  0..31 · i  immediate byte
#pragma once
#include <string>
#include <vector>

namespace fuzz {

struct Instruction {
  std::string text, operands;
};

const std::vector<Instruction>& instructions();

}  // namespace fuzz
