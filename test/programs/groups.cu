// Cooperative groups beyond the plain block: tiles of a warp that sort, threads that happen to be together, groups by label and by
// predicate, scans, and a whole grid that meets at barriers while numbers diffuse.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
#include <algorithm>
#include <cmath>
#include "buffer.h"
#include "show.h"
namespace cg = cooperative_groups;

const int kThreads = 128, kBlocks = 4, kCount = kThreads * kBlocks;

template <int kTile>
__global__ void sort_tiles(int* values) {  // odd and even neighbours change places
  auto tile = cg::tiled_partition<kTile>(cg::this_thread_block());
  int i = blockIdx.x * blockDim.x + threadIdx.x, own = values[i], rank = tile.thread_rank();
  for (int round = 0; round < kTile; round++) {
    bool left = (rank + round) % 2 == 0;
    int partner = left ? rank + 1 : rank - 1;
    int other = tile.shfl(own, partner < 0 || partner >= kTile ? rank : partner);
    own = left ? min(own, other) : max(own, other);
  }
  values[i] = own;
}

__global__ void together(const int* values, int* filtered, int* count, int* per_label) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, own = values[i];
  auto warp = cg::tiled_partition<32>(cg::this_thread_block());
  if (own % 3 == 0) {  // one atomic for all threads that are here
    auto here = cg::coalesced_threads();
    int place = 0;
    if (here.thread_rank() == 0) place = atomicAdd(count, int(here.size()));
    filtered[here.shfl(place, 0) + here.thread_rank()] = own;
  }
  warp.sync();
  auto label = cg::labeled_partition(warp, own & 7);
  int sum = cg::reduce(label, own, cg::plus<int>());
  if (label.thread_rank() == 0) atomicAdd(&per_label[own & 7], sum);
}

__global__ void scans(const int* values, int* inclusive, int* exclusive, unsigned* votes) {
  auto tile = cg::tiled_partition<16>(cg::this_thread_block());
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  inclusive[i] = cg::inclusive_scan(tile, values[i], cg::plus<int>());
  exclusive[i] = cg::exclusive_scan(tile, values[i], cg::greater<int>());
  auto odd = cg::binary_partition(tile, values[i] & 1);
  unsigned ballot = odd.ballot(values[i] > 500);
  if (odd.thread_rank() == 0) atomicAdd(votes, __popc(ballot));
}

__global__ void diffuse(float* a, float* b, int steps) {
  auto grid = cg::this_grid();
  unsigned i = unsigned(grid.thread_rank()), n = unsigned(grid.size());
  for (int s = 0; s < steps; s++) {
    float *from = s % 2 ? b : a, *to = s % 2 ? a : b;
    to[i] = fmaf(0.25f, from[(i + n - 1) % n] + from[(i + 1) % n], 0.5f * from[i]);
    grid.sync();
  }
}

int main() {
  print_device();
  Random random;
  std::vector<int> values(kCount);
  for (int& v : values) v = int(random.below(1000));
  Buffer<int> in(values), sorted8(values), sorted32(values), filtered(kCount), count(1), labels(8), inclusive(kCount), exclusive(kCount);
  Buffer<unsigned> votes(1);
  sort_tiles<8><<<kBlocks, kThreads>>>(sorted8);
  sort_tiles<32><<<kBlocks, kThreads>>>(sorted32);
  together<<<kBlocks, kThreads>>>(in, filtered, count, labels);
  scans<<<kBlocks, kThreads>>>(in, inclusive, exclusive, votes);

  std::vector<int> by8 = values, by32 = values, multiples, got = filtered.host(), sums = inclusive.host(), most = exclusive.host();
  for (int i = 0; i < kCount; i += 8) std::sort(&by8[i], &by8[i] + 8);
  for (int i = 0; i < kCount; i += 32) std::sort(&by32[i], &by32[i] + 32);
  std::vector<int> per_label(8);
  unsigned above = 0;
  bool scanned = true;
  for (int i = 0, sum = 0, maximum = 0; i < kCount; i++) {
    if (i % 16 == 0) sum = 0, maximum = 0;
    sum += values[i];
    scanned = scanned && sums[i] == sum && (i % 16 == 0 || most[i] == maximum);
    maximum = std::max(maximum, values[i]);
    per_label[values[i] & 7] += values[i], above += values[i] > 500;
    if (values[i] % 3 == 0) multiples.push_back(values[i]);
  }
  got.resize(count.host()[0]);
  std::sort(got.begin(), got.end()), std::sort(multiples.begin(), multiples.end());
  bool sorted = sorted8.host() == by8 && sorted32.host() == by32, partitioned = got == multiples && labels.host() == per_label;
  scanned = scanned && votes.host()[0] == above;

  std::vector<float> heat(kCount), other(kCount);
  heat[100] = heat[300] = 100;
  Buffer<float> a(heat), b(kCount);
  int steps = 50;
  float *pa = a, *pb = b;
  void* arguments[] = {&pa, &pb, &steps};
  CHECK(cudaLaunchCooperativeKernel(reinterpret_cast<const void*>(diffuse), dim3(kBlocks), dim3(kThreads), arguments, 0, 0));
  for (int s = 0; s < steps; s++, heat.swap(other))
    for (int i = 0; i < kCount; i++) other[i] = fmaf(0.25f, heat[(i + kCount - 1) % kCount] + heat[(i + 1) % kCount], 0.5f * heat[i]);
  std::vector<float> spread = a.host();
  show::plot("two warm places after fifty barriers of the grid", spread, 8);
  show::line("tiles sorted: %d, groups: %d, scans: %d, grid: %d", sorted, partitioned, scanned, spread == heat);
  return verdict(sorted && partitioned && scanned && spread == heat, "tiles, coalesced and labelled groups, scans, grid barriers");
}
