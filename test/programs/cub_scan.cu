// CUB on a million elements: sums and extremes, running sums, and selection by a condition, by flags and of the first of equals.
#include <cub/device/device_reduce.cuh>
#include <cub/device/device_scan.cuh>
#include <cub/device/device_select.cuh>
#include <algorithm>
#include <numeric>
#include "cub.h"

struct Below {
  unsigned limit;
  __host__ __device__ bool operator()(unsigned x) const { return x < limit; }
};

int main() {
  print_device();
  const int n = 1'000'000;
  Random random;
  std::vector<unsigned> values(n), expected(n);
  for (int i = 0; i < n; i++) values[i] = i && random.below(3) == 0 ? values[i - 1] : random.next();  // a third repeats what was before
  Buffer<unsigned> in(values), out(n), single(2);
  Buffer<int> count(1);
  bool right = true;
  auto selected = [&](size_t wanted) {
    std::vector<unsigned> got = out.host();
    right &= size_t(count.host()[0]) == wanted && std::equal(expected.begin(), expected.begin() + wanted, got.begin());
  };

  with_workspace([&](void* workspace, size_t& bytes) { return cub::DeviceReduce::Sum(workspace, bytes, in.data, single.data, n); });
  with_workspace([&](void* workspace, size_t& bytes) { return cub::DeviceReduce::Max(workspace, bytes, in.data, single.data + 1, n); });
  right &= single.host() == std::vector<unsigned>{std::accumulate(values.begin(), values.end(), 0u), *std::max_element(values.begin(), values.end())};

  with_workspace([&](void* workspace, size_t& bytes) { return cub::DeviceScan::InclusiveSum(workspace, bytes, in.data, out.data, n); });
  std::partial_sum(values.begin(), values.end(), expected.begin());
  right &= out.host() == expected;

  with_workspace([&](void* workspace, size_t& bytes) { return cub::DeviceSelect::If(workspace, bytes, in.data, out.data, count.data, n, Below{1u << 30}); });
  selected(std::copy_if(values.begin(), values.end(), expected.begin(), Below{1u << 30}) - expected.begin());

  with_workspace([&](void* workspace, size_t& bytes) { return cub::DeviceSelect::Unique(workspace, bytes, in.data, out.data, count.data, n); });
  selected(std::unique_copy(values.begin(), values.end(), expected.begin()) - expected.begin());
  return verdict(right, "reduce, scan, select and unique of a million numbers");
}
