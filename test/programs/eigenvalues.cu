// Eigenvalues of a symmetric tridiagonal matrix by bisection: a thread for each, counting by Sturm's sequence how many lie below.
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kSize = 200;

__host__ __device__ int count_below(const double* diagonal, const double* beside, int n, double x) {
  int count = 0;
  double q = 1;
  for (int i = 0; i < n; i++) {
    double previous = q == 0 ? 1e-300 : q;
    q = diagonal[i] - x - (i ? beside[i - 1] * beside[i - 1] / previous : 0);
    count += q < 0;
  }
  return count;
}

__global__ void bisect(const double* diagonal, const double* beside, int n, double low, double high, double* eigenvalues) {
  int k = blockIdx.x * blockDim.x + threadIdx.x;
  if (k >= n) return;
  while (high - low > 1e-12 * fmax(fabs(low), fabs(high)) + 1e-14) {  // threads end after different numbers of steps
    double middle = 0.5 * (low + high);
    if (middle <= low || middle >= high) break;
    (count_below(diagonal, beside, n, middle) > k ? high : low) = middle;
  }
  eigenvalues[k] = 0.5 * (low + high);
}

double worst(const std::vector<double>& a, const std::vector<double>& b) {
  double most = 0;
  for (size_t i = 0; i < a.size(); i++) most = fmax(most, fabs(a[i] - b[i]));
  return most;
}

int main() {
  print_device();
  std::vector<double> diagonal(kSize, 2), beside(kSize - 1, -1), known(kSize);  // the vibrating string
  for (int k = 0; k < kSize; k++) known[k] = 2 - 2 * cos((k + 1) * M_PI / (kSize + 1));
  Buffer<double> d(diagonal), b(beside), eigenvalues(kSize);
  bisect<<<(kSize + 63) / 64, 64>>>(d, b, kSize, -4, 8, eigenvalues);
  double string_error = worst(eigenvalues.host(), known);

  Random random;  // and a matrix without a formula: eigenvalues in order, their sum the trace, their squares' sum the norm
  double trace = 0, norm = 0, sum = 0, squares = 0;
  for (auto& x : diagonal) x = random.unit() * 4 - 2, trace += x, norm += x * x;
  for (auto& x : beside) x = random.unit() * 2 - 1, norm += 2 * x * x;
  Buffer<double> d2(diagonal), b2(beside);
  bisect<<<(kSize + 63) / 64, 64>>>(d2, b2, kSize, -6, 6, eigenvalues);
  std::vector<double> found = eigenvalues.host();
  bool right = true;
  for (int k = 0; k < kSize; k++) {
    sum += found[k], squares += found[k] * found[k];
    right &= (k == 0 || found[k - 1] <= found[k]) && count_below(diagonal.data(), beside.data(), kSize, found[k] + 1e-9) > k;
  }
  show::plot("eigenvalues of the random matrix, in order", found);
  char line[120];
  snprintf(line, sizeof line, "string's eigenvalues off by %.1e, trace by %.1e, norm by %.1e", string_error, fabs(sum - trace), fabs(squares - norm));
  return verdict(right && string_error < 1e-10 && fabs(sum - trace) < 1e-8 && fabs(squares - norm) < 1e-8, line);
}
