// Eight threads allocate, launch, copy and free at once, each on its own stream, all in one context.
#include <thread>
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction fill = gpu.kernel("fill"), add = gpu.kernel("add");
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 8; t++)
    threads.emplace_back([&, t] {
      CU(cuCtxSetCurrent(gpu.context));
      CUstream stream = nullptr;
      CUevent event = nullptr;
      CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
      CU(cuEventCreate(&event, 0));
      for (unsigned round = 0; round < 30; round++) {
        const unsigned n = 1000 + 100 * t + round;
        std::vector<unsigned> host(n);
        CUdeviceptr memory = allocate(n * 4);
        CU(launch(fill, (n + 127) / 128, 128, stream, memory, n, t * 1000));
        for (unsigned i = 0; i < 10; i++) CU(launch(add, (n + 127) / 128, 128, stream, memory, n, i));
        CU(cuEventRecord(event, stream));
        CU(cuMemcpyDtoHAsync_v2(host.data(), memory, n * 4, stream));
        CU(cuStreamSynchronize(stream));
        CU(cuEventQuery(event));
        for (unsigned i = 0; i < n; i++) CHECK(host[i] == t * 1000 + 45 + i);
        CU(cuMemFree_v2(memory));
      }
      CU(cuEventDestroy_v2(event));
      CU(cuStreamDestroy_v2(stream));
    });
  for (auto& thread : threads) thread.join();
}
