// Managed memory: the same address for host and kernels, in turns without copies; more than one allocation; prefetching changes nothing
// that can be seen; freed like device memory.
#include "check.h"

int main() {
  Gpu gpu;
  int managed = 0;
  CU(cuDeviceGetAttribute(&managed, CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY, gpu.device));
  if (!managed) return skip("the device says that it has no managed memory");
  constexpr unsigned kWords = 1 << 18;
  CUdeviceptr address = 0, other = 0;
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemAllocManaged(&address, 0, CU_MEM_ATTACH_GLOBAL));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemAllocManaged(&address, 4096, 0));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemAllocManaged(nullptr, 4096, CU_MEM_ATTACH_GLOBAL));
  CU(cuMemAllocManaged(&address, kWords * 4, CU_MEM_ATTACH_GLOBAL));
  CU(cuMemAllocManaged(&other, 4096, CU_MEM_ATTACH_GLOBAL));
  unsigned* words = (unsigned*)(uintptr_t)address;
  for (unsigned i = 0; i < kWords; i++) words[i] = i;
  CU(launch(gpu.kernel("add"), kWords / 256, 256, nullptr, address, kWords, 3u));
  CU(cuCtxSynchronize());
  CHECK(words[0] == 3 && words[kWords - 1] == kWords + 2);
  words[5] = 1000;
  CU(cuMemPrefetchAsync(address, kWords * 4, gpu.device, nullptr));
  CU(launch(gpu.kernel("add"), kWords / 256, 256, nullptr, address, kWords, 1u));
  CU(cuMemPrefetchAsync(address, kWords * 4, CU_DEVICE_CPU, nullptr));
  CU(cuCtxSynchronize());
  CHECK(words[5] == 1001 && words[6] == 10);
  CHECK(read_word(address + 20) == 1001);                       // also a source of copies
  CU(cuMemsetD32_v2(address, 7, 16));
  CU(cuCtxSynchronize());
  CHECK(words[15] == 7 && words[16] == 20);

  unsigned type = 0;
  int is_managed = 0;
  void* host = nullptr;
  CUdeviceptr device_address = 0;
  CU(cuPointerGetAttribute(&is_managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, address + 4));
  CU(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, address + 4));
  CU(cuPointerGetAttribute(&host, CU_POINTER_ATTRIBUTE_HOST_POINTER, address + 4));
  CU(cuPointerGetAttribute(&device_address, CU_POINTER_ATTRIBUTE_DEVICE_POINTER, address + 4));
  CHECK(is_managed == 1 && type == CU_MEMORYTYPE_DEVICE && host == (void*)(words + 1) && device_address == address + 4);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(address + 256));
  CU(cuMemFree_v2(address));
  CU(cuMemFree_v2(other));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(address));
}
