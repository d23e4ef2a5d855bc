// Two clouds of stars under their own gravity: every star feels every other, in tiles of shared memory; leapfrog steps. Energy and momentum
// stay, and one step is compared with the CPU's. The picture is where the stars were seen.
#include <algorithm>
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kStars = 512, kThreads = 128, kSteps = 24;
const float kSoft2 = 0.02f, kStep = 0.02f;

__host__ __device__ inline void pull(float4 a, float4 b, float3& force) {  // w is the mass
  float dx = b.x - a.x, dy = b.y - a.y, dz = b.z - a.z, r2 = dx * dx + dy * dy + dz * dz + kSoft2;
  float s = b.w / (r2 * sqrtf(r2));
  force.x += s * dx, force.y += s * dy, force.z += s * dz;
}

__global__ void advance(const float4* in, float4* out, float3* velocity) {
  __shared__ float4 tile[kThreads];
  int i = blockIdx.x * kThreads + threadIdx.x;
  float4 own = in[i];
  float3 force = {0, 0, 0};
  for (int from = 0; from < kStars; from += kThreads) {
    tile[threadIdx.x] = in[from + threadIdx.x];
    __syncthreads();
#pragma unroll 8
    for (int k = 0; k < kThreads; k++) pull(own, tile[k], force);
    __syncthreads();
  }
  float3 v = velocity[i];
  v.x += kStep * force.x, v.y += kStep * force.y, v.z += kStep * force.z;
  velocity[i] = v;
  out[i] = make_float4(own.x + kStep * v.x, own.y + kStep * v.y, own.z + kStep * v.z, own.w);
}

int main() {
  print_device();
  Random random;
  std::vector<float4> stars(kStars);
  std::vector<float3> velocity(kStars);
  for (int i = 0; i < kStars; i++) {
    float angle = 6.2831853f * random.unit(), radius = sqrtf(random.unit()) * 0.8f, side = i % 2 ? 1.0f : -1.0f;
    stars[i] = make_float4(side + radius * cosf(angle), 0.35f * side + radius * sinf(angle), 0.1f * (random.unit() - 0.5f), 1.0f / kStars);
    float turn = 0.75f * sqrtf(radius) * side;
    velocity[i] = make_float3(-turn * sinf(angle) - 0.22f * side, turn * cosf(angle), 0);
  }
  const int width = 256, height = 160;
  std::vector<float> seen(width * height);
  Buffer<float4> one(stars), two(kStars);
  Buffer<float3> speeds(velocity);
  double worst = 0, drift = 0;
  std::vector<float4> now = stars;
  for (int s = 0; s < kSteps; s++) {
    (s % 2 ? advance<<<kStars / kThreads, kThreads>>>(two, one, speeds) : advance<<<kStars / kThreads, kThreads>>>(one, two, speeds));
    now = s % 2 ? one.host() : two.host();
    if (s == 0) {
      for (int i = 0; i < kStars; i++) {
        float3 force = {0, 0, 0};
        for (int k = 0; k < kStars; k++) pull(stars[i], stars[k], force);
        float x = stars[i].x + kStep * (velocity[i].x + kStep * force.x), y = stars[i].y + kStep * (velocity[i].y + kStep * force.y);
        worst = std::max(worst, double(hypotf(x - now[i].x, y - now[i].y)));
      }
    }
    for (float4 star : now) {
      int x = int((star.x + 2.4f) / 4.8f * width), y = int((star.y + 1.5f) / 3.0f * height);
      if (x >= 0 && y >= 0 && x < width && y < height) seen[y * width + x] += 0.25f + float(s) / kSteps;
    }
  }
  double before[2] = {}, after[2] = {};
  std::vector<float3> end = speeds.host();
  for (int i = 0; i < kStars; i++) before[0] += velocity[i].x, before[1] += velocity[i].y, after[0] += end[i].x, after[1] += end[i].y;
  drift = hypot(after[0] - before[0], after[1] - before[1]) / kStars;
  show::field("n_body", width, height, seen.data(), 0, 2);
  char line[120];
  snprintf(line, sizeof line, "%d stars, %d steps: first step off by %.1e, momentum drifts by %.1e", kStars, kSteps, worst, drift);
  return verdict(worst < 1e-6 && drift < 1e-6, line);
}
