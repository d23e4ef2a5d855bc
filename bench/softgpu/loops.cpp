// The work of kernels.cu as plain loops, for g++ -O2: what the figures are compared with.
#include "loops.h"

namespace loops {

void vector_add(const float* a, const float* b, float* c, unsigned n) {
  for (unsigned i = 0; i < n; i++) c[i] = a[i] + b[i];
}

void matmul(const float* a, const float* b, float* c, int n) {
  for (int y = 0; y < n; y++)
    for (int x = 0; x < n; x++) {
      float sum = 0;
      for (int k = 0; k < n; k++) sum += a[y * n + k] * b[k * n + x];
      c[y * n + x] = sum;
    }
}

void reduce_blocks(const float* in, float* out, unsigned n) {
  for (unsigned block = 0; block * 256 < n; block++) {
    float s[256];
    for (unsigned t = 0; t < 256; t++) s[t] = block * 256 + t < n ? in[block * 256 + t] : 0;
    for (unsigned step = 128; step; step /= 2)
      for (unsigned t = 0; t < step; t++) s[t] += s[t + step];
    out[block] = s[0];
  }
}

float reduce(const float* in, unsigned n) {
  float sum = 0;
  for (unsigned i = 0; i < n; i++) sum += in[i];
  return sum;
}

void mandelbrot(int* out, int width, int height, int limit) {
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) {
      float cr = -2.25f + 3.0f * x / width, ci = -1.25f + 2.5f * y / height, zr = 0, zi = 0;
      int i = 0;
      while (i < limit && zr * zr + zi * zi <= 4) {
        float t = zr * zr - zi * zi + cr;
        zi = 2 * zr * zi + ci;
        zr = t;
        i++;
      }
      out[y * width + x] = i;
    }
}

}  // namespace loops
