// Many small systems at once: Cholesky's factors and a solution for each of 96 matrices of 24 × 24, a block for each, all in shared memory.
#include <cmath>
#include "buffer.h"

const int kSize = 24, kBatch = 96;

__global__ void factor_and_solve(const double* matrices, const double* right_sides, double* factors, double* solutions, int* failed) {
  extern __shared__ double shared[];
  double *a = shared, *x = shared + kSize * kSize;
  int t = threadIdx.x;  // one thread for each row
  for (int k = 0; k < kSize; k++) a[t * kSize + k] = matrices[(blockIdx.x * kSize + t) * kSize + k];
  x[t] = right_sides[blockIdx.x * kSize + t];
  __syncthreads();
  for (int column = 0; column < kSize; column++) {
    double pivot = a[column * kSize + column];
    if (__syncthreads_or(!(pivot > 0))) {  // not positive definite: the whole block leaves
      if (t == 0) failed[blockIdx.x] = column + 1;
      return;
    }
    if (t >= column) a[t * kSize + column] /= sqrt(pivot);
    __syncthreads();
    if (t > column)
      for (int k = column + 1; k <= t; k++) a[t * kSize + k] -= a[t * kSize + column] * a[k * kSize + column];
    __syncthreads();
  }
  for (int row = 0; row < kSize; row++) {  // L y = b, then Lᵀ x = y
    if (t == row) x[t] /= a[t * kSize + t];
    __syncthreads();
    if (t > row) x[t] -= a[t * kSize + row] * x[row];
    __syncthreads();
  }
  for (int row = kSize - 1; row >= 0; row--) {
    if (t == row) x[t] /= a[t * kSize + t];
    __syncthreads();
    if (t < row) x[t] -= a[row * kSize + t] * x[row];
    __syncthreads();
  }
  for (int k = 0; k < kSize; k++) factors[(blockIdx.x * kSize + t) * kSize + k] = k <= t ? a[t * kSize + k] : 0;
  solutions[blockIdx.x * kSize + t] = x[t];
}

int main() {
  print_device();
  Random random;
  std::vector<double> matrices(kBatch * kSize * kSize), right_sides(kBatch * kSize);
  for (int n = 0; n < kBatch; n++) {
    double root[kSize][kSize], *a = &matrices[n * kSize * kSize];
    for (auto& row : root)
      for (double& v : row) v = random.unit() - 0.5;
    for (int i = 0; i < kSize; i++)
      for (int j = 0; j < kSize; j++) {
        a[i * kSize + j] = i == j;
        for (int k = 0; k < kSize; k++) a[i * kSize + j] += root[i][k] * root[j][k];
      }
    for (int i = 0; i < kSize; i++) right_sides[n * kSize + i] = random.unit() - 0.5;
  }
  matrices[5 * kSize * kSize + 7 * kSize + 7] = -1;  // this one has no root: found at column 8
  Buffer<double> a(matrices), b(right_sides), factors(matrices.size()), solutions(right_sides.size());
  Buffer<int> failed(kBatch);
  factor_and_solve<<<kBatch, kSize, (kSize * kSize + kSize) * sizeof(double)>>>(a, b, factors, solutions, failed);
  auto l = factors.host(), x = solutions.host();
  auto failures = failed.host();

  bool right = true;
  double worst_factor = 0, worst_solution = 0;
  for (int n = 0; n < kBatch; n++) {
    right &= failures[n] == (n == 5 ? 8 : 0);
    if (failures[n]) continue;
    for (int i = 0; i < kSize; i++) {
      double residual = -right_sides[n * kSize + i];
      for (int j = 0; j < kSize; j++) {
        double product = 0, value = matrices[(n * kSize + i) * kSize + j];
        for (int k = 0; k < kSize; k++) product += l[(n * kSize + i) * kSize + k] * l[(n * kSize + j) * kSize + k];
        worst_factor = fmax(worst_factor, fabs(product - value));
        residual += value * x[n * kSize + j];
      }
      worst_solution = fmax(worst_solution, fabs(residual));
    }
  }
  char line[120];
  snprintf(line, sizeof line, "L Lᵀ is off by %.1e, A x by %.1e, and matrix 5 was refused", worst_factor, worst_solution);
  return verdict(right && worst_factor < 1e-13 && worst_solution < 1e-12, line);
}
