// One sum, seven ways: interleaved and sequential addresses in shared memory, unrolled, warp shuffles, the warp's own reduction
// instruction, atomics alone, a last block that finishes, and one cooperative launch; then smallest, largest and their places.
// nvcc: -arch=compute_80
#include <cooperative_groups.h>
#include <algorithm>
#include <cfloat>
#include "buffer.h"
#include "show.h"
namespace cg = cooperative_groups;

const int kThreads = 128, kBlocks = 32, kCount = 100003;

__device__ inline int own_sum(const int* in) {  // a grid-stride loop's share
  int sum = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < kCount; i += gridDim.x * blockDim.x) sum += in[i];
  return sum;
}
__global__ void interleaved(const int* in, int* out) {
  extern __shared__ int part[];
  part[threadIdx.x] = own_sum(in);
  for (int step = 1; step < blockDim.x; step *= 2) {
    __syncthreads();
    if (threadIdx.x % (2 * step) == 0) part[threadIdx.x] += part[threadIdx.x + step];
  }
  if (threadIdx.x == 0) atomicAdd(out, part[0]);
}
__global__ void sequential(const int* in, int* out) {
  extern __shared__ int part[];
  part[threadIdx.x] = own_sum(in);
  for (int half = blockDim.x / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) part[threadIdx.x] += part[threadIdx.x + half];
  }
  if (threadIdx.x == 0) atomicAdd(out, part[0]);
}
__global__ void unrolled(const int* in, int* out) {
  __shared__ volatile int part[kThreads];
  part[threadIdx.x] = own_sum(in);
  __syncthreads();
  if (threadIdx.x < 64) part[threadIdx.x] += part[threadIdx.x + 64];
  __syncthreads();
  if (threadIdx.x >= 32) return;
#pragma unroll
  for (int half = 32; half > 0; half /= 2) {
    int sum = part[threadIdx.x] + (threadIdx.x < half ? part[threadIdx.x + half] : 0);
    __syncwarp();
    part[threadIdx.x] = sum;
    __syncwarp();
  }
  if (threadIdx.x == 0) atomicAdd(out, part[0]);
}
__device__ inline int shuffled(int value) {
  for (int mask = 16; mask > 0; mask /= 2) value += __shfl_xor_sync(~0u, value, mask);
  return value;
}
__global__ void shuffles(const int* in, int* out) {
  int sum = shuffled(own_sum(in));
  if (threadIdx.x % 32 == 0) atomicAdd(out, sum);
}
__global__ void instruction(const int* in, int* out) {
  int sum = __reduce_add_sync(~0u, own_sum(in));
  if (threadIdx.x % 32 == 0) atomicAdd(out, sum);
}
__global__ void atomics(const int* in, int* out) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < kCount; i += gridDim.x * blockDim.x) atomicAdd(out, in[i]);
}
__device__ int parts[kBlocks];
__device__ unsigned arrived;
__global__ void last_block(const int* in, int* out) {
  __shared__ int sums[kThreads / 32];
  __shared__ bool last;
  int sum = shuffled(own_sum(in));
  if (threadIdx.x % 32 == 0) sums[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x == 0) {
    parts[blockIdx.x] = sums[0] + sums[1] + sums[2] + sums[3];
    __threadfence();
    last = atomicInc(&arrived, gridDim.x - 1) == gridDim.x - 1;  // back to 0 for the next launch
  }
  __syncthreads();
  if (!last || threadIdx.x >= 32) return;
  __threadfence();
  sum = shuffled(static_cast<volatile int*>(parts)[threadIdx.x]);
  if (threadIdx.x == 0) *out = sum;
}
__global__ void cooperative(const int* in, int* out) {
  auto grid = cg::this_grid();
  int sum = shuffled(own_sum(in));
  if (grid.thread_rank() < kBlocks) parts[grid.thread_rank()] = 0;
  grid.sync();
  if (threadIdx.x % 32 == 0) atomicAdd(&parts[blockIdx.x], sum);
  grid.sync();
  if (grid.thread_rank() == 0)
    for (int b = 0; b < kBlocks; b++) *out += parts[b];
}

struct Extremes {
  float low, high;
  int low_at, high_at;
};
__host__ __device__ inline Extremes merge(Extremes a, const Extremes& b) {  // of equal ones the first
  if (b.low < a.low || (b.low == a.low && b.low_at < a.low_at)) a.low = b.low, a.low_at = b.low_at;
  if (b.high > a.high || (b.high == a.high && b.high_at < a.high_at)) a.high = b.high, a.high_at = b.high_at;
  return a;
}
__global__ void extremes(const int* in, Extremes* out) {
  __shared__ Extremes part[kThreads];
  Extremes own = {FLT_MAX, -FLT_MAX, 0, 0};
  for (int i = threadIdx.x; i < kCount; i += kThreads) own = merge(own, {float(in[i] % 1000), float(in[i] % 1000), i, i});
  part[threadIdx.x] = own;
  for (int half = kThreads / 2; half > 0; half /= 2) {
    __syncthreads();
    if (threadIdx.x < half) part[threadIdx.x] = merge(part[threadIdx.x], part[threadIdx.x + half]);
  }
  if (threadIdx.x == 0) *out = part[0];
}

int main() {
  print_device();
  Random random;
  std::vector<int> numbers(kCount);
  int expected = 0;
  Extremes known = {FLT_MAX, -FLT_MAX, 0, 0};
  for (int i = 0; i < kCount; i++) {
    expected += numbers[i] = int(random.below(10000)) - 5000;
    known = merge(known, {float(numbers[i] % 1000), float(numbers[i] % 1000), i, i});
  }
  Buffer<int> in(numbers);
  struct {
    const char* name;
    void (*kernel)(const int*, int*);
  } ways[] = {{"interleaved", interleaved}, {"sequential", sequential}, {"unrolled", unrolled}, {"shuffles", shuffles}, {"redux", instruction}, {"atomics", atomics}, {"last block", last_block}, {"last block again", last_block}};
  int wrong = 0;
  for (auto& way : ways) {
    Buffer<int> out(1);
    way.kernel<<<kBlocks, kThreads, kThreads * sizeof(int)>>>(in, out);
    int sum = out.host()[0];
    show::line("%-17s %d", way.name, sum);
    wrong += sum != expected;
  }
  Buffer<int> out(1);
  const int* from = in;
  int* to = out;
  void* arguments[] = {&from, &to};
  CHECK(cudaLaunchCooperativeKernel(reinterpret_cast<const void*>(cooperative), dim3(kBlocks), dim3(kThreads), arguments, 0, 0));
  wrong += out.host()[0] != expected;
  Buffer<Extremes> ends(1);
  extremes<<<1, kThreads>>>(in, ends);
  Extremes found = ends.host()[0];
  wrong += found.low != known.low || found.high != known.high || found.low_at != known.low_at || found.high_at != known.high_at;
  char line[80];
  snprintf(line, sizeof line, "%d numbers add up to %d, %d ways wrong", kCount, expected, wrong);
  return verdict(wrong == 0, line);
}
