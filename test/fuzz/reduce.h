// Shrinks a program on which two drivers differ, by leaving out statements while they still do. Owner: one thread.
#pragma once
#include <string>

#include "program.h"
#include "runner.h"

namespace fuzz {

struct Difference {
  bool differs = false;
  std::string text;     // what differs first
};
struct Side { Runner& runner; int level; };   // level: of the JIT's optimisation
Difference compare(const Program& p, const Side& a, const Side& b);   // both run the program alone
Program reduce(Program p, const Side& a, const Side& b);

}  // namespace fuzz
