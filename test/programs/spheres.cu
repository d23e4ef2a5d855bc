// Spheres over a checkerboard, seen by marching rays through a distance field, with shadows and one reflection: loops of different lengths
// in neighbouring threads. The CPU draws every ninth pixel for itself.
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kWidth = 200, kHeight = 120;

struct Vector {
  float x, y, z;
};
#define BOTH __host__ __device__ inline
BOTH Vector operator+(Vector a, Vector b) { return {a.x + b.x, a.y + b.y, a.z + b.z}; }
BOTH Vector operator-(Vector a, Vector b) { return {a.x - b.x, a.y - b.y, a.z - b.z}; }
BOTH Vector operator*(float s, Vector a) { return {s * a.x, s * a.y, s * a.z}; }
BOTH float dot(Vector a, Vector b) { return fmaf(a.x, b.x, fmaf(a.y, b.y, a.z * b.z)); }
BOTH Vector unit(Vector a) { return (1 / sqrtf(dot(a, a))) * a; }

BOTH float distance(Vector p, int* what) {
  const float spheres[4][4] = {{-1.3f, 0.7f, 0.2f, 0.7f}, {0.2f, 1.0f, 1.2f, 1.0f}, {1.5f, 0.5f, -0.3f, 0.5f}, {0.1f, 0.3f, -1.1f, 0.3f}};
  float nearest = p.y;
  *what = 4;
  for (int i = 0; i < 4; i++) {
    Vector d = p - Vector{spheres[i][0], spheres[i][1], spheres[i][2]};
    float here = sqrtf(dot(d, d)) - spheres[i][3];
    if (here < nearest) nearest = here, *what = i;
  }
  return nearest;
}
BOTH float march(Vector from, Vector to, int* what) {  // how far the ray gets; 30: it hits nothing
  float t = 0.02f;
  for (int step = 0; step < 96 && t < 30; step++) {
    float d = distance(from + t * to, what);
    if (d < 1e-3f) return t;
    t += d;
  }
  return 30;
}
BOTH Vector normal_at(Vector p) {
  int what;
  const float e = 1e-2f;
  float x = distance(p + Vector{e, 0, 0}, &what) - distance(p - Vector{e, 0, 0}, &what), y = distance(p + Vector{0, e, 0}, &what) - distance(p - Vector{0, e, 0}, &what);
  return unit({x, y, distance(p + Vector{0, 0, e}, &what) - distance(p - Vector{0, 0, e}, &what)});
}
BOTH Vector colour(int column, int row) {
  const Vector paint[4] = {{0.9f, 0.25f, 0.2f}, {0.75f, 0.75f, 0.8f}, {0.2f, 0.5f, 0.9f}, {0.95f, 0.75f, 0.2f}}, light = unit({-0.6f, 0.9f, -0.5f});
  Vector from = {0, 1.3f, -4}, to = unit({(column - kWidth / 2) * 1.0f / kHeight, (kHeight / 2 - row) * 1.0f / kHeight - 0.12f, 1.2f}), seen = {0, 0, 0};
  float strength = 1;
  for (int bounce = 0; bounce < 2; bounce++) {
    int what, other;
    float t = march(from, to, &what), sky = 0.5f + 0.5f * to.y;
    if (t >= 30) return seen + strength * Vector{0.4f + 0.2f * sky, 0.55f + 0.2f * sky, 0.95f};
    Vector p = from + t * to, n = normal_at(p), own = paint[what & 3];
    if (what == 4) own = (int(floorf(p.x)) + int(floorf(p.z))) & 1 ? Vector{0.85f, 0.85f, 0.8f} : Vector{0.25f, 0.3f, 0.3f};
    float lit = fmaxf(dot(n, light), 0.0f);
    if (march(p + 0.03f * n, light, &other) < 30) lit *= 0.25f;
    float mirror = what == 1 ? 0.6f : 0.15f;
    seen = seen + (strength * (1 - mirror) * (0.25f + 0.75f * lit)) * own;
    strength *= mirror;
    from = p + 0.03f * n, to = to - 2 * dot(to, n) * n;
  }
  return seen;
}

__global__ void draw(Vector* image) {
  int column = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
  if (column < kWidth && row < kHeight) image[row * kWidth + column] = colour(column, row);
}

int main() {
  print_device();
  Buffer<Vector> image(kWidth * kHeight);
  draw<<<dim3((kWidth + 7) / 8, kHeight / 4), dim3(8, 4)>>>(image);
  std::vector<Vector> result = image.host();
  std::vector<unsigned char> rgb;
  auto byte = [](float x) { return (unsigned char)(255 * powf(fminf(fmaxf(x, 0.0f), 1.0f), 0.8f)); };
  for (Vector c : result) rgb.insert(rgb.end(), {byte(c.x), byte(c.y), byte(c.z)});
  show::image("spheres", kWidth, kHeight, rgb);
  int looked_at = 0, different = 0;  // a ray that just grazes an edge may end on the other side of it
  for (int i = 0; i < kWidth * kHeight; i += 9, looked_at++) {
    Vector d = colour(i % kWidth, i / kWidth) - result[i];
    different += dot(d, d) > 1e-4f;
  }
  char line[80];
  snprintf(line, sizeof line, "%d of %d pixels differ from the CPU's", different, looked_at);
  return verdict(different <= looked_at / 200, line);
}
