// Threads, streams, stream-ordered memory, host functions and pinned copies together, as a framework would use them.
#include <atomic>
#include <thread>
#include <vector>
#include "common.h"

__global__ void square(const int* in, int* out, int n) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) out[i] = in[i] * in[i];
}

int main() {
  print_device();
  std::atomic<int> called{0}, wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; t++)
    threads.emplace_back([&, t] {
      const int n = 50'000;
      cudaStream_t stream;
      int *in, *out, *device_in, *device_out;
      CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
      CHECK(cudaMallocHost(&in, n * sizeof(int)));
      CHECK(cudaMallocHost(&out, n * sizeof(int)));
      for (int round = 0; round < 10; round++) {
        for (int i = 0; i < n; i++) in[i] = i % 1000 + t + round;
        CHECK(cudaMallocAsync(&device_in, n * sizeof(int), stream));
        CHECK(cudaMallocAsync(&device_out, n * sizeof(int), stream));
        CHECK(cudaMemcpyAsync(device_in, in, n * sizeof(int), cudaMemcpyHostToDevice, stream));
        square<<<16, 128, 0, stream>>>(device_in, device_out, n);
        CHECK(cudaMemcpyAsync(out, device_out, n * sizeof(int), cudaMemcpyDeviceToHost, stream));
        CHECK(cudaLaunchHostFunc(stream, [](void* counter) { ++*(std::atomic<int>*)counter; }, &called));
        CHECK(cudaFreeAsync(device_in, stream));
        CHECK(cudaFreeAsync(device_out, stream));
        CHECK(cudaStreamSynchronize(stream));
        for (int i = 0; i < n; i++) wrong += out[i] != in[i] * in[i];
      }
      CHECK(cudaFreeHost(in));
      CHECK(cudaFreeHost(out));
      CHECK(cudaStreamDestroy(stream));
    });
  for (auto& thread : threads) thread.join();
  return verdict(wrong == 0 && called == 40, "four threads, ten rounds each, a host function per round");
}
