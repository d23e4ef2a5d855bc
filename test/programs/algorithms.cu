// Thrust and CUB from the toolkit: sort, scan, reduce and select, whose kernels look back at one another's progress while they run.
#include <thrust/device_vector.h>
#include <thrust/host_vector.h>
#include <thrust/copy.h>
#include <thrust/reduce.h>
#include <thrust/scan.h>
#include <thrust/sort.h>
#include <algorithm>
#include <numeric>
#include <vector>
#include "common.h"

struct IsOdd {
  __host__ __device__ bool operator()(unsigned x) const { return x & 1; }
};

int main() {
  print_device();
  const size_t n = 1'000'000;
  thrust::host_vector<unsigned> host(n);
  unsigned state = 9;
  for (auto& x : host) x = state = state * 1664525u + 1013904223u;
  thrust::device_vector<unsigned> device = host, odd(n);

  unsigned sum = thrust::reduce(device.begin(), device.end());
  bool right = sum == std::accumulate(host.begin(), host.end(), 0u);

  thrust::device_vector<unsigned> running(n);
  thrust::inclusive_scan(device.begin(), device.end(), running.begin());
  std::vector<unsigned> expected(n);
  std::partial_sum(host.begin(), host.end(), expected.begin());
  thrust::host_vector<unsigned> back = running;
  right &= std::equal(expected.begin(), expected.end(), back.begin());

  auto end = thrust::copy_if(device.begin(), device.end(), odd.begin(), IsOdd());
  right &= end - odd.begin() == std::count_if(host.begin(), host.end(), IsOdd());

  thrust::sort(device.begin(), device.end());
  std::sort(host.begin(), host.end());
  back = device;
  right &= std::equal(host.begin(), host.end(), back.begin());
  return verdict(right, "reduce, scan, select and sort of a million numbers");
}
