// Matrix product in tiles: each block stages 16 x 16 tiles of both factors in shared memory, with a barrier on either side.
// The entries are small whole numbers, so the product is exact and must equal the CPU's to the last bit.
#include <vector>
#include "common.h"

const int kSize = 512, kTile = 16;

__global__ void product(const float* a, const float* b, float* c) {
  __shared__ float tile_a[kTile][kTile], tile_b[kTile][kTile];
  int row = blockIdx.y * kTile + threadIdx.y, column = blockIdx.x * kTile + threadIdx.x;
  float sum = 0;
  for (int k = 0; k < kSize; k += kTile) {
    tile_a[threadIdx.y][threadIdx.x] = a[row * kSize + k + threadIdx.x];
    tile_b[threadIdx.y][threadIdx.x] = b[(k + threadIdx.y) * kSize + column];
    __syncthreads();
    for (int i = 0; i < kTile; i++) sum += tile_a[threadIdx.y][i] * tile_b[i][threadIdx.x];
    __syncthreads();
  }
  c[row * kSize + column] = sum;
}

int main() {
  const size_t count = kSize * kSize, bytes = count * sizeof(float);
  std::vector<float> a(count), b(count), c(count), expected(count);
  for (size_t i = 0; i < count; i++) a[i] = i * 7 % 11, b[i] = int(i * 5 % 13) - 6;

  print_device();
  float *device_a, *device_b, *device_c;
  CHECK(cudaMalloc(&device_a, bytes));
  CHECK(cudaMalloc(&device_b, bytes));
  CHECK(cudaMalloc(&device_c, bytes));
  CHECK(cudaMemcpy(device_a, a.data(), bytes, cudaMemcpyHostToDevice));
  CHECK(cudaMemcpy(device_b, b.data(), bytes, cudaMemcpyHostToDevice));
  product<<<dim3(kSize / kTile, kSize / kTile), dim3(kTile, kTile)>>>(device_a, device_b, device_c);
  CHECK(cudaGetLastError());
  CHECK(cudaMemcpy(c.data(), device_c, bytes, cudaMemcpyDeviceToHost));

  for (int i = 0; i < kSize; i++)
    for (int k = 0; k < kSize; k++) {
      float factor = a[i * kSize + k];
      float *out = &expected[i * kSize], *in = &b[k * kSize];
      for (int j = 0; j < kSize; j++) out[j] += factor * in[j];
    }
  return verdict(c == expected, "512 x 512 product equals the CPU's");
}
