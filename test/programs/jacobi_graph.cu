// Jacobi's method as a captured graph of twenty sweeps and a check, launched again and again until the plate has settled.
// nvcc: -arch=compute_80
#include <cmath>
#include <cstring>
#include "buffer.h"

const int kSide = 64, kSweeps = 20;

__host__ __device__ inline float relaxed(const float* from, int x, int y) {
  int i = y * kSide + x;
  return 0.25f * ((from[i - 1] + from[i + 1]) + (from[i - kSide] + from[i + kSide]));
}

__global__ void sweep(const float* from, float* to) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  bool inside = x > 0 && x < kSide - 1 && y > 0 && y < kSide - 1;
  to[y * kSide + x] = inside ? relaxed(from, x, y) : from[y * kSide + x];
}

__global__ void largest_change(const float* a, const float* b, int* most) {  // of positive floats the bits compare as the numbers do
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  int change = __reduce_max_sync(~0u, __float_as_uint(fabsf(a[i] - b[i])));
  if (threadIdx.x % 32 == 0) atomicMax(most, change);
}

int main() {
  print_device();
  std::vector<float> plate(kSide * kSide, 0), other;
  for (int i = 0; i < kSide; i++) plate[i] = 100, plate[i * kSide] = 50, plate[i * kSide + kSide - 1] = 100.0f * i / kSide;
  Buffer<float> a(plate), b(plate.size());
  Buffer<int> most(1);
  int* change;
  CHECK(cudaMallocHost(&change, sizeof *change));

  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t ready;
  size_t nodes = 0;
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  CHECK(cudaMemsetAsync(most, 0, sizeof(int), stream));
  for (int i = 0; i < kSweeps; i += 2) {
    sweep<<<dim3(kSide / 16, kSide / 8), dim3(16, 8), 0, stream>>>(a, b);
    sweep<<<dim3(kSide / 16, kSide / 8), dim3(16, 8), 0, stream>>>(b, a);
  }
  largest_change<<<kSide * kSide / 256, 256, 0, stream>>>(a, b, most);
  CHECK(cudaMemcpyAsync(change, most, sizeof(int), cudaMemcpyDeviceToHost, stream));
  CHECK(cudaStreamEndCapture(stream, &graph));
  CHECK(cudaGraphGetNodes(graph, nullptr, &nodes));
  CHECK(cudaGraphInstantiate(&ready, graph, 0));

  int launches = 0;
  float settled;
  do {
    CHECK(cudaGraphLaunch(ready, stream));
    CHECK(cudaStreamSynchronize(stream));
    memcpy(&settled, change, sizeof settled);
  } while (settled > 1e-3f && ++launches < 200);
  std::vector<float> result = a.host();

  other = plate;
  for (int sweeps = (launches + 1) * kSweeps; sweeps > 0; sweeps--) {
    for (int y = 1; y < kSide - 1; y++)
      for (int x = 1; x < kSide - 1; x++) other[y * kSide + x] = relaxed(plate.data(), x, y);
    plate.swap(other);
    if (sweeps == (launches + 1) * kSweeps) other = plate;  // the edges
  }
  CHECK(cudaGraphExecDestroy(ready));
  CHECK(cudaGraphDestroy(graph));
  CHECK(cudaStreamDestroy(stream));
  CHECK(cudaFreeHost(change));
  char line[120];
  snprintf(line, sizeof line, "settled to %.1e after %d launches of a graph of %zu nodes", settled, launches + 1, nodes);
  return verdict(result == plate && settled <= 1e-3f && nodes == kSweeps + 3, line);
}
