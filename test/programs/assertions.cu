// assert, __trap and printf in kernels: what an assertion prints, what the program is told afterwards, and that nothing more can be done in
// that process. Each case runs in a child of its own.
#include <cassert>
#include <cstring>
#include <string>
#include <sys/wait.h>
#include <unistd.h>
#include "common.h"
#include "show.h"

__global__ void check(const int* values, int limit) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i == 0) printf("first value %d of %s\n", values[0], "four");
  assert(values[i % 4] < limit && "value too large");
}
__global__ void trap_at(int thread) {
  if (threadIdx.x == thread) __trap();
}

static int run(int which) {  // in the child: the number of expectations that did not hold
  int values[4] = {1, 2, 3, 40}, *device, wrong = 0;
  CHECK(cudaMalloc(&device, sizeof values));
  CHECK(cudaMemcpy(device, values, sizeof values, cudaMemcpyHostToDevice));
  if (which == 0) check<<<2, 64>>>(device, 50);
  if (which == 1) check<<<1, 4>>>(device, 30);
  if (which == 2) trap_at<<<1, 64>>>(37);
  const cudaError_t expected[] = {cudaSuccess, cudaErrorAssert, cudaErrorLaunchFailure};
  cudaError_t status = cudaDeviceSynchronize();
  wrong += status != expected[which] && !(which == 2 && status == cudaErrorIllegalInstruction);  // a trap may be named either way
  printf("status: %s\n", cudaGetErrorName(status));
  fflush(stdout);
  if (which) {  // the error stays
    void* more;
    wrong += cudaMalloc(&more, 16) == cudaSuccess;
    wrong += cudaDeviceSynchronize() == cudaSuccess;
  }
  return wrong;
}

static bool child(int which, std::string* text) {
  int ends[2], status;
  if (pipe(ends)) return false;
  fflush(stdout);
  pid_t process = fork();
  if (process == 0) {
    dup2(ends[1], 1), dup2(ends[1], 2), close(ends[0]), close(ends[1]);
    print_device();
    exit(run(which));
  }
  close(ends[1]);
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) text->append(buffer, n);
  close(ends[0]);
  waitpid(process, &status, 0);
  show::line("--- case %d\n%s", which, text->c_str());
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int main() {
  std::string holds, fails, traps;
  bool right = child(0, &holds) && child(1, &fails) && child(2, &traps);
  right = right && holds.find("first value 1 of four\n") != std::string::npos && holds.find("Assertion") == std::string::npos;
  right = right && fails.find("first value 1 of four\n") != std::string::npos;
  const char* parts[] = {"assertions.cu:", "block: [0,0,0], thread: [3,0,0]", "Assertion `values[i % 4] < limit && \"value too large\"` failed."};
  for (const char* part : parts) right = right && fails.find(part) != std::string::npos;
  if (!right) printf("%s\n%s\n%s\n", holds.c_str(), fails.c_str(), traps.c_str());
  return verdict(right, "an assertion that holds, one that fails, a trap");
}
