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

class TextureTest : public DriverTest {};

TEST_F(TextureTest, AnswersAsHardwareDoes) {
  const std::vector<Answer> wanted = recorded();
  CUmodule module;
  OK(cuModuleLoadData(&module, module_ptx().c_str()));
  const std::vector<Case> all = cases();
  size_t at = 0, samples = 0, different = 0;
  for (unsigned i = 0; i < all.size(); i++) {
    const Case& c = all[i];
    std::vector<Point> every = points(c, i + 1), some;
    for (unsigned k : kept(c)) some.push_back(every[k]);
    std::vector<Answer> got = run(c, i + 1, module, some);
    ASSERT_EQ(got.size(), some.size()) << "case " << i;
    ASSERT_LE(at + got.size(), wanted.size());
    size_t wrong = 0;
    for (size_t k = 0; k < got.size(); k++, at++, samples++)
      if (memcmp(&got[k], &wanted[at], sizeof(Answer)) != 0 && !wrong++) {
        const Point& p = some[k];
        const Answer &g = got[k], &w = wanted[at];
        ADD_FAILURE() << "case " << i << " operation " << c.operation << " geometry " << c.geometry << " " << c.w << "x" << c.h << "x" << c.d << " format " << c.format << " channels " << c.channels
                      << " filter " << c.filter << " modes " << c.wrap[0] << c.wrap[1] << c.wrap[2] << " flags " << c.flags << " at " << p.x << " " << p.y << " " << p.z << " layer " << p.layer
                      << " a " << p.a[0] << std::hex << ": " << g.v[0] << " " << g.v[1] << " " << g.v[2] << " " << g.v[3] << " instead of " << w.v[0] << " " << w.v[1] << " " << w.v[2] << " " << w.v[3];
      }
    different += wrong;
  }
  EXPECT_EQ(at, wanted.size());
  EXPECT_EQ(different, 0u) << "of " << samples << " samples";
}

}  // namespace
