// Advice about managed memory and what can be asked about it: per page, told only where the whole range agrees; prefetches; wrong places.
#include "check.h"

static CUdeviceptr memory;
static constexpr size_t kBytes = 8 << 20;

static int ask(CUmem_range_attribute attribute, size_t bytes = kBytes) {
  int value = 77;
  CU(cuMemRangeGetAttribute(&value, sizeof value, attribute, memory, bytes));
  return value;
}

int main() {
  Gpu gpu;
  int concurrent = 0;
  CU(cuDeviceGetAttribute(&concurrent, CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS, gpu.device));
  if (!concurrent) return skip("the device says that host and kernels cannot use managed memory at once");
  CU(cuMemAllocManaged(&memory, kBytes, CU_MEM_ATTACH_GLOBAL));
  CHECK(ask(CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY) == 0 && ask(CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION) == CU_DEVICE_INVALID);
  CHECK(ask(CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_TYPE) == CU_MEM_LOCATION_TYPE_INVALID);
  CHECK(ask(CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION) == CU_DEVICE_INVALID);

  CU(cuMemAdvise(memory, kBytes, CU_MEM_ADVISE_SET_READ_MOSTLY, gpu.device));
  CHECK(ask(CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY) == 1);
  CU(cuMemAdvise(memory, kBytes / 2, CU_MEM_ADVISE_UNSET_READ_MOSTLY, gpu.device));
  CHECK(ask(CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY) == 0);

  CU(cuMemAdvise(memory, kBytes, CU_MEM_ADVISE_SET_PREFERRED_LOCATION, gpu.device));
  CHECK(ask(CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION) == gpu.device);
  CHECK(ask(CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_TYPE) == CU_MEM_LOCATION_TYPE_DEVICE);
  CU(cuMemAdvise(memory, kBytes / 2, CU_MEM_ADVISE_SET_PREFERRED_LOCATION, CU_DEVICE_CPU));
  CHECK(ask(CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION) == CU_DEVICE_INVALID);      // two halves, two places
  CHECK(ask(CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION, 4096) == CU_DEVICE_CPU);
  CHECK(ask(CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_TYPE, 4096) == CU_MEM_LOCATION_TYPE_HOST);

  int users[4] = {77, 77, 77, 77};
  CU(cuMemAdvise(memory, kBytes, CU_MEM_ADVISE_SET_ACCESSED_BY, gpu.device));
  CU(cuMemAdvise(memory, kBytes, CU_MEM_ADVISE_SET_ACCESSED_BY, CU_DEVICE_CPU));
  CU(cuMemRangeGetAttribute(users, sizeof users, CU_MEM_RANGE_ATTRIBUTE_ACCESSED_BY, memory, kBytes));
  CHECK(users[0] == gpu.device && users[1] == CU_DEVICE_CPU && users[2] == CU_DEVICE_INVALID && users[3] == CU_DEVICE_INVALID);
  CU(cuMemAdvise(memory, kBytes, CU_MEM_ADVISE_UNSET_PREFERRED_LOCATION, gpu.device));
  CU(cuMemAdvise(memory, kBytes, CU_MEM_ADVISE_UNSET_ACCESSED_BY, gpu.device));

  CU(cuMemPrefetchAsync(memory, kBytes, gpu.device, nullptr));
  CU(cuCtxSynchronize());
  CHECK(ask(CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION) == gpu.device);
  CU(cuMemPrefetchAsync(memory, kBytes / 2, CU_DEVICE_CPU, nullptr));
  CU(cuCtxSynchronize());
  CHECK(ask(CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION) == CU_DEVICE_INVALID);
  CHECK(ask(CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION, 4096) == CU_DEVICE_CPU);

  CUmemLocation nowhere{CU_MEM_LOCATION_TYPE_INVALID, 0}, unknown{CU_MEM_LOCATION_TYPE_DEVICE, 77}, here{CU_MEM_LOCATION_TYPE_DEVICE, gpu.device};
  EXPECT(CUDA_ERROR_INVALID_DEVICE, cuMemAdvise(memory, kBytes, CU_MEM_ADVISE_SET_PREFERRED_LOCATION, 77));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemAdvise_v2(memory, kBytes, CU_MEM_ADVISE_SET_PREFERRED_LOCATION, unknown));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemAdvise_v2(memory, kBytes, CU_MEM_ADVISE_SET_PREFERRED_LOCATION, nowhere));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemAdvise(memory, kBytes, (CUmem_advise)99, gpu.device));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemAdvise(memory, kBytes + 4096, CU_MEM_ADVISE_SET_READ_MOSTLY, gpu.device));
  EXPECT(CUDA_ERROR_INVALID_DEVICE, cuMemPrefetchAsync(memory, kBytes, 77, nullptr));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemPrefetchAsync(memory, 0, gpu.device, nullptr));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemPrefetchAsync_v2(memory, kBytes, here, 1, nullptr));
  CU(cuMemFree_v2(memory));
}
