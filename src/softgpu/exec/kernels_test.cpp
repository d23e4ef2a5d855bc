// Runs kernels that nvcc compiled (ptx/testdata/kernels.cu) through engine.h, for each PTX target checked in, against host results.
#include <gtest/gtest.h>

#include "softgpu/exec/test_support.h"

namespace softgpu {

class Kernels : public ::testing::TestWithParam<const char*> {
 protected:
  Kernels() : gpu(read_file(std::string("ptx/testdata/kernels_") + GetParam() + ".ptx")) {}
  TestGpu gpu;
};
INSTANTIATE_TEST_SUITE_P(Targets, Kernels, ::testing::Values("75", "80", "90", "120"));

TEST_P(Kernels, VectorAdd) {
  int n = 10000;
  std::vector<float> a(n), b(n);
  for (int i = 0; i < n; i++) a[i] = i * 0.5f, b[i] = 1.0f / (i + 1);
  auto da = gpu.upload(a), db = gpu.upload(b), dc = gpu.zeros(n * 4);
  gpu.launch("vector_add", {(unsigned)(n + 255) / 256}, {256}, da, db, dc, n);
  auto c = gpu.download<float>(dc, n);
  for (int i = 0; i < n; i++) ASSERT_EQ(c[i], a[i] + b[i]) << i;
}

TEST_P(Kernels, Matmul) {
  int n = 64;
  std::vector<float> a(n * n), b(n * n);
  for (int i = 0; i < n * n; i++) a[i] = (i * 7 % 13) - 6, b[i] = (i * 5 % 11) - 5;
  auto da = gpu.upload(a), db = gpu.upload(b), dc = gpu.zeros(n * n * 4);
  gpu.launch("matmul", {4, 4}, {16, 16}, da, db, dc, n);
  auto c = gpu.download<float>(dc, n * n);
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++) {
      float s = 0;
      for (int k = 0; k < n; k++) s = std::fma(a[y * n + k], b[k * n + x], s);
      ASSERT_EQ(c[y * n + x], s) << y << "," << x;
    }
}

TEST_P(Kernels, ShuffleReduction) {
  int n = 100003;
  std::vector<float> a(n, 1.0f);
  auto da = gpu.upload(a), out = gpu.zeros(4);
  gpu.launch("reduce_shuffle", {13}, {256}, da, out, n);
  EXPECT_EQ(gpu.download<float>(out, 1)[0], n);
}

TEST_P(Kernels, SharedReductionWithDynamicMemory) {
  int n = 1000;
  std::vector<int> a(n);
  for (int i = 0; i < n; i++) a[i] = i;
  auto da = gpu.upload(a), out = gpu.zeros(4 * 4);
  gpu.dynamic_shared = 256 * 4;
  gpu.launch("reduce_shared", {4}, {256}, da, out, n);
  auto r = gpu.download<int>(out, 4);
  EXPECT_EQ(r[0] + r[1] + r[2] + r[3], n * (n - 1) / 2);
  EXPECT_EQ(r[0], 255 * 256 / 2);
}

TEST_P(Kernels, Histogram) {
  int n = 50000;
  std::vector<unsigned char> a(n);
  std::vector<unsigned> want(256);
  for (int i = 0; i < n; i++) want[a[i] = (unsigned char)((unsigned)i * i / 7)]++;
  auto da = gpu.upload(a), out = gpu.zeros(1024);
  gpu.launch("histogram", {8}, {128}, da, out, n);
  EXPECT_EQ(gpu.download<unsigned>(out, 256), want);
}

TEST_P(Kernels, Mandelbrot) {
  int w = 80, h = 50, limit = 200;
  auto out = gpu.zeros(w * h * 4);
  gpu.launch("mandelbrot", {5, 4}, {16, 16}, out, w, h, limit);
  auto r = gpu.download<int>(out, w * h);
  long sum = 0, inside = 0;
  for (int v : r) sum += v, inside += v == limit;
  EXPECT_EQ(r[0], 1);
  EXPECT_GT(inside, 500);
  EXPECT_LT(inside, 1500);
  EXPECT_GT(sum, inside * limit);
  EXPECT_EQ(r[25 * w + 40], limit);   // -0.5 + 0i
}

}  // namespace softgpu
