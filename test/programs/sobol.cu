// Sobol's quasi-random points: each thread steps through its share in Gray-code order; the points fill the square evenly.
#include <algorithm>
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kBits = 32, kDimensions = 6, kPoints = 1 << 14, kThreads = 256;
__constant__ unsigned directions[kDimensions][kBits];

// A primitive polynomial over two elements for each dimension (without its first and last coefficient) and odd numbers to start from.
const struct { int degree; unsigned inner, start[4]; } kPolynomials[kDimensions] = {
    {0, 0, {}}, {1, 0, {1}}, {2, 1, {1, 3}}, {3, 1, {1, 3, 1}}, {3, 2, {1, 1, 1}}, {4, 1, {1, 1, 3, 3}}};

__global__ void generate(unsigned* points) {  // blockIdx.y: dimension. Point n is the exclusive or of the directions in n's Gray code.
  const unsigned* v = directions[blockIdx.y];
  unsigned first = blockIdx.x * blockDim.x + threadIdx.x, stride = gridDim.x * blockDim.x, x = 0;
  for (unsigned gray = first ^ first >> 1, bit; gray; gray &= gray - 1) bit = __ffs(gray) - 1, x ^= v[bit];
  unsigned long_step = v[__ffs(stride) - 2];  // a step by a power of two always flips the bit below it …
  for (unsigned n = first; n < kPoints; n += stride) {
    points[blockIdx.y * kPoints + n] = x;
    x ^= long_step ^ v[__ffs(~((n | (stride - 1)))) - 1];  // … and the one at which the higher bits carry
  }
}

int main() {
  print_device();
  unsigned host[kDimensions][kBits];
  for (int d = 0; d < kDimensions; d++) {
    auto [degree, inner, start] = kPolynomials[d];
    std::vector<unsigned> m(kBits, 1);
    for (int i = 0; i < kBits && degree; i++) {
      if (i < degree) {
        m[i] = start[i];
        continue;
      }
      m[i] = m[i - degree] ^ m[i - degree] << degree;
      for (int k = 1; k < degree; k++)
        if (inner >> (degree - 1 - k) & 1) m[i] ^= m[i - k] << k;
    }
    for (int i = 0; i < kBits; i++) host[d][i] = m[i] << (31 - i);
  }
  CHECK(cudaMemcpyToSymbol(directions, host, sizeof host));
  Buffer<unsigned> points(kDimensions * kPoints);
  generate<<<dim3(8, kDimensions), kThreads>>>(points);
  std::vector<unsigned> result = points.host();

  bool right = true;
  for (int d = 0; d < kDimensions; d++) {
    unsigned x = 0;
    for (unsigned n = 0; n < kPoints; n++) {
      right &= result[d * kPoints + n] == x;
      x ^= host[d][__builtin_ctz(~n)];
    }
    std::vector<unsigned> strata(kPoints);  // each of 2^14 equal intervals holds exactly one of 2^14 points
    for (unsigned n = 0; n < kPoints; n++) strata[result[d * kPoints + n] >> 18]++;
    right &= std::all_of(strata.begin(), strata.end(), [](unsigned count) { return count == 1; });
  }
  double integral = 0;  // of the product of 2x over the six-dimensional cube: 1
  for (unsigned n = 0; n < kPoints; n++) {
    double product = 1;
    for (int d = 0; d < kDimensions; d++) product *= 2 * (result[d * kPoints + n] + 0.5) / 4294967296.0;
    integral += product / kPoints;
  }
  std::vector<int> square(96 * 96);
  for (unsigned n = 0; n < 1500; n++) square[(result[4 * kPoints + n] / 44739243) * 96 + result[5 * kPoints + n] / 44739243]++;
  show::field("sobol", 96, 96, square.data(), 0, 2);
  char line[120];
  snprintf(line, sizeof line, "%d points in %d dimensions, an integral of 1 comes out as %.5f", kPoints, kDimensions, integral);
  return verdict(right && fabs(integral - 1) < 2e-3, line);
}
