// As much as a kernel may ask for: 8 KB of parameters, shared memory beyond 48 KB, all 64 KB of constants, 1,024 threads, three-dimensional grids.
#include <numeric>
#include "buffer.h"

struct Large {
  int values[2000];  // 8,000 bytes: more than the 4 KB of old
};
__global__ void sum_parameter(const __grid_constant__ Large large, int* out) {
  int sum = 0;
  for (int i = threadIdx.x; i < 2000; i += 32) sum += large.values[i];
  sum += __shfl_xor_sync(~0u, sum, 16), sum += __shfl_xor_sync(~0u, sum, 8), sum += __shfl_xor_sync(~0u, sum, 4);
  sum += __shfl_xor_sync(~0u, sum, 2), sum += __shfl_xor_sync(~0u, sum, 1);
  if (threadIdx.x == 0) *out = sum;
}
__global__ void change_parameter(Large large, int index, int* out) {  // the parameter is the thread's own
  large.values[index + threadIdx.x] += threadIdx.x;
  out[threadIdx.x] = large.values[index + threadIdx.x] + large.values[index + (threadIdx.x + 1) % 32];
}

__constant__ int constants[16 * 1024];
__global__ void sum_constants(int* out) {
  int sum = 0;
  for (int i = threadIdx.x; i < 16 * 1024; i += blockDim.x) sum += constants[i];
  atomicAdd(out, sum);
}

__global__ void reverse(int* values, int n) {  // in shared memory that only the launch knows the size of
  extern __shared__ int room[];
  for (int i = threadIdx.x; i < n; i += blockDim.x) room[i] = values[i];
  __syncthreads();
  for (int i = threadIdx.x; i < n; i += blockDim.x) values[i] = room[n - 1 - i];
}

__global__ void __launch_bounds__(256, 2) modest(int* out) { atomicAdd(out, 1); }
__global__ void coordinates(unsigned* out) {
  unsigned block = (blockIdx.z * gridDim.y + blockIdx.y) * gridDim.x + blockIdx.x;
  unsigned thread = (threadIdx.z * blockDim.y + threadIdx.y) * blockDim.x + threadIdx.x;
  unsigned all = block * blockDim.x * blockDim.y * blockDim.z + thread;
  out[all] = all * 3;
}

bool right = true;
#define SAY(condition) \
  if (!(condition)) right = false, printf("not so (line %d): %s\n", __LINE__, #condition)

int main() {
  print_device();
  Buffer<int> out(32);
  Large large;
  std::iota(large.values, large.values + 2000, -700);
  sum_parameter<<<1, 32>>>(large, out);
  SAY(out.host()[0] == 2000 * 1999 / 2 - 700 * 2000);
  change_parameter<<<1, 32>>>(large, 1900, out);
  std::vector<int> changed = out.host();
  for (int t = 0; t < 32; t++) SAY(changed[t] == 1200 + t + t + 1200 + (t + 1) % 32);

  std::vector<int> values(16 * 1024);
  std::iota(values.begin(), values.end(), 5);
  Buffer<int> sum(1);
  CHECK(cudaMemcpyToSymbol(constants, values.data(), sizeof constants));
  sum_constants<<<2, 1024>>>(sum);
  SAY(sum.host()[0] == 2 * std::accumulate(values.begin(), values.end(), 0));

  int most = 0, usual = 0;
  CHECK(cudaDeviceGetAttribute(&most, cudaDevAttrMaxSharedMemoryPerBlockOptin, 0));
  CHECK(cudaDeviceGetAttribute(&usual, cudaDevAttrMaxSharedMemoryPerBlock, 0));
  int n = most / 4;
  SAY(usual == 48 * 1024 && most > usual);
  values.resize(n);
  std::iota(values.begin(), values.end(), 0);
  Buffer<int> big(values);
  reverse<<<1, 1024, most>>>(big, n);
  SAY(cudaGetLastError() == cudaErrorInvalidValue);  // one must ask for it first
  CHECK(cudaFuncSetAttribute(reverse, cudaFuncAttributeMaxDynamicSharedMemorySize, most));
  reverse<<<1, 1024, most>>>(big, n);
  std::vector<int> reversed = big.host();
  for (int i = 0; i < n; i++) right &= reversed[i] == n - 1 - i;
  SAY(cudaFuncSetAttribute(reverse, cudaFuncAttributeMaxDynamicSharedMemorySize, most + 1) == cudaErrorInvalidValue);
  SAY(cudaGetLastError() == cudaErrorInvalidValue);

  cudaFuncAttributes attributes;
  CHECK(cudaFuncGetAttributes(&attributes, modest));
  SAY(attributes.maxThreadsPerBlock == 256);
  modest<<<1, 512>>>(sum);
  SAY(cudaGetLastError() != cudaSuccess);
  modest<<<1, dim3(16, 16)>>>(sum);
  SAY(cudaDeviceSynchronize() == cudaSuccess);

  dim3 grid(3, 5, 7), block(4, 8, 6);
  unsigned threads = 3 * 5 * 7 * 4 * 8 * 6;
  Buffer<unsigned> all(threads);
  coordinates<<<grid, block>>>(all);
  std::vector<unsigned> seen = all.host();
  for (unsigned i = 0; i < threads; i++) right &= seen[i] == 3 * i;
  coordinates<<<dim3(1, 65536), 1>>>(all);
  SAY(cudaGetLastError() == cudaErrorInvalidValue || cudaGetLastError() == cudaErrorInvalidConfiguration);
  char line[120];
  snprintf(line, sizeof line, "8,000 bytes of parameters, %d KB of shared memory, full constants, grids of three dimensions", most / 1024);
  return verdict(right, line);
}
