// How much memory CUDA costs a process: resident size before the first call and after a little work. Waits for a line on standard input
// at the end, so that script/bench can look at the worker's session meanwhile.
#include <cstring>
#include "figures.h"

__global__ void add(int* values) { values[threadIdx.x] += 1; }

static double resident_mib() {
  double kib = 0;
  char line[256];
  FILE* status = fopen("/proc/self/status", "r");
  while (fgets(line, sizeof line, status)) sscanf(line, "VmRSS: %lf", &kib);
  fclose(status);
  return kib / 1024;
}

int main() {
  double before = resident_mib();
  int* values;
  CHECK(cudaMalloc(&values, 1 << 20));
  std::vector<char> host(16 << 20);
  before += 16;  // the program's own buffer
  for (int i = 0; i < 1000; i++) add<<<1, 256>>>(values);
  for (int i = 0; i < 20; i++) {
    CHECK(cudaMemcpy(values, host.data(), 1 << 20, cudaMemcpyHostToDevice));
    CHECK(cudaMemcpy(host.data(), values, 1 << 20, cudaMemcpyDeviceToHost));
  }
  char* large;
  CHECK(cudaMalloc(&large, 64 << 20));
  for (int i = 0; i < 4; i++) CHECK(cudaMemcpy(large + (i << 24), host.data(), 16 << 20, cudaMemcpyHostToDevice));
  CHECK(cudaDeviceSynchronize());
  figure("resident memory that CUDA added to the program", resident_mib() - before, "MiB");
  figure("resident memory of the program", resident_mib(), "MiB");
  puts("ready");
  fflush(stdout);
  getchar();
}
