// What lanes of a warp can tell each other: ballots that transpose a matrix of bits, lanes that find their equals, one atomic for many.
// nvcc: -arch=compute_80
#include <algorithm>
#include "buffer.h"

__global__ void transpose_bits(const unsigned* rows, unsigned* columns) {  // one 32 × 32 matrix a warp
  int warp = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  unsigned row = rows[warp * 32 + lane], column = 0;
  for (int bit = 0; bit < 32; bit++) {
    unsigned votes = __ballot_sync(~0u, row >> bit & 1);
    if (lane == bit) column = votes;
  }
  columns[warp * 32 + lane] = column;
}

__global__ void count_equals(const int* keys, int* equals, int* leaders) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned peers = __match_any_sync(~0u, keys[i]);
  equals[i] = __popc(peers);
  if (__ffs(peers) - 1 == int(threadIdx.x % 32)) atomicAdd(leaders, 1);
}

__global__ void select_aggregated(const int* in, int n, int* out, int* count) {  // the multiples of three, with one atomic for a warp
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n || in[i] % 3) return;
  unsigned active = __activemask(), lane = threadIdx.x % 32;
  int leader = __ffs(active) - 1, base = 0;
  if (int(lane) == leader) base = atomicAdd(count, __popc(active));
  base = __shfl_sync(active, base, leader);
  out[base + __popc(active & ((1u << lane) - 1))] = in[i];
}

__global__ void opinions(const int* in, int* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, value = in[i], same;
  unsigned mask = i % 32 < 20 ? 0xfffff : 0xfff00000;  // two groups that vote apart
  out[i * 8] = __any_sync(mask, value > 90), out[i * 8 + 1] = __all_sync(mask, value > 1);
  __match_all_sync(mask, value / 100, &same);
  out[i * 8 + 2] = same;
  out[i * 8 + 3] = __reduce_add_sync(mask, value), out[i * 8 + 4] = __reduce_max_sync(mask, value), out[i * 8 + 5] = __reduce_min_sync(mask, -value);
  out[i * 8 + 6] = int(__reduce_xor_sync(mask, unsigned(value))), out[i * 8 + 7] = int(__reduce_or_sync(mask, unsigned(value)));
}

int main() {
  print_device();
  const int n = 4096;
  Random random;
  std::vector<unsigned> bits(n), turned(n);
  std::vector<int> values(n);
  for (int i = 0; i < n; i++) bits[i] = random.next(), values[i] = int(random.below(100));
  for (int i = 0; i < n; i++)
    for (int b = 0; b < 32; b++) turned[i / 32 * 32 + b] |= (bits[i] >> b & 1) << i % 32;
  Buffer<unsigned> rows(bits), columns(n);
  transpose_bits<<<n / 256, 256>>>(rows, columns);
  bool right = columns.host() == turned;

  Buffer<int> in(values), equals(n), leaders(1), out(n), count(1), said(n * 8);
  count_equals<<<n / 128, 128>>>(in, equals, leaders);
  std::vector<int> expected(n);
  int distinct = 0;
  for (int i = 0; i < n; i++) {
    auto warp = values.begin() + i / 32 * 32;
    expected[i] = int(std::count(warp, warp + 32, values[i]));
    distinct += std::find(warp, warp + 32, values[i]) - values.begin() == i;
  }
  right &= equals.host() == expected && leaders.host()[0] == distinct;

  select_aggregated<<<(n + 255) / 256, 256>>>(in, n - 5, out, count);
  std::vector<int> chosen = out.host(), wanted;
  std::copy_if(values.begin(), values.end() - 5, std::back_inserter(wanted), [](int v) { return v % 3 == 0; });
  chosen.resize(count.host()[0]);
  std::sort(chosen.begin(), chosen.end()), std::sort(wanted.begin(), wanted.end());
  right &= chosen == wanted;

  opinions<<<n / 64, 64>>>(in, said);
  std::vector<int> answers = said.host();
  for (int i = 0; i < n; i++) {
    int begin = i / 32 * 32 + (i % 32 < 20 ? 0 : 20), end = i / 32 * 32 + (i % 32 < 20 ? 20 : 32), fold[8] = {0, 1, 1, 0, 0, 0, 0, 0};
    for (int k = begin; k < end; k++) {
      int v = values[k];
      fold[0] |= v > 90, fold[1] &= v > 1, fold[3] += v, fold[4] = std::max(fold[4], v), fold[5] = std::min(fold[5], -v), fold[6] ^= v, fold[7] |= v;
    }
    right &= std::equal(fold, fold + 8, &answers[i * 8]);
  }
  return verdict(right, "128 matrices of bits, equal lanes, aggregated atomics, votes of part of a warp");
}
