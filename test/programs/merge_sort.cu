// Merge sort, stable: tiles by counting ranks in shared memory, then rounds of merging in which each thread finds by bisection along a
// diagonal where its share of the result comes from (the merge path), so that all threads have the same work.
#include <algorithm>
#include "buffer.h"
#include "show.h"

struct Record {
  int key, place;
};
const int kTile = 64, kEach = 8, kThreads = 64;

__global__ void sort_tiles(Record* records, int n) {
  __shared__ Record tile[kTile];
  int base = blockIdx.x * kTile, count = min(kTile, n - base);
  if (threadIdx.x < count) tile[threadIdx.x] = records[base + threadIdx.x];
  __syncthreads();
  if (threadIdx.x >= count) return;
  Record own = tile[threadIdx.x];
  int rank = 0;
  for (int i = 0; i < count; i++) rank += tile[i].key < own.key || (tile[i].key == own.key && i < int(threadIdx.x));
  records[base + rank] = own;
}

// How many of the first `diagonal` records of the merged result come from a.
__device__ int path(const Record* a, int na, const Record* b, int nb, int diagonal) {
  int low = max(0, diagonal - nb), high = min(diagonal, na);
  while (low < high) {
    int middle = (low + high) / 2;
    if (b[diagonal - 1 - middle].key < a[middle].key) high = middle;  // equal keys: a's first
    else low = middle + 1;
  }
  return low;
}

__global__ void merge(const Record* in, Record* out, int n, int run) {
  int first = (blockIdx.x * kThreads + threadIdx.x) * kEach;
  if (first >= n) return;
  int pair = first / (2 * run) * 2 * run;  // kEach divides the runs
  const Record *a = in + pair, *b = in + min(pair + run, n);
  int na = min(run, n - pair), nb = max(0, min(run, n - pair - run));
  int diagonal = first - pair, i = path(a, na, b, nb, diagonal), j = diagonal - i;
  for (int k = 0; k < kEach && diagonal + k < na + nb; k++) {
    bool from_a = i < na && (j >= nb || a[i].key <= b[j].key);
    out[first + k] = from_a ? a[i++] : b[j++];
  }
}

int main() {
  print_device();
  const int n = 60013;
  Random random;
  std::vector<Record> records(n);
  for (int i = 0; i < n; i++) records[i] = {int(random.below(20000)) - 10000, i};
  Buffer<Record> one(records), two(n);
  Record *from = one, *to = two;
  sort_tiles<<<(n + kTile - 1) / kTile, kTile>>>(from, n);
  int rounds = 0;
  for (int run = kTile; run < n; run *= 2, rounds++) {
    merge<<<(n + kThreads * kEach - 1) / (kThreads * kEach), kThreads>>>(from, to, n, run);
    std::swap(from, to);
  }
  std::vector<Record> sorted = from == one.data ? one.host() : two.host();
  std::stable_sort(records.begin(), records.end(), [](const Record& a, const Record& b) { return a.key < b.key; });
  int wrong = 0;
  for (int i = 0; i < n; i++) wrong += sorted[i].key != records[i].key || sorted[i].place != records[i].place;
  show::line("%d records, %d rounds of merging, %d in a wrong place", n, rounds, wrong);
  return verdict(wrong == 0, "60,013 records, equal keys in their old order");
}
