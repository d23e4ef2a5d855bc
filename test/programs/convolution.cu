// Separable convolution: a blur of 17 × 17 as one pass along the rows and one along the columns, both from shared memory with a rim, the
// weights in constant memory; compared with the plain two-dimensional sum.
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kWidth = 160, kHeight = 112, kRadius = 8, kAcross = 32, kDown = 8;
__constant__ float weights[2 * kRadius + 1];

__device__ inline int clamp(int x, int limit) { return min(max(x, 0), limit - 1); }

__global__ void rows(const float* in, float* out) {
  __shared__ float tile[kDown][kAcross + 2 * kRadius];
  int x0 = blockIdx.x * kAcross, y = blockIdx.y * kDown + threadIdx.y;
  for (int i = threadIdx.x; i < kAcross + 2 * kRadius; i += kAcross) tile[threadIdx.y][i] = in[y * kWidth + clamp(x0 + i - kRadius, kWidth)];
  __syncthreads();
  float sum = 0;
#pragma unroll
  for (int k = 0; k <= 2 * kRadius; k++) sum += weights[k] * tile[threadIdx.y][threadIdx.x + k];
  out[y * kWidth + x0 + threadIdx.x] = sum;
}

__global__ void columns(const float* in, float* out) {
  __shared__ float tile[kDown + 2 * kRadius][kAcross];
  int x = blockIdx.x * kAcross + threadIdx.x, y0 = blockIdx.y * kDown;
  for (int j = threadIdx.y; j < kDown + 2 * kRadius; j += kDown) tile[j][threadIdx.x] = in[clamp(y0 + j - kRadius, kHeight) * kWidth + x];
  __syncthreads();
  float sum = 0;
#pragma unroll
  for (int k = 0; k <= 2 * kRadius; k++) sum += weights[k] * tile[threadIdx.y + k][threadIdx.x];
  out[(y0 + threadIdx.y) * kWidth + x] = sum;
}

int main() {
  print_device();
  std::vector<float> kernel(2 * kRadius + 1), image(kWidth * kHeight);
  float total = 0;
  for (int k = 0; k <= 2 * kRadius; k++) total += kernel[k] = expf(-0.5f * (k - kRadius) * (k - kRadius) / 9.0f);
  for (float& w : kernel) w /= total;
  for (int y = 0; y < kHeight; y++)
    for (int x = 0; x < kWidth; x++) image[y * kWidth + x] = float((x / 20 + y / 16) % 2) + (hypotf(x - 80, y - 56) < 30 ? 1.0f : 0.0f);
  CHECK(cudaMemcpyToSymbol(weights, kernel.data(), kernel.size() * sizeof(float)));
  Buffer<float> in(image), between(image.size()), out(image.size());
  dim3 blocks(kWidth / kAcross, kHeight / kDown), threads(kAcross, kDown);
  rows<<<blocks, threads>>>(in, between);
  columns<<<blocks, threads>>>(between, out);
  std::vector<float> result = out.host();
  double worst = 0;
  for (int y = 0; y < kHeight; y += 3) {
    for (int x = 0; x < kWidth; x += 3) {
      double sum = 0;
      for (int j = -kRadius; j <= kRadius; j++)
        for (int i = -kRadius; i <= kRadius; i++) {
          int v = std::min(std::max(y + j, 0), kHeight - 1), u = std::min(std::max(x + i, 0), kWidth - 1);
          sum += double(kernel[j + kRadius]) * kernel[i + kRadius] * image[v * kWidth + u];
        }
      worst = std::max(worst, fabs(sum - result[y * kWidth + x]));
    }
  }
  show::field("convolution", kWidth, kHeight, result.data(), 0, 2);
  show::field("convolution_before", kWidth, kHeight, image.data(), 0, 2);
  char line[80];
  snprintf(line, sizeof line, "17 x 17 weights, off by %.1e at most", worst);
  return verdict(worst < 2e-6, line);
}
