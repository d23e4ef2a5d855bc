// Julia set of a turning constant: three pictures by one kernel, counted in explicit fused multiply-adds so that the CPU's counts are the same.
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kWidth = 320, kHeight = 240, kLimit = 96, kFrames = 3;

__host__ __device__ inline int julia(int column, int row, float re, float im) {
  float x = fmaf(column, 3.2f / kWidth, -1.6f), y = fmaf(row, 2.4f / kHeight, -1.2f);
  int count = 0;
  for (; count < kLimit && fmaf(x, x, y * y) < 4.0f; count++) {
    float next = fmaf(x, x, fmaf(-y, y, re));
    y = fmaf(2 * x, y, im);
    x = next;
  }
  return count;
}

__global__ void draw(unsigned char* counts, const float2* constants) {  // blockIdx.z is the frame
  int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
  float2 c = constants[blockIdx.z];
  counts[(blockIdx.z * kHeight + row) * kWidth + column] = (unsigned char)julia(column, row, c.x, c.y);
}

int main() {
  print_device();
  std::vector<float2> constants;
  for (int f = 0; f < kFrames; f++) constants.push_back(make_float2(0.7885f * cosf(1.9f + 0.55f * f), 0.7885f * sinf(1.9f + 0.55f * f)));
  Buffer<float2> device_constants(constants);
  Buffer<unsigned char> counts(kWidth * kHeight * kFrames);
  draw<<<dim3(kWidth / 32, kHeight / 4, kFrames), dim3(32, 4)>>>(counts, device_constants);
  std::vector<unsigned char> result = counts.host();

  int wrong = 0;
  size_t inside = 0;
  for (int f = 0; f < kFrames; f++) {
    const unsigned char* frame = &result[size_t(f) * kWidth * kHeight];
    for (int i = 0; i < kWidth * kHeight; i++) {
      wrong += frame[i] != julia(i % kWidth, i / kWidth, constants[f].x, constants[f].y);
      inside += frame[i] == kLimit;
    }
    show::line("c = %.3f %+.3f i", constants[f].x, constants[f].y);
    show::field(f ? ("julia_" + std::to_string(f + 1)).c_str() : "julia", kWidth, kHeight, frame, 0, 60);
  }
  char line[100];
  snprintf(line, sizeof line, "%d frames of %d x %d, %d counts differ from the CPU's, %zu points stay", kFrames, kWidth, kHeight, wrong, inside);
  return verdict(wrong == 0, line);
}
