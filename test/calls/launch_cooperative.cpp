// Cooperative launches: all blocks are resident together; a grid that does not fit is refused at the call.
#include "check.h"

int main() {
  Gpu gpu;
  int supported = 0, multiprocessors = 0, per_multiprocessor = 0;
  CU(cuDeviceGetAttribute(&supported, CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH, gpu.device));
  CHECK(supported == 1);
  CU(cuDeviceGetAttribute(&multiprocessors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, gpu.device));
  CUfunction count = gpu.kernel("count_arrivals");
  CU(cuOccupancyMaxActiveBlocksPerMultiprocessor(&per_multiprocessor, count, 1024, 0));
  CHECK(per_multiprocessor >= 1);
  unsigned most = multiprocessors * per_multiprocessor;
  CUdeviceptr arrived = allocate(64);
  CU(cuMemsetD32_v2(arrived, 0, 1));
  void* parameters[] = {&arrived};
  CU(cuLaunchCooperativeKernel(count, most, 1, 1, 1024, 1, 1, 0, nullptr, parameters));
  CHECK(read_word(arrived) == most * 1024);
  EXPECT(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, cuLaunchCooperativeKernel(count, most + 1, 1, 1, 1024, 1, 1, 0, nullptr, parameters));
  CU(cuCtxSynchronize());
}
