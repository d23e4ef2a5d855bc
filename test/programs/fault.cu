// An illegal address seen through the runtime: the error stays in that process; the next process starts afresh.
#include <sys/wait.h>
#include <unistd.h>
#include "common.h"

__global__ void poke(int* address) { *address = 1; }
__global__ void answer(int* out) { *out = 42; }

static bool fault() {
  poke<<<1, 1>>>((int*)16);
  int* memory = nullptr;
  const cudaError_t answers[] = {cudaDeviceSynchronize(), cudaMalloc(&memory, 64), cudaDeviceSynchronize(), cudaGetLastError()};
  bool right = true;
  for (cudaError_t answer : answers) {
    right &= answer == cudaErrorIllegalAddress;
    printf("after the fault: %s\n", cudaGetErrorName(answer));
  }
  fflush(stdout);
  return right;
}

int main() {
  pid_t child = fork();
  if (child == 0) _exit(fault() ? 0 : 1);
  int status = -1, value = 0;
  waitpid(child, &status, 0);
  print_device();
  int* memory = nullptr;
  CHECK(cudaMalloc(&memory, 64));
  answer<<<1, 1>>>(memory);
  CHECK(cudaMemcpy(&value, memory, 4, cudaMemcpyDeviceToHost));
  return verdict(status == 0 && value == 42, "the error stays in its process");
}
