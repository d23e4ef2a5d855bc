// Drops on water: three layers of one array hold the heights before, now and next, read and written through a surface, with shores that
// swallow waves (reads outside give 0) or throw them back (the nearest texel). Whole numbers, so that the host agrees exactly.
#include "buffer.h"
#include "show.h"

const int kWidth = 120, kHeight = 80, kSteps = 45, kDrop = 500;

template <cudaSurfaceBoundaryMode kShore>
__global__ void ripple(cudaSurfaceObject_t water, int before, int now, int next) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= kWidth || y >= kHeight) return;
  auto height = [&](int column, int row, int layer) { return surf2DLayeredread<int>(water, column * int(sizeof(int)), row, layer, kShore); };
  int wave = (height(x - 1, y, now) + height(x + 1, y, now) + height(x, y - 1, now) + height(x, y + 1, now)) / 2 - height(x, y, before);
  surf2DLayeredwrite(wave - wave / 64, water, x * int(sizeof(int)), y, next);
}

__host__ __device__ inline uchar4 colour(int height, int right) {  // lit from the left, by the slope
  int light = 110 + height / 60 + (height - right) / 4;
  light = light < 0 ? 0 : light > 255 ? 255 : light;
  return make_uchar4((unsigned char)(light / 3), (unsigned char)(light * 2 / 3), (unsigned char)(light / 2 + 127), 255);
}

__global__ void draw(cudaSurfaceObject_t water, int layer, cudaSurfaceObject_t picture) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  int right = surf2DLayeredread<int>(water, (x + 1) * int(sizeof(int)), y, layer, cudaBoundaryModeClamp);
  int here = surf2DLayeredread<int>(water, x * int(sizeof(int)), y, layer, cudaBoundaryModeClamp);
  surf2Dwrite(colour(here, right), picture, x * int(sizeof(uchar4)), y, cudaBoundaryModeZero);  // what falls outside is not written
}

cudaArray_t array_of(cudaChannelFormatDesc format, int layers, cudaSurfaceObject_t* surface) {
  cudaResourceDesc resource{};
  resource.resType = cudaResourceTypeArray;
  CHECK(cudaMalloc3DArray(&resource.res.array.array, &format, make_cudaExtent(kWidth, kHeight, layers), cudaArraySurfaceLoadStore | (layers ? cudaArrayLayered : 0)));
  CHECK(cudaCreateSurfaceObject(surface, &resource));
  return resource.res.array.array;
}

// One run on the device and on the host; the texels that differ.
int run(bool swallow, const char* name) {
  cudaSurfaceObject_t water, picture;
  cudaArray_t heights = array_of(cudaCreateChannelDesc<int>(), 3, &water), pixels = array_of(cudaCreateChannelDesc<uchar4>(), 0, &picture);
  std::vector<int> host(3 * kWidth * kHeight);
  for (int layer : {0, 1})
    for (int drop : {25 * kWidth + 30, 60 * kWidth + 100, 15 * kWidth + 95})
      for (int i = 0; i < 81; i++) {
        int dx = i % 9 - 4, dy = i / 9 - 4, height = 16 - dx * dx - dy * dy;
        host[layer * kWidth * kHeight + drop + dy * kWidth + dx] = height > 0 ? height * kDrop : 0;
      }
  cudaMemcpy3DParms copy{};
  copy.srcPtr = make_cudaPitchedPtr(host.data(), kWidth * sizeof(int), kWidth, kHeight), copy.dstArray = heights;
  copy.extent = make_cudaExtent(kWidth, kHeight, 3), copy.kind = cudaMemcpyHostToDevice;
  CHECK(cudaMemcpy3D(&copy));

  dim3 grid((kWidth + 31) / 32, (kHeight + 7) / 8), block(32, 8);
  for (int step = 0; step < kSteps; step++) {
    int before = step % 3, now = (step + 1) % 3, next = (step + 2) % 3;
    (swallow ? ripple<cudaBoundaryModeZero> : ripple<cudaBoundaryModeClamp>)<<<grid, block>>>(water, before, now, next);
    auto height = [&](int x, int y, int layer) {
      bool outside = x < 0 || y < 0 || x >= kWidth || y >= kHeight;
      if (outside && swallow) return 0;
      return host[(layer * kHeight + std::min(std::max(y, 0), kHeight - 1)) * kWidth + std::min(std::max(x, 0), kWidth - 1)];
    };
    for (int y = 0; y < kHeight; y++) {
      for (int x = 0; x < kWidth; x++) {
        int wave = (height(x - 1, y, now) + height(x + 1, y, now) + height(x, y - 1, now) + height(x, y + 1, now)) / 2 - height(x, y, before);
        host[(next * kHeight + y) * kWidth + x] = wave - wave / 64;
      }
    }
  }
  const int last = (kSteps + 1) % 3;
  draw<<<grid, block>>>(water, last, picture);
  CHECK(cudaGetLastError());

  std::vector<int> result(host.size());
  cudaMemcpy3DParms home{};
  home.srcArray = heights, home.dstPtr = make_cudaPitchedPtr(result.data(), kWidth * sizeof(int), kWidth, kHeight);
  home.extent = copy.extent, home.kind = cudaMemcpyDeviceToHost;
  CHECK(cudaMemcpy3D(&home));
  std::vector<uchar4> drawn(kWidth * kHeight);
  CHECK(cudaMemcpy2DFromArray(drawn.data(), kWidth * sizeof(uchar4), pixels, 0, 0, kWidth * sizeof(uchar4), kHeight, cudaMemcpyDeviceToHost));
  int wrong = 0;
  for (size_t i = 0; i < host.size(); i++) wrong += result[i] != host[i];
  std::vector<unsigned char> rgb;
  for (int i = 0; i < kWidth * kHeight; i++) {
    const int* here = &host[last * kWidth * kHeight + i];
    uchar4 c = colour(here[0], here[i % kWidth + 1 < kWidth]), got = drawn[i];
    wrong += c.x != got.x || c.y != got.y || c.z != got.z || c.w != got.w;
    rgb.insert(rgb.end(), {got.x, got.y, got.z});
  }
  show::image(name, kWidth, kHeight, rgb);
  CHECK(cudaDestroySurfaceObject(water));
  CHECK(cudaDestroySurfaceObject(picture));
  CHECK(cudaFreeArray(heights));
  CHECK(cudaFreeArray(pixels));
  return wrong;
}

int main() {
  print_device();
  int open = run(true, "surface_ripple"), closed = run(false, "surface_ripple_closed");
  char line[120];
  snprintf(line, sizeof line, "%d steps of waves on two ponds, %d and %d texels wrong", kSteps, open, closed);
  return verdict(open == 0 && closed == 0, line);
}
