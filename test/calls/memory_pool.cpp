// Stream-ordered allocation: from the default pool and from one's own; memory of a freed block may be taken again in order.
#include "check.h"

int main() {
  Gpu gpu;
  int supported = 0;
  CU(cuDeviceGetAttribute(&supported, CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED, gpu.device));
  CHECK(supported == 1);
  CUfunction fill = gpu.kernel("fill");
  CUstream stream = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  for (unsigned round = 0; round < 100; round++) {
    CUdeviceptr memory = 0;
    CU(cuMemAllocAsync(&memory, 4000, stream));
    CU(launch(fill, 10, 100, stream, memory, 1000u, round));
    unsigned last = 0;
    CU(cuMemcpyDtoHAsync_v2(&last, memory + 3996, 4, stream));
    CU(cuMemFreeAsync(memory, stream));
    if (round % 10 == 0) {
      CU(cuStreamSynchronize(stream));
      CHECK(last == round + 999);
    }
  }
  CU(cuStreamSynchronize(stream));

  CUmemoryPool pool = nullptr, standard = nullptr;
  CUmemPoolProps properties{};
  properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  CU(cuMemPoolCreate(&pool, &properties));
  CU(cuDeviceGetDefaultMemPool(&standard, gpu.device));
  CHECK(pool != standard);
  unsigned long long threshold = 1 << 20, back = 0;
  CU(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &threshold));
  CU(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &back));
  CHECK(back == threshold);
  CUdeviceptr memory = 0;
  CU(cuMemAllocFromPoolAsync(&memory, 4096, pool, stream));
  CU(cuMemsetD32Async(memory, 6, 1024, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(read_word(memory + 4092) == 6);
  unsigned long long used = 0;
  CU(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &used));
  CHECK(used >= 4096);
  CU(cuMemFreeAsync(memory, stream));
  CU(cuStreamSynchronize(stream));
  CU(cuMemPoolTrimTo(pool, 0));
  CU(cuMemPoolDestroy(pool));
}
