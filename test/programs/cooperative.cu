// Cooperative groups: tiles of a warp, a block, and the whole grid with a barrier across all blocks.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <vector>
#include "common.h"
namespace cg = cooperative_groups;

__global__ void tiles(const int* in, int* out) {
  auto block = cg::this_thread_block();
  auto tile = cg::tiled_partition<8>(block);
  int sum = cg::reduce(tile, in[block.thread_rank()], cg::plus<int>());
  if (tile.thread_rank() == 0) out[tile.meta_group_rank()] = sum;
}

__global__ void rounds(int* values, int n, int count) {  // each round reads what another block wrote in the round before
  auto grid = cg::this_grid();
  for (int r = 0; r < count; r++) {
    int* from = values + (r % 2) * n;
    int* to = values + ((r + 1) % 2) * n;
    for (int i = grid.thread_rank(); i < n; i += grid.size()) to[i] = from[(i + 257) % n] + 1;
    grid.sync();
  }
}

int main() {
  print_device();
  int *in, *out;
  CHECK(cudaMallocHost(&in, 512 * sizeof(int)));
  CHECK(cudaMalloc(&out, 4096 * sizeof(int)));
  for (int i = 0; i < 128; i++) in[i] = i;
  int* device_in;
  CHECK(cudaMalloc(&device_in, 512));
  CHECK(cudaMemcpy(device_in, in, 512, cudaMemcpyHostToDevice));
  tiles<<<1, 128>>>(device_in, out);
  int sums[16];
  CHECK(cudaMemcpy(sums, out, sizeof sums, cudaMemcpyDeviceToHost));
  bool right = true;
  for (int t = 0; t < 16; t++) right &= sums[t] == 64 * t + 28;

  int n = 2000, count = 6;
  std::vector<int> values(2 * n), expected(n);
  for (int i = 0; i < n; i++) values[i] = i * i;
  CHECK(cudaMemcpy(out, values.data(), 2 * n * sizeof(int), cudaMemcpyHostToDevice));
  void* arguments[] = {&out, &n, &count};
  CHECK(cudaLaunchCooperativeKernel((void*)rounds, dim3(4), dim3(128), arguments, 0, nullptr));
  CHECK(cudaMemcpy(values.data(), out, n * sizeof(int), cudaMemcpyDeviceToHost));
  for (int i = 0; i < n; i++) {
    int from = (i + 257 * count) % n;
    right &= values[i] == from * from + count;
  }
  return verdict(right, "tiles of eight and a grid-wide barrier");
}
