// cuMemGetInfo follows allocations and agrees with the device's size.
#include "check.h"

int main() {
  Gpu gpu;
  size_t free_before = 0, free_during = 0, free_after = 0, total = 0, device_total = 0;
  CU(cuDeviceTotalMem_v2(&device_total, gpu.device));
  CU(cuMemGetInfo_v2(&free_before, &total));
  CHECK(total == device_total && free_before <= total && free_before > 0);
  const size_t bytes = 8 << 20;
  CUdeviceptr memory = allocate(bytes);
  CU(cuMemGetInfo_v2(&free_during, &total));
  CHECK(free_during + bytes <= free_before);
  CU(cuMemFree_v2(memory));
  CU(cuMemGetInfo_v2(&free_after, &total));
  CHECK(free_after == free_before);
}
