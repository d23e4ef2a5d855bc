// A synchronous copy to the device is over when it returns: a stream that does not wait for the default one finds the data.
#include "check.h"

int main() {
  Gpu gpu;
  const size_t words = 8 << 20;
  CUfunction add = gpu.kernel("add");
  CUdeviceptr memory = allocate(words * 4);
  const CUdeviceptr end = memory + (words - 256) * 4;
  unsigned* host = nullptr;
  CU(cuMemHostAlloc((void**)&host, words * 4, 0));
  CUstream stream = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  for (unsigned round = 1; round < 21; round++) {
    for (size_t i = 0; i < words; i++) host[i] = round * 10;
    CU(cuMemcpyHtoD_v2(memory, host, words * 4));
    CU(launch(add, 1, 256, stream, end, 256u, 1u));   // the last bytes: they arrive last
    CU(cuStreamSynchronize(stream));
    for (unsigned word : read_words(end, 256)) CHECK(word == round * 10 + 1);
  }
  CU(cuMemFreeHost(host));
}
