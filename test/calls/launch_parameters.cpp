// Parameters of every size and alignment, structures by value and nearly 4 KB of them; and that the launch took its own copy.
#include "check.h"

struct Mixed {
  char a;
  short b;
  int c;
  long long d;
  float e;
  double f;
};
struct Large {
  unsigned words[900];
};

int main() {
  Gpu gpu;
  CUdeviceptr out = allocate(64);
  Mixed m{1, 2, 3, 4, 5.5f, 6.25};
  const char a = -1;
  const short b = -2;
  const long long d = 1ll << 40;
  CU(launch(gpu.kernel("mixed"), 1, 1, nullptr, out, a, b, 100000, d, 0.5f, 0.25, m));
  double sums[2];
  CU(cuMemcpyDtoH_v2(sums, out, sizeof sums));
  CHECK(sums[0] == a + b + 100000 + d + 0.5f + 0.25);
  CHECK(sums[1] == 21.75);

  Large big{};
  unsigned expected = 0;
  for (unsigned i = 0; i < 900; i++) expected += big.words[i] = i * i;
  CUfunction large = gpu.kernel("large");
  void* parameters[] = {&out, &big};
  CU(cuLaunchKernel(large, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr));
  memset(&big, 0, sizeof big);  // the call has returned: the parameters are the program's again
  CHECK(read_word(out) == expected);

  CUdeviceptr words = allocate(4096);
  CUfunction fill = gpu.kernel("fill");
  for (unsigned i = 0; i < 1000; i++) CU(launch(fill, 1, 1, nullptr, words + 4 * i, 1u, i));
  auto seen = read_words(words, 1000);
  for (unsigned i = 0; i < 1000; i++) CHECK(seen[i] == i);
}
