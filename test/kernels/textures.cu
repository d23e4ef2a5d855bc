// Kernels of the texture and surface programs in test/calls. nvcc writes textures.ptx from this (test/kernels/regenerate).
#include <cuda_fp16.h>

#define EACH                                              \
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;     \
  if (i >= n) return

extern "C" {
// out[i] = what the texture holds at at[i].
__global__ void fetch1d(cudaTextureObject_t t, const int4* at, float4* out, unsigned n) { EACH; out[i] = tex1Dfetch<float4>(t, at[i].x); }
__global__ void sample1d(cudaTextureObject_t t, const float4* at, float4* out, unsigned n) { EACH; out[i] = tex1D<float4>(t, at[i].x); }
__global__ void sample2d(cudaTextureObject_t t, const float4* at, float4* out, unsigned n) { EACH; out[i] = tex2D<float4>(t, at[i].x, at[i].y); }
__global__ void sample3d(cudaTextureObject_t t, const float4* at, float4* out, unsigned n) { EACH; out[i] = tex3D<float4>(t, at[i].x, at[i].y, at[i].z); }
__global__ void layer1d(cudaTextureObject_t t, const float4* at, float4* out, unsigned n) { EACH; out[i] = tex1DLayered<float4>(t, at[i].x, (int)at[i].w); }
__global__ void layer2d(cudaTextureObject_t t, const float4* at, float4* out, unsigned n) { EACH; out[i] = tex2DLayered<float4>(t, at[i].x, at[i].y, (int)at[i].w); }
__global__ void cube(cudaTextureObject_t t, const float4* at, float4* out, unsigned n) { EACH; out[i] = texCubemap<float4>(t, at[i].x, at[i].y, at[i].z); }
__global__ void level2d(cudaTextureObject_t t, const float4* at, float4* out, unsigned n) { EACH; out[i] = tex2DLod<float4>(t, at[i].x, at[i].y, at[i].w); }
__global__ void gather2d(cudaTextureObject_t t, const float4* at, float4* out, unsigned n) { EACH; out[i] = tex2Dgather<float4>(t, at[i].x, at[i].y, 0); }
__global__ void integers2d(cudaTextureObject_t t, const float4* at, uint4* out, unsigned n) { EACH; out[i] = tex2D<uint4>(t, at[i].x, at[i].y); }

// Surfaces: every texel doubled in place, one thread a texel.
__global__ void double1d(cudaSurfaceObject_t s, unsigned w) {
  unsigned x = threadIdx.x;
  if (x < w) surf1Dwrite(2 * surf1Dread<unsigned>(s, x * 4), s, x * 4);
}
__global__ void double2d(cudaSurfaceObject_t s, unsigned w, unsigned h) {
  unsigned x = threadIdx.x % w, y = threadIdx.x / w;
  if (y < h) {
    float2 v = surf2Dread<float2>(s, x * 8, y);
    surf2Dwrite(make_float2(2 * v.x, 2 * v.y), s, x * 8, y);
  }
}
__global__ void double3d(cudaSurfaceObject_t s, unsigned w, unsigned h, unsigned d) {
  unsigned x = threadIdx.x % w, y = threadIdx.x / w % h, z = threadIdx.x / w / h;
  if (z < d) surf3Dwrite((unsigned char)(2 * surf3Dread<unsigned char>(s, x, y, z)), s, x, y, z);
}
__global__ void double_layers(cudaSurfaceObject_t s, unsigned w, unsigned h, unsigned d) {
  unsigned x = threadIdx.x % w, y = threadIdx.x / w % h, z = threadIdx.x / w / h;
  if (z < d) surf2DLayeredwrite((unsigned short)(2 * surf2DLayeredread<unsigned short>(s, x * 2, y, z)), s, x * 2, y, z);
}
// What the three boundary modes do outside: reads at x (in bytes), and writes 7 there.
__global__ void surface_clamp(cudaSurfaceObject_t s, int x, unsigned* out) { *out = surf1Dread<unsigned>(s, x, cudaBoundaryModeClamp); surf1Dwrite(7u, s, x, cudaBoundaryModeClamp); }
__global__ void surface_zero(cudaSurfaceObject_t s, int x, unsigned* out) { *out = surf1Dread<unsigned>(s, x, cudaBoundaryModeZero); surf1Dwrite(7u, s, x, cudaBoundaryModeZero); }
__global__ void surface_trap(cudaSurfaceObject_t s, int x, unsigned* out) { *out = surf1Dread<unsigned>(s, x, cudaBoundaryModeTrap); surf1Dwrite(7u, s, x, cudaBoundaryModeTrap); }
}
