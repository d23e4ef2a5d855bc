// Sparse matrix times vector, rows compressed (CSR): a warp adds up each row. Row lengths differ a hundredfold, some rows are empty.
#include "buffer.h"
#include "show.h"

const int kRows = 2000, kColumns = 1500;

__global__ void by_warp(const int* starts, const int* columns, const double* values, const double* x, double* y) {
  int row = (blockIdx.x * blockDim.x + threadIdx.x) / 32, lane = threadIdx.x % 32;
  if (row >= kRows) return;
  double sum = 0;
  for (int i = starts[row] + lane; i < starts[row + 1]; i += 32) sum += values[i] * __ldg(&x[columns[i]]);
  for (int step = 16; step; step /= 2) sum += __shfl_down_sync(~0u, sum, step);
  if (lane == 0) y[row] = sum;
}

__global__ void by_thread(const int* starts, const int* columns, const double* values, const double* x, double* y) {
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= kRows) return;
  double sum = 0;
  for (int i = starts[row]; i < starts[row + 1]; i++) sum += values[i] * x[columns[i]];
  y[row] = sum;
}

__global__ void transposed(const int* starts, const int* columns, const double* values, const double* x, double* y) {  // y += Aᵀ x
  int row = blockIdx.x;
  for (int i = starts[row] + threadIdx.x; i < starts[row + 1]; i += blockDim.x) atomicAdd(&y[columns[i]], values[i] * x[row]);
}

int main() {
  print_device();
  Random random;
  std::vector<int> starts{0}, columns;
  std::vector<double> values, x(kColumns), expected(kRows), back(kColumns);
  for (auto& v : x) v = int(random.below(200)) - 100;  // whole numbers, so that every order of adding gives the same sum
  for (int row = 0; row < kRows; row++) {
    int length = row % 97 == 0 ? 0 : row % 50 == 0 ? 600 : 3 + random.below(40);
    for (int k = 0; k < length; k++) columns.push_back(random.below(kColumns)), values.push_back(int(random.below(20)) - 10);
    starts.push_back(int(columns.size()));
    for (int i = starts[row]; i < starts[row + 1]; i++) expected[row] += values[i] * x[columns[i]];
  }
  for (int row = 0; row < kRows; row++)
    for (int i = starts[row]; i < starts[row + 1]; i++) back[columns[i]] += values[i] * expected[row];

  Buffer<int> s(starts), c(columns);
  Buffer<double> v(values), in(x), first(kRows), second(kRows), third(kColumns);
  by_warp<<<(kRows * 32 + 255) / 256, 256>>>(s, c, v, in, first);
  by_thread<<<(kRows + 127) / 128, 128>>>(s, c, v, in, second);
  transposed<<<kRows, 64>>>(s, c, v, first, third);
  bool right = first.host() == expected && second.host() == expected && third.host() == back;
  std::vector<int> lengths;
  for (int row = 0; row < 64; row++) lengths.push_back(starts[row + 1] - starts[row]);
  show::plot("entries of the first 64 rows", lengths);
  char line[120];
  snprintf(line, sizeof line, "%d rows, %zu entries: by warps, by threads, and the transpose", kRows, values.size());
  return verdict(right, line);
}
