// Prefix sums: of a block (shuffles within warps, then over the warps' sums), of everything by three launches, and in a single launch
// where each block looks back at what the blocks before it have published so far.
#include "buffer.h"
#include "show.h"

const int kThreads = 256, kEach = 4, kTile = kThreads * kEach;
using Sum = unsigned;

// Inclusive over the block's threads; every thread also learns the total.
__device__ Sum scan_block(Sum value, Sum* total) {
  __shared__ Sum sums[32];
  int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  for (int distance = 1; distance < 32; distance *= 2) {
    Sum other = __shfl_up_sync(~0u, value, distance);
    if (lane >= distance) value += other;
  }
  if (lane == 31) sums[warp] = value;
  __syncthreads();
  if (warp == 0) {
    Sum sum = lane < kThreads / 32 ? sums[lane] : 0;
    for (int distance = 1; distance < 32; distance *= 2) {
      Sum other = __shfl_up_sync(~0u, sum, distance);
      if (lane >= distance) sum += other;
    }
    sums[lane] = sum;
  }
  __syncthreads();
  *total = sums[kThreads / 32 - 1];
  return value + (warp ? sums[warp - 1] : 0);
}

// A thread's share of the tile, summed up; returns what the tile's threads before it have.
__device__ Sum scan_tile(const Sum* in, size_t n, size_t first, Sum (&values)[kEach], Sum* total) {
  Sum own = 0;
  for (int i = 0; i < kEach; i++) own += values[i] = first + i < n ? in[first + i] : 0;
  return scan_block(own, total) - own;
}
__device__ void write_tile(Sum* out, size_t n, size_t first, const Sum (&values)[kEach], Sum before) {
  for (int i = 0; i < kEach && first + i < n; i++) out[first + i] = before += values[i];
}

__global__ void tiles(const Sum* in, Sum* out, size_t n, Sum* totals) {
  Sum values[kEach], total;
  size_t first = size_t(blockIdx.x) * kTile + threadIdx.x * kEach;
  Sum before = scan_tile(in, n, first, values, &total);
  write_tile(out, n, first, values, before);
  if (threadIdx.x == 0) totals[blockIdx.x] = total;
}
__global__ void add_totals(Sum* out, size_t n, const Sum* scanned) {
  for (size_t i = threadIdx.x; i < kTile && size_t(blockIdx.x) * kTile + i < n; i += kThreads)
    if (blockIdx.x) out[size_t(blockIdx.x) * kTile + i] += scanned[blockIdx.x - 1];
}

// What a tile has published: nothing, its own total, or the sum up to its end; state and sum in one word.
const unsigned kOwn = 1, kUpToEnd = 2;
__global__ void look_back(const Sum* in, Sum* out, size_t n, unsigned long long* published, unsigned* next_tile) {
  __shared__ unsigned tile;
  __shared__ Sum up_to_here;
  if (threadIdx.x == 0) tile = atomicAdd(next_tile, 1);  // in the order of starting: a tile waits only for those that run already
  __syncthreads();
  Sum values[kEach], total;
  size_t first = size_t(tile) * kTile + threadIdx.x * kEach;
  Sum before = scan_tile(in, n, first, values, &total);
  if (threadIdx.x == 0) {
    Sum sum = 0;
    if (tile) atomicExch(&published[tile], (unsigned long long)kOwn << 32 | total);
    for (unsigned at = tile; at > 0;) {
      unsigned long long word = atomicAdd(&published[at - 1], 0ull);
      if (!(word >> 32)) continue;
      sum += Sum(word);
      if (word >> 32 == kUpToEnd) break;
      at--;
    }
    atomicExch(&published[tile], (unsigned long long)kUpToEnd << 32 | Sum(sum + total));
    up_to_here = sum;
  }
  __syncthreads();
  write_tile(out, n, first, values, before + up_to_here);
}

int main() {
  print_device();
  const size_t n = 300007, blocks = (n + kTile - 1) / kTile;
  Random random;
  std::vector<Sum> numbers(n), expected(n);
  Sum sum = 0;
  for (size_t i = 0; i < n; i++) numbers[i] = random.below(1000), expected[i] = sum += numbers[i];
  Buffer<Sum> in(numbers), out(n), totals(blocks), scanned(blocks), grand(1);
  static_assert(300007 / kTile + 1 <= kTile, "the totals fit one tile");
  tiles<<<blocks, kThreads>>>(in, out, n, totals);
  tiles<<<1, kThreads>>>(totals, scanned, blocks, grand);
  add_totals<<<blocks, kThreads>>>(out, n, scanned);
  bool three = out.host() == expected;
  bool single = true;
  for (int round = 0; round < 3; round++) {
    Buffer<unsigned long long> published(blocks);
    Buffer<unsigned> next(1);
    Buffer<Sum> result(n);
    look_back<<<blocks, kThreads>>>(in, result, n, published, next);
    single = single && result.host() == expected;
  }
  show::plot("the sums", expected);
  show::line("three launches: %s, one launch that looks back: %s", three ? "right" : "wrong", single ? "right" : "wrong");
  return verdict(three && single, "300,007 prefix sums by three launches and by one");
}
