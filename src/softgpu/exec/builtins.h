// Device functions that every program may call without bringing them: vprintf, malloc, free, __assertfail; cnp… only fail when called.
// Called by the interpreter on whichever thread runs the warp.
#pragma once
#include <string_view>

#include "softgpu/exec/cta.h"
#include "softgpu/ptx/decode.h"

namespace softgpu {

inline uint64_t function_base() { return function_address(0); }

struct Builtins {
  static bool launches(std::string_view name);   // cudaLaunchDevice… and what it is made of
  static int number(std::string_view name);   // 0: not one
  static bool call(Cta& cta, WarpState& w, Frame& f, const Insn& in, int number, uint32_t mask);   // false: w.fault is set
};

}  // namespace softgpu
