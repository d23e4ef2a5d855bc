// A wave in three dimensions by finite differences of eighth order: each block walks along z with the values before and behind it in
// registers and the plane that it is on in shared memory. The picture is a cut through the middle.
#include <algorithm>
#include <cmath>
#include <utility>
#include "buffer.h"
#include "show.h"

const int kRadius = 4, kX = 64, kY = 48, kZ = 40, kBlockX = 16, kBlockY = 8;
__constant__ float coefficients[kRadius + 1];

__global__ void step(const float* now, const float* before, float* after) {
  __shared__ float plane[kBlockY + 2 * kRadius][kBlockX + 2 * kRadius];
  const int x = blockIdx.x * kBlockX + threadIdx.x, y = blockIdx.y * kBlockY + threadIdx.y, layer = kX * kY, base = y * kX + x;
  const int tx = threadIdx.x + kRadius, ty = threadIdx.y + kRadius;
  auto at = [&](int u, int v, int w) { return u >= 0 && v >= 0 && w >= 0 && u < kX && v < kY && w < kZ ? now[(w * kY + v) * kX + u] : 0.0f; };
  float column[2 * kRadius + 1];  // now at z - 4 … z + 4
  for (int k = 0; k < 2 * kRadius; k++) column[k + 1] = at(x, y, k - kRadius);
  for (int z = 0; z < kZ; z++) {
#pragma unroll
    for (int k = 0; k < 2 * kRadius; k++) column[k] = column[k + 1];
    column[2 * kRadius] = at(x, y, z + kRadius);
    __syncthreads();
    plane[ty][tx] = column[kRadius];
    if (threadIdx.x < kRadius) plane[ty][threadIdx.x] = at(x - kRadius, y, z), plane[ty][tx + kBlockX] = at(x + kBlockX, y, z);
    if (threadIdx.y < kRadius) plane[threadIdx.y][tx] = at(x, y - kRadius, z), plane[ty + kBlockY][tx] = at(x, y + kBlockY, z);
    __syncthreads();
    float sum = 3 * coefficients[0] * column[kRadius];
#pragma unroll
    for (int k = 1; k <= kRadius; k++)
      sum += coefficients[k] * (column[kRadius - k] + column[kRadius + k] + plane[ty][tx - k] + plane[ty][tx + k] + plane[ty - k][tx] + plane[ty + k][tx]);
    int i = z * layer + base;
    after[i] = 2 * column[kRadius] - before[i] + 0.1f * sum;
  }
}

int main() {
  print_device();
  const float c[kRadius + 1] = {-205.0f / 72, 8.0f / 5, -1.0f / 5, 8.0f / 315, -1.0f / 560};
  CHECK(cudaMemcpyToSymbol(coefficients, c, sizeof c));
  const int steps = 16;
  std::vector<float> start(kX * kY * kZ);
  for (int z = 0; z < kZ; z++)
    for (int y = 0; y < kY; y++)
      for (int x = 0; x < kX; x++) start[(z * kY + y) * kX + x] = expf(-0.15f * float((x - 26) * (x - 26) + (y - 22) * (y - 22) + (z - 20) * (z - 20)));
  Buffer<float> a(start), b(start), d(start.size());
  float *before = a, *now = b, *after = d;
  for (int s = 0; s < steps; s++) {
    step<<<dim3(kX / kBlockX, kY / kBlockY), dim3(kBlockX, kBlockY)>>>(now, before, after);
    float* old = before;
    before = now, now = after, after = old;
  }
  std::vector<float> result(start.size());
  CHECK(cudaMemcpy(result.data(), now, result.size() * sizeof(float), cudaMemcpyDeviceToHost));

  std::vector<float> p = start, q = start, r(start.size());
  for (int s = 0; s < steps; s++) {
    auto at = [&](int x, int y, int z) { return x >= 0 && y >= 0 && z >= 0 && x < kX && y < kY && z < kZ ? q[(z * kY + y) * kX + x] : 0.0f; };
    for (int z = 0; z < kZ; z++)
      for (int y = 0; y < kY; y++)
        for (int x = 0; x < kX; x++) {
          float sum = 3 * c[0] * at(x, y, z);
          for (int k = 1; k <= kRadius; k++) sum += c[k] * (at(x - k, y, z) + at(x + k, y, z) + at(x, y - k, z) + at(x, y + k, z) + at(x, y, z - k) + at(x, y, z + k));
          int i = (z * kY + y) * kX + x;
          r[i] = 2 * q[i] - p[i] + 0.1f * sum;
        }
    p.swap(q), q.swap(r);
  }
  double worst = 0;
  for (size_t i = 0; i < q.size(); i++) worst = std::max(worst, double(fabsf(q[i] - result[i])));
  show::field("wave_3d", kX, kY, &result[kX * kY * 20], -0.25, 0.25);
  char line[80];
  snprintf(line, sizeof line, "%d steps of %d x %d x %d, off by %.1e at most", steps, kX, kY, kZ, worst);
  return verdict(worst < 1e-4, line);
}
