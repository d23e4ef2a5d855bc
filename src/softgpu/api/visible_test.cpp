// CUDA_VISIBLE_DEVICES as a list; what a program sees of it is in test/calls/visible_devices.cpp.
#include "softgpu/api/visible.h"

#include <gtest/gtest.h>

#include "visible.cpp"
#include "profile.cpp"

namespace softgpu::api {
namespace {

using List = std::vector<int>;

TEST(Visible, Lists) {
  const Profile p = read_profile("[device]\ncount = 4\nuuid = GPU-00112233-4455-6677-8899-aabbccddee00\n", "test");
  ASSERT_EQ(p.devices.size(), 4u) << p.error;
  const struct { const char* text; List wanted; } cases[] = {
      {nullptr, {0, 1, 2, 3}}, {"", {}}, {"-1", {}}, {"0", {0}}, {"3,1", {3, 1}}, {" 2 , 0 ", {2, 0}}, {"0,1,4,2", {0, 1}}, {"1,-1,2", {1}}, {"1,,2", {1}}, {"x", {}},
      {"2,x", {2}}, {"0,0", {}}, {"NoDevFiles", {}}, {"GPU-00112233-4455-6677-8899-aabbccddee02", {2}}, {"GPU-00112233-4455-6677-8899-aabbccddee03,0", {3}}, {"0,GPU-00112233-4455-6677-8899-aabbccddee03", {0}},
      {"GPU-00112233-4455-6677-8899-aabbccddee03,GPU-00112233-4455-6677-8899-aabbccddee00", {3, 0}},
      {"GPU-0011", {}}, {"GPU-ff", {}}, {"GPU-00112233-4455-6677-8899-aabbccddee01,GPU-ff,0", {1}}, {"1abc", {}}};
  for (auto& c : cases) EXPECT_EQ(visible_devices(c.text, p), c.wanted) << (c.text ? c.text : "not set");
}

}  // namespace
}  // namespace softgpu::api
