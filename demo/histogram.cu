// Histogram of eight million bytes: atomics on shared memory within a block, then on global memory. Counts must match exactly.
#include <vector>
#include "common.h"

__global__ void histogram(const unsigned char* bytes, int n, unsigned* bins) {
  __shared__ unsigned local[256];
  local[threadIdx.x] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&local[bytes[i]], 1u);
  __syncthreads();
  atomicAdd(&bins[threadIdx.x], local[threadIdx.x]);
}

int main() {
  const int n = 8'000'000;
  std::vector<unsigned char> bytes(n);
  std::vector<unsigned> bins(256), expected(256);
  unsigned state = 12345;
  for (auto& byte : bytes) {
    state = state * 1664525u + 1013904223u;
    byte = (state >> 24) & (state >> 16);  // an uneven spread, so that some bins are contended
    expected[byte]++;
  }

  print_device();
  unsigned char* device_bytes;
  unsigned* device_bins;
  CHECK(cudaMalloc(&device_bytes, n));
  CHECK(cudaMalloc(&device_bins, 256 * sizeof(unsigned)));
  CHECK(cudaMemset(device_bins, 0, 256 * sizeof(unsigned)));
  CHECK(cudaMemcpy(device_bytes, bytes.data(), n, cudaMemcpyHostToDevice));
  histogram<<<64, 256>>>(device_bytes, n, device_bins);
  CHECK(cudaGetLastError());
  CHECK(cudaMemcpy(bins.data(), device_bins, 256 * sizeof(unsigned), cudaMemcpyDeviceToHost));
  return verdict(bins == expected, "256 bins of 8,000,000 bytes equal the CPU's");
}
