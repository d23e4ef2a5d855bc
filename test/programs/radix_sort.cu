// Radix sort of keys with their places, four bits a pass, stable: each block counts its digits, a scan over (digit, block) tells where each
// block's share begins, and ballots within a warp give every key its rank among equals.
#include <algorithm>
#include <numeric>
#include "buffer.h"
#include "show.h"

const int kThreads = 128, kWarps = kThreads / 32, kBits = 4, kDigits = 1 << kBits, kRounds = 8, kTile = kThreads * kRounds;

__device__ inline unsigned digit_of(unsigned key, int shift) { return key >> shift & (kDigits - 1); }

__global__ void count(const unsigned* keys, int n, int shift, unsigned* counts) {  // counts[digit][block]
  __shared__ unsigned mine[kDigits];
  if (threadIdx.x < kDigits) mine[threadIdx.x] = 0;
  __syncthreads();
  for (int r = 0; r < kRounds; r++) {
    int i = blockIdx.x * kTile + r * kThreads + threadIdx.x;
    if (i < n) atomicAdd(&mine[digit_of(keys[i], shift)], 1);
  }
  __syncthreads();
  if (threadIdx.x < kDigits) counts[threadIdx.x * gridDim.x + blockIdx.x] = mine[threadIdx.x];
}

__global__ void exclusive_scan(unsigned* values, int n) {  // one warp walks along
  unsigned carry = 0;
  for (int from = 0; from < n; from += 32) {
    int i = from + threadIdx.x;
    unsigned own = i < n ? values[i] : 0, sum = own;
    for (int distance = 1; distance < 32; distance *= 2) {
      unsigned other = __shfl_up_sync(~0u, sum, distance);
      if (threadIdx.x >= distance) sum += other;
    }
    if (i < n) values[i] = carry + sum - own;
    carry += __shfl_sync(~0u, sum, 31);
  }
}

__global__ void scatter(const unsigned* keys, const unsigned* places, unsigned* keys_out, unsigned* places_out, int n, int shift, const unsigned* begins) {
  __shared__ unsigned next[kDigits], in_warp[kWarps][kDigits];
  unsigned lane = threadIdx.x % 32, warp = threadIdx.x / 32;
  if (threadIdx.x < kDigits) next[threadIdx.x] = begins[threadIdx.x * gridDim.x + blockIdx.x];
  for (int r = 0; r < kRounds; r++) {
    int i = blockIdx.x * kTile + r * kThreads + threadIdx.x;
    bool here = i < n;
    unsigned key = here ? keys[i] : 0, digit = digit_of(key, shift);
    unsigned equals = __ballot_sync(~0u, here);
    for (int bit = 0; bit < kBits; bit++) {
      bool set = digit >> bit & 1;
      unsigned ballot = __ballot_sync(~0u, set);
      equals &= set ? ballot : ~ballot;
    }
    unsigned rank = __popc(equals & ((1u << lane) - 1));
    if (lane < kDigits) in_warp[warp][lane] = 0;
    __syncwarp();
    if (here && rank == 0) in_warp[warp][digit] = __popc(equals);
    __syncthreads();
    if (here) {
      unsigned to = next[digit] + rank;
      for (unsigned w = 0; w < warp; w++) to += in_warp[w][digit];
      keys_out[to] = key;
      places_out[to] = places[i];
    }
    __syncthreads();
    if (threadIdx.x < kDigits)
      for (int w = 0; w < kWarps; w++) next[threadIdx.x] += in_warp[w][threadIdx.x];
    __syncthreads();
  }
}

int main() {
  print_device();
  const int n = 50021, blocks = (n + kTile - 1) / kTile;
  Random random;
  std::vector<unsigned> keys(n), places(n), expected(n);
  for (unsigned& key : keys) key = random.below(4) ? random.next() : random.below(100);  // many equal ones too
  std::iota(places.begin(), places.end(), 0);
  expected = places;
  std::stable_sort(expected.begin(), expected.end(), [&](unsigned a, unsigned b) { return keys[a] < keys[b]; });
  Buffer<unsigned> key_a(keys), place_a(places), key_b(n), place_b(n), counts(kDigits * blocks);
  for (int shift = 0; shift < 32; shift += 2 * kBits) {  // two passes: there and back
    for (int pass = 0; pass < 2; pass++) {
      Buffer<unsigned>&from = pass ? key_b : key_a, &to = pass ? key_a : key_b, &place_from = pass ? place_b : place_a, &place_to = pass ? place_a : place_b;
      count<<<blocks, kThreads>>>(from, n, shift + pass * kBits, counts);
      exclusive_scan<<<1, 32>>>(counts, kDigits * blocks);
      scatter<<<blocks, kThreads>>>(from, place_from, to, place_to, n, shift + pass * kBits, counts);
    }
  }
  std::vector<unsigned> sorted = key_a.host(), order = place_a.host();
  bool right = order == expected;
  for (int i = 0; i < n; i++) right = right && sorted[i] == keys[order[i]];
  show::plot("before", keys, 8);
  show::plot("after", sorted, 8);
  return verdict(right, "50,021 keys, equal ones in their old order");
}
