// A child forked after cuInit has no session: every call answers NOT_INITIALIZED (3), and the parent's session is untouched.
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction fill = gpu.kernel("fill");
  CUdeviceptr memory = allocate(64);
  for (int round = 0; round < 3; round++) {
    CU(launch(fill, 1, 16, nullptr, memory, 16u, 1u + round));
    pid_t child = fork();
    if (child == 0) {
      CUdeviceptr other = 0;
      int count = 0;
      EXPECT(CUDA_ERROR_NOT_INITIALIZED, cuMemAlloc_v2(&other, 64));
      EXPECT(CUDA_ERROR_NOT_INITIALIZED, cuDeviceGetCount(&count));
      EXPECT(CUDA_ERROR_NOT_INITIALIZED, cuCtxSynchronize());
      _exit(0);
    }
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
    CHECK(read_words(memory, 16)[15] == 16u + round);
  }
}
