// Smoke in a box by stable fluids: forces, advection backwards along the flow, and a projection that takes the divergence away by Jacobi
// steps. The CPU does the same; the picture is the smoke.
#include <algorithm>
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kSize = 64, kCells = kSize * kSize, kFrames = 28, kJacobi = 20;
const float kTime = 0.8f;

// One cell of each phase; host and device share them. Indices beyond the box mean its nearest cell.
__host__ __device__ inline int cell(int x, int y) {
  x = x < 0 ? 0 : x >= kSize ? kSize - 1 : x, y = y < 0 ? 0 : y >= kSize ? kSize - 1 : y;
  return y * kSize + x;
}
__host__ __device__ inline float sample(const float* f, float x, float y) {
  x = fminf(fmaxf(x, 0), kSize - 1), y = fminf(fmaxf(y, 0), kSize - 1);
  int i = int(x), j = int(y);
  float s = x - i, t = y - j;
  float top = fmaf(s, f[cell(i + 1, j)] - f[cell(i, j)], f[cell(i, j)]), bottom = fmaf(s, f[cell(i + 1, j + 1)] - f[cell(i, j + 1)], f[cell(i, j + 1)]);
  return fmaf(t, bottom - top, top);
}
struct Fields {
  float *u, *v, *smoke, *u2, *v2, *smoke2, *pressure, *pressure2, *divergence;
};
struct Push {  // smoke and an upward push at the bottom, a little sideways
  static __host__ __device__ void run(const Fields& f, int x, int y) {
    int i = cell(x, y), dx = x - 24, dy = y - 56;
    if (dx * dx + dy * dy < 20) f.smoke[i] = 1, f.v[i] -= 1.2f, f.u[i] += 0.35f;
    f.v[i] = fmaf(-0.08f, f.smoke[i], f.v[i]);
  }
};
struct Advect {
  static __host__ __device__ void run(const Fields& f, int x, int y) {
    int i = cell(x, y);
    float from_x = fmaf(-kTime, f.u[i], float(x)), from_y = fmaf(-kTime, f.v[i], float(y));
    f.u2[i] = sample(f.u, from_x, from_y), f.v2[i] = sample(f.v, from_x, from_y), f.smoke2[i] = sample(f.smoke, from_x, from_y);
  }
};
struct Diverge {
  static __host__ __device__ void run(const Fields& f, int x, int y) {
    f.divergence[cell(x, y)] = 0.5f * ((f.u2[cell(x + 1, y)] - f.u2[cell(x - 1, y)]) + (f.v2[cell(x, y + 1)] - f.v2[cell(x, y - 1)]));
    f.pressure[cell(x, y)] = 0;
  }
};
struct Jacobi {
  static __host__ __device__ void run(const Fields& f, int x, int y) {
    const float* p = f.pressure;
    f.pressure2[cell(x, y)] = 0.25f * (((p[cell(x - 1, y)] + p[cell(x + 1, y)]) + (p[cell(x, y - 1)] + p[cell(x, y + 1)])) - f.divergence[cell(x, y)]);
  }
};
struct Project {
  static __host__ __device__ void run(const Fields& f, int x, int y) {
    bool wall = x == 0 || y == 0 || x == kSize - 1 || y == kSize - 1;
    f.u[cell(x, y)] = wall ? 0 : fmaf(-0.5f, f.pressure[cell(x + 1, y)] - f.pressure[cell(x - 1, y)], f.u2[cell(x, y)]);
    f.v[cell(x, y)] = wall ? 0 : fmaf(-0.5f, f.pressure[cell(x, y + 1)] - f.pressure[cell(x, y - 1)], f.v2[cell(x, y)]);
    f.smoke[cell(x, y)] = 0.995f * f.smoke2[cell(x, y)];
  }
};

template <class Phase>
__global__ void phase(Fields f) { Phase::run(f, blockIdx.x * blockDim.x + threadIdx.x, blockIdx.y * blockDim.y + threadIdx.y); }

struct Device {
  template <class Phase>
  void run(const Fields& f) { phase<Phase><<<dim3(kSize / 32, kSize / 4), dim3(32, 4)>>>(f); }
};
struct Host {
  template <class Phase>
  void run(const Fields& f) {
    for (int i = 0; i < kCells; i++) Phase::run(f, i % kSize, i / kSize);
  }
};
template <class Where>
void simulate(Fields f) {
  Where where;
  for (int frame = 0; frame < kFrames; frame++) {
    where.template run<Push>(f), where.template run<Advect>(f), where.template run<Diverge>(f);
    for (int i = 0; i < kJacobi; i++) where.template run<Jacobi>(f), std::swap(f.pressure, f.pressure2);
    where.template run<Project>(f);
  }
}
static Fields fields_in(float* block) {
  Fields f;
  float** each[] = {&f.u, &f.v, &f.smoke, &f.u2, &f.v2, &f.smoke2, &f.pressure, &f.pressure2, &f.divergence};
  for (int i = 0; i < 9; i++) *each[i] = block + i * kCells;
  return f;
}

int main() {
  print_device();
  std::vector<float> cpu(9 * kCells);
  Buffer<float> gpu(cpu);
  simulate<Device>(fields_in(gpu));
  simulate<Host>(fields_in(cpu.data()));
  std::vector<float> result = gpu.host();
  double worst = 0, most = 0;
  for (int i = 0; i < 3 * kCells; i++) worst = std::max(worst, double(fabsf(result[i] - cpu[i]))), most = std::max(most, double(fabsf(cpu[i])));
  show::field("fluid", kSize, kSize, &result[2 * kCells], 0, 1);
  char line[100];
  snprintf(line, sizeof line, "%d frames; values up to %.2f, off by %.1e at most", kFrames, most, worst);
  return verdict(worst < 1e-3 && most > 1, line);
}
