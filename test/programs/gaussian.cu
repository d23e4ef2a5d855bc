// Blurs whose cost does not grow with their width: a box filter with running sums, thrice for nearly a Gaussian, and a recursive Gaussian
// that walks each line forwards and backwards; a transpose between rows and columns keeps neighbours side by side.
#include <algorithm>
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kWidth = 160, kHeight = 128, kRadius = 5;

__host__ __device__ inline int clamp_to(int i, int n) { return i < 0 ? 0 : i >= n ? n - 1 : i; }

// A thread walks down column x of an image of w × h: neighbouring threads read neighbouring words.
__host__ __device__ inline void box_column(const float* in, float* out, int x, int w, int h) {
  float sum = 0;
  for (int k = -kRadius; k <= kRadius; k++) sum += in[clamp_to(k, h) * w + x];
  for (int y = 0; y < h; y++) {
    out[y * w + x] = sum * (1.0f / (2 * kRadius + 1));
    sum += in[clamp_to(y + kRadius + 1, h) * w + x] - in[clamp_to(y - kRadius, h) * w + x];
  }
}
// Two poles, forwards and then backwards over what came out.
struct Poles {
  float a, b1, b2;
};
__host__ __device__ inline void recursive_column(const float* in, float* out, int x, int w, int h, Poles p) {
  float y1 = in[x], y2 = y1;
  for (int y = 0; y < h; y++) {
    float now = fmaf(p.a, in[y * w + x], fmaf(p.b1, y1, p.b2 * y2));
    out[y * w + x] = now, y2 = y1, y1 = now;
  }
  y2 = y1;
  for (int y = h - 1; y >= 0; y--) {
    float now = fmaf(p.a, out[y * w + x], fmaf(p.b1, y1, p.b2 * y2));
    out[y * w + x] = now, y2 = y1, y1 = now;
  }
}
__global__ void box(const float* in, float* out, int w, int h) {
  int x = blockIdx.x * blockDim.x + threadIdx.x;
  if (x < w) box_column(in, out, x, w, h);
}
__global__ void recursive(const float* in, float* out, int w, int h, Poles p) {
  int x = blockIdx.x * blockDim.x + threadIdx.x;
  if (x < w) recursive_column(in, out, x, w, h, p);
}
__global__ void transpose(const float* in, float* out, int w, int h) {
  __shared__ float tile[16][17];
  int x = blockIdx.x * 16 + threadIdx.x, y = blockIdx.y * 16 + threadIdx.y;
  if (x < w && y < h) tile[threadIdx.y][threadIdx.x] = in[y * w + x];
  __syncthreads();
  x = blockIdx.y * 16 + threadIdx.x, y = blockIdx.x * 16 + threadIdx.y;
  if (x < h && y < w) out[y * h + x] = tile[threadIdx.x][threadIdx.y];
}

static void turn(std::vector<float>& image, int w, int h) {
  std::vector<float> turned(image.size());
  for (int y = 0; y < h; y++)
    for (int x = 0; x < w; x++) turned[x * h + y] = image[y * w + x];
  image = turned;
}

int main() {
  print_device();
  Random random;
  std::vector<float> image(kWidth * kHeight);
  for (int y = 0; y < kHeight; y++)
    for (int x = 0; x < kWidth; x++) image[y * kWidth + x] = (x / 16 % 2 ^ y / 16 % 2 ? 0.8f : 0.1f) + (random.below(40) == 0 ? 2.0f : 0.0f);
  double worst[2] = {};
  std::vector<float> results[2];
  for (int way = 0; way < 2; way++) {
    const float e = expf(-1.695f / kRadius);  // a pole twice: y = (1-e)² x + 2e y₁ - e² y₂
    const Poles poles = {(1 - e) * (1 - e), 2 * e, -e * e};
    const int rounds = way == 0 ? 3 : 1;
    Buffer<float> a(image), b(image.size());
    std::vector<float> cpu = image, next(image.size());
    for (int direction = 0; direction < 2; direction++) {
      int w = direction ? kHeight : kWidth, h = direction ? kWidth : kHeight;
      for (int r = 0; r < rounds; r++) {
        if (way == 0) box<<<(w + 31) / 32, 32>>>(a, b, w, h);
        else recursive<<<(w + 31) / 32, 32>>>(a, b, w, h, poles);
        std::swap(a.data, b.data);
        for (int x = 0; x < w; x++) way == 0 ? box_column(cpu.data(), next.data(), x, w, h) : recursive_column(cpu.data(), next.data(), x, w, h, poles);
        cpu.swap(next);
      }
      transpose<<<dim3((w + 15) / 16, (h + 15) / 16), dim3(16, 16)>>>(a, b, w, h);
      std::swap(a.data, b.data);
      turn(cpu, w, h);
    }
    results[way] = a.host();
    for (size_t i = 0; i < cpu.size(); i++) worst[way] = std::max(worst[way], double(fabsf(cpu[i] - results[way][i])));
  }
  double apart = 0;
  for (size_t i = 0; i < image.size(); i++) apart += fabs(results[0][i] - results[1][i]) / double(image.size());
  show::field("gaussian_before", kWidth, kHeight, image.data(), 0, 1.2);
  show::field("gaussian_box", kWidth, kHeight, results[0].data(), 0, 1.2);
  show::field("gaussian", kWidth, kHeight, results[1].data(), 0, 1.2);
  char line[120];
  snprintf(line, sizeof line, "three boxes off by %.1e, recursive by %.1e; the two differ by %.3f on average", worst[0], worst[1], apart);
  return verdict(worst[0] < 1e-4 && worst[1] < 1e-4 && apart < 0.1, line);
}
