// CUB on a million elements: histograms, sums of stretches with one key, and stretches coded by their length.
#include <cub/device/device_histogram.cuh>
#include <cub/device/device_reduce.cuh>
#include <cub/device/device_run_length_encode.cuh>
#include <cuda/std/functional>
#include "cub.h"

int main() {
  print_device();
  const int n = 1'000'000, kBins = 200;
  Random random;
  std::vector<unsigned> keys(n), values(n), unique, sums;
  std::vector<int> lengths, bins(kBins);
  for (int i = 0; i < n; i++) {
    keys[i] = i && random.below(12) ? keys[i - 1] : random.below(kBins), values[i] = random.below(1000), bins[keys[i]]++;
    if (i == 0 || keys[i] != keys[i - 1]) unique.push_back(keys[i]), sums.push_back(0), lengths.push_back(0);
    sums.back() += values[i], lengths.back()++;
  }
  Buffer<unsigned> key(keys), value(values), key_out(n), sum(n);
  Buffer<int> length(n), count(1), bin(kBins);
  bool right = true;
  auto check = [&](bool so, const char* what) {
    if (!so) right = false, printf("%s is wrong\n", what);
  };

  with_workspace([&](void* workspace, size_t& bytes) { return cub::DeviceHistogram::HistogramEven(workspace, bytes, key.data, bin.data, kBins + 1, 0u, unsigned(kBins), n); });
  check(bin.host() == bins, "histogram");

  auto same = [](auto got, const auto& wanted) { return got.resize(wanted.size()), got == wanted; };
  with_workspace([&](void* workspace, size_t& bytes) {
    return cub::DeviceReduce::ReduceByKey(workspace, bytes, key.data, key_out.data, value.data, sum.data, count.data, cuda::std::plus<>{}, n);
  });
  check(count.host()[0] == int(unique.size()) && same(key_out.host(), unique) && same(sum.host(), sums), "sums by key");

  with_workspace([&](void* workspace, size_t& bytes) { return cub::DeviceRunLengthEncode::Encode(workspace, bytes, key.data, key_out.data, length.data, count.data, n); });
  check(count.host()[0] == int(unique.size()) && same(key_out.host(), unique) && same(length.host(), lengths), "lengths");
  char line[120];
  snprintf(line, sizeof line, "a million keys in %d bins and %zu stretches", kBins, unique.size());
  return verdict(right, line);
}
