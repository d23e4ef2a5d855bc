// printf from a kernel, in order within a thread, and nothing lost among many threads.
#include <cstring>
#include <string>
#include <unistd.h>
#include "common.h"

__global__ void speak() {
  if (threadIdx.x < 8) printf("thread %u of block %u: %5.3f|%-6s|%x|%lld\n", threadIdx.x, blockIdx.x, threadIdx.x / 7.0, "cuda", 255u, -5ll);
}

int main() {
  print_device();
  fflush(stdout);
  int ends[2], saved = dup(1);
  if (pipe(ends)) return 1;
  dup2(ends[1], 1);
  speak<<<4, 32>>>();
  CHECK(cudaDeviceSynchronize());
  fflush(stdout);
  dup2(saved, 1);
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, n);
  bool right = text.size() > 0;
  int lines = 0;
  for (char c : text) lines += c == '\n';
  for (int block = 0; block < 4; block++)
    for (int thread = 0; thread < 8; thread++) {
      char line[99];
      snprintf(line, sizeof line, "thread %d of block %d: %5.3f|cuda  |ff|-5\n", thread, block, thread / 7.0);
      right &= text.find(line) != std::string::npos;
    }
  return verdict(right && lines == 32, "32 lines from the device");
}
