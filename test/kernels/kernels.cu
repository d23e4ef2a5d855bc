// Kernels of test/calls. `regenerate` in this folder turns them into kernels.ptx, which the programs carry inside.
#include <cassert>
#include <cstdio>

struct Mixed {
  char a;
  short b;
  int c;
  long long d;
  float e;
  double f;
};
struct Large {
  unsigned words[900];  // with the pointer just under the 4 KB that any kernel may take
};

__device__ unsigned counter = 5;
__device__ unsigned results[64];
__constant__ unsigned table[4] = {10, 20, 30, 40};

extern "C" {

__global__ void fill(unsigned* out, unsigned n, unsigned first) {
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[i] = first + i;
}

__global__ void add(unsigned* values, unsigned n, unsigned amount) {
  unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) values[i] += amount;
}

__global__ void step(unsigned* value, unsigned addend) { *value = *value * 3 + addend; }  // does not commute: shows order

__global__ void slow_store(unsigned* out, unsigned value, unsigned long long nanoseconds) {
  unsigned long long begin, now;
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(begin));
  do asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(now));
  while (now - begin < nanoseconds);
  if (out) *out = value;
}

__global__ void shape(unsigned* out) {
  if (threadIdx.x == blockDim.x - 1 && threadIdx.y == blockDim.y - 1 && threadIdx.z == blockDim.z - 1 &&
      blockIdx.x == gridDim.x - 1 && blockIdx.y == gridDim.y - 1 && blockIdx.z == gridDim.z - 1) {
    out[0] = gridDim.x, out[1] = gridDim.y, out[2] = gridDim.z;
    out[3] = blockDim.x, out[4] = blockDim.y, out[5] = blockDim.z;
  }
}

__global__ void mixed(double* out, char a, short b, int c, long long d, float e, double f, Mixed m) {
  out[0] = a + b + c + d + e + f;
  out[1] = m.a + m.b + m.c + m.d + m.e + m.f;
}

__global__ void large(unsigned* out, Large in) {
  unsigned sum = 0;
  for (unsigned i = 0; i < 900; i++) sum += in.words[i];
  *out = sum;
}

__global__ void globals(unsigned* out) {
  results[threadIdx.x] = threadIdx.x * 2;
  if (threadIdx.x > 0) return;
  out[0] = counter++;
  for (int i = 0; i < 4; i++) out[1 + i] = table[i];
}

__global__ void reverse_shared(unsigned* values, unsigned n) {
  extern __shared__ unsigned shared[];
  for (unsigned i = threadIdx.x; i < n; i += blockDim.x) shared[i] = values[i];
  __syncthreads();
  for (unsigned i = threadIdx.x; i < n; i += blockDim.x) values[i] = shared[n - 1 - i];
}

__global__ void __launch_bounds__(64) bounded(unsigned* out) {
  __shared__ unsigned sum;
  if (threadIdx.x == 0) sum = 0;
  __syncthreads();
  atomicAdd(&sum, threadIdx.x);
  __syncthreads();
  *out = sum;
}

__global__ void count_arrivals(unsigned* arrived) { atomicAdd(arrived, 1u); }

__global__ void bad_store(unsigned* address) { *address = 1; }

__global__ void failing_assert(int value) { assert(value == 1); }

__global__ void say(int number) { printf("kernel says %d %s %.2f\n", number + (int)threadIdx.x, "text", 0.5 * number); }

}  // extern "C"
