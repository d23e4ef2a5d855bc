// Parameters as one packed buffer (`extra`), the way cuBLAS hands them over; `kernelParams` and `extra` exclude each other.
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction fill = gpu.kernel("fill");
  struct {
    CUdeviceptr out;
    unsigned n, first;
  } packed{allocate(400), 100, 7};
  size_t bytes = sizeof packed;
  void* extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &packed, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
  CU(cuLaunchKernel(fill, 1, 1, 1, 100, 1, 1, 0, nullptr, nullptr, extra));
  packed.first = 1000;
  auto words = read_words(packed.out, 100);
  CHECK(words[0] == 7 && words[99] == 106);

  void* parameters[] = {&packed.out, &packed.n, &packed.first};
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuLaunchKernel(fill, 1, 1, 1, 100, 1, 1, 0, nullptr, parameters, extra));

  CUlaunchConfig config{};
  config.gridDimX = config.gridDimY = config.gridDimZ = 1;
  config.blockDimX = 100, config.blockDimY = config.blockDimZ = 1;
  CU(cuLaunchKernelEx(&config, fill, nullptr, extra));
  CHECK(read_words(packed.out, 100)[99] == 1099);
}
