// CUB's radix sort of a million pairs: by the whole key, and by some of its bits, where the order of equals must stay.
#include <cub/device/device_radix_sort.cuh>
#include <algorithm>
#include <numeric>
#include "cub.h"

int main() {
  print_device();
  const int n = 1'000'000;
  Random random;
  std::vector<unsigned> keys(n), places(n);
  for (auto& key : keys) key = random.next();
  std::iota(places.begin(), places.end(), 0u);
  Buffer<unsigned> key_in(keys), place_in(places), key_out(n), place_out(n);
  bool right = true;
  auto sort_bits = [&](int from, int to) {
    with_workspace([&](void* workspace, size_t& bytes) {
      return cub::DeviceRadixSort::SortPairs(workspace, bytes, key_in.data, key_out.data, place_in.data, place_out.data, n, from, to);
    });
    auto digit = [=](unsigned key) { return key >> from & unsigned((1ull << (to - from)) - 1); };
    std::vector<unsigned> expected = places, sorted = key_out.host();
    std::stable_sort(expected.begin(), expected.end(), [&](unsigned a, unsigned b) { return digit(keys[a]) < digit(keys[b]); });
    right &= place_out.host() == expected;
    for (int i = 0; i < n; i++) right &= sorted[i] == keys[expected[i]];
  };
  sort_bits(0, 32);
  sort_bits(9, 15);
  return verdict(right, "a million pairs by all 32 bits, and by 6 of them");
}
