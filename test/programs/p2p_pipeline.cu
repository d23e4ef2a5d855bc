// Several GPUs the way NVIDIA's samples use them: one thread that selects devices in turn, peer access both ways, copies between any two with and without
// it, in streams of both, timed by events, and kernels that read the other device's memory. One device: the same with itself alone.
#include <algorithm>
#include <vector>

#include "common.h"

__global__ void scale(const float* from, float* to, int n, float by) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) to[i] = from[i] * by;
}

int main() {
  int devices = 0;
  CHECK(cudaGetDeviceCount(&devices));
  devices = std::min(devices, 4);
  const int n = 1 << 20;
  std::vector<float*> memory(devices);
  std::vector<cudaStream_t> streams(devices);
  std::vector<cudaEvent_t> begin(devices), end(devices);
  std::vector<float> host(n);
  for (int i = 0; i < n; i++) host[i] = float(i % 1000);
  for (int d = 0; d < devices; d++) {
    CHECK(cudaSetDevice(d));
    CHECK(cudaMalloc(&memory[d], n * sizeof(float)));
    CHECK(cudaStreamCreateWithFlags(&streams[d], cudaStreamNonBlocking));
    CHECK(cudaEventCreate(&begin[d]));
    CHECK(cudaEventCreate(&end[d]));
  }
  bool right = true;
  int reaching = 0, pairs = 0;
  for (int access = 0; access < 2; access++) {             // without peer access, then with
    for (int a = 0; a < devices; a++)
      for (int b = 0; b < devices; b++) {
        if (a == b) continue;
        int can = 0;
        CHECK(cudaDeviceCanAccessPeer(&can, a, b));
        CHECK(cudaSetDevice(a));
        if (access && can) {
          CHECK(cudaDeviceEnablePeerAccess(b, 0));
          reaching++;
        }
        pairs++;
        CHECK(cudaMemcpy(memory[a], host.data(), n * sizeof(float), cudaMemcpyHostToDevice));
        CHECK(cudaEventRecord(begin[a], streams[a]));
        scale<<<n / 256, 256, 0, streams[a]>>>(memory[a], memory[a], n, 2.0f);
        CHECK(cudaMemcpyPeerAsync(memory[b], b, memory[a], a, n * sizeof(float), streams[a]));
        CHECK(cudaEventRecord(end[a], streams[a]));
        CHECK(cudaSetDevice(b));
        CHECK(cudaStreamWaitEvent(streams[b], end[a], 0));
        scale<<<n / 256, 256, 0, streams[b]>>>(memory[b], memory[b], n, 3.0f);
        CHECK(cudaStreamSynchronize(streams[b]));
        std::vector<float> back(n);
        CHECK(cudaMemcpy(back.data(), memory[b], n * sizeof(float), cudaMemcpyDefault));
        for (int i = 0; i < n; i++) right &= back[i] == 6.0f * float(i % 1000);
        float milliseconds = -1;
        CHECK(cudaEventElapsedTime(&milliseconds, begin[a], end[a]));
        right &= milliseconds >= 0;
        if (access && can) {
          CHECK(cudaSetDevice(a));
          scale<<<n / 256, 256, 0, streams[a]>>>(memory[b], memory[a], n, 0.5f);     // reads the other's memory
          CHECK(cudaStreamSynchronize(streams[a]));
          CHECK(cudaMemcpy(back.data(), memory[a], n * sizeof(float), cudaMemcpyDeviceToHost));
          for (int i = 0; i < n; i++) right &= back[i] == 3.0f * float(i % 1000);
          cudaPointerAttributes attributes;
          CHECK(cudaPointerGetAttributes(&attributes, memory[b]));
          right &= attributes.device == b && attributes.type == cudaMemoryTypeDevice;
        }
      }
  }
  for (int d = 0; d < devices; d++) {                      // the last of each device, then a fresh start
    CHECK(cudaSetDevice(d));
    CHECK(cudaDeviceReset());
    float* again = nullptr;
    CHECK(cudaMalloc(&again, n * sizeof(float)));
    CHECK(cudaMemset(again, 0, n * sizeof(float)));
    scale<<<n / 256, 256>>>(again, again, n, 2.0f);
    CHECK(cudaDeviceSynchronize());
  }
  char text[100];
  snprintf(text, sizeof text, "%d devices, %d copies between them, %d with peer access", devices, pairs, reaching);
  return verdict(right, text);
}
