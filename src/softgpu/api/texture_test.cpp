// What textures answer, in every mode, against what an H200 answered at the same points (testdata/texture.zst, by texture_record.cpp).
#include "softgpu/api/texture_vectors.h"

#include <zstd.h>

#include <fstream>
#include <iterator>

#include "softgpu/api/test_support.h"

namespace {

using namespace texture_vectors;

std::vector<Answer> recorded() {
  std::ifstream in("testdata/texture.zst", std::ios::binary);
  std::vector<char> packed{std::istreambuf_iterator<char>(in), {}};
  std::vector<Answer> answers(ZSTD_getFrameContentSize(packed.data(), packed.size()) / sizeof(Answer));
  ZSTD_decompress(answers.data(), answers.size() * sizeof(Answer), packed.data(), packed.size());
  return answers;
}

// Sampled to the bit: everything that reads one texel. (Integer coordinates into an array give 0 on the H200; here they give the texel,
// as the manual of PTX has it.)
bool to_the_bit(const Case& c) {
  return !c.filter && c.levels == 1 && c.geometry != Cube && c.geometry != ACube && (c.operation != Integer || c.resource == Linear);
}
bool compared(const Case& c) { return c.operation != Integer || c.resource == Linear; }

// The weights are the hardware's; how many bits of the products it keeps is not known. One step of a weight is 1/256 of what texels differ by.
double tolerance(const Case& c) {
  switch (c.format) {
    case CU_AD_FORMAT_FLOAT: return c.content == Ramp ? 0.01 : 4 / 256.0;
    case CU_AD_FORMAT_HALF: return 64 / 256.0;
    default: return 2 / 256.0;
  }
}
bool near(const Case& c, const Answer& a, const Answer& b) {
  for (int k = 0; k < 4; k++) {
    if (a.v[k] == b.v[k]) continue;
    if (c.operation == Halves) {
      for (int shift : {0, 16})
        if (std::abs(int((a.v[k] >> shift) & 0xffff) - int((b.v[k] >> shift) & 0xffff)) > 16) return false;
    } else if (!(std::fabs(std::bit_cast<float>(a.v[k]) - std::bit_cast<float>(b.v[k])) <= tolerance(c))) {
      return false;
    }
  }
  return true;
}

// Samples that are further off than that (edges of cubes, levels from gradients, mixed levels) may only become fewer, equal ones more.
constexpr size_t kFar = 2574, kEqual = 85832;

class TextureTest : public DriverTest {};

TEST_F(TextureTest, AnswersAsHardwareDoes) {
  const std::vector<Answer> wanted = recorded();
  CUmodule module;
  OK(cuModuleLoadData(&module, module_ptx().c_str()));
  const std::vector<Case> all = cases();
  size_t at = 0, samples = 0, equal = 0, far = 0;
  for (unsigned i = 0; i < all.size(); i++) {
    const Case& c = all[i];
    std::vector<Point> every = points(c, i + 1), some;
    for (unsigned k : kept(c)) some.push_back(every[k]);
    std::vector<Answer> got = run(c, i + 1, module, some);
    ASSERT_EQ(got.size(), some.size()) << "case " << i;
    ASSERT_LE(at + got.size(), wanted.size());
    for (size_t k = 0; k < got.size(); k++, at++) {
      if (!compared(c)) continue;
      const Point& p = some[k];
      const Answer &g = got[k], &w = wanted[at];
      const bool same = memcmp(&g, &w, sizeof w) == 0;
      samples++, equal += same;
      if (!same && !to_the_bit(c)) far += !near(c, g, w);
      if (!same && to_the_bit(c))
        ADD_FAILURE() << "case " << i << " operation " << c.operation << " geometry " << c.geometry << " " << c.w << "x" << c.h << "x" << c.d << " format " << c.format << " channels " << c.channels
                      << " modes " << c.wrap[0] << c.wrap[1] << c.wrap[2] << " flags " << c.flags << " at " << p.x << " " << p.y << " " << p.z << " layer " << p.layer
                      << std::hex << ": " << g.v[0] << " " << g.v[1] << " " << g.v[2] << " " << g.v[3] << " instead of " << w.v[0] << " " << w.v[1] << " " << w.v[2] << " " << w.v[3];
    }
  }
  EXPECT_EQ(at, wanted.size());
  EXPECT_LE(far, kFar) << "of " << samples << " samples, " << equal << " of them the same to the bit";
  EXPECT_GE(equal, kEqual);
}

}  // namespace
