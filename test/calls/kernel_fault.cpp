// A kernel that writes where it may not: ILLEGAL_ADDRESS at the next wait and at every call after it that needs the device, until
// the process ends. Another process is a fresh start (and other clients of a worker notice nothing, see test/hostile).
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static void fault() {
  Gpu gpu;
  CUdeviceptr memory = allocate(64), more = 0;
  CUcontext context = nullptr;
  unsigned word = 0;
  CU(launch(gpu.kernel("bad_store"), 1, 1, nullptr, (CUdeviceptr)0x10));
  const CUresult bad = CUDA_ERROR_ILLEGAL_ADDRESS;
  EXPECT(bad, cuCtxSynchronize());
  EXPECT(bad, cuCtxSynchronize());
  EXPECT(bad, cuStreamSynchronize(nullptr));
  EXPECT(bad, cuMemcpyDtoH_v2(&word, memory, 4));
  EXPECT(bad, cuMemAlloc_v2(&more, 64));
  CU(cuCtxGetCurrent(&context));  // what needs no device still answers
  CHECK(context == gpu.context);
}

int main() {
  pid_t child = fork();
  if (child == 0) {
    fault();
    _exit(0);
  }
  int status = -1;
  CHECK(waitpid(child, &status, 0) == child && status == 0);
  Gpu gpu;
  CUdeviceptr memory = allocate(64);
  CU(launch(gpu.kernel("fill"), 1, 16, nullptr, memory, 16u, 4u));
  CHECK(read_words(memory, 16)[15] == 19);
}
