// Sobel's edges: each block keeps its tile and the rim around it in shared memory; the strength and direction of each edge are exact integers.
#include <algorithm>
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kWidth = 200, kHeight = 120, kTileWidth = 32, kTileHeight = 8;

__host__ __device__ inline int clamped(int x, int limit) { return x < 0 ? 0 : x >= limit ? limit - 1 : x; }

__global__ void sobel(const unsigned char* image, short2* out) {
  __shared__ unsigned char tile[kTileHeight + 2][kTileWidth + 2];
  int left = blockIdx.x * kTileWidth - 1, top = blockIdx.y * kTileHeight - 1;
  for (int i = threadIdx.y * kTileWidth + threadIdx.x; i < (kTileWidth + 2) * (kTileHeight + 2); i += kTileWidth * kTileHeight) {
    int x = i % (kTileWidth + 2), y = i / (kTileWidth + 2);
    tile[y][x] = image[clamped(top + y, kHeight) * kWidth + clamped(left + x, kWidth)];
  }
  __syncthreads();
  int x = left + 1 + threadIdx.x, y = top + 1 + threadIdx.y;
  if (x >= kWidth || y >= kHeight) return;
  const unsigned char *above = &tile[threadIdx.y][threadIdx.x], *here = &tile[threadIdx.y + 1][threadIdx.x], *below = &tile[threadIdx.y + 2][threadIdx.x];
  int across = above[2] + 2 * here[2] + below[2] - above[0] - 2 * here[0] - below[0];
  int down = below[0] + 2 * below[1] + below[2] - above[0] - 2 * above[1] - above[2];
  out[y * kWidth + x] = make_short2(short(across), short(down));
}

int main() {
  print_device();
  std::vector<unsigned char> image(kWidth * kHeight);
  for (int y = 0; y < kHeight; y++) {
    for (int x = 0; x < kWidth; x++) {
      bool ring = fabsf(hypotf(x - 60, y - 60) - 38) < 9, bars = x > 115 && x < 185 && (x + y / 2) / 9 % 2 && y > 15 && y < 105;
      image[y * kWidth + x] = (unsigned char)(40 + y / 4 + 120 * ring + 90 * bars);
    }
  }
  Buffer<unsigned char> in(image);
  Buffer<short2> out(image.size());
  sobel<<<dim3((kWidth + kTileWidth - 1) / kTileWidth, (kHeight + kTileHeight - 1) / kTileHeight), dim3(kTileWidth, kTileHeight)>>>(in, out);
  std::vector<short2> result = out.host();
  int wrong = 0, strong = 0;
  std::vector<int> edges;
  for (int y = 0; y < kHeight; y++) {
    for (int x = 0; x < kWidth; x++) {
      int across = 0, down = 0;
      for (int j = -1; j <= 1; j++)
        for (int i = -1; i <= 1; i++) {
          int value = image[clamped(y + j, kHeight) * kWidth + clamped(x + i, kWidth)];
          across += i * (2 - abs(j)) * value, down += j * (2 - abs(i)) * value;
        }
      wrong += result[y * kWidth + x].x != across || result[y * kWidth + x].y != down;
      edges.push_back(abs(across) + abs(down));
      strong += abs(across) + abs(down) > 200;
    }
  }
  show::field("sobel", kWidth, kHeight, edges.data(), 0, 700);
  show::field("sobel_before", kWidth, kHeight, image.data(), 0, 255);
  char line[120];
  snprintf(line, sizeof line, "%d of %d pixels lie on an edge, %d wrong", strong, kWidth * kHeight, wrong);
  return verdict(wrong == 0 && strong > 2000, line);
}
