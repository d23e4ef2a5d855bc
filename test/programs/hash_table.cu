// A hash table that threads of all blocks fill at once: slots of key and count are claimed by compare-and-swap on 64 bits.
#include <algorithm>
#include <unordered_map>
#include "buffer.h"
#include "show.h"

typedef unsigned long long Slot;  // the key above, the count below; 0 is free
const int kSlots = 1 << 14, kKeys = 30'000;

__host__ __device__ inline unsigned hashed(unsigned key) {
  key ^= key >> 16, key *= 0x7feb352du, key ^= key >> 15, key *= 0x846ca68bu;
  return (key ^ key >> 16) % kSlots;
}

__global__ void insert(const unsigned* keys, int n, Slot* table) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    unsigned key = keys[i];
    for (unsigned at = hashed(key);; at = (at + 1) % kSlots) {
      Slot seen = atomicCAS(&table[at], 0ull, Slot(key) << 32 | 1);
      if (seen == 0) break;
      if (seen >> 32 == key) {
        atomicAdd(&table[at], 1ull);
        break;
      }
    }
  }
}

__global__ void look_up(const unsigned* keys, int n, const Slot* table, int* counts) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  unsigned at = hashed(keys[i]);
  while (table[at] && table[at] >> 32 != keys[i]) at = (at + 1) % kSlots;
  counts[i] = int(table[at] & 0xffffffff);
}

int main() {
  print_device();
  Random random;
  std::vector<unsigned> keys(kKeys), questions(4096);
  std::unordered_map<unsigned, int> expected;
  for (auto& key : keys) key = 1 + random.below(9000) * 477'218u, expected[key]++;
  for (auto& key : questions) key = random.below(3) ? keys[random.below(kKeys)] : random.next() | 1;
  Buffer<unsigned> in(keys), asked(questions);
  Buffer<Slot> table(kSlots);
  Buffer<int> counts(questions.size());
  insert<<<16, 128>>>(in, kKeys, table);
  look_up<<<32, 128>>>(asked, int(questions.size()), table, counts);

  bool right = true;
  size_t used = 0, longest = 0, run = 0;
  for (Slot slot : table.host()) {
    run = slot ? run + 1 : 0, longest = std::max(longest, run), used += slot != 0;
    if (slot) right &= expected[unsigned(slot >> 32)] == int(slot & 0xffffffff);
  }
  right &= used == expected.size();
  std::vector<int> answers = counts.host();
  for (size_t i = 0; i < questions.size(); i++) {
    auto found = expected.find(questions[i]);
    right &= answers[i] == (found == expected.end() ? 0 : found->second);
  }
  std::vector<int> full(64);
  std::vector<Slot> slots = table.host();
  for (int i = 0; i < kSlots; i++) full[i / (kSlots / 64)] += slots[i] != 0;
  show::plot("slots in use, of 256 each", full);
  char line[120];
  snprintf(line, sizeof line, "%zu different keys among %d, longest run of full slots %zu", used, kKeys, longest);
  return verdict(right, line);
}
