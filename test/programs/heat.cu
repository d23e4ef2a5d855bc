// Heat in a plate with hot and cold spots that stay as they are: a five-point stencil, many steps from one buffer to the other. Each block
// keeps its tile and its rim in shared memory and makes two steps before it writes back.
#include <cmath>
#include <utility>
#include "buffer.h"
#include "show.h"

const int kWidth = 192, kHeight = 128, kTile = 16, kRim = 2, kSide = kTile + 2 * kRim;

__host__ __device__ inline bool fixed(int x, int y, float* value) {
  if (x <= 0 || y <= 0 || x >= kWidth - 1 || y >= kHeight - 1) return *value = 0, true;
  int u = x - 60, v = y - 64, s = x - 140, t = y - 50;
  if (u * u + v * v < 200) return *value = 100, true;
  if (abs(s) + abs(t) < 14) return *value = 70, true;
  if (x > 96 && x < 102 && y > 30) return *value = 0, true;  // a cold bar between them
  return false;
}
__host__ __device__ inline float next(float here, float left, float right, float up, float down) {
  return fmaf(0.2f, (left + right) + (up + down), 0.2f * here);
}

__global__ void two_steps(const float* in, float* out) {
  __shared__ float tile[2][kSide][kSide];
  int x0 = blockIdx.x * kTile - kRim, y0 = blockIdx.y * kTile - kRim;
  for (int i = threadIdx.x; i < kSide * kSide; i += blockDim.x) {
    int x = x0 + i % kSide, y = y0 + i / kSide;
    bool inside = x >= 0 && y >= 0 && x < kWidth && y < kHeight;
    tile[0][i / kSide][i % kSide] = tile[1][i / kSide][i % kSide] = inside ? in[y * kWidth + x] : 0;
  }
  for (int step = 0; step < 2; step++) {
    __syncthreads();
    float(*from)[kSide] = tile[step], (*to)[kSide] = tile[1 - step];
    for (int i = threadIdx.x; i < kSide * kSide; i += blockDim.x) {
      int x = i % kSide, y = i / kSide;
      if (x <= step || y <= step || x >= kSide - 1 - step || y >= kSide - 1 - step) continue;
      float value;
      to[y][x] = fixed(x0 + x, y0 + y, &value) ? value : next(from[y][x], from[y][x - 1], from[y][x + 1], from[y - 1][x], from[y + 1][x]);
    }
  }
  __syncthreads();
  for (int i = threadIdx.x; i < kTile * kTile; i += blockDim.x) {
    int x = i % kTile + kRim, y = i / kTile + kRim;
    out[(y0 + y) * kWidth + x0 + x] = tile[0][y][x];
  }
}

int main() {
  print_device();
  const int steps = 60;
  std::vector<float> plate(kWidth * kHeight), other(plate.size());
  Buffer<float> a(plate), b(plate);
  for (int s = 0; s < steps; s += 2) {
    two_steps<<<dim3(kWidth / kTile, kHeight / kTile), 128>>>(a, b);
    std::swap(a.data, b.data);
  }
  std::vector<float> result = a.host();
  for (int s = 0; s < steps; s++) {
    for (int y = 0; y < kHeight; y++)
      for (int x = 0; x < kWidth; x++) {
        int i = y * kWidth + x;
        float value;
        other[i] = fixed(x, y, &value) ? value : next(plate[i], plate[i - 1], plate[i + 1], plate[i - kWidth], plate[i + kWidth]);
      }
    plate.swap(other);
  }
  int wrong = 0;
  for (size_t i = 0; i < plate.size(); i++) wrong += fabsf(result[i] - plate[i]) > 1e-4f;
  show::field("heat", kWidth, kHeight, result.data(), 0, 100);
  char line[80];
  snprintf(line, sizeof line, "%d steps, %d of %d cells differ from the CPU's", steps, wrong, kWidth * kHeight);
  return verdict(wrong == 0, line);
}
