// Sixteen-bit floats in pairs: half and bfloat16 sums, products, fused products, comparisons, conversions and atomics, to the last bit.
// nvcc: -arch=compute_80
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cmath>
#include <cstring>
#include "buffer.h"

const int kCount = 4096, kResults = 10;
inline __host__ __device__ __half2 pair_of(__half a, __half b) { return __halves2half2(a, b); }
inline __host__ __device__ __nv_bfloat162 pair_of(__nv_bfloat16 a, __nv_bfloat16 b) { return __halves2bfloat162(a, b); }
inline void narrow(double x, __half& out) { out = __double2half(x); }
inline void narrow(double x, __nv_bfloat16& out) { out = __double2bfloat16(x); }
inline double wide(__half x) { return __half2float(x); }
inline double wide(__nv_bfloat16 x) { return __bfloat162float(x); }

template <typename One, typename Pair>
__global__ void pairs(const One* in, One* out, One* sums) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  One x = in[i], y = in[(i + 1) % kCount], z = in[(i + 2) % kCount];
  Pair a = pair_of(x, y), b = pair_of(y, z), c = pair_of(z, x);
  Pair results[kResults] = {__hadd2(a, b), __hsub2(a, b), __hmul2(a, b), __hfma2(a, b, c), __hneg2(a), __habs2(b), __hmin2(a, b), __hmax2(a, b), __hgt2(a, b), __hfma2_relu(a, b, c)};
  for (int k = 0; k < kResults; k++) {
    out[(i * kResults + k) * 2] = results[k].x;
    out[(i * kResults + k) * 2 + 1] = results[k].y;
  }
  atomicAdd((Pair*)sums, pair_of(One(1.0f), One(float(i % 2))));  // until the format has no place for one more
}

template <typename One, typename Pair>
bool compare(const char* name, float spread) {
  Random random;
  std::vector<One> in(kCount);
  for (auto& x : in) narrow(std::ldexp(random.unit() - 0.5, int(random.below(7)) - 3) * spread, x);
  Buffer<One> input(in), output(kCount * kResults * 2), sums(2);
  pairs<One, Pair><<<kCount / 256, 256>>>(input.data, output.data, sums.data);
  std::vector<One> out = output.host();
  int wrong[kResults] = {}, all = 0;
  for (int i = 0; i < kCount; i++) {
    for (int half = 0; half < 2; half++) {
      double a = wide(in[(i + half) % kCount]), b = wide(in[(i + 1 + half) % kCount]), c = wide(in[half ? i : (i + 2) % kCount]);
      double fused = a * b + c;  // exact: a product has 22 bits at most and c lies near
      const double expected[kResults] = {a + b, a - b, a * b, fused, -a, std::fabs(b), std::fmin(a, b), std::fmax(a, b), double(a > b), std::fmax(fused, 0.0)};
      for (int k = 0; k < kResults; k++) {
        One rounded;
        narrow(expected[k], rounded);
        wrong[k] += memcmp(&rounded, &out[(i * kResults + k) * 2 + half], 2) != 0;
      }
    }
  }
  for (int k = 0; k < kResults; k++) {
    if (wrong[k]) printf("%s operation %d: %d wrong\n", name, k, wrong[k]);
    all += wrong[k];
  }
  std::vector<One> total = sums.host();
  double limit = sizeof(One) && wide(One(257.0f)) == 256 ? 256 : 2048;  // where a sum of ones ends in this format
  bool sums_right = wide(total[0]) == limit && wide(total[1]) == (limit < 2048 ? limit : 2048);
  if (!sums_right) printf("%s: sums %g and %g\n", name, wide(total[0]), wide(total[1]));
  return all == 0 && sums_right;
}

__global__ void conversions(const float* in, int* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  float x = in[i];
  out[i * 6] = __half_as_ushort(__float2half_rz(x)), out[i * 6 + 1] = __half_as_ushort(__float2half_ru(x));
  out[i * 6 + 2] = __half_as_ushort(__float2half_rd(x)), out[i * 6 + 3] = __half2int_rn(__float2half_rn(x));
  out[i * 6 + 4] = __half_as_ushort(__int2half_rn(int(x))), out[i * 6 + 5] = __bfloat16_as_ushort(__float2bfloat16_rz(x));
}

bool compare_conversions() {
  Random random;
  std::vector<float> in(kCount);
  for (auto& x : in) x = (random.unit() - 0.5f) * 20'000;
  Buffer<float> input(in);
  Buffer<int> output(kCount * 6);
  conversions<<<kCount / 128, 128>>>(input, output);
  std::vector<int> out = output.host();
  int wrong = 0;
  for (int i = 0; i < kCount; i++) {
    float x = in[i], rz = __half2float(__ushort_as_half(out[i * 6])), up = __half2float(__ushort_as_half(out[i * 6 + 1])), down = __half2float(__ushort_as_half(out[i * 6 + 2]));
    bool bracket = down <= x && x <= up && rz == (x < 0 ? up : down);  // and nothing lies between
    bracket &= up == down ? up == x : abs(out[i * 6 + 1] - out[i * 6 + 2]) == 1;
    unsigned bits;
    memcpy(&bits, &x, 4);
    wrong += !bracket || out[i * 6 + 3] != int(std::rint(__half2float(__float2half(x)))) || out[i * 6 + 4] != __half_as_ushort(__float2half(float(int(x)))) ||
             unsigned(out[i * 6 + 5]) != bits >> 16;
  }
  if (wrong) printf("conversions: %d wrong\n", wrong);
  return wrong == 0;
}

int main() {
  print_device();
  bool right = compare<__half, __half2>("half", 8) & compare<__nv_bfloat16, __nv_bfloat162>("bfloat16", 100) & compare_conversions();
  return verdict(right, "half and bfloat16: 4,096 pairs through ten operations each, six conversions");
}
