// Pinned host memory: allocated, registered, asked about, used as source and target, freed.
#include "check.h"

int main() {
  Gpu gpu;
  unsigned *a = nullptr, *b = nullptr, *registered = nullptr, flags = 0;
  CU(cuMemHostAlloc((void**)&a, 1 << 20, CU_MEMHOSTALLOC_PORTABLE));
  CU(cuMemAllocHost_v2((void**)&b, 1 << 20));
  CU(cuMemHostGetFlags(&flags, a));
  CHECK(flags & CU_MEMHOSTALLOC_PORTABLE);
  CHECK(posix_memalign((void**)&registered, 4096, 1 << 20) == 0);
  CU(cuMemHostRegister_v2(registered, 1 << 20, 0));
  EXPECT(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, cuMemHostRegister_v2(registered, 1 << 20, 0));

  unsigned type = 0;
  CU(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, (CUdeviceptr)(uintptr_t)(a + 100)));
  CHECK(type == CU_MEMORYTYPE_HOST);
  const size_t words = (1 << 20) / 4;
  for (size_t i = 0; i < words; i++) a[i] = i * 3 + 1;
  CUdeviceptr device = allocate(1 << 20);
  CU(cuMemcpyHtoDAsync_v2(device, a, 1 << 20, nullptr));
  CU(cuMemcpyDtoHAsync_v2(b, device, 1 << 20, nullptr));
  CU(cuMemcpyDtoHAsync_v2(registered, device, 1 << 20, nullptr));
  CU(cuStreamSynchronize(nullptr));
  CHECK(memcmp(a, b, 1 << 20) == 0 && memcmp(a, registered, 1 << 20) == 0);

  CU(cuMemHostUnregister(registered));
  EXPECT(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, cuMemHostUnregister(registered));
  CU(cuMemFreeHost(a));
  CU(cuMemFreeHost(b));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemFreeHost(registered));
  int stack = 0;
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, (CUdeviceptr)(uintptr_t)&stack));
}
