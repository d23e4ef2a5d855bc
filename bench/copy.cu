// How fast memory moves: 1 GB from and to pinned memory, 256 MB from and to pageable memory. Random bytes, each arrival is checked.
#include <cstring>
#include "figures.h"

static bool measure(const char* kind, char* from, char* to, char* device, size_t bytes) {
  std::vector<double> there, back;
  for (int repeat = 0; repeat < 4; repeat++) {
    memset(to, 0, bytes);
    CHECK(cudaDeviceSynchronize());
    double t = seconds();
    CHECK(cudaMemcpyAsync(device, from, bytes, cudaMemcpyHostToDevice));
    CHECK(cudaDeviceSynchronize());
    there.push_back(bytes / (seconds() - t) * 1e-9);
    t = seconds();
    CHECK(cudaMemcpyAsync(to, device, bytes, cudaMemcpyDeviceToHost));
    CHECK(cudaDeviceSynchronize());
    back.push_back(bytes / (seconds() - t) * 1e-9);
  }
  char label[99];
  snprintf(label, sizeof label, "copy to the device, %s", kind);
  figure(label, median(there), "GB/s");
  snprintf(label, sizeof label, "copy to the host, %s", kind);
  figure(label, median(back), "GB/s");
  return memcmp(from, to, bytes) == 0;
}

int main() {
  const size_t large = 1'000'000'000, medium = 256 << 20;
  char *a, *b, *device;
  CHECK(cudaMallocHost(&a, large));
  CHECK(cudaMallocHost(&b, large));
  CHECK(cudaMalloc(&device, large));
  unsigned long long x = 88172645463325252ull;
  for (size_t i = 0; i + 8 <= large; i += 8) x ^= x << 13, x ^= x >> 7, x ^= x << 17, memcpy(a + i, &x, 8);
  bool right = measure("1 GB pinned", a, b, device, large);
  std::vector<char> c(a, a + medium), d(medium);
  right &= measure("256 MB pageable", c.data(), d.data(), device, medium);
  if (!right) printf("WRONG: what came back differs\n");
  return right ? 0 : 1;
}
