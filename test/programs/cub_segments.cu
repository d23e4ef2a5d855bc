// CUB's segmented sort and reduction: a million keys in segments from empty to 40,000 long, each sorted and added up by itself.
#include <cub/device/device_segmented_reduce.cuh>
#include <cub/device/device_segmented_sort.cuh>
#include <algorithm>
#include <numeric>
#include "cub.h"

int main() {
  print_device();
  Random random;
  std::vector<int> starts{0};
  const int n = 1'000'000;
  while (starts.back() < n) {
    unsigned kind = random.below(10);
    int length = kind == 0 ? 0 : kind < 7 ? int(random.below(32)) : kind < 9 ? 100 + int(random.below(900)) : int(random.below(40'000));
    starts.push_back(std::min(n, starts.back() + length));
  }
  int segments = int(starts.size()) - 1;
  std::vector<unsigned> keys(n), sums(segments);
  for (auto& key : keys) key = random.next();
  Buffer<int> at(starts);
  Buffer<unsigned> in(keys), out(n), sum(segments);
  with_workspace([&](void* workspace, size_t& bytes) {
    return cub::DeviceSegmentedSort::SortKeys(workspace, bytes, in.data, out.data, n, segments, at.data, at.data + 1);
  });
  with_workspace([&](void* workspace, size_t& bytes) {
    return cub::DeviceSegmentedReduce::Sum(workspace, bytes, in.data, sum.data, segments, at.data, at.data + 1);
  });
  for (int s = 0; s < segments; s++) {
    std::sort(keys.begin() + starts[s], keys.begin() + starts[s + 1]);
    sums[s] = std::accumulate(keys.begin() + starts[s], keys.begin() + starts[s + 1], 0u);
  }
  char line[120];
  snprintf(line, sizeof line, "a million keys in %d segments sorted and added up", segments);
  return verdict(out.host() == keys && sum.host() == sums, line);
}
