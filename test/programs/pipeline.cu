// Asynchronous copies into shared memory: a two-stage pipeline (cp.async), and producer and consumer warps that meet at cuda::barrier.
// nvcc: -arch=compute_80
#include <cooperative_groups.h>
#include <cuda/barrier>
#include <cuda/pipeline>
#include "buffer.h"
namespace cg = cooperative_groups;
#pragma nv_diag_suppress static_var_with_dynamic_init  // of the shared state: make_pipeline sets it up

const int kBlock = 128, kTiles = 12, kBlocks = 4;

__global__ void staged(const int4* in, int4* out) {  // a tile is on its way while the one before is worked on
  __shared__ int4 tiles[2][kBlock];
  __shared__ cuda::pipeline_shared_state<cuda::thread_scope_block, 2> state;
  auto block = cg::this_thread_block();
  auto pipe = cuda::make_pipeline(block, &state);
  in += blockIdx.x * kBlock * kTiles, out += blockIdx.x * kBlock * kTiles;
  auto fetch = [&](int tile) {
    pipe.producer_acquire();
    cuda::memcpy_async(block, tiles[tile % 2], in + tile * kBlock, cuda::aligned_size_t<16>(sizeof tiles[0]), pipe);
    pipe.producer_commit();
  };
  fetch(0);
  for (int tile = 0; tile < kTiles; tile++) {
    if (tile + 1 < kTiles) fetch(tile + 1);
    pipe.consumer_wait();
    int4 mine = tiles[tile % 2][threadIdx.x], next = tiles[tile % 2][(threadIdx.x + 1) % kBlock];
    out[tile * kBlock + threadIdx.x] = {mine.x + next.x, mine.y - next.y, mine.z ^ next.z, mine.w * 3};
    pipe.consumer_release();
  }
}

__global__ void hand_over(const int* in, long long* sums) {  // warp 0 fills two buffers in turn, warps 1 to 3 empty them
  using barrier = cuda::barrier<cuda::thread_scope_block>;
  __shared__ int buffer[2][96];
  __shared__ alignas(barrier) char room[4 * sizeof(barrier)];
  barrier *full = reinterpret_cast<barrier*>(room), *empty = full + 2;
  if (threadIdx.x < 4) init(full + threadIdx.x, kBlock);
  __syncthreads();
  long long sum = 0;
  for (int tile = 0; tile < kTiles; tile++) {
    int stage = tile % 2;
    if (threadIdx.x < 32) {
      if (tile >= 2) empty[stage].arrive_and_wait();
      for (int i = threadIdx.x; i < 96; i += 32) buffer[stage][i] = in[(blockIdx.x * kTiles + tile) * 96 + i] * (tile + 1);
      (void)full[stage].arrive();
    } else {
      full[stage].arrive_and_wait();
      sum += buffer[stage][threadIdx.x - 32];
      if (tile + 2 < kTiles) (void)empty[stage].arrive();
    }
  }
  if (threadIdx.x >= 32) atomicAdd((unsigned long long*)&sums[blockIdx.x], (unsigned long long)sum);
}

int main() {
  print_device();
  Random random;
  std::vector<int4> in(kBlock * kTiles * kBlocks);
  for (auto& v : in) v = {int(random.below(1000)), int(random.below(1000)), int(random.next()), int(random.below(1000))};
  Buffer<int4> input(in), output(in.size());
  staged<<<kBlocks, kBlock>>>(input, output);
  std::vector<int4> out = output.host();
  bool right = true;
  for (size_t i = 0; i < in.size(); i++) {
    int4 mine = in[i], next = in[i / kBlock * kBlock + (i + 1) % kBlock];
    right &= out[i].x == mine.x + next.x && out[i].y == mine.y - next.y && out[i].z == (mine.z ^ next.z) && out[i].w == mine.w * 3;
  }

  std::vector<int> numbers(kBlocks * kTiles * 96);
  std::vector<long long> expected(kBlocks);
  for (size_t i = 0; i < numbers.size(); i++) numbers[i] = int(random.below(100)), expected[i / 96 / kTiles] += numbers[i] * int(i / 96 % kTiles + 1);
  Buffer<int> values(numbers);
  Buffer<long long> sums(kBlocks);
  hand_over<<<kBlocks, kBlock>>>(values, sums);
  right &= sums.host() == expected;
  return verdict(right, "four blocks with twelve tiles each, by pipeline and by barriers");
}
