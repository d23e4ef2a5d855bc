// A synchronous copy to the device is over when it returns: a stream that does not wait for the default one finds the data.
#include "check.h"

int main() {
  Gpu gpu;
  const size_t words = 8 << 20;
  CUfunction add = gpu.kernel("add");
  CUdeviceptr memory = allocate(words * 4);
  unsigned* host = nullptr;
  CU(cuMemHostAlloc((void**)&host, words * 4, 0));
  CUstream stream = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  for (unsigned round = 1; round < 6; round++) {
    for (size_t i = 0; i < words; i++) host[i] = round * 10;
    CU(cuMemcpyHtoD_v2(memory, host, words * 4));
    CU(launch(add, unsigned(words / 256), 256, stream, memory, unsigned(words), 1u));
    CU(cuStreamSynchronize(stream));
    auto back = read_words(memory, words);
    for (size_t i = 0; i < words; i += 997) CHECK(back[i] == round * 10 + 1);
    CHECK(back[words - 1] == round * 10 + 1);
  }
  CU(cuMemFreeHost(host));
}
