// Separate compilation: a kernel here calls a device function of separate_part.cu and shares a variable with it.
#include <vector>
#include "common.h"

extern __device__ int offset;
extern __device__ int triple_and_shift(int value);
__global__ void shift_from_part(int* values);

__global__ void shift_here(int* values) { values[threadIdx.x] = triple_and_shift(values[threadIdx.x]) + offset; }

int main() {
  print_device();
  std::vector<int> values(128);
  for (int i = 0; i < 128; i++) values[i] = i;
  int* device;
  const int changed = 10;
  CHECK(cudaMalloc(&device, 512));
  CHECK(cudaMemcpy(device, values.data(), 512, cudaMemcpyHostToDevice));
  shift_here<<<1, 128>>>(device);  // 3 i + 6
  CHECK(cudaMemcpyToSymbol(offset, &changed, sizeof changed));
  shift_from_part<<<1, 128>>>(device);  // 9 i + 18 + 10
  CHECK(cudaMemcpy(values.data(), device, 512, cudaMemcpyDeviceToHost));
  bool right = true;
  for (int i = 0; i < 128; i++) right &= values[i] == 9 * i + 28;
  return verdict(right, "device functions across two files");
}
