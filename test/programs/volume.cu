// nvcc: -fmad=false
// A volume made by a kernel through a surface, then seen through a 3D texture: a ray for each pixel walks through it, adds up light and
// stops when nothing more can shine through. The host walks the same rays with a filter of its own.
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kEdge = 32, kPixels = 96, kSteps = 64;

__global__ void make_volume(cudaSurfaceObject_t volume) {  // two balls in a hollow shell
  int x = threadIdx.x, y = blockIdx.x * blockDim.y + threadIdx.y, z = blockIdx.y;
  auto ball = [&](float cx, float cy, float cz, float radius) {
    float dx = x - cx, dy = y - cy, dz = z - cz, inside = 1 - (dx * dx + dy * dy + dz * dz) / (radius * radius);
    return inside > 0 ? inside : 0;
  };
  float shell = ball(15.5f, 15.5f, 15.5f, 15) > 0 && ball(15.5f, 15.5f, 15.5f, 13.5f) == 0 && y < 22 ? 0.15f : 0;
  surf3Dwrite(ball(11, 12, 14, 7) + ball(21, 19, 17, 5) + shell, volume, x * int(sizeof(float)), y, z);
}

struct Ray { float x, y, z, dx, dy, dz; };

__host__ __device__ inline Ray ray_of(int px, int py) {  // seen slantwise, all rays parallel
  float u = (px + 0.5f) / kPixels * 44 - 22, v = (py + 0.5f) / kPixels * 44 - 22;
  const float c = 0.8f, s = 0.6f;  // turned about the upright axis
  float depth = -24;
  return {16 + c * u + s * depth, 16 + v, 16 - s * u + c * depth, s * 0.75f, 0, c * 0.75f};
}

#pragma nv_exec_check_disable  // the host's rays call the host's filter, the device's the texture
template <typename Density>
__host__ __device__ float walk(const Ray& ray, Density density) {
  float light = 0, through = 1;
  for (int step = 0; step < kSteps && through > 0.01f; step++) {
    float t = float(step), d = density(ray.x + ray.dx * t, ray.y + ray.dy * t, ray.z + ray.dz * t);
    light = light + through * d * 0.35f * (1 - t / kSteps);  // what lies in front is brighter
    through = through * (1 - 0.2f * d);
  }
  return light;
}

__global__ void render(cudaTextureObject_t volume, float* out) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  out[y * kPixels + x] = walk(ray_of(x, y), [&](float a, float b, float c) { return tex3D<float>(volume, a, b, c); });
}

float filtered(const std::vector<float>& texels, float x, float y, float z) {  // on paper: coordinates in 1/256 of a texel
  float at[3] = {x, y, z}, weight[3], sum = 0;
  int first[3];
  for (int i = 0; i < 3; i++) {
    int fixed = int(floorf(at[i] * 256 + 0.5f)) - 128;
    first[i] = fixed >> 8, weight[i] = (fixed & 255) / 256.0f;
  }
  for (int corner = 0; corner < 8; corner++) {
    float share = 1;
    int index = 0;
    for (int i = 2; i >= 0; i--) {
      int up = corner >> i & 1, texel = first[i] + up;
      share *= texel < 0 || texel >= kEdge ? 0 : up ? weight[i] : 1 - weight[i];  // the border is empty
      index = index * kEdge + std::min(std::max(texel, 0), kEdge - 1);
    }
    sum += share * texels[index];
  }
  return sum;
}

int main() {
  print_device();
  cudaArray_t array;
  cudaChannelFormatDesc format = cudaCreateChannelDesc<float>();
  cudaExtent extent = make_cudaExtent(kEdge, kEdge, kEdge);
  CHECK(cudaMalloc3DArray(&array, &format, extent, cudaArraySurfaceLoadStore));
  cudaResourceDesc resource{};
  resource.resType = cudaResourceTypeArray, resource.res.array.array = array;
  cudaSurfaceObject_t surface;
  CHECK(cudaCreateSurfaceObject(&surface, &resource));
  make_volume<<<dim3(kEdge / 8, kEdge), dim3(kEdge, 8)>>>(surface);

  cudaTextureDesc how{};
  how.addressMode[0] = how.addressMode[1] = how.addressMode[2] = cudaAddressModeBorder, how.filterMode = cudaFilterModeLinear;
  cudaTextureObject_t texture;
  CHECK(cudaCreateTextureObject(&texture, &resource, &how, nullptr));
  Buffer<float> out(kPixels * kPixels);
  render<<<dim3(kPixels / 16, kPixels / 8), dim3(16, 8)>>>(texture, out);
  std::vector<float> picture = out.host(), texels(kEdge * kEdge * kEdge);
  cudaMemcpy3DParms home{};
  home.srcArray = array, home.extent = extent, home.kind = cudaMemcpyDeviceToHost;
  home.dstPtr = make_cudaPitchedPtr(texels.data(), kEdge * sizeof(float), kEdge, kEdge);
  CHECK(cudaMemcpy3D(&home));

  bool right = texels[(14 * kEdge + 12) * kEdge + 11] == 1 && texels[0] == 0;  // the first ball's middle, and a corner
  double farthest = 0;
  int lit = 0;
  for (int i = 0; i < kPixels * kPixels; i++) {
    float expected = walk(ray_of(i % kPixels, i / kPixels), [&](float x, float y, float z) { return filtered(texels, x, y, z); });
    farthest = std::max(farthest, double(fabsf(picture[i] - expected)));
    lit += picture[i] > 0.05f;
  }
  right &= farthest < 0.01 && lit > 1500 && lit < kPixels * kPixels / 2;
  show::field("volume", kPixels, kPixels, picture.data(), 0, 1);
  CHECK(cudaDestroyTextureObject(texture));
  CHECK(cudaDestroySurfaceObject(surface));
  CHECK(cudaFreeArray(array));
  char line[120];
  snprintf(line, sizeof line, "%d of %d rays met something, at most %.4f from the host's", lit, kPixels * kPixels, farthest);
  return verdict(right, line);
}
