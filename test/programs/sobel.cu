// Sobel's edges, twice: each block keeps its tile and the rim around it in shared memory, or fetches from a texture whose edges are clamped;
// the strength and direction of each edge are exact integers.
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

__global__ void sobel_texture(cudaTextureObject_t image, short2* out) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= kWidth || y >= kHeight) return;
  auto at = [&](int i, int j) { return int(tex2D<unsigned char>(image, x + i + 0.5f, y + j + 0.5f)); };
  int across = at(1, -1) + 2 * at(1, 0) + at(1, 1) - at(-1, -1) - 2 * at(-1, 0) - at(-1, 1);
  int down = at(-1, 1) + 2 * at(0, 1) + at(1, 1) - at(-1, -1) - 2 * at(0, -1) - at(1, -1);
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
  Buffer<short2> out(image.size()), fetched_out(image.size());
  dim3 grid((kWidth + kTileWidth - 1) / kTileWidth, (kHeight + kTileHeight - 1) / kTileHeight), block(kTileWidth, kTileHeight);
  sobel<<<grid, block>>>(in, out);

  cudaResourceDesc resource{};
  cudaTextureDesc how{};  // by texels, the nearest, as they are
  unsigned char* rows;
  auto& pitched = resource.res.pitch2D;
  CHECK(cudaMallocPitch(&rows, &pitched.pitchInBytes, kWidth, kHeight));
  CHECK(cudaMemcpy2D(rows, pitched.pitchInBytes, image.data(), kWidth, kWidth, kHeight, cudaMemcpyHostToDevice));
  resource.resType = cudaResourceTypePitch2D, pitched.devPtr = rows, pitched.width = kWidth, pitched.height = kHeight;
  pitched.desc = cudaCreateChannelDesc<unsigned char>();
  how.addressMode[0] = how.addressMode[1] = cudaAddressModeClamp;
  cudaTextureObject_t texture;
  CHECK(cudaCreateTextureObject(&texture, &resource, &how, nullptr));
  sobel_texture<<<grid, block>>>(texture, fetched_out);

  std::vector<short2> result = out.host(), fetched = fetched_out.host();
  CHECK(cudaDestroyTextureObject(texture));
  CHECK(cudaFree(rows));
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
      for (auto* edge : {&result[y * kWidth + x], &fetched[y * kWidth + x]}) wrong += edge->x != across || edge->y != down;
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
