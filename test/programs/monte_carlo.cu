// Monte Carlo with a generator of its own (Philox: a number from a counter and a key, so that any thread can start anywhere): pi by points
// in a circle, and the price of an option over its average, against known values within their statistical error.
// nvcc: -arch=compute_80
#include <algorithm>
#include <cmath>
#include "buffer.h"
#include "show.h"

struct Four {
  unsigned v[4];
};
__host__ __device__ inline Four philox(unsigned a, unsigned b, unsigned key) {  // 10 rounds of 4 × 32 bits
  Four c = {{a, b, 0x12345678u, 0}};
  unsigned k0 = key, k1 = 0x9abcdef0u;
  for (int round = 0; round < 10; round++) {
    unsigned long long p = 0xD2511F53ull * c.v[0], q = 0xCD9E8D57ull * c.v[2];
    c = {{unsigned(q >> 32) ^ c.v[1] ^ k0, unsigned(q), unsigned(p >> 32) ^ c.v[3] ^ k1, unsigned(p)}};
    k0 += 0x9E3779B9u, k1 += 0xBB67AE85u;
  }
  return c;
}

__global__ void circle(int rounds, unsigned long long* inside) {
  unsigned count = 0, thread = blockIdx.x * blockDim.x + threadIdx.x;
  for (int r = 0; r < rounds; r++) {
    Four f = philox(thread, r, 1);
    for (int i = 0; i < 4; i += 2) {
      unsigned long long x = f.v[i] >> 1, y = f.v[i + 1] >> 1;
      count += x * x + y * y < 1ull << 62;
    }
  }
  count = __reduce_add_sync(~0u, count);
  if (threadIdx.x % 32 == 0) atomicAdd(inside, (unsigned long long)count);
}

// The option pays what the geometric mean of 16 prices exceeds the strike by: for that one a formula is known.
const int kDates = 16;
const float kStock = 100, kStrike = 95, kRate = 0.03f, kVolatility = 0.25f;
__global__ void option(int paths, float* payoffs) {
  int thread = blockIdx.x * blockDim.x + threadIdx.x;
  if (thread >= paths) return;
  float drift = (kRate - kVolatility * kVolatility / 2) / kDates, spread = kVolatility * sqrtf(1.0f / kDates), at = 0, sum = 0;
  for (int date = 0; date < kDates; date += 4) {
    Four f = philox(thread, date, 2);
    for (int i = 0; i < 4; i += 2) {  // two normal numbers by Box and Muller
      float radius = sqrtf(-2 * logf((f.v[i] + 0.5f) * 0x1p-32f)), s, c;
      sincospif(2 * (f.v[i + 1] >> 8) * 0x1p-24f, &s, &c);
      sum += at += fmaf(spread, radius * c, drift);
      sum += at += fmaf(spread, radius * s, drift);
    }
  }
  payoffs[thread] = fmaxf(kStock * expf(sum / kDates) - kStrike, 0.0f);
}

int main() {
  print_device();
  const int threads = 4096, rounds = 24, paths = 40000;
  Buffer<unsigned long long> inside(1);
  circle<<<threads / 128, 128>>>(rounds, inside);
  unsigned long long expected = 0, counted = inside.host()[0];
  for (int t = 0; t < threads; t++)
    for (int r = 0; r < rounds; r++) {
      Four f = philox(t, r, 1);
      for (int i = 0; i < 4; i += 2) {
        unsigned long long x = f.v[i] >> 1, y = f.v[i + 1] >> 1;
        expected += x * x + y * y < 1ull << 62;
      }
    }
  double points = 2.0 * threads * rounds, pi = 4 * counted / points, pi_error = 4 * sqrt(0.7854 * 0.2146 / points);

  Buffer<float> payoffs(paths);
  option<<<(paths + 127) / 128, 128>>>(paths, payoffs);
  std::vector<float> result = payoffs.host();
  double sum = 0, squares = 0;
  std::vector<int> histogram(48);
  for (float p : result) sum += p, squares += double(p) * p, histogram[std::min(47, int(p))]++;
  double discount = exp(-kRate), mean = sum / paths, price = discount * mean, error = discount * sqrt((squares / paths - mean * mean) / paths);
  double m = log(double(kStock)) + (kRate - kVolatility * kVolatility / 2) * (kDates + 1) / (2.0 * kDates);
  double s = kVolatility * sqrt((kDates + 1) * (2 * kDates + 1) / (6.0 * kDates * kDates)), d = (m - log(double(kStrike)) + s * s) / s;
  auto normal = [](double x) { return erfc(-x * M_SQRT1_2) / 2; };
  double known = discount * (exp(m + s * s / 2) * normal(d) - kStrike * normal(d - s));
  histogram[0] = 0;
  show::plot("what the option paid, 1 … 47", histogram);
  char line[140];
  snprintf(line, sizeof line, "pi = %.4f ± %.4f, the option %.3f ± %.3f where the formula says %.3f", pi, pi_error, price, error, known);
  return verdict(counted == expected && fabs(pi - M_PI) < 4 * pi_error && fabs(price - known) < 4 * error, line);
}
