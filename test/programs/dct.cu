// Cosine transform of 8 × 8 blocks, quantised as a picture codec would, and back: constant tables, shared memory, one thread a pixel.
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kWidth = 160, kHeight = 96;
__constant__ float cosines[64], steps[64];  // row u: the u-th cosine at 8 points; how coarsely each frequency is kept
float host_cosines[64], host_steps[64];

// One pass along rows or columns, forward or back. Products are fused in a fixed order, so that CPU and GPU give the same bits.
__host__ __device__ inline float pass(const float* block, const float* table, int index, int stride, int other, bool forward) {
  float sum = 0;
  for (int k = 0; k < 8; k++) sum = fmaf(block[other + k * stride], forward ? table[index * 8 + k] : table[k * 8 + index], sum);
  return sum;
}

__global__ void encode_decode(const float* image, float* out, int* kept) {
  __shared__ float tile[2][64];
  int x = threadIdx.x, y = threadIdx.y, t = y * 8 + x, pixel = (blockIdx.y * 8 + y) * kWidth + blockIdx.x * 8 + x;
  tile[0][t] = image[pixel];
  __syncthreads();
  tile[1][t] = pass(tile[0], cosines, x, 1, y * 8, true);
  __syncthreads();
  float coefficient = rintf(__fdiv_rn(pass(tile[1], cosines, y, 8, x, true), steps[t]));
  int nonzero = __syncthreads_count(coefficient != 0);  // a barrier too
  if (t == 0) atomicAdd(kept, nonzero);
  tile[0][t] = coefficient * steps[t];
  __syncthreads();
  tile[1][t] = pass(tile[0], cosines, y, 8, x, false);
  __syncthreads();
  out[pixel] = pass(tile[1], cosines, x, 1, y * 8, false);
}

int on_cpu(const float* image, float* out) {
  int nonzero = 0;
  for (int by = 0; by < kHeight; by += 8) {
    for (int bx = 0; bx < kWidth; bx += 8) {
      float tile[2][64];
      auto each = [&](auto&& action) { for (int t = 0; t < 64; t++) action(t, t % 8, t / 8); };
      each([&](int t, int x, int y) { tile[0][t] = image[(by + y) * kWidth + bx + x]; });
      each([&](int t, int x, int y) { tile[1][t] = pass(tile[0], host_cosines, x, 1, y * 8, true); });
      each([&](int t, int x, int y) {
        float coefficient = rintf(pass(tile[1], host_cosines, y, 8, x, true) / host_steps[t]);
        nonzero += coefficient != 0;
        tile[0][t] = coefficient * host_steps[t];
      });
      each([&](int t, int x, int y) { tile[1][t] = pass(tile[0], host_cosines, y, 8, x, false); });
      each([&](int, int x, int y) { out[(by + y) * kWidth + bx + x] = pass(tile[1], host_cosines, x, 1, y * 8, false); });
    }
  }
  return nonzero;
}

int main() {
  print_device();
  for (int u = 0; u < 8; u++) {
    for (int k = 0; k < 8; k++) {
      host_cosines[u * 8 + k] = float((u ? 0.5 : sqrt(0.125)) * cos((2 * k + 1) * u * M_PI / 16));
      host_steps[u * 8 + k] = 12.0f + 5 * (u + k) + u * k;
    }
  }
  CHECK(cudaMemcpyToSymbol(cosines, host_cosines, sizeof cosines));
  CHECK(cudaMemcpyToSymbol(steps, host_steps, sizeof steps));
  std::vector<float> image(kWidth * kHeight), expected(image.size());
  for (int y = 0; y < kHeight; y++) {
    for (int x = 0; x < kWidth; x++) {
      float d = hypotf(x - 80, y - 48);
      image[y * kWidth + x] = 90 * cosf(d * d / 220) * expf(-d / 60) + (x / 20 + y / 16) % 2 * 25 - 12;
    }
  }
  Buffer<float> in(image), out(image.size());
  Buffer<int> kept(1);
  encode_decode<<<dim3(kWidth / 8, kHeight / 8), dim3(8, 8)>>>(in, out, kept);
  std::vector<float> result = out.host();
  int nonzero = kept.host()[0], expected_nonzero = on_cpu(image.data(), expected.data());

  double square = 0;
  for (size_t i = 0; i < image.size(); i++) square += pow(image[i] - result[i], 2);
  double psnr = 10 * log10(255 * 255 / (square / image.size()));
  show::field("dct", kWidth, kHeight, result.data(), -100, 110);
  show::field("dct_before", kWidth, kHeight, image.data(), -100, 110);
  char line[120];
  snprintf(line, sizeof line, "%d of %d coefficients kept, %.1f dB", nonzero, kWidth * kHeight, psnr);
  return verdict(result == expected && nonzero == expected_nonzero && psnr > 30 && nonzero < kWidth * kHeight / 4, line);
}
