// Prices of European options by Black and Scholes, and the volatility back from the price by Newton's steps; put-call parity holds.
#include <algorithm>
#include <cmath>
#include "buffer.h"
#include "show.h"

struct Option {
  float stock, strike, years, volatility;
};
const float kRate = 0.02f;

template <typename T>
__host__ __device__ inline void price(const Option& o, T volatility, T* call, T* put, T* vega) {
  T root = sqrt(T(o.years)), d1 = (log(T(o.stock) / T(o.strike)) + (T(kRate) + volatility * volatility / 2) * T(o.years)) / (volatility * root), d2 = d1 - volatility * root;
  T discounted = T(o.strike) * exp(-T(kRate) * T(o.years)), half = T(0.5), diagonal = T(0.70710678118654752);
  auto normal = [&](T x) { return half * erfc(-x * diagonal); };
  *call = T(o.stock) * normal(d1) - discounted * normal(d2);
  *put = discounted * normal(-d2) - T(o.stock) * normal(-d1);
  *vega = T(o.stock) * root * T(0.39894228040143268) * exp(-half * d1 * d1);
}

__global__ void prices(const Option* options, float2* out, int n) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    float vega;
    price<float>(options[i], options[i].volatility, &out[i].x, &out[i].y, &vega);
  }
}

__global__ void volatilities(const Option* options, double* out, int n) {  // from the price in double, without looking at the answer
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  double wanted, call, put, vega, guess = 0.3;
  price<double>(options[i], double(options[i].volatility), &wanted, &put, &vega);
  for (int step = 0; step < 30; step++) {
    price<double>(options[i], guess, &call, &put, &vega);
    double change = (call - wanted) / vega;
    guess = fmin(fmax(guess - change, 0.01), 3.0);
    if (fabs(change) < 1e-13) break;
  }
  out[i] = guess;
}

int main() {
  print_device();
  const int n = 20000, inverse = 2000;
  Random random;
  std::vector<Option> options(n);
  for (Option& o : options) o = {40 + 60 * random.unit(), 60 + 20 * random.unit(), 0.5f + 3 * random.unit(), 0.15f + 0.4f * random.unit()};
  Buffer<Option> in(options);
  Buffer<float2> out(n);
  Buffer<double> found(inverse);
  prices<<<16, 128>>>(in, out, n);
  volatilities<<<(inverse + 127) / 128, 128>>>(in, found, inverse);
  std::vector<float2> result = out.host();
  std::vector<double> sigma = found.host();
  double worst = 0, parity = 0, newton = 0;
  std::vector<int> histogram(40);
  for (int i = 0; i < n; i++) {
    double call, put, vega;
    price<double>(options[i], options[i].volatility, &call, &put, &vega);
    worst = std::max({worst, fabs(call - result[i].x), fabs(put - result[i].y)});
    parity = std::max(parity, fabs(double(result[i].x) - result[i].y - options[i].stock + options[i].strike * exp(-kRate * options[i].years)));
    if (i < inverse) newton = std::max(newton, fabs(sigma[i] - options[i].volatility));
    histogram[std::min(39, int(call))]++;
  }
  show::plot("how many calls cost 0 … 39", histogram);
  char line[120];
  snprintf(line, sizeof line, "prices off by %.1e, parity by %.1e, volatility by %.1e", worst, parity, newton);
  return verdict(worst < 1e-4 && parity < 1e-4 && newton < 1e-9, line);
}
