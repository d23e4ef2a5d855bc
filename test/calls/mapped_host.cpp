// Host memory that kernels read and write: allocated or registered; a pipeline of host and kernel over one word without any copy.
#include <sys/mman.h>

#include "check.h"

static void used_by_kernels(Gpu& gpu, unsigned* words, unsigned count) {
  CUdeviceptr address = 0, inside = 0;
  CU(cuMemHostGetDevicePointer_v2(&address, words, 0));
  CU(cuMemHostGetDevicePointer_v2(&inside, words + 10, 0));
  CHECK(inside == address + 40);
  for (unsigned i = 0; i < count; i++) words[i] = i;
  CU(launch(gpu.kernel("add"), count / 256, 256, nullptr, address, count, 5u));
  CU(cuCtxSynchronize());
  CHECK(words[0] == 5 && words[count - 1] == count + 4);
  CUdeviceptr copy = allocate(count * 4);
  CU(cuMemcpyDtoD_v2(copy, address, count * 4));
  CHECK(read_words(copy, count)[count - 1] == count + 4);
  CU(cuMemFree_v2(copy));
}

int main() {
  Gpu gpu;
  int can = 0;
  CU(cuDeviceGetAttribute(&can, CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM, gpu.device));
  if (!can) return skip("the device says that kernels cannot touch host memory");
  constexpr unsigned kWords = 1 << 14;
  unsigned *mapped = nullptr, *combined = nullptr, *plain = nullptr, flags = 0;
  CU(cuMemHostAlloc((void**)&mapped, kWords * 4, CU_MEMHOSTALLOC_DEVICEMAP));
  CU(cuMemHostAlloc((void**)&combined, kWords * 4, CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED | CU_MEMHOSTALLOC_PORTABLE));
  CU(cuMemHostAlloc((void**)&plain, kWords * 4, 0));
  CU(cuMemHostGetFlags(&flags, combined));
  CHECK(flags == (CU_MEMHOSTALLOC_DEVICEMAP | CU_MEMHOSTALLOC_WRITECOMBINED | CU_MEMHOSTALLOC_PORTABLE));
  used_by_kernels(gpu, mapped, kWords);
  used_by_kernels(gpu, combined, kWords);
  used_by_kernels(gpu, plain, kWords);            // with unified addresses all page-locked memory is mapped
  auto* own = (unsigned*)mmap(nullptr, kWords * 4, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CU(cuMemHostRegister_v2(own, kWords * 4, CU_MEMHOSTREGISTER_DEVICEMAP));
  used_by_kernels(gpu, own, kWords);
  CUdeviceptr address = 0;
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemHostGetDevicePointer_v2(&address, own, 1));
  CU(cuMemHostUnregister(own));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemHostGetDevicePointer_v2(&address, own, 0));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemHostAlloc((void**)&own, 4096, 8));

  volatile unsigned* word = mapped;               // a kernel's result seen, and its input set, between two launches of one stream
  *word = 1;
  for (unsigned round = 0; round < 10; round++) {
    unsigned before = *word;
    CU(launch(gpu.kernel("step"), 1, 1, nullptr, (CUdeviceptr)(uintptr_t)mapped, 1u));
    CU(cuCtxSynchronize());
    CHECK(*word == before * 3 + 1);
    *word = before + round;
  }
  CU(cuMemFreeHost(mapped));
  CU(cuMemFreeHost(combined));
  CU(cuMemFreeHost(plain));
}
