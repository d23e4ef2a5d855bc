// Bilateral filter: noise goes, edges stay, for far-away values weigh little however near their pixels are.
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kWidth = 192, kHeight = 128, kRadius = 4;
const float kNear = 1 / (2 * 2.5f * 2.5f), kAlike = 1 / (2 * 0.12f * 0.12f);

template <typename Exp>
__host__ __device__ float filtered(const float* image, int x, int y, Exp exponential) {
  float centre = image[y * kWidth + x], sum = 0, weights = 0;
  for (int dy = -kRadius; dy <= kRadius; dy++) {
    for (int dx = -kRadius; dx <= kRadius; dx++) {
      int u = x + dx, v = y + dy;
      if (u < 0 || u >= kWidth || v < 0 || v >= kHeight) continue;
      float other = image[v * kWidth + u], difference = other - centre;
      float weight = exponential(-(dx * dx + dy * dy) * kNear - difference * difference * kAlike);
      sum += weight * other, weights += weight;
    }
  }
  return sum / weights;
}

struct DeviceExp {
  __device__ float operator()(float x) const { return __expf(x); }
};
struct HostExp {
  __host__ __device__ float operator()(float x) const { return float(exp(double(x))); }
};

__global__ void bilateral(const float* image, float* out) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x < kWidth && y < kHeight) out[y * kWidth + x] = filtered(image, x, y, DeviceExp());
}

float roughness(const std::vector<float>& image) {  // mean step between neighbours
  double sum = 0;
  for (size_t i = 1; i < image.size(); i++) sum += fabs(image[i] - image[i - 1]);
  return float(sum / image.size());
}

int main() {
  print_device();
  std::vector<float> image(kWidth * kHeight);
  Random random;
  for (int y = 0; y < kHeight; y++) {
    for (int x = 0; x < kWidth; x++) {
      bool disc = hypotf(x - 70, y - 64) < 40, bar = x > 125 && x < 165 && y > 20 && y < 108;
      image[y * kWidth + x] = 0.15f + 0.25f * y / kHeight + 0.4f * disc + 0.3f * bar + 0.12f * (random.unit() - 0.5f);
    }
  }
  Buffer<float> in(image), out(image.size());
  dim3 block(16, 8);
  bilateral<<<dim3((kWidth + 15) / 16, (kHeight + 7) / 8), block>>>(in, out);
  std::vector<float> result = out.host();

  float worst = 0;
  for (int i = 0; i < kWidth * kHeight; i += 7) worst = fmaxf(worst, fabsf(result[i] - filtered(image.data(), i % kWidth, i / kWidth, HostExp())));
  float edge = result[64 * kWidth + 40] - result[64 * kWidth + 20];  // the disc still stands out
  show::field("bilateral", kWidth, kHeight, result.data(), 0, 1.1);
  show::field("bilateral_before", kWidth, kHeight, image.data(), 0, 1.1);
  char line[120];
  snprintf(line, sizeof line, "roughness %.4f became %.4f, edge %.2f, worst difference %.1e", roughness(image), roughness(result), edge, worst);
  return verdict(worst < 1e-5f && roughness(result) < 0.3f * roughness(image) && edge > 0.3f, line);
}
