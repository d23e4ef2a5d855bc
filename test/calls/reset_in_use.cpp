// A primary context that is reset while it is in use: its objects are gone, a new one works, in the same process and beside a thread that goes on calling.
#include <atomic>
#include <thread>

#include "check.h"

static void use(Gpu& gpu, unsigned first) {
  CUdeviceptr memory = allocate(4096);
  CU(launch(gpu.kernel("fill"), 4, 256, nullptr, memory, 1024u, first));
  CHECK(read_words(memory, 1024)[1023] == first + 1023);
  CU(cuMemFree_v2(memory));
}

int main() {
  Gpu gpu;
  CUdeviceptr old = allocate(1 << 20);
  CUstream stream = nullptr;
  CUevent event = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  use(gpu, 3);
  for (unsigned round = 0; round < 5; round++) {
    CU(launch(gpu.kernel("slow_store"), 1, 1, nullptr, round ? allocate(4) : old, 1u, 20'000'000ull));   // still running
    CU(cuDevicePrimaryCtxReset_v2(gpu.device));
    CUcontext again = nullptr;
    CU(cuDevicePrimaryCtxRetain(&again, gpu.device));
    CHECK(again == gpu.context);                        // the handle is the device's
    CU(cuCtxSetCurrent(again));
    gpu.module = nullptr;
    use(gpu, round);
  }
  size_t free = 0, total = 0;
  CU(cuMemGetInfo_v2(&free, &total));
  for (int i = 0; i < 6; i++) {                         // what was allocated goes with it: together these are more than there is
    allocate(free / 4);
    CU(cuDevicePrimaryCtxReset_v2(gpu.device));
    CU(cuDevicePrimaryCtxRetain(&gpu.context, gpu.device));
    CU(cuCtxSetCurrent(gpu.context));
  }

  // Another thread polls and allocates meanwhile: whatever it is answered, nothing hangs, and afterwards all is well.
  std::atomic<bool> stop{false};
  std::thread other([&] {
    CU(cuCtxSetCurrent(gpu.context));
    while (!stop) {
      CUdeviceptr p = 0;
      if (cuMemAlloc_v2(&p, 4096) == CUDA_SUCCESS) cuMemFree_v2(p);
      cuStreamQuery(nullptr);
    }
  });
  for (int i = 0; i < 3; i++) {
    CU(cuDevicePrimaryCtxReset_v2(gpu.device));
    CU(cuDevicePrimaryCtxRetain(&gpu.context, gpu.device));
  }
  stop = true;
  other.join();
  CU(cuCtxSetCurrent(gpu.context));
  gpu.module = nullptr;
  use(gpu, 9);
}
