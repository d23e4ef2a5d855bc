// The runtime's own behaviour: attributes, errors that stay and errors that go, symbols, pointer kinds, 2D memory, occupancy.
#include <vector>
#include "common.h"

__constant__ float factors[8];
__device__ int total;

__global__ void weigh(float* out) {
  out[threadIdx.x] = factors[threadIdx.x] * threadIdx.x;
  atomicAdd(&total, 1);
}
__global__ void big_block(int) {}

bool right = true;
#define SAY(condition) \
  if (!(condition)) right = false, printf("not so (line %d): %s\n", __LINE__, #condition)

int main() {
  print_device();
  int count = 0, value = 0, runtime = 0, driver = 0;
  SAY(cudaGetDeviceCount(&count) == cudaSuccess && count >= 1);
  SAY(cudaSetDevice(count) == cudaErrorInvalidDevice);
  SAY(cudaGetLastError() == cudaErrorInvalidDevice && cudaGetLastError() == cudaSuccess);
  CHECK(cudaRuntimeGetVersion(&runtime));
  CHECK(cudaDriverGetVersion(&driver));
  SAY(driver >= 12000 && runtime >= 12000);
  CHECK(cudaDeviceGetAttribute(&value, cudaDevAttrWarpSize, 0));
  SAY(value == 32);

  big_block<<<1, 2000>>>(0);
  SAY(cudaPeekAtLastError() == cudaErrorInvalidValue);
  SAY(cudaGetLastError() == cudaErrorInvalidValue && cudaDeviceSynchronize() == cudaSuccess);

  float host[8] = {1, 2, 3, 4, 5, 6, 7, 8}, out[8];
  int zero = 0, arrived = -1;
  float* device;
  void* address;
  size_t bytes = 0;
  CHECK(cudaMalloc(&device, sizeof out));
  CHECK(cudaMemcpyToSymbol(factors, host, sizeof host));
  CHECK(cudaMemcpyToSymbol(total, &zero, sizeof zero));
  weigh<<<1, 8>>>(device);
  CHECK(cudaMemcpy(out, device, sizeof out, cudaMemcpyDefault));
  CHECK(cudaMemcpyFromSymbol(&arrived, total, sizeof arrived));
  SAY(arrived == 8 && out[7] == 56);
  CHECK(cudaGetSymbolAddress(&address, factors));
  CHECK(cudaGetSymbolSize(&bytes, factors));
  SAY(bytes == 32 && address != nullptr);

  cudaPointerAttributes attributes;
  CHECK(cudaPointerGetAttributes(&attributes, device));
  SAY(attributes.type == cudaMemoryTypeDevice && attributes.device == 0);
  CHECK(cudaPointerGetAttributes(&attributes, host));
  SAY(attributes.type == cudaMemoryTypeUnregistered);

  cudaFuncAttributes function;
  int blocks = 0, minimum = 0, block = 0;
  CHECK(cudaFuncGetAttributes(&function, weigh));
  SAY(function.maxThreadsPerBlock == 1024 && function.numRegs > 0);
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, weigh, 256, 0));
  CHECK(cudaOccupancyMaxPotentialBlockSize(&minimum, &block, weigh));
  SAY(blocks >= 1 && block >= 32 && minimum >= 1);

  size_t pitch = 0, free_bytes = 0, total_bytes = 0;
  char* rows;
  std::vector<char> picture(30 * 20, 'x'), back(30 * 20);
  CHECK(cudaMallocPitch(&rows, &pitch, 30, 20));
  CHECK(cudaMemcpy2D(rows, pitch, picture.data(), 30, 30, 20, cudaMemcpyHostToDevice));
  CHECK(cudaMemset2D(rows, pitch, 'y', 10, 20));
  CHECK(cudaMemcpy2D(back.data(), 30, rows, pitch, 30, 20, cudaMemcpyDeviceToHost));
  SAY(back[9] == 'y' && back[10] == 'x' && back[599] == 'x' && back[570] == 'y');
  CHECK(cudaMemGetInfo(&free_bytes, &total_bytes));
  SAY(free_bytes > 0 && free_bytes <= total_bytes);

  CHECK(cudaDeviceReset());
  CHECK(cudaMalloc(&device, sizeof out));
  weigh<<<1, 8>>>(device);
  CHECK(cudaDeviceSynchronize());
  CHECK(cudaMemcpyFromSymbol(&arrived, total, sizeof arrived));
  SAY(arrived == 8);  // the module was loaded anew
  return verdict(right, "errors, symbols, pointers, pitches, reset");
}
