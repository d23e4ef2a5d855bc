// Mandelbrot set: neighbouring threads leave their loops at different times. Every product is folded into an explicit fmaf, so
// the CPU's iteration counts must be the same. Prints a small picture of what the device computed.
#include <cmath>
#include <vector>
#include "common.h"

const int kWidth = 640, kHeight = 480, kLimit = 200;

__host__ __device__ int iterations(int column, int row) {
  float cx = fmaf(column, 3.0f / kWidth, -2.2f), cy = fmaf(row, 2.4f / kHeight, -1.2f), x = 0, y = 0;
  int count = 0;
  while (count < kLimit && fmaf(x, x, y * y) < 4.0f) {
    float next = fmaf(x, x, fmaf(-y, y, cx));
    y = fmaf(2 * x, y, cy);
    x = next;
    count++;
  }
  return count;
}

__global__ void mandelbrot(int* counts) {
  int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
  if (column < kWidth && row < kHeight) counts[row * kWidth + column] = iterations(column, row);
}

int main() {
  print_device();
  std::vector<int> counts(kWidth * kHeight);
  int* device;
  CHECK(cudaMalloc(&device, counts.size() * sizeof(int)));
  mandelbrot<<<dim3(kWidth / 32, kHeight / 8), dim3(32, 8)>>>(device);
  CHECK(cudaGetLastError());
  CHECK(cudaMemcpy(counts.data(), device, counts.size() * sizeof(int), cudaMemcpyDeviceToHost));

  for (int row = kHeight / 40; row < kHeight; row += kHeight / 20) {
    for (int column = 0; column < kWidth; column += kWidth / 64) {
      int count = counts[row * kWidth + column];
      putchar(" .:-=+*%@#"[count >= kLimit ? 9 : count < 3 ? 0 : count < 5 ? 1 : count < 7 ? 2 : count < 10 ? 3 : count < 14 ? 4 : count < 20 ? 5 : count < 32 ? 6 : count < 64 ? 7 : 8]);
    }
    putchar('\n');
  }
  int wrong = 0;
  for (int row = 0; row < kHeight; row++)
    for (int column = 0; column < kWidth; column++) wrong += counts[row * kWidth + column] != iterations(column, row);
  return verdict(wrong == 0, "640 x 480 iteration counts equal the CPU's");
}
