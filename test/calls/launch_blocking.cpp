// CUDA_LAUNCH_BLOCKING=1: a launch returns when its kernel has run, and answers what went wrong in it. In processes of its own: the variable is read once.
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static void blocking() {
  setenv("CUDA_LAUNCH_BLOCKING", "1", 1);
  Gpu gpu;
  CUdeviceptr memory = allocate(64);
  CUstream stream = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  for (CUstream s : {(CUstream) nullptr, stream}) {
    CU(launch(gpu.kernel("slow_store"), 1, 1, s, memory, 9u, 50'000'000ull));
    CU(cuStreamQuery(s));
  }
  CUgraph graph = nullptr;
  CU(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_RELAXED));   // nothing runs in a capture
  CU(launch(gpu.kernel("slow_store"), 1, 1, stream, memory, 1u, 1000ull));
  CU(cuStreamEndCapture(stream, &graph));
  CHECK(read_word(memory) == 9);
  EXPECT(CUDA_ERROR_ILLEGAL_ADDRESS, launch(gpu.kernel("bad_store"), 1, 1, nullptr, (CUdeviceptr)0x10));
}

static void usual() {
  unsetenv("CUDA_LAUNCH_BLOCKING");
  Gpu gpu;
  CUdeviceptr memory = allocate(64);
  CU(launch(gpu.kernel("slow_store"), 1, 1, nullptr, memory, 9u, 300'000'000ull));
  EXPECT(CUDA_ERROR_NOT_READY, cuStreamQuery(nullptr));
  CU(cuCtxSynchronize());
}

int main() {
  for (auto part : {blocking, usual}) {
    pid_t child = fork();
    if (child == 0) {
      part();
      _exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
}
