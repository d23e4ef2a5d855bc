// Kernels whose PTX (nvcc 13.0, -arch=compute_75 … compute_120) the engine's tests run. Regenerate with regenerate.sh.
#include <cassert>
#include <cstdio>
#include <cuda_fp16.h>
#include <cuda_bf16.h>

extern "C" __global__ void vector_add(const float* a, const float* b, float* c, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) c[i] = a[i] + b[i];
}

constexpr int T = 16;
extern "C" __global__ void matmul(const float* a, const float* b, float* c, int n) {
  __shared__ float ta[T][T], tb[T][T];
  int row = blockIdx.y * T + threadIdx.y, col = blockIdx.x * T + threadIdx.x;
  float sum = 0;
  for (int k = 0; k < n; k += T) {
    ta[threadIdx.y][threadIdx.x] = a[row * n + k + threadIdx.x];
    tb[threadIdx.y][threadIdx.x] = b[(k + threadIdx.y) * n + col];
    __syncthreads();
    for (int i = 0; i < T; i++) sum += ta[threadIdx.y][i] * tb[i][threadIdx.x];
    __syncthreads();
  }
  c[row * n + col] = sum;
}

extern "C" __global__ void reduce_shuffle(const float* in, float* out, int n) {
  float s = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) s += in[i];
  for (int d = 16; d; d >>= 1) s += __shfl_down_sync(~0u, s, d);
  __shared__ float part[32];
  if ((threadIdx.x & 31) == 0) part[threadIdx.x >> 5] = s;
  __syncthreads();
  if (threadIdx.x < 32) {
    s = threadIdx.x < blockDim.x / 32 ? part[threadIdx.x] : 0;
    for (int d = 16; d; d >>= 1) s += __shfl_xor_sync(~0u, s, d);
    if (threadIdx.x == 0) atomicAdd(out, s);
  }
}

extern "C" __global__ void reduce_shared(const int* in, int* out, int n) {
  extern __shared__ int buf[];
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  buf[threadIdx.x] = i < n ? in[i] : 0;
  __syncthreads();
  for (int d = blockDim.x / 2; d; d >>= 1) {
    if (threadIdx.x < d) buf[threadIdx.x] += buf[threadIdx.x + d];
    __syncthreads();
  }
  if (threadIdx.x == 0) out[blockIdx.x] = buf[0];
}

extern "C" __global__ void histogram(const unsigned char* in, unsigned* bins, int n) {
  __shared__ unsigned local[256];
  for (int i = threadIdx.x; i < 256; i += blockDim.x) local[i] = 0;
  __syncthreads();
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) atomicAdd(&local[in[i]], 1u);
  __syncthreads();
  for (int i = threadIdx.x; i < 256; i += blockDim.x) atomicAdd(&bins[i], local[i]);
}

extern "C" __global__ void mandelbrot(int* out, int w, int h, int limit) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  if (x >= w || y >= h) return;
  float cx = -2.0f + 3.0f * x / w, cy = -1.0f + 2.0f * y / h, zx = 0, zy = 0;
  int k = 0;
  while (k < limit && zx * zx + zy * zy < 4.0f) {
    float t = zx * zx - zy * zy + cx;
    zy = 2 * zx * zy + cy;
    zx = t;
    k++;
  }
  out[y * w + x] = k;
}

extern "C" __global__ void say(int n, double d, const char* s) {
  if (threadIdx.x < n) printf("thread %d of block %u: %5.2f %s %lld %c%%\n", threadIdx.x, blockIdx.x, d, s, 1ll << 40, 'x');
}

extern "C" __global__ void check(const int* v, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  assert(i >= n || v[i] != 42);
}

extern "C" __global__ void transcendental(const float* in, float* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  float x = in[i];
  out[i] = sinf(x);
  out[n + i] = cosf(x * 1e6f);
  out[2 * n + i] = expf(x);
  out[3 * n + i] = logf(fabsf(x) + 0.5f);
  out[4 * n + i] = powf(fabsf(x), 1.7f);
  out[5 * n + i] = sqrtf(fabsf(x));
  out[6 * n + i] = tanhf(x);
  out[7 * n + i] = erff(x);
  out[8 * n + i] = 1.0f / x;
  out[9 * n + i] = rsqrtf(fabsf(x) + 1);
  out[10 * n + i] = __expf(x);
  out[11 * n + i] = lgammaf(fabsf(x) + 0.1f);
}

