// Modules that come and go under one kernel name: each launch takes its parameters as the module of that moment declares them, also where the driver gives a
// new function the place of one that is gone.
#include <string>
#include "check.h"

static const char* kHead = ".version 7.0\n.target sm_75\n.address_size 64\n";
static const char* kShort = ".visible .entry k(.param .u64 to, .param .u32 v) {\n.reg .u64 a; .reg .u32 x;\nld.param.u64 a, [to]; ld.param.u32 x, [v];\nst.global.u32 [a], x; ret; }\n";
static const char* kLong = ".visible .entry k(.param .align 64 .b8 table[128], .param .u32 v, .param .u64 to) {\n.reg .u64 a; .reg .u32 x, y;\n"
                           "ld.param.u64 a, [to]; ld.param.u32 x, [v]; ld.param.u32 y, [table+124];\nadd.u32 x, x, y; st.global.u32 [a], x; ret; }\n";

int main() {
  Gpu gpu;
  CUdeviceptr to = allocate(64);
  const std::string short_text = std::string(kHead) + kShort, long_text = std::string(kHead) + kLong;
  for (unsigned round = 0; round < 40; round++) {
    const bool is_long = round % 2;
    CUmodule module = nullptr;
    CUfunction function = nullptr;
    CU(cuModuleLoadData(&module, (is_long ? long_text : short_text).c_str()));
    CU(cuModuleGetFunction(&function, module, "k"));
    struct alignas(64) { unsigned words[32]; } table{};
    table.words[31] = 1000 + round;
    if (is_long) CU(launch(function, 1, 1, nullptr, table, round, to));
    else CU(launch(function, 1, 1, nullptr, to, round));
    CHECK(read_word(to) == round + (is_long ? 1000 + round : 0));
    CU(cuModuleUnload(module));
  }
}
