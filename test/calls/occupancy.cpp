// How many blocks fit: the answers are consistent with the kernel's own limits.
#include "check.h"

static size_t no_shared(int) { return 0; }

int main() {
  Gpu gpu;
  CUfunction fill = gpu.kernel("fill"), dynamic = gpu.kernel("reverse_shared");
  int small = 0, large = 0, tight = 0, per_multiprocessor = 0;
  CU(cuDeviceGetAttribute(&per_multiprocessor, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR, gpu.device));
  CU(cuOccupancyMaxActiveBlocksPerMultiprocessor(&small, fill, 128, 0));
  CU(cuOccupancyMaxActiveBlocksPerMultiprocessor(&large, fill, 1024, 0));
  CHECK(large >= 1 && small > large && small * 128 <= per_multiprocessor && large * 1024 <= per_multiprocessor);
  CU(cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(&tight, dynamic, 32, 48 * 1024, 0));
  CHECK(tight >= 1 && tight < small);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuOccupancyMaxActiveBlocksPerMultiprocessor(nullptr, fill, 128, 0));
  int grid = 0, block = 0;
  CU(cuOccupancyMaxPotentialBlockSize(&grid, &block, fill, no_shared, 0, 0));
  CHECK(grid >= 1 && block >= 32 && block <= 1024);
  size_t bytes = 0;
  CU(cuOccupancyAvailableDynamicSMemPerBlock(&bytes, dynamic, 1, 128));
  CHECK(bytes >= 32 * 1024);
}
