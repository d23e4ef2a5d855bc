// The memory limit is each device's own, whatever number the device has in a program: what one program has taken of a device another one misses there, and
// there alone. TF_TEST_LIMIT_MIB says what limit the worker was given.
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static size_t limit;

static void expect_in_another(const char* visible, CUresult wanted) {
  fflush(stdout);
  pid_t pid = fork();
  if (pid == 0) {
    setenv("CUDA_VISIBLE_DEVICES", visible, 1);
    execl("/proc/self/exe", "memory_limit_devices", wanted ? "nothing" : "all", nullptr);
    _exit(127);
  }
  int status = -1;
  CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

// A program started by this one: takes all of its device 0, or finds nothing there.
static int other(bool nothing) {
  Gpu gpu;
  CUdeviceptr p = 0;
  size_t free_bytes = 0, total = 0;
  CU(cuMemGetInfo_v2(&free_bytes, &total));
  CHECK(total == limit && (nothing ? free_bytes == 0 : free_bytes == limit));
  EXPECT(nothing ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_SUCCESS, cuMemAlloc_v2(&p, nothing ? 1 << 20 : limit));
  return 0;
}

int main(int count, char** arguments) {
  const char* text = getenv("TF_TEST_LIMIT_MIB");
  if (!text) return skip("the worker has no memory limit (TF_TEST_LIMIT_MIB is not set)");
  limit = strtoull(text, nullptr, 10) << 20;
  if (count > 1) return other(strcmp(arguments[1], "nothing") == 0);
  expect_in_another("1,0", CUDA_SUCCESS);      // in this process nothing may have been initialised yet
  int devices = 0;
  CU(cuInit(0));
  CU(cuDeviceGetCount(&devices));
  if (devices < 2) return skip("one device only");
  CUcontext zero = nullptr, one = nullptr;
  CU(cuDevicePrimaryCtxRetain(&zero, 0));
  CU(cuDevicePrimaryCtxRetain(&one, 1));
  CU(cuCtxSetCurrent(one));
  CUdeviceptr all = allocate(limit), more = 0;
  EXPECT(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&more, 4096));
  CU(cuCtxSetCurrent(zero));
  CUdeviceptr here = allocate(limit);
  CU(cuMemFree_v2(here));
  size_t free_bytes = 0, total = 0;
  CU(cuMemGetInfo_v2(&free_bytes, &total));
  CHECK(free_bytes == limit);
  pid_t pid = fork();                          // a child that has no GPU of its own starts the others
  if (pid == 0) {
    expect_in_another("1", CUDA_ERROR_OUT_OF_MEMORY);
    expect_in_another("1,0", CUDA_ERROR_OUT_OF_MEMORY);
    expect_in_another("0", CUDA_SUCCESS);
    expect_in_another("0,1", CUDA_SUCCESS);
    _exit(0);
  }
  int status = -1;
  CHECK(waitpid(pid, &status, 0) == pid && status == 0);
  CU(cuMemFree_v2(all));                       // of a device that is not the current one
  CU(cuCtxSetCurrent(one));
  CU(cuMemGetInfo_v2(&free_bytes, &total));
  CHECK(free_bytes == limit);
}
