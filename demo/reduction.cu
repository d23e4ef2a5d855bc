// Sum of eight million integers on four streams: warp shuffles, then shared memory, then one atomic per block. Copies run
// asynchronously from pinned memory; events time the whole and make one stream wait for the others.
#include "common.h"

const int kStreams = 4, kPart = 2'000'000;

__device__ unsigned long long warp_sum(unsigned long long value) {
  for (int offset = 16; offset > 0; offset /= 2) value += __shfl_down_sync(0xffffffffu, value, offset);
  return value;
}

__global__ void sum(const int* values, int n, unsigned long long* total) {
  __shared__ unsigned long long warps[32];
  unsigned long long value = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) value += values[i];
  value = warp_sum(value);
  if (threadIdx.x % 32 == 0) warps[threadIdx.x / 32] = value;
  __syncthreads();
  if (threadIdx.x < 32) {
    value = warp_sum(threadIdx.x < blockDim.x / 32 ? warps[threadIdx.x] : 0);
    if (threadIdx.x == 0) atomicAdd(total, value);
  }
}

int main() {
  print_device();
  int *values, *device;
  unsigned long long *total, result = 0, expected = 0;
  CHECK(cudaMallocHost(&values, sizeof(int) * kStreams * kPart));
  CHECK(cudaMalloc(&device, sizeof(int) * kStreams * kPart));
  CHECK(cudaMalloc(&total, sizeof *total));
  CHECK(cudaMemset(total, 0, sizeof *total));
  for (int i = 0; i < kStreams * kPart; i++) expected += values[i] = i % 1009;

  cudaStream_t streams[kStreams];
  cudaEvent_t begin, end, done[kStreams];
  CHECK(cudaEventCreate(&begin));
  CHECK(cudaEventCreate(&end));
  CHECK(cudaEventRecord(begin));
  for (int s = 0; s < kStreams; s++) {
    CHECK(cudaStreamCreateWithFlags(&streams[s], cudaStreamNonBlocking));
    CHECK(cudaEventCreateWithFlags(&done[s], cudaEventDisableTiming));
    CHECK(cudaStreamWaitEvent(streams[s], begin, 0));
    CHECK(cudaMemcpyAsync(device + s * kPart, values + s * kPart, sizeof(int) * kPart, cudaMemcpyHostToDevice, streams[s]));
    sum<<<128, 256, 0, streams[s]>>>(device + s * kPart, kPart, total);
    CHECK(cudaGetLastError());
    CHECK(cudaEventRecord(done[s], streams[s]));
    CHECK(cudaStreamWaitEvent(nullptr, done[s], 0));
  }
  CHECK(cudaEventRecord(end));
  CHECK(cudaMemcpyAsync(&result, total, sizeof result, cudaMemcpyDeviceToHost));
  CHECK(cudaEventSynchronize(end));
  CHECK(cudaDeviceSynchronize());
  float milliseconds = -1;
  CHECK(cudaEventElapsedTime(&milliseconds, begin, end));
  for (cudaStream_t stream : streams) CHECK(cudaStreamDestroy(stream));
  CHECK(cudaFreeHost(values));

  char line[99];
  snprintf(line, sizeof line, "sum %llu equals the CPU's, %.1f ms on the device", result, milliseconds);
  return verdict(result == expected && milliseconds >= 0, line);
}
