// Thrust on a million elements that are not in memory as such: counted, transformed, zipped and permuted on the fly.
// nvcc: --extended-lambda
#include <thrust/adjacent_difference.h>
#include <thrust/binary_search.h>
#include <thrust/device_vector.h>
#include <thrust/execution_policy.h>
#include <thrust/gather.h>
#include <thrust/inner_product.h>
#include <thrust/iterator/counting_iterator.h>
#include <thrust/iterator/transform_iterator.h>
#include <thrust/iterator/zip_iterator.h>
#include <thrust/transform.h>
#include <thrust/transform_reduce.h>
#include <vector>
#include "common.h"

struct Mixed {
  __host__ __device__ unsigned operator()(unsigned x) const { return (x ^ x >> 7) * 2654435761u >> 4; }
};
struct Combined {
  template <typename Both>
  __host__ __device__ unsigned operator()(Both both) const { return thrust::get<0>(both) * 3 ^ thrust::get<1>(both); }
};

int main() {
  print_device();
  const unsigned n = 1'000'000;
  auto counted = thrust::make_counting_iterator(0u);
  auto mixed = thrust::make_transform_iterator(counted, Mixed());
  thrust::device_vector<unsigned> values(n), places(n), gathered(n), steps(n);
  std::vector<unsigned> expected(n);
  bool right = true;

  thrust::transform(thrust::device, thrust::make_zip_iterator(thrust::make_tuple(counted, mixed)), thrust::make_zip_iterator(thrust::make_tuple(counted + n, mixed + n)),
                    values.begin(), Combined());
  unsigned sum = 0, product = 0;
  for (unsigned i = 0; i < n; i++) expected[i] = i * 3 ^ Mixed()(i), sum += Mixed()(expected[i]), product += expected[i] * i;
  std::vector<unsigned> back(n);
  thrust::copy(values.begin(), values.end(), back.begin());
  right &= back == expected;

  right &= thrust::transform_reduce(values.begin(), values.end(), Mixed(), 0u, thrust::plus<unsigned>()) == sum;
  right &= thrust::inner_product(thrust::device, values.begin(), values.end(), counted, 0u) == product;

  thrust::transform(thrust::device, counted, counted + n, places.begin(), [] __host__ __device__(unsigned i) { return i * 7919u % 1'000'000u; });
  thrust::gather(places.begin(), places.end(), values.begin(), gathered.begin());
  thrust::copy(gathered.begin(), gathered.end(), back.begin());
  for (unsigned i = 0; i < n; i++) right &= back[i] == expected[i * 7919u % n];

  thrust::adjacent_difference(places.begin(), places.end(), steps.begin());
  thrust::copy(steps.begin(), steps.end(), back.begin());
  for (unsigned i = 1; i < n; i++) right &= back[i] == i * 7919u % n - (i - 1) * 7919u % n;

  thrust::lower_bound(thrust::device, counted, counted + n, values.begin(), values.end(), steps.begin());  // where each value would stand among 0 … n - 1
  thrust::copy(steps.begin(), steps.end(), back.begin());
  for (unsigned i = 0; i < n; i++) right &= back[i] == (expected[i] < n ? expected[i] : n);
  return verdict(right, "a million numbers zipped, mixed, multiplied, gathered, searched");
}
