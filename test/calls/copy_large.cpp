// 64 MB there and back, and odd sizes around the places where a transport would cut.
#include "check.h"

static void fill_random(std::vector<unsigned char>& bytes, unsigned long long seed) {
  for (size_t i = 0; i + 8 <= bytes.size(); i += 8) {
    seed ^= seed << 13, seed ^= seed >> 7, seed ^= seed << 17;
    memcpy(&bytes[i], &seed, 8);
  }
}

int main() {
  Gpu gpu;
  const size_t most = 64 << 20;
  std::vector<unsigned char> source(most + 9), target(most + 9);
  fill_random(source, 88172645463325252ull);
  CUdeviceptr device = allocate(most + 9);
  for (size_t bytes : {1ul, 7ul, 255ul, 4095ul, 4097ul, 65535ul, 65537ul, (1ul << 20) - 1, (1ul << 20) + 1, (4ul << 20) + 3, most, most + 9}) {
    std::fill(target.begin(), target.end(), 0);
    CU(cuMemcpyHtoD_v2(device, source.data(), bytes));
    CU(cuMemcpyDtoH_v2(target.data(), device, bytes));
    CHECK(memcmp(source.data(), target.data(), bytes) == 0);
    CHECK(bytes == target.size() || target[bytes] == 0);
  }
  CU(cuMemcpyHtoDAsync_v2(device, source.data() + 1, most, nullptr));
  CU(cuMemcpyDtoHAsync_v2(target.data() + 3, device, most, nullptr));
  CU(cuStreamSynchronize(nullptr));
  CHECK(memcmp(source.data() + 1, target.data() + 3, most) == 0);
}
