// The legacy default stream waits for blocking streams and they for it; non-blocking streams stand apart.
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction slow = gpu.kernel("slow_store"), step = gpu.kernel("step");
  CUdeviceptr word = allocate(64);
  CUstream blocking = nullptr, apart = nullptr;
  CU(cuStreamCreate(&blocking, CU_STREAM_DEFAULT));
  CU(cuStreamCreate(&apart, CU_STREAM_NON_BLOCKING));
  CU(launch(slow, 1, 1, blocking, word, 2u, 20'000'000ull));
  CU(launch(step, 1, 1, nullptr, word, 1u));   // after the blocking stream's kernel: 7
  CU(launch(step, 1, 1, blocking, word, 5u));  // after the default stream's: 26
  CU(cuStreamSynchronize(blocking));
  CHECK(read_word(word) == 26);

  CU(launch(slow, 1, 1, nullptr, word, 4u, 200'000'000ull));
  CU(cuStreamQuery(apart));
  CU(cuMemsetD32Async(word + 16, 9, 1, apart));
  CU(cuStreamSynchronize(apart));
  EXPECT(CUDA_ERROR_NOT_READY, cuStreamQuery(nullptr));
  EXPECT(CUDA_ERROR_NOT_READY, cuStreamQuery(CU_STREAM_LEGACY));
  CU(cuStreamSynchronize(CU_STREAM_LEGACY));
  CHECK(read_word(word) == 4);
}
