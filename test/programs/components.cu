// Connected components of a picture of blobs: neighbours hook the higher label's root under the lower one, then every path is shortened.
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kWidth = 128, kHeight = 72, kPixels = kWidth * kHeight;

__device__ int root_of(volatile int* labels, int i) {
  while (labels[i] != i) i = labels[i];
  return i;
}
__device__ void join(int* labels, int a, int b) {
  while (true) {
    a = root_of(labels, a), b = root_of(labels, b);
    if (a == b) return;
    if (a < b) {
      int held = a;
      a = b, b = held;
    }
    int before = atomicMin(&labels[a], b);
    if (before == a) return;
    a = before;  // another thread had hooked it already: join what it hooked it to
  }
}

__global__ void begin(const bool* solid, int* labels) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  labels[i] = solid[i] ? i : -1;
}
__global__ void connect(const bool* solid, int* labels) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (!solid[i]) return;
  if (i % kWidth && solid[i - 1]) join(labels, i, i - 1);
  if (i >= kWidth && solid[i - kWidth]) join(labels, i, i - kWidth);
}
__global__ void shorten(int* labels) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (labels[i] >= 0) labels[i] = root_of(labels, i);
}

int main() {
  print_device();
  std::vector<char> picture(kPixels);
  for (int i = 0; i < kPixels; i++) {
    float x = i % kWidth, y = i / kWidth;
    picture[i] = sinf(x * 0.23f) * cosf(y * 0.31f) + sinf(x * 0.07f + y * 0.11f) + 0.5f * sinf(y * 0.5f - x * 0.4f) > 0.35f;
  }
  Buffer<char> solid(picture);
  Buffer<int> labels(kPixels);
  begin<<<kPixels / 128, 128>>>((bool*)solid.data, labels);
  connect<<<kPixels / 128, 128>>>((bool*)solid.data, labels);
  shorten<<<kPixels / 128, 128>>>(labels);
  std::vector<int> result = labels.host(), expected(kPixels, -1), open;

  int count = 0;
  for (int i = 0; i < kPixels; i++) {  // on the CPU: flood from the first pixel of each, which is what the least label means
    if (!picture[i] || expected[i] >= 0) continue;
    count++;
    expected[i] = i, open.push_back(i);
    while (!open.empty()) {
      int at = open.back();
      open.pop_back();
      const int sides[] = {at % kWidth ? at - 1 : -1, (at + 1) % kWidth ? at + 1 : -1, at - kWidth, at + kWidth};
      for (int next : sides)
        if (next >= 0 && next < kPixels && picture[next] && expected[next] < 0) expected[next] = i, open.push_back(next);
    }
  }
  std::vector<int> colours(kPixels, -1);  // neighbouring numbers get colours far apart
  for (int i = 0; i < kPixels; i++)
    if (result[i] >= 0) colours[i] = 20 + int(result[i] * 2654435761u >> 25) * 80 / 128;
  show::field("components", kWidth, kHeight, colours.data(), -1, 100);
  char line[120];
  snprintf(line, sizeof line, "%d components", count);
  return verdict(result == expected && count > 10, line);
}
