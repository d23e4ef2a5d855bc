// Arithmetic against the CPU: mathematical functions within a few units in the last place, integer, half and bfloat16 exactly.
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cmath>
#include <vector>
#include "common.h"

const int kCount = 4096;

__global__ void functions(const float* x, float* out, double* wide) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  float v = x[i];
  float* o = out + i * 10;
  o[0] = sinf(v), o[1] = cosf(v), o[2] = expf(v / 50), o[3] = logf(fabsf(v) + 1), o[4] = sqrtf(fabsf(v));
  o[5] = tanhf(v / 10), o[6] = powf(fabsf(v) + 1, 1.5f), o[7] = v / 3.0f, o[8] = rintf(v), o[9] = atan2f(v, 2.0f);
  wide[i * 3] = sin((double)v), wide[i * 3 + 1] = exp(v / 20.0), wide[i * 3 + 2] = sqrt(fabs((double)v));
}

__global__ void integers(const unsigned* x, unsigned long long* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned v = x[i], w = x[(i + 1) % kCount] | 1;
  unsigned long long wide = (unsigned long long)v * w;
  out[i] = wide / (w % 1000 + 1) + __popc(v) + __clz(w) + (__brev(v) >> 7) + __umulhi(v, w) + (v % w) + ((int)v >> 3) + __ffs(v) +
           (v << (w & 31)) + __byte_perm(v, w, 0x5410);
}

__global__ void narrow(const float* x, float* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  __half h = __float2half(x[i]), k = __float2half(0.25f);
  __nv_bfloat16 b = __float2bfloat16(x[i]), c = __float2bfloat16(3.0f);
  out[i * 4] = __half2float(h), out[i * 4 + 1] = __half2float(__hfma(h, k, k));
  out[i * 4 + 2] = __bfloat162float(b), out[i * 4 + 3] = __bfloat162float(__hmul(b, c));
}

template <typename T>
T* to_device(const std::vector<T>& host) {
  T* device;
  CHECK(cudaMalloc(&device, host.size() * sizeof(T)));
  CHECK(cudaMemcpy(device, host.data(), host.size() * sizeof(T), cudaMemcpyHostToDevice));
  return device;
}
template <typename T>
void to_host(std::vector<T>& host, const T* device) {
  CHECK(cudaMemcpy(host.data(), device, host.size() * sizeof(T), cudaMemcpyDeviceToHost));
}

int main() {
  print_device();
  std::vector<float> x(kCount), out(kCount * 10), narrowed(kCount * 4);
  std::vector<double> wide(kCount * 3);
  std::vector<unsigned> bits(kCount);
  std::vector<unsigned long long> results(kCount);
  unsigned state = 1;
  for (int i = 0; i < kCount; i++) {
    bits[i] = state = state * 1664525u + 1013904223u;
    x[i] = (int(state >> 8) - (1 << 23)) / 83886.08f;  // -100 to 100
  }
  float *device_x = to_device(x), *device_out = to_device(out), *device_narrow = to_device(narrowed);
  double* device_wide = to_device(wide);
  functions<<<kCount / 128, 128>>>(device_x, device_out, device_wide);
  narrow<<<kCount / 128, 128>>>(device_x, device_narrow);
  auto* device_results = to_device(results);
  integers<<<kCount / 128, 128>>>(to_device(bits), device_results);
  CHECK(cudaGetLastError());
  to_host(out, device_out), to_host(wide, device_wide), to_host(results, device_results), to_host(narrowed, device_narrow);

  int wrong = 0;
  auto close = [&](double got, double wanted, double relative) { wrong += !(fabs(got - wanted) <= relative * (fabs(wanted) + 1e-3)); };
  for (int i = 0; i < kCount; i++) {
    double v = x[i];
    const double wanted[] = {sin(v), cos(v), exp(x[i] / 50), log(double(fabsf(x[i]) + 1)), sqrt(fabs(v)), tanh(v / 10), pow(fabs(v) + 1, 1.5), v / 3, rint(v), atan2(v, 2)};
    for (int k = 0; k < 10; k++) close(out[i * 10 + k], wanted[k], 3e-6);
    close(wide[i * 3], sin(v), 1e-14), close(wide[i * 3 + 1], exp(v / 20), 1e-14), close(wide[i * 3 + 2], sqrt(fabs(v)), 1e-15);

    unsigned a = bits[i], b = bits[(i + 1) % kCount] | 1;
    unsigned long long product = (unsigned long long)a * b;
    unsigned reversed = 0;
    for (int k = 0; k < 32; k++) reversed |= (a >> k & 1) << (31 - k);
    unsigned long long expected = product / (b % 1000 + 1) + __builtin_popcount(a) + __builtin_clz(b) + (reversed >> 7) + unsigned(product >> 32) +
                                  (a % b) + ((int)a >> 3) + __builtin_ffs(a) + (a << (b & 31)) + ((b << 16) | (a & 0xffff));
    wrong += results[i] != expected;
    close(narrowed[i * 4], v, 1e-3), wrong += fabs(narrowed[i * 4 + 1] - (v / 4 + 0.25)) > 1e-3 * (fabs(v) / 4 + 0.25);
    close(narrowed[i * 4 + 2], v, 8e-3), close(narrowed[i * 4 + 3], 3 * v, 2e-2);
  }
  char line[99];
  snprintf(line, sizeof line, "4096 values through 30 operations, %d wrong", wrong);
  return verdict(wrong == 0, line);
}
