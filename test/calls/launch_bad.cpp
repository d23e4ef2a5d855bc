// Launches that cannot be: the call itself says so, with the driver's code, though good launches are asynchronous.
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction fill = gpu.kernel("fill"), bounded = gpu.kernel("bounded");
  CUdeviceptr memory = allocate(64);
  unsigned n = 16, first = 1;
  void* parameters[] = {&memory, &n, &first};
  auto with = [&](unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared = 0) {
    return cuLaunchKernel(fill, gx, gy, gz, bx, by, bz, shared, nullptr, parameters, nullptr);
  };
  const CUresult bad = CUDA_ERROR_INVALID_VALUE;
  EXPECT(bad, with(0, 1, 1, 1, 1, 1));
  EXPECT(bad, with(1, 1, 1, 0, 1, 1));
  EXPECT(bad, with(1, 1, 1, 1025, 1, 1));
  EXPECT(bad, with(1, 1, 1, 32, 33, 1));
  EXPECT(bad, with(1, 1, 1, 1, 1, 65));
  EXPECT(bad, with(1, 65536, 1, 1, 1, 1));
  EXPECT(bad, with(0x80000000u, 1, 1, 1, 1, 1));
  EXPECT(bad, with(1, 1, 1, 1, 1, 1, 49 * 1024));
  EXPECT(CUDA_ERROR_INVALID_HANDLE, cuLaunchKernel(nullptr, 1, 1, 1, 1, 1, 1, 0, nullptr, parameters, nullptr));
  EXPECT(bad, cuLaunchKernel(bounded, 1, 1, 1, 128, 1, 1, 0, nullptr, parameters, nullptr));
  CU(cuCtxSynchronize());
  CU(with(1, 1, 1, 16, 1, 1));
  CHECK(read_word(memory) == 1);
}
