// The source of an asynchronous copy from pageable memory may be overwritten as soon as the call has returned.
#include "check.h"

int main() {
  Gpu gpu;
  for (size_t words : {16ul, 1000ul, 20000ul, 300000ul}) {
    std::vector<unsigned> source(words);
    const unsigned rounds = 20;
    CUdeviceptr device = allocate(words * rounds * 4);
    for (unsigned round = 0; round < rounds; round++) {
      source.assign(words, round + 1);
      CU(cuMemcpyHtoDAsync_v2(device + round * words * 4, source.data(), words * 4, nullptr));
      memset(source.data(), 0xff, words * 4);
    }
    CU(cuStreamSynchronize(nullptr));
    auto result = read_words(device, words * rounds);
    for (size_t i = 0; i < result.size(); i++) CHECK(result[i] == i / words + 1);
    CU(cuMemFree_v2(device));
  }
}
