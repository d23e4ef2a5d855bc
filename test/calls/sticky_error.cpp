// After an illegal address every call that needs the device answers it, in every thread and for every context of the device, until the process ends;
// what only ends things may be called. Each part in a process of its own.
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "check.h"

constexpr CUresult kBad = CUDA_ERROR_ILLEGAL_ADDRESS;

static void fault(Gpu& gpu) {
  CU(launch(gpu.kernel("bad_store"), 1, 1, nullptr, (CUdeviceptr)0x10));
  EXPECT(kBad, cuCtxSynchronize());
}

static void every_call() {
  Gpu gpu;
  CUstream stream = nullptr;
  CUevent event = nullptr;
  CUdeviceptr memory = allocate(4096), p = 0;
  CUmodule module = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  CUfunction fill = gpu.kernel("fill");
  fault(gpu);
  size_t free = 0, total = 0;
  unsigned word = 0;
  EXPECT(kBad, cuStreamSynchronize(stream));
  EXPECT(kBad, cuStreamQuery(stream));
  EXPECT(kBad, launch(fill, 1, 16, nullptr, memory, 16u, 1u));
  EXPECT(kBad, cuMemcpyDtoH_v2(&word, memory, 4));
  EXPECT(kBad, cuMemcpyHtoD_v2(memory, &word, 4));
  EXPECT(kBad, cuMemAlloc_v2(&p, 64));
  EXPECT(kBad, cuMemGetInfo_v2(&free, &total));
  EXPECT(kBad, cuModuleLoadData(&module, kernels_ptx));
  EXPECT(kBad, cuCtxSynchronize());
  std::thread([&] {
    CU(cuCtxSetCurrent(gpu.context));
    EXPECT(kBad, cuCtxSynchronize());
    EXPECT(kBad, cuMemAlloc_v2(&p, 64));
  }).join();
  int count = 0;
  CU(cuDeviceGetCount(&count));          // no device is asked
  const char* name = nullptr;
  CU(cuGetErrorName(kBad, &name));
}

// The error is found by whoever waits, also when several do.
static void several_waiters() {
  Gpu gpu;
  CUfunction bad = gpu.kernel("bad_store"), slow = gpu.kernel("slow_store");
  CUdeviceptr memory = allocate(64);
  CUstream stream = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CU(launch(slow, 1, 1, stream, memory, 1u, 100'000'000ull));
  CU(launch(bad, 1, 1, stream, (CUdeviceptr)0x10));
  std::vector<std::thread> waiters;
  for (int i = 0; i < 4; i++)
    waiters.emplace_back([&] {
      CU(cuCtxSetCurrent(gpu.context));
      EXPECT(kBad, cuStreamSynchronize(stream));
    });
  for (auto& w : waiters) w.join();
}

static void run_apart(void (*part)(), const char* name) {
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    part();
    _exit(0);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child);
  if (status == 0) return;
  printf("%s: status %x\n", name, unsigned(status));
  _Exit(1);
}

int main() {
  run_apart(every_call, "every_call");
  run_apart(several_waiters, "several_waiters");
  Gpu gpu;                               // another process is a fresh start
  CUdeviceptr memory = allocate(64);
  CU(launch(gpu.kernel("fill"), 1, 16, nullptr, memory, 16u, 4u));
  CHECK(read_words(memory, 16)[15] == 19);
}
