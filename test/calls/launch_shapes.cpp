// Grids and blocks of one, two and three dimensions arrive as given; cuLaunchKernelEx takes attributes.
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction shape = gpu.kernel("shape");
  CUdeviceptr out = allocate(64);
  void* parameters[] = {&out};
  const std::vector<std::vector<unsigned>> shapes = {{1, 1, 1, 1, 1, 1}, {7, 1, 1, 33, 1, 1}, {3, 4, 5, 8, 4, 2}, {1, 2, 300, 1, 1, 64}, {2, 1, 1, 1024, 1, 1}};
  for (auto& s : shapes) {
    CU(cuLaunchKernel(shape, s[0], s[1], s[2], s[3], s[4], s[5], 0, nullptr, parameters, nullptr));
    CHECK(read_words(out, 6) == s);
    CU(cuMemsetD32_v2(out, 0, 6));

    CUlaunchConfig config{};
    config.gridDimX = s[0], config.gridDimY = s[1], config.gridDimZ = s[2];
    config.blockDimX = s[3], config.blockDimY = s[4], config.blockDimZ = s[5];
    CUlaunchAttribute attribute{};
    attribute.id = CU_LAUNCH_ATTRIBUTE_PRIORITY;
    attribute.value.priority = 0;
    config.attrs = &attribute, config.numAttrs = 1;
    CU(cuLaunchKernelEx(&config, shape, parameters, nullptr));
    CHECK(read_words(out, 6) == s);
  }
}
