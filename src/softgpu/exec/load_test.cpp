// Loading the same PTX again: the code is shared, variables are not.
#include <gtest/gtest.h>

#include "softgpu/exec/test_support.h"

namespace softgpu {
namespace {

const std::string kPtx = R"(.version 8.0
.target sm_80
.address_size 64
.global .align 4 .u32 counter = 5;
.global .align 8 .u64 where[2] = {counter, bump};
.visible .func (.param .b32 out) bump(.param .b32 by)
{
.reg .b32 %r<4>;
.reg .b64 %rd<2>;
ld.param.u32 %r1, [by];
mov.u64 %rd1, counter;
atom.global.add.u32 %r2, [%rd1], %r1;
st.param.b32 [out], %r2;
ret;
}
.visible .entry go(.param .u64 out, .param .u32 by)
{
.reg .b32 %r<4>;
.reg .b64 %rd<4>;
ld.param.u64 %rd1, [out];
ld.param.u32 %r1, [by];
{
.param .b32 a;
.param .b32 b;
st.param.b32 [a], %r1;
call.uni (b), bump, (a);
ld.param.b32 %r2, [b];
}
st.global.u32 [%rd1], %r2;
ld.global.u32 %r3, [counter];
st.global.u32 [%rd1+4], %r3;
mov.u64 %rd2, where+8;
ld.global.u64 %rd3, [%rd2+-8];
st.global.u64 [%rd1+8], %rd3;
ret;
}
)";

TEST(Load, ModulesOfTheSameTextHaveVariablesOfTheirOwn) {
  TestGpu a(kPtx);
  auto b = std::make_unique<TestGpu>(kPtx);
  auto run = [](TestGpu& gpu, uint32_t by) {
    auto out = gpu.zeros(16);
    gpu.launch("go", {1}, {1}, out, by);
    return gpu.download<uint32_t>(out, 4);
  };
  auto address = [](const std::vector<uint32_t>& v) { return uint64_t{v[3]} << 32 | v[2]; };
  auto first = run(a, 10), second = run(*b, 100), third = run(a, 1);
  EXPECT_EQ(first[0], 5u);
  EXPECT_EQ(first[1], 15u);
  EXPECT_EQ(second[0], 5u);
  EXPECT_EQ(second[1], 105u);
  EXPECT_EQ(third[0], 15u);
  EXPECT_EQ(address(first), a.module->globals()[0].address);
  EXPECT_EQ(address(second), b->module->globals()[0].address);
  EXPECT_NE(address(first), address(second));
  EXPECT_EQ(&a.module->kernels(), &b->module->kernels());   // the same code
  b.reset();
  EXPECT_EQ(run(a, 1)[0], 16u);
}

TEST(Load, AnotherCapabilityIsOtherCode) {
  Memory memory(64 << 20);
  std::unique_ptr<Module> a, b;
  std::span<const uint8_t> image(reinterpret_cast<const uint8_t*>(kPtx.data()), kPtx.size());
  EXPECT_EQ(load({&image, 1}, memory, 80, &a).result, 0);
  EXPECT_EQ(load({&image, 1}, memory, 90, &b).result, 0);
  EXPECT_NE(&a->kernels(), &b->kernels());
  EXPECT_EQ(load({&image, 1}, memory, 75, &b).result, 218);   // nor is what was once good for another taken for good
}

TEST(Load, NoMemoryForVariables) {
  Memory memory(1 << 20);
  std::unique_ptr<Module> module;
  std::string text = ".version 8.0\n.target sm_80\n.address_size 64\n.global .b8 small[1000];\n.global .b8 large[1048576];\n";
  std::span<const uint8_t> image(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  for (int i = 0; i < 2; i++) EXPECT_EQ(load({&image, 1}, memory, 80, &module).result, 2);
  EXPECT_EQ(memory.used(), 0u);
}

}  // namespace
}  // namespace softgpu
