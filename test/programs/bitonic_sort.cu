// Bitonic sort: a network of comparisons that are the same whatever the numbers are. Steps that reach far run over global memory, a launch
// each; as soon as partners are within a block's reach all remaining steps of a stage run in shared memory.
#include <algorithm>
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kThreads = 256, kTile = 2 * kThreads;

__device__ inline void order(float& a, float& b, bool up) {
  if ((a > b) == up) {
    float t = a;
    a = b, b = t;
  }
}

// Stages first … last of a tile, of each the steps whose partners lie within the tile.
__global__ void sort_tile(float* values, int first, int last) {
  __shared__ float tile[kTile];
  float* mine = values + blockIdx.x * kTile;
  tile[threadIdx.x] = mine[threadIdx.x], tile[threadIdx.x + kThreads] = mine[threadIdx.x + kThreads];
  for (int stage = first; stage <= last; stage *= 2) {
    for (int reach = min(stage, kTile) / 2; reach > 0; reach /= 2) {
      __syncthreads();
      int i = 2 * threadIdx.x - (threadIdx.x & (reach - 1));
      bool up = !((blockIdx.x * kTile + i) & stage);
      order(tile[i], tile[i + reach], up);
    }
  }
  __syncthreads();
  mine[threadIdx.x] = tile[threadIdx.x], mine[threadIdx.x + kThreads] = tile[threadIdx.x + kThreads];
}

__global__ void step(float* values, int stage, int reach) {
  int t = blockIdx.x * kThreads + threadIdx.x, i = 2 * t - (t & (reach - 1));
  order(values[i], values[i + reach], !(i & stage));
}

int main() {
  print_device();
  const int n = 1 << 15;
  Random random;
  std::vector<float> values(n);
  for (float& v : values) v = sinf(float(random.below(100000)) * 0.001f) * 100;
  Buffer<float> device(values);
  int launches = 1;
  sort_tile<<<n / kTile, kThreads>>>(device, 2, kTile);
  for (int stage = 2 * kTile; stage <= n; stage *= 2) {
    for (int reach = stage / 2; reach >= kTile; reach /= 2, launches++) step<<<n / kTile, kThreads>>>(device, stage, reach);
    sort_tile<<<n / kTile, kThreads>>>(device, stage, stage);
    launches++;
  }
  std::vector<float> sorted = device.host();
  show::plot("before", values, 8);
  show::plot("after", sorted, 8);
  std::sort(values.begin(), values.end());
  char line[80];
  snprintf(line, sizeof line, "%d floats in %d launches", n, launches);
  return verdict(sorted == values, line);
}
