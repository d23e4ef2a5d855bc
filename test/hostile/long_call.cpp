// A client for the tests of this folder: says "waiting" when a call of a minute is under way, then what it answered and what the
// next calls answer. Exit status 0: all of them answered an error, soon after one another.
#include <chrono>
#include "../calls/check.h"

int main(int argc, char** argv) {
  Gpu gpu;
  const bool copying = argc > 1 && strcmp(argv[1], "copy") == 0;
  CUfunction slow = gpu.kernel("slow_store");
  const size_t bytes = 256 << 20;
  CUdeviceptr memory = allocate(copying ? bytes : 64);
  std::vector<char> host(copying ? bytes : 64);
  printf("waiting\n");
  fflush(stdout);
  CUresult result = CUDA_SUCCESS;
  if (copying) {
    while (result == CUDA_SUCCESS) result = cuMemcpyHtoD_v2(memory, host.data(), bytes);
  } else {
    CU(launch(slow, 1, 1, nullptr, memory, 1u, 60'000'000'000ull));
    result = cuCtxSynchronize();
  }
  auto begin = std::chrono::steady_clock::now();
  CUdeviceptr more = 0;
  CUresult then = cuMemAlloc_v2(&more, 64), again = cuStreamSynchronize(nullptr), launched = launch(slow, 1, 1, nullptr, memory, 1u, 1ull);
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  printf("%s, then %s, %s, %s after %.1f s\n", name_of(result), name_of(then), name_of(again), name_of(launched), seconds);
  return result != CUDA_SUCCESS && then != CUDA_SUCCESS && again != CUDA_SUCCESS && launched != CUDA_SUCCESS && seconds < 5 ? 0 : 1;
}
