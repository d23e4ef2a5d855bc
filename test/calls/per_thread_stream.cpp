// The per-thread default stream: by handle and by the calls named _ptsz; each thread has one; it waits for no other thread's.
#include <thread>
#include "check.h"

extern "C" CUresult cuStreamQuery_ptsz(CUstream);
extern "C" CUresult cuStreamSynchronize_ptsz(CUstream);
extern "C" CUresult cuMemsetD32Async_ptsz(CUdeviceptr, unsigned, size_t, CUstream);

int main() {
  Gpu gpu;
  CUfunction slow = gpu.kernel("slow_store"), fill = gpu.kernel("fill");
  CUdeviceptr word = allocate(64);
  CU(launch(fill, 1, 4, CU_STREAM_PER_THREAD, word, 4u, 8u));
  CU(cuStreamSynchronize(CU_STREAM_PER_THREAD));
  CHECK(read_words(word, 4)[3] == 11);

  CU(launch(slow, 1, 1, CU_STREAM_PER_THREAD, word, 1u, 300'000'000ull));
  EXPECT(CUDA_ERROR_NOT_READY, cuStreamQuery(CU_STREAM_PER_THREAD));
  EXPECT(CUDA_ERROR_NOT_READY, cuStreamQuery_ptsz(nullptr));
  std::thread([&] {
    CU(cuCtxSetCurrent(gpu.context));
    CU(cuStreamQuery(CU_STREAM_PER_THREAD));  // this thread's own stream is idle
    CU(cuMemsetD32Async_ptsz(word + 16, 3, 1, nullptr));
    CU(cuStreamSynchronize_ptsz(nullptr));
  }).join();
  EXPECT(CUDA_ERROR_NOT_READY, cuStreamQuery_ptsz(nullptr));  // still running: nobody waited for it
  CU(cuStreamSynchronize_ptsz(nullptr));
  CHECK(read_words(word, 5)[0] == 1 && read_words(word, 5)[4] == 3);
}
