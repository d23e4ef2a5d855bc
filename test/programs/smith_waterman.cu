// Smith and Waterman's best local alignment of two strings of bases: one block walks the table by anti-diagonals, which it keeps in shared memory.
#include <algorithm>
#include <string>
#include "buffer.h"

const int kMatch = 3, kMismatch = -4, kGap = -5, kThreads = 256;

// best: score, row and column packed so that the greatest wins; each cell's way (0 end, 1 diagonal, 2 up, 3 left) goes to `ways`.
__global__ void align(const char* a, int n, const char* b, int m, unsigned char* ways, unsigned long long* best) {
  extern __shared__ int diagonals[];  // three of n + 1 cells
  int *before_last = diagonals, *last = before_last + n + 1, *current = last + n + 1;
  for (int i = threadIdx.x; i < 3 * (n + 1); i += kThreads) diagonals[i] = 0;
  unsigned long long mine = 0;
  for (int d = 2; d <= n + m; d++) {
    __syncthreads();
    for (int i = max(1, d - m) + int(threadIdx.x); i <= min(n, d - 1); i += kThreads) {
      int j = d - i, diagonal = before_last[i - 1] + (a[i - 1] == b[j - 1] ? kMatch : kMismatch), up = last[i - 1] + kGap, left = last[i] + kGap;
      int score = max(max(0, diagonal), max(up, left));
      current[i] = score;
      ways[i * (m + 1) + j] = score == 0 ? 0 : score == diagonal ? 1 : score == up ? 2 : 3;
      mine = max(mine, (unsigned long long)score << 32 | unsigned(i << 16 | j));
    }
    if (threadIdx.x == 0 && d <= m) current[0] = 0;
    __syncthreads();
    int* free = before_last;
    before_last = last, last = current, current = free;
  }
  atomicMax(best, mine);
}

int main() {
  print_device();
  Random random;
  std::string a, b;
  for (int i = 0; i < 420; i++) a += "ACGT"[random.below(4)];
  for (int i = 0; i < 90; i++) b += "ACGT"[random.below(4)];
  for (int i = 150; i < 330; i++) {  // a stretch of a, with faults
    unsigned fault = random.below(20);
    if (fault == 0) continue;
    b += fault == 1 ? 'A' : a[i];
    if (fault == 2) b += 'T';
  }
  for (int i = 0; i < 120; i++) b += "ACGT"[random.below(4)];
  int n = int(a.size()), m = int(b.size());
  Buffer<char> first(std::vector<char>(a.begin(), a.end())), second(std::vector<char>(b.begin(), b.end()));
  Buffer<unsigned char> ways((n + 1) * (m + 1));
  Buffer<unsigned long long> best(1);
  align<<<1, kThreads, 3 * (n + 1) * sizeof(int)>>>(first, n, second, m, ways, best);
  unsigned long long found = best.host()[0];
  auto way = ways.host();

  std::vector<int> table((n + 1) * (m + 1));
  unsigned long long expected = 0;
  bool right = true;
  for (int i = 1; i <= n; i++) {
    for (int j = 1; j <= m; j++) {
      int* cell = &table[i * (m + 1) + j];
      int diagonal = cell[-m - 2] + (a[i - 1] == b[j - 1] ? kMatch : kMismatch), up = cell[-m - 1] + kGap, left = cell[-1] + kGap;
      *cell = std::max({0, diagonal, up, left});
      right &= way[i * (m + 1) + j] == (*cell == 0 ? 0 : *cell == diagonal ? 1 : *cell == up ? 2 : 3);
      expected = std::max(expected, (unsigned long long)*cell << 32 | unsigned(i << 16 | j));
    }
  }
  std::string rows[3];
  for (int i = found >> 16 & 0xffff, j = found & 0xffff; i && j && way[i * (m + 1) + j];) {
    int w = way[i * (m + 1) + j];
    char x = w == 3 ? '-' : a[--i], y = w == 2 ? '-' : b[--j];
    rows[0] += x, rows[1] += x == y ? '|' : ' ', rows[2] += y;
  }
  for (auto& row : rows) std::reverse(row.begin(), row.end());
  for (size_t i = 0; i < rows[0].size(); i += 100) printf("%s\n%s\n%s\n\n", rows[0].substr(i, 100).c_str(), rows[1].substr(i, 100).c_str(), rows[2].substr(i, 100).c_str());
  char line[120];
  snprintf(line, sizeof line, "score %llu over %zu places", found >> 32, rows[0].size());
  return verdict(right && found == expected && rows[0].size() > 150, line);
}