extern "C" __global__ void transcendental64(const double* in, double* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  double x = in[i];
  out[i] = sin(x);
  out[n + i] = exp(x);
  out[2 * n + i] = log(fabs(x) + 0.5);
  out[3 * n + i] = pow(fabs(x), 1.7);
  out[4 * n + i] = sqrt(fabs(x));
  out[5 * n + i] = 1.0 / x;
  out[6 * n + i] = x / 3.0;
  out[7 * n + i] = cbrt(x);
  out[8 * n + i] = fmod(x, 0.37);
}

extern "C" __global__ void wide_integers(const long long* a, const long long* b, long long* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  long long x = a[i], y = b[i];
  out[i] = x + y;
  out[n + i] = x * y;
  out[2 * n + i] = y ? x / y : 0;
  out[3 * n + i] = y ? x % y : 0;
  out[4 * n + i] = __mul64hi(x, y);
  out[5 * n + i] = x >> (y & 63);
  out[6 * n + i] = (unsigned long long)x >> (y & 63);
  out[7 * n + i] = __popcll(x) + 100 * __clzll(y) + 10000 * __ffsll(x);
  out[8 * n + i] = __brevll(x);
  out[9 * n + i] = x < y ? x : y;
  out[10 * n + i] = (long long)((double)x * 0.5) + (long long)(float)y;
  out[11 * n + i] = (unsigned char)x + (short)y + (signed char)(x >> 8);
  out[12 * n + i] = (y & 0xffffffff) ? (unsigned)x / (unsigned)y + (unsigned)x % (unsigned)y : 0;
  out[13 * n + i] = __byte_perm((unsigned)x, (unsigned)y, 0x3715) + __funnelshift_l((unsigned)x, (unsigned)y, 11);
}

extern "C" __global__ void halves(const __half* a, const __half* b, __half* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  out[i] = __hadd(a[i], b[i]);
  out[n + i] = __hmul(a[i], b[i]);
  out[2 * n + i] = __hfma(a[i], b[i], a[i]);
  out[3 * n + i] = __hlt(a[i], b[i]) ? a[i] : b[i];
  out[4 * n + i] = __float2half(__half2float(a[i]) * 0.3f);
  __half2 p = __halves2half2(a[i], b[i]), q = __hadd2(p, __hmul2(p, p));
  out[5 * n + i] = __low2half(q);
  out[6 * n + i] = __high2half(q);
  out[7 * n + i] = __hneg(__hmax(a[i], b[i]));
  out[8 * n + i] = hsqrt(__habs(a[i]));
}

extern "C" __global__ void bfloats(const __nv_bfloat16* a, const __nv_bfloat16* b, __nv_bfloat16* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= n) return;
  out[i] = __hadd(a[i], b[i]);
  out[n + i] = __hmul(a[i], b[i]);
#if __CUDA_ARCH__ >= 800
  out[2 * n + i] = __hfma(a[i], b[i], a[i]);
#endif
  out[3 * n + i] = __float2bfloat16(__bfloat162float(a[i]) * 0.3f);
  out[4 * n + i] = __hmax(a[i], b[i]);
}

__device__ __noinline__ int fib(int n) { return n < 2 ? n : fib(n - 1) + fib(n - 2); }
extern "C" __global__ void recursion(int* out) { out[threadIdx.x] = fib(threadIdx.x % 12); }

