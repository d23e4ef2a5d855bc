// Textures and surfaces of the CUDA runtime in every shape: a volume written through a surface and read as a texture, layers, the faces of
// a cube, levels, gathering, linear and pitched memory. Every texel holds a number that tells where it lies.
#include <vector>
#include "common.h"

__device__ __host__ inline float tag(int x, int y, int z) { return float(x + 16 * y + 256 * z); }

__global__ void write_volume(cudaSurfaceObject_t s, int w, int h, int d) {
  int x = threadIdx.x, y = blockIdx.x, z = blockIdx.y;
  if (x < w && y < h && z < d) surf3Dwrite(tag(x, y, z), s, x * int(sizeof(float)), y, z);
}
__global__ void write_layers(cudaSurfaceObject_t s) { surf2DLayeredwrite(tag(threadIdx.x, threadIdx.y, blockIdx.x), s, int(threadIdx.x * sizeof(float)), threadIdx.y, blockIdx.x); }

// Each counts texels that are not what they should be.
__global__ void read_volume(cudaTextureObject_t t, int w, int h, int d, int* wrong) {
  int x = threadIdx.x, y = blockIdx.x, z = blockIdx.y;
  if (tex3D<float>(t, x + 0.5f, y + 0.5f, z + 0.5f) != tag(x, y, z)) atomicAdd(wrong, 1);
  float half = x + 1 < w ? x + 0.5f : x;   // between two texels
  if (tex3D<float>(t, x + 1.0f, y + 0.5f, z + 0.5f) != tag(0, y, z) + half) atomicAdd(wrong, 1);
}
__global__ void read_layers(cudaTextureObject_t t, int* wrong) {
  if (tex2DLayered<float>(t, threadIdx.x + 0.5f, threadIdx.y + 0.5f, blockIdx.x) != tag(threadIdx.x, threadIdx.y, blockIdx.x)) atomicAdd(wrong, 1);
}
__global__ void read_cube(cudaTextureObject_t t, int* wrong) {
  int face = threadIdx.x, x = threadIdx.y, y = threadIdx.z;
  float s = (x + 0.5f) / 2 - 1, v = (y + 0.5f) / 2 - 1;   // on a cube of edge 2, 4x4 texels a face
  float3 to[6] = {{1, -v, -s}, {-1, -v, s}, {s, 1, v}, {s, -1, -v}, {s, -v, 1}, {-s, -v, -1}};
  if (texCubemap<float>(t, to[face].x, to[face].y, to[face].z) != tag(x, y, face)) atomicAdd(wrong, 1);
}
__global__ void read_levels(cudaTextureObject_t t, int* wrong) {
  for (int level = 0; level < 4; level++)
    if (tex2DLod<float>(t, 0.5f, 0.5f, float(level)) != float(level + 1)) atomicAdd(wrong, 1);
  if (tex2DLod<float>(t, 0.5f, 0.5f, 1.5f) != 2.5f) atomicAdd(wrong, 1);
}
__global__ void read_gather(cudaTextureObject_t t, int* wrong) {
  int x = threadIdx.x, y = threadIdx.y;
  float4 v = tex2Dgather<float4>(t, x + 1.0f, y + 1.0f, 0);
  if (v.x != tag(x, y + 1, 0) || v.y != tag(x + 1, y + 1, 0) || v.z != tag(x + 1, y, 0) || v.w != tag(x, y, 0)) atomicAdd(wrong, 1);
}
__global__ void read_linear(cudaTextureObject_t t, const uchar4* plain, int n, int* wrong) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  uchar4 v = tex1Dfetch<uchar4>(t, i), p = plain[i];
  if (v.x != p.x || v.y != p.y || v.z != p.z || v.w != p.w) atomicAdd(wrong, 1);
}
__global__ void read_pitched(cudaTextureObject_t t, int w, int* wrong) {
  int x = threadIdx.x, y = blockIdx.x;
  if (tex2D<float>(t, (x + 0.5f) / w + 3, (y + 0.5f) / gridDim.x) != tag(x, y, 0)) atomicAdd(wrong, 1);   // three times round
}

static int* g_wrong;
static bool none_wrong(const char* what) {
  int wrong = -1;
  CHECK(cudaMemcpy(&wrong, g_wrong, sizeof wrong, cudaMemcpyDeviceToHost));
  CHECK(cudaMemset(g_wrong, 0, sizeof wrong));
  if (wrong) printf("%s: %d texels are wrong\n", what, wrong);
  return wrong == 0;
}
static cudaResourceDesc of(cudaArray_t array) {
  cudaResourceDesc r{};
  r.resType = cudaResourceTypeArray, r.res.array.array = array;
  return r;
}
static cudaTextureObject_t texture(const cudaResourceDesc& r, cudaTextureFilterMode filter, cudaTextureAddressMode mode, bool normalized) {
  cudaTextureDesc t{};
  t.addressMode[0] = t.addressMode[1] = t.addressMode[2] = mode;
  t.filterMode = t.mipmapFilterMode = filter, t.normalizedCoords = normalized, t.maxMipmapLevelClamp = 10;
  cudaTextureObject_t object;
  CHECK(cudaCreateTextureObject(&object, &r, &t, nullptr));
  return object;
}
static void fill(cudaArray_t array, const float* from, size_t w, size_t h, size_t d) {
  cudaMemcpy3DParms p{};
  p.srcPtr = make_cudaPitchedPtr((void*)from, w * sizeof(float), w, h), p.dstArray = array, p.extent = make_cudaExtent(w, h, d), p.kind = cudaMemcpyHostToDevice;
  CHECK(cudaMemcpy3D(&p));
}

