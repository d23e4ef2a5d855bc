// Memory put together by hand: reserve addresses, create, map, allow, use; unmap and map elsewhere with the contents kept.
#include "check.h"

int main() {
  Gpu gpu;
  int supported = 0;
  CU(cuDeviceGetAttribute(&supported, CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED, gpu.device));
  if (!supported) return skip("the device says that it has no virtual memory management");
  CUmemAllocationProp property{};
  property.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  property.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  size_t granularity = 0;
  CU(cuMemGetAllocationGranularity(&granularity, &property, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
  CHECK(granularity >= 4096 && (granularity & (granularity - 1)) == 0);
  CUdeviceptr range = 0;
  CU(cuMemAddressReserve(&range, 4 * granularity, 0, 0, 0));
  CUmemGenericAllocationHandle chunk = 0;
  CU(cuMemCreate(&chunk, granularity, &property, 0));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemCreate(&chunk, granularity + 1, &property, 0));
  CU(cuMemMap(range, granularity, 0, chunk, 0));
  CUmemAccessDesc access{};
  access.location = property.location;
  access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
  CU(cuMemSetAccess(range, granularity, &access, 1));
  CU(launch(gpu.kernel("fill"), 1, 100, nullptr, range, 100u, 60u));
  CHECK(read_words(range, 100)[99] == 159);

  CU(cuMemUnmap(range, granularity));
  CU(cuMemMap(range + 2 * granularity, granularity, 0, chunk, 0));
  CU(cuMemSetAccess(range + 2 * granularity, granularity, &access, 1));
  CHECK(read_words(range + 2 * granularity, 100)[99] == 159);
  unsigned long long flags = 0;
  CU(cuMemGetAccess(&flags, &access.location, range + 2 * granularity));
  CHECK(flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
  CU(cuMemUnmap(range + 2 * granularity, granularity));
  CU(cuMemRelease(chunk));
  CU(cuMemAddressFree(range, 4 * granularity));
}