struct Shape {
  __device__ virtual float area() const = 0;
};
struct Square : Shape {
  float s;
  __device__ Square(float v) : s(v) {}
  __device__ float area() const override { return s * s; }
};
struct Circle : Shape {
  float r;
  __device__ Circle(float v) : r(v) {}
  __device__ float area() const override { return 3.0f * r * r; }
};
__device__ __noinline__ float twice(float x) { return 2 * x; }
__device__ __noinline__ float plus_one(float x) { return x + 1; }
__device__ float (*const table[2])(float) = {twice, plus_one};
extern "C" __global__ void indirect(float* out) {
  Shape* s = threadIdx.x & 1 ? (Shape*)new Square(threadIdx.x) : (Shape*)new Circle(threadIdx.x);
  out[threadIdx.x] = s->area() + table[threadIdx.x % 3 == 0](10.0f);
  delete s;
}

__constant__ float weights[4] = {1, 2, 3, 4};
__device__ int counter = 7;
__device__ int* counter_address = &counter;
extern "C" __global__ void globals(float* out) {
  int v[8];
  for (int i = 0; i < 8; i++) v[i] = i * threadIdx.x;
  out[threadIdx.x] = weights[threadIdx.x & 3] + v[(threadIdx.x * 3) & 7];
  atomicAdd(counter_address, 1);
}

extern "C" __global__ void votes(const int* in, unsigned* out) {
  int x = in[threadIdx.x];
  unsigned a = __ballot_sync(~0u, x > 0), m = __match_any_sync(~0u, x & 3);
  int all = __all_sync(~0u, x > -100), any = __any_sync(~0u, x == 5);
  unsigned w = 0;
  if (x > 0) w = __activemask();
  int up = __shfl_up_sync(~0u, x, 3), idx = __shfl_sync(~0u, x, threadIdx.x * 7, 8);
  unsigned* o = out + threadIdx.x * 8;
  o[0] = a, o[1] = m, o[2] = all, o[3] = any, o[4] = w, o[5] = up, o[6] = idx;
  o[7] = __syncthreads_count(x > 0) + 1000 * __syncthreads_or(x == 5) + 2000 * __syncthreads_and(x > -100);
}

extern "C" __global__ void atomics(int* i, unsigned* u, unsigned long long* l, float* f, double* d, __half2* h) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  atomicAdd(i, t), atomicMin(i + 1, -t), atomicMax(i + 2, t), atomicAnd(u, ~(1u << (t & 31))), atomicOr(u + 1, 1u << (t & 31));
  atomicXor(u + 2, t), atomicInc(u + 3, 1000), atomicDec(u + 4, 100), atomicAdd(l, (unsigned long long)t << 20);
  atomicMax(l + 1, (unsigned long long)t), atomicAdd(f, 0.5f), atomicAdd(d, 0.25), atomicAdd(h, __floats2half2_rn(1, 2));
  int old = i[3], seen;
  do seen = old, old = atomicCAS(i + 3, seen, seen + t);
  while (old != seen);
  atomicExch(u + 5, 9u);
}

// A lock that a lane of the same warp holds: only independent progress of the lanes ends this.
extern "C" __global__ void spin_lock(int* lock, int* value) {
  bool done = false;
  while (!done) {
    if (atomicCAS(lock, 0, 1) == 0) {
      *(volatile int*)value = *(volatile int*)value + 1;
      __threadfence();
      atomicExch(lock, 0);
      done = true;
    }
  }
}

// Each block waits for the one after it: ends only when blocks that have not started get their turn.
extern "C" __global__ void wait_for_next(volatile int* flag) {
  if (threadIdx.x == 0) {
    if (blockIdx.x + 1 < gridDim.x)
      while (!flag[blockIdx.x + 1]) {
      }
    flag[blockIdx.x] = 1;
  }
}

extern "C" __global__ void out_of_bounds(int* p, int at) { p[at + threadIdx.x] = 1; }
extern "C" __global__ void misaligned(char* p) { *(int*)(p + 1) = 1; }
extern "C" __global__ void trap() { if (threadIdx.x == 3) __trap(); }
extern "C" __global__ void nothing() {}
struct Big { int v[20]; char c; double d; };
extern "C" __global__ void big_parameter(int a, Big b, char c, long long* out, int at) {
  out[0] = a + b.v[at] + b.c + (long long)b.d + c;
}