int main() {
  print_device();
  bool right = true;
  CHECK(cudaMalloc(&g_wrong, sizeof(int)));
  CHECK(cudaMemset(g_wrong, 0, sizeof(int)));
  cudaChannelFormatDesc one = cudaCreateChannelDesc<float>();

  cudaArray_t volume, layers, cube;
  CHECK(cudaMalloc3DArray(&volume, &one, make_cudaExtent(16, 8, 5), cudaArraySurfaceLoadStore));
  cudaResourceDesc r = of(volume);
  cudaSurfaceObject_t surface;
  CHECK(cudaCreateSurfaceObject(&surface, &r));
  write_volume<<<dim3(8, 5), 32>>>(surface, 16, 8, 5);
  read_volume<<<dim3(8, 5), 16>>>(texture(r, cudaFilterModeLinear, cudaAddressModeClamp, false), 16, 8, 5, g_wrong);
  right &= none_wrong("volume");
  CHECK(cudaDestroySurfaceObject(surface));

  CHECK(cudaMalloc3DArray(&layers, &one, make_cudaExtent(8, 8, 3), cudaArrayLayered | cudaArraySurfaceLoadStore));
  r = of(layers);
  CHECK(cudaCreateSurfaceObject(&surface, &r));
  write_layers<<<3, dim3(8, 8)>>>(surface);
  read_layers<<<3, dim3(8, 8)>>>(texture(r, cudaFilterModePoint, cudaAddressModeClamp, false), g_wrong);
  right &= none_wrong("layers");

  std::vector<float> faces;
  for (int f = 0; f < 6; f++)
    for (int y = 0; y < 4; y++)
      for (int x = 0; x < 4; x++) faces.push_back(tag(x, y, f));
  CHECK(cudaMalloc3DArray(&cube, &one, make_cudaExtent(4, 4, 6), cudaArrayCubemap));
  fill(cube, faces.data(), 4, 4, 6);
  read_cube<<<1, dim3(6, 4, 4)>>>(texture(of(cube), cudaFilterModePoint, cudaAddressModeClamp, true), g_wrong);
  right &= none_wrong("cube");

  cudaMipmappedArray_t pyramid;
  CHECK(cudaMallocMipmappedArray(&pyramid, &one, make_cudaExtent(8, 8, 0), 4));
  for (unsigned level = 0; level < 4; level++) {
    cudaArray_t array;
    CHECK(cudaGetMipmappedArrayLevel(&array, pyramid, level));
    std::vector<float> flat(64 >> 2 * level, float(level + 1));
    fill(array, flat.data(), 8 >> level, 8 >> level, 1);
  }
  r = {};
  r.resType = cudaResourceTypeMipmappedArray, r.res.mipmap.mipmap = pyramid;
  read_levels<<<1, 1>>>(texture(r, cudaFilterModeLinear, cudaAddressModeClamp, true), g_wrong);
  right &= none_wrong("levels");

  std::vector<float> flat(16 * 16);
  for (int i = 0; i < 256; i++) flat[i] = tag(i % 16, i / 16, 0);
  cudaArray_t gathered;
  CHECK(cudaMallocArray(&gathered, &one, 16, 16, cudaArrayTextureGather));
  CHECK(cudaMemcpy2DToArray(gathered, 0, 0, flat.data(), 64, 64, 16, cudaMemcpyHostToDevice));
  read_gather<<<1, dim3(15, 15)>>>(texture(of(gathered), cudaFilterModePoint, cudaAddressModeClamp, false), g_wrong);
  right &= none_wrong("gather");
  cudaChannelFormatDesc told;
  cudaExtent extent;
  unsigned flags;
  CHECK(cudaArrayGetInfo(&told, &extent, &flags, gathered));
  right &= told.x == 32 && told.f == cudaChannelFormatKindFloat && extent.width == 16 && extent.height == 16 && flags == cudaArrayTextureGather;
  std::vector<float> back(256);
  CHECK(cudaMemcpy2DFromArray(back.data(), 64, gathered, 0, 0, 64, 16, cudaMemcpyDeviceToHost));
  right &= back == flat;

  const int n = 1000;
  uchar4* bytes;
  std::vector<uchar4> host(n);
  for (int i = 0; i < n; i++) host[i] = make_uchar4(i, i >> 3, i * 7, 255 - i);
  CHECK(cudaMalloc(&bytes, n * sizeof(uchar4)));
  CHECK(cudaMemcpy(bytes, host.data(), n * sizeof(uchar4), cudaMemcpyHostToDevice));
  r = {};
  r.resType = cudaResourceTypeLinear, r.res.linear.devPtr = bytes, r.res.linear.desc = cudaCreateChannelDesc<uchar4>(), r.res.linear.sizeInBytes = n * sizeof(uchar4);
  read_linear<<<8, 128>>>(texture(r, cudaFilterModePoint, cudaAddressModeClamp, false), bytes, n, g_wrong);
  right &= none_wrong("linear memory");

  float* pitched;
  size_t pitch;
  CHECK(cudaMallocPitch(&pitched, &pitch, 16 * sizeof(float), 16));
  CHECK(cudaMemcpy2D(pitched, pitch, flat.data(), 64, 64, 16, cudaMemcpyHostToDevice));
  r = {};
  r.resType = cudaResourceTypePitch2D;
  r.res.pitch2D.devPtr = pitched, r.res.pitch2D.desc = one, r.res.pitch2D.width = r.res.pitch2D.height = 16, r.res.pitch2D.pitchInBytes = pitch;
  read_pitched<<<16, 16>>>(texture(r, cudaFilterModePoint, cudaAddressModeWrap, true), 16, g_wrong);
  right &= none_wrong("pitched memory");
  CHECK(cudaFreeArray(volume));
  CHECK(cudaFreeMipmappedArray(pyramid));
  return verdict(right, "textures and surfaces in every shape");
}
