// What the demo programs share: stop at the first CUDA error, name the device, print the verdict. Plain CUDA, nothing of this project.
#pragma once
#include <cstdio>
#include <cstdlib>

#define CHECK(call)                                                                             \
  do {                                                                                          \
    cudaError_t status = (call);                                                                \
    if (status != cudaSuccess) {                                                                \
      printf("result: WRONG %s: %s\n", #call, cudaGetErrorString(status));                      \
      exit(1);                                                                                  \
    }                                                                                           \
  } while (0)

inline void print_device() {
  cudaDeviceProp properties;
  CHECK(cudaGetDeviceProperties(&properties, 0));
  printf("device: %s\n", properties.name);
}

inline int verdict(bool right, const char* what) {
  printf("result: %s %s\n", right ? "ok" : "WRONG", what);
  return right ? 0 : 1;
}
