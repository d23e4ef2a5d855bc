// k-means: the colours of a picture become eight. Sums of clusters gather in shared memory first; all in integers, so that CPU and GPU agree.
#include <algorithm>
#include <cmath>
#include <cstring>
#include "buffer.h"
#include "show.h"

const int kWidth = 144, kHeight = 96, kPixels = kWidth * kHeight, kClusters = 8, kRounds = 12;
struct Sums {
  int red, green, blue, count;
};
__constant__ uchar4 centres[kClusters];

__host__ __device__ inline int nearest(uchar4 p, const uchar4* centres) {
  int best = 0, least = 1 << 30;
  for (int k = 0; k < kClusters; k++) {
    int r = p.x - centres[k].x, g = p.y - centres[k].y, b = p.z - centres[k].z, distance = 2 * r * r + 4 * g * g + 3 * b * b;
    if (distance < least) least = distance, best = k;
  }
  return best;
}

__global__ void assign(const uchar4* pixels, unsigned char* cluster, Sums* sums, int* moved) {
  __shared__ Sums local[kClusters];
  if (threadIdx.x < kClusters) local[threadIdx.x] = {};
  __syncthreads();
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  uchar4 p = pixels[i];
  int k = nearest(p, centres);
  int changed = __syncthreads_count(cluster[i] != k);
  if (threadIdx.x == 0) atomicAdd(moved, changed);
  cluster[i] = (unsigned char)k;
  atomicAdd(&local[k].red, p.x), atomicAdd(&local[k].green, p.y), atomicAdd(&local[k].blue, p.z), atomicAdd(&local[k].count, 1);
  __syncthreads();
  if (threadIdx.x < kClusters * 4) atomicAdd((int*)sums + threadIdx.x, ((int*)local)[threadIdx.x]);
}

void means(const std::vector<Sums>& sums, uchar4* centres) {
  for (int k = 0; k < kClusters; k++) {
    Sums s = sums[k];
    if (s.count) centres[k] = make_uchar4((unsigned char)(s.red / s.count), (unsigned char)(s.green / s.count), (unsigned char)(s.blue / s.count), 255);
  }
}

int main() {
  print_device();
  Random random;
  std::vector<uchar4> picture(kPixels);
  for (int i = 0; i < kPixels; i++) {
    float x = float(i % kWidth) / kWidth, y = float(i / kWidth) / kHeight, sun = hypotf(x - 0.7f, (y - 0.3f) * 0.7f) < 0.12f;
    bool hill = y > 0.7f + 0.12f * sinf(7 * x);
    auto noisy = [&](float v) { return (unsigned char)std::clamp(v + random.below(13) - 6, 0.0f, 255.0f); };
    picture[i] = hill ? make_uchar4(noisy(30 + 60 * x), noisy(90 + 50 * y), noisy(40), 255)
                      : make_uchar4(noisy(sun ? 250 : 120 * y + 60), noisy(sun ? 210 : 130 + 60 * y), noisy(sun ? 90 : 220 - 60 * y), 255);
  }
  uchar4 device_centres[kClusters], host_centres[kClusters];
  for (int k = 0; k < kClusters; k++) device_centres[k] = host_centres[k] = picture[kPixels / kClusters * k + 31];

  Buffer<uchar4> pixels(picture);
  Buffer<unsigned char> cluster(kPixels);
  std::vector<unsigned char> expected(kPixels);
  bool right = true;
  int rounds = 0, changed = 1;
  while (changed && rounds++ < kRounds) {
    CHECK(cudaMemcpyToSymbol(centres, device_centres, sizeof device_centres));
    Buffer<Sums> sums(kClusters);
    Buffer<int> moved(1);
    assign<<<kPixels / 128, 128>>>(pixels, cluster, sums, moved);
    std::vector<Sums> totals = sums.host(), host_totals(kClusters);
    means(totals, device_centres);
    changed = moved.host()[0];
    for (int i = 0; i < kPixels; i++) {
      int k = nearest(picture[i], host_centres);
      changed -= expected[i] != k;
      expected[i] = (unsigned char)k;
      host_totals[k].red += picture[i].x, host_totals[k].green += picture[i].y, host_totals[k].blue += picture[i].z, host_totals[k].count++;
    }
    right &= changed == 0 && memcmp(totals.data(), host_totals.data(), sizeof(Sums) * kClusters) == 0;
    changed = moved.host()[0];
    means(host_totals, host_centres);
  }
  std::vector<unsigned char> clusters = cluster.host();
  right &= clusters == expected;
  double error = 0;
  for (int i = 0; i < kPixels; i++) error += abs(picture[i].y - device_centres[clusters[i]].y);
  std::vector<unsigned char> before, after;
  for (int i = 0; i < kPixels; i++) {
    uchar4 p = picture[i], q = device_centres[clusters[i]];
    before.insert(before.end(), {p.x, p.y, p.z}), after.insert(after.end(), {q.x, q.y, q.z});
  }
  show::image("k_means", kWidth, kHeight, after);
  show::image("k_means_before", kWidth, kHeight, before);
  char line[120];
  snprintf(line, sizeof line, "%d rounds; the eight colours are off by %.1f of 255 on average", rounds, error / kPixels);
  return verdict(right && error / kPixels < 12, line);
}
