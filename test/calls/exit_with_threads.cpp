// A program may end while other threads are in the middle of CUDA calls: no hang, no crash, its exit status arrives.
#include <sys/wait.h>
#include <unistd.h>
#include <atomic>
#include <thread>
#include "check.h"

static void busy(int how) {
  Gpu gpu;
  CUfunction slow = gpu.kernel("slow_store");
  std::atomic<int> started{0};
  for (int t = 0; t < 4; t++)
    std::thread([&] {
      cuCtxSetCurrent(gpu.context);
      for (;;) {
        launch(slow, 1, 1, nullptr, (CUdeviceptr)0, 0u, 100'000ull);
        started++;
        if (cuCtxSynchronize() != CUDA_SUCCESS) usleep(1000);
      }
    }).detach();
  while (started < 20) usleep(1000);
  if (how == 0) exit(7);
  if (how == 1) _exit(7);
  quick_exit(7);
}

int main() {
  for (int how = 0; how < 3; how++) {
    pid_t child = fork();
    if (child == 0) busy(how);
    int status = -1;
    for (int waited = 0; waitpid(child, &status, WNOHANG) == 0; waited++) {
      CHECK(waited < 2000);  // 20 s
      usleep(10'000);
    }
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
  }
}
