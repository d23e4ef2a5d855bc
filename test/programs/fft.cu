// Fast Fourier transforms by powers of two: many short ones, each in a block's shared memory, and a long one as rows and columns of those
// (six steps: transpose, transform, twist, transpose, transform, transpose). Against the definition, the inverse, and Parseval.
#include <algorithm>
#include <cmath>
#include <complex>
#include "buffer.h"
#include "show.h"

const int kSize = 256, kLong = kSize * kSize;

__device__ inline float2 times(float2 a, float2 b) { return make_float2(a.x * b.x - a.y * b.y, a.x * b.y + a.y * b.x); }
__device__ inline float2 root(int k, int n, int sign) {  // e^(± 2πi k / n)
  float s, c;
  sincospif(2.0f * k / n, &s, &c);
  return make_float2(c, sign * s);
}

// One transform of kSize numbers a block, by kSize / 2 threads; sign -1: forward, 1: inverse, without the factor.
__global__ void transform(const float2* in, float2* out, int sign) {
  __shared__ float2 x[kSize];
  const float2* from = in + blockIdx.x * kSize;
  for (int i = threadIdx.x; i < kSize; i += kSize / 2) x[__brev(i) >> (32 - 8)] = from[i];
  for (int half = 1; half < kSize; half *= 2) {
    __syncthreads();
    int k = threadIdx.x & (half - 1), i = 2 * threadIdx.x - k;
    float2 a = x[i], b = times(x[i + half], root(k, 2 * half, sign));
    x[i] = make_float2(a.x + b.x, a.y + b.y), x[i + half] = make_float2(a.x - b.x, a.y - b.y);
  }
  __syncthreads();
  for (int i = threadIdx.x; i < kSize; i += kSize / 2) out[blockIdx.x * kSize + i] = x[i];
}

__global__ void transpose(const float2* in, float2* out, int twist) {  // of kSize × kSize; twist: the sign of roots to multiply by, or 0
  __shared__ float2 tile[16][17];
  int x = blockIdx.x * 16 + threadIdx.x, y = blockIdx.y * 16 + threadIdx.y;
  float2 value = in[y * kSize + x];
  tile[threadIdx.y][threadIdx.x] = twist ? times(value, root(x * y, kLong, twist)) : value;
  __syncthreads();
  out[(blockIdx.x * 16 + threadIdx.y) * kSize + blockIdx.y * 16 + threadIdx.x] = tile[threadIdx.x][threadIdx.y];
}

static void transform_long(float2* data, float2* other, int sign) {
  dim3 blocks(kSize / 16, kSize / 16), threads(16, 16);
  transpose<<<blocks, threads>>>(data, other, 0);
  transform<<<kSize, kSize / 2>>>(other, other, sign);
  transpose<<<blocks, threads>>>(other, data, sign);
  transform<<<kSize, kSize / 2>>>(data, data, sign);
  transpose<<<blocks, threads>>>(data, other, 0);
  CHECK(cudaMemcpy(data, other, kLong * sizeof(float2), cudaMemcpyDeviceToDevice));
}

static std::complex<double> by_definition(const float2* in, int n, int k) {
  std::complex<double> sum;
  for (int i = 0; i < n; i++) sum += std::complex<double>(in[i].x, in[i].y) * std::polar(1.0, -2 * M_PI * double(1ll * i * k % n) / n);
  return sum;
}

int main() {
  print_device();
  Random random;
  std::vector<float2> signal(kLong);
  for (int i = 0; i < kLong; i++)
    signal[i] = make_float2(sinf(6.2831853f * (i % 16) / 16) + 0.5f * cosf(6.2831853f * float(i * 5 % 64) / 64) + 0.2f * (random.unit() - 0.5f), 0.1f * (random.unit() - 0.5f));
  Buffer<float2> data(signal), other(kLong);

  transform<<<kLong / kSize, kSize / 2>>>(data, other, -1);
  std::vector<float2> many = other.host();
  double short_error = 0, long_error = 0, back_error = 0, energy = 0, energy_after = 0;
  std::vector<float> magnitude(kSize / 2);
  for (int k = 0; k < kSize; k++) {
    int block = k * 7 % (kLong / kSize);
    std::complex<double> got(many[block * kSize + k].x, many[block * kSize + k].y);
    short_error = std::max(short_error, abs(got - by_definition(&signal[block * kSize], kSize, k)));
    if (k < kSize / 2) magnitude[k] = float(abs(std::complex<double>(many[k].x, many[k].y)));
  }
  transform_long(data, other, -1);
  std::vector<float2> all = data.host();
  for (int k = 0; k < kLong; k += 6553) long_error = std::max(long_error, abs(std::complex<double>(all[k].x, all[k].y) - by_definition(signal.data(), kLong, k)));
  transform_long(data, other, 1);
  std::vector<float2> back = data.host();
  for (int i = 0; i < kLong; i++) {
    back_error = std::max(back_error, double(hypotf(back[i].x / kLong - signal[i].x, back[i].y / kLong - signal[i].y)));
    energy += signal[i].x * signal[i].x + signal[i].y * signal[i].y, energy_after += (double(all[i].x) * all[i].x + double(all[i].y) * all[i].y) / kLong;
  }
  show::plot("the first short transform: peaks at 1/16 and 5/64 of the rate", magnitude);
  char line[140];
  snprintf(line, sizeof line, "off by %.1e (256), %.1e (65,536), %.1e there and back, energy by %.1e", short_error, long_error, back_error, fabs(energy_after / energy - 1));
  return verdict(short_error < 1e-3 && long_error < 0.1 && back_error < 1e-5 && fabs(energy_after / energy - 1) < 1e-5, line);
}
