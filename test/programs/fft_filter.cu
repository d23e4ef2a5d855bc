// A picture cleaned in the frequency domain: transformed along rows and columns, stripes and noise taken away by a mask, transformed back.
// The pictures are before, the spectrum, and after.
#include <algorithm>
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kSize = 128;

__global__ void transform_lines(float2* image, int step, int line, float sign) {  // element i of line b lies at b * line + i * step
  __shared__ float2 x[kSize];
  float2* mine = image + blockIdx.x * line;
  x[__brev(threadIdx.x) >> (32 - 7)] = mine[threadIdx.x * step];
  for (int half = 1; half < kSize; half *= 2) {
    __syncthreads();
    if (threadIdx.x < kSize / 2) {
      int k = threadIdx.x & (half - 1), i = 2 * threadIdx.x - k;
      float s, c;
      sincospif(sign * k / half, &s, &c);
      float2 a = x[i], b = x[i + half];
      b = make_float2(b.x * c - b.y * s, b.x * s + b.y * c);
      x[i] = make_float2(a.x + b.x, a.y + b.y), x[i + half] = make_float2(a.x - b.x, a.y - b.y);
    }
  }
  __syncthreads();
  float factor = sign > 0 ? 1.0f / kSize : 1;
  mine[threadIdx.x * step] = make_float2(x[threadIdx.x].x * factor, x[threadIdx.x].y * factor);
}

// Keeps low frequencies, smoothly, and cuts out the stripes' own.
__global__ void mask(float2* spectrum) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  float u = x < kSize / 2 ? x : x - kSize, v = y < kSize / 2 ? y : y - kSize;
  float keep = expf(-(u * u + v * v) / (2 * 22.0f * 22.0f));
  float from_stripe = fminf(hypotf(u - 16, v - 8), hypotf(u + 16, v + 8));
  if (from_stripe < 2.5f) keep = 0;
  float2* value = &spectrum[y * kSize + x];
  *value = make_float2(value->x * keep, value->y * keep);
}

int main() {
  print_device();
  Random random;
  std::vector<float2> image(kSize * kSize);
  std::vector<float> clean(image.size()), before(image.size()), spectrum(image.size()), after(image.size());
  for (int y = 0; y < kSize; y++)
    for (int x = 0; x < kSize; x++) {
      int i = y * kSize + x;
      clean[i] = 0.5f + 0.3f * sinf(x * 0.0981748f) * cosf(y * 0.0490874f) + 0.3f * expf(-((x - 90) * (x - 90) + (y - 40) * (y - 40)) / 300.0f);
      before[i] = clean[i] + 0.25f * sinf(6.2831853f * (16 * x + 8 * y) / kSize) + 0.3f * (random.unit() - 0.5f);
      image[i] = make_float2(before[i], 0);
    }
  Buffer<float2> device(image);
  dim3 blocks(kSize / 32, kSize / 4), threads(32, 4);
  transform_lines<<<kSize, kSize>>>(device, 1, kSize, -1);
  transform_lines<<<kSize, kSize>>>(device, kSize, 1, -1);
  std::vector<float2> frequencies = device.host();
  mask<<<blocks, threads>>>(device);
  transform_lines<<<kSize, kSize>>>(device, kSize, 1, 1);
  transform_lines<<<kSize, kSize>>>(device, 1, kSize, 1);
  std::vector<float2> result = device.host();
  double error_before = 0, error_after = 0, imaginary = 0;
  for (int i = 0; i < kSize * kSize; i++) {
    after[i] = result[i].x;
    int centred = ((i / kSize + kSize / 2) % kSize) * kSize + (i % kSize + kSize / 2) % kSize;
    spectrum[centred] = logf(1 + hypotf(frequencies[i].x, frequencies[i].y));
    error_before += pow(before[i] - clean[i], 2), error_after += pow(after[i] - clean[i], 2), imaginary = std::max(imaginary, double(fabsf(result[i].y)));
  }
  error_before = sqrt(error_before / image.size()), error_after = sqrt(error_after / image.size());
  double stripe = hypot(frequencies[8 * kSize + 16].x, frequencies[8 * kSize + 16].y) / image.size();  // half of the stripes' height
  show::field("fft_filter_before", kSize, kSize, before.data(), 0, 1.2);
  show::field("fft_filter_spectrum", kSize, kSize, spectrum.data(), 0, 8);
  show::field("fft_filter", kSize, kSize, after.data(), 0, 1.2);
  char line[140];
  snprintf(line, sizeof line, "error %.3f became %.3f; the stripes measured %.3f, what should be real is off by %.1e", error_before, error_after, 2 * stripe, imaginary);
  return verdict(error_after < 0.2 * error_before && fabs(2 * stripe - 0.25) < 0.01 && imaginary < 1e-5, line);
}
