// Two devices: each computes half of a sum, halves cross over by peer copies and by kernels that read the neighbour's memory.
// With one device alone there is nothing to do (the tests give the software GPU two).
#include "buffer.h"

__global__ void fill(int* p, int n, int factor) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) p[i] = i * factor;
}
__global__ void add(int* mine, const int* other, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) mine[i] += other[i];
}

int main() {
  print_device();
  int devices = 0, reach[2] = {};
  CHECK(cudaGetDeviceCount(&devices));
  if (devices < 2) return printf("result: skipped, one device\n"), 77;
  const int n = 20'000, blocks = (n + 127) / 128;
  int* parts[2];
  int* landing;
  bool right = true;
  for (int d = 0; d < 2; d++) {
    CHECK(cudaDeviceCanAccessPeer(&reach[d], d, 1 - d));
    CHECK(cudaSetDevice(d));
    CHECK(cudaMalloc(&parts[d], n * sizeof(int)));
    fill<<<blocks, 128>>>(parts[d], n, d + 1);
    CHECK(cudaDeviceSynchronize());
    cudaPointerAttributes attributes;
    CHECK(cudaPointerGetAttributes(&attributes, parts[d]));
    right &= attributes.device == d;
  }
  CHECK(cudaMalloc(&landing, n * sizeof(int)));  // on device 1
  CHECK(cudaMemcpyPeer(landing, 1, parts[0], 0, n * sizeof(int)));
  add<<<blocks, 128>>>(landing, parts[1], n);
  std::vector<int> sum(n);
  CHECK(cudaMemcpy(sum.data(), landing, n * sizeof(int), cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; i++) right &= sum[i] == 3 * i;

  if (reach[0]) {  // and without a copy
    CHECK(cudaSetDevice(0));
    CHECK(cudaDeviceEnablePeerAccess(1, 0));
    right &= cudaDeviceEnablePeerAccess(1, 0) == cudaErrorPeerAccessAlreadyEnabled;
    cudaGetLastError();
    add<<<blocks, 128>>>(parts[0], parts[1], n);
    CHECK(cudaMemcpy(sum.data(), parts[0], n * sizeof(int), cudaMemcpyDeviceToHost));
    for (int i = 0; i < n; i++) right &= sum[i] == 3 * i;
    CHECK(cudaDeviceDisablePeerAccess(1));
  }
  return verdict(right, reach[0] ? "halves of two devices copied and read across" : "halves of two devices copied across; they cannot read each other");
}
