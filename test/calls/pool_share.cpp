// A memory pool of another process: the pool comes as a descriptor, an allocation as data; the guest frees what it imported, not the memory.
#include "two_processes.h"

static int owner(Other& other) {
  Gpu gpu;
  CUmemPoolProps properties{};
  properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.handleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, gpu.device};
  CUmemoryPool pool = nullptr, plain = nullptr;
  CU(cuMemPoolCreate(&pool, &properties));
  properties.handleTypes = CU_MEM_HANDLE_TYPE_NONE;
  CU(cuMemPoolCreate(&plain, &properties));
  int fd = -1;
  CHECK(cuMemPoolExportToShareableHandle(&fd, plain, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0) != CUDA_SUCCESS);
  CU(cuMemPoolExportToShareableHandle(&fd, pool, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0));
  CUdeviceptr memory = 0, unshared = 0;
  CU(cuMemAllocFromPoolAsync(&memory, 1 << 20, pool, nullptr));
  CU(cuMemAllocFromPoolAsync(&unshared, 4096, plain, nullptr));
  CUmemPoolPtrExportData data, bad;
  CU(launch(gpu.kernel("fill"), 1024, 256, nullptr, memory, 1u << 18, 5u));
  CU(cuMemPoolExportPointer(&data, memory));
  CHECK(cuMemPoolExportPointer(&bad, unshared) != CUDA_SUCCESS);
  CU(cuCtxSynchronize());
  other.put_descriptor(fd);
  other.put(data);
  other.wait();
  CHECK(read_words(memory, 1 << 18)[77] == 77 + 5 + 10);
  CU(cuMemFreeAsync(memory, nullptr));
  CU(cuMemFreeAsync(unshared, nullptr));
  CU(cuCtxSynchronize());
  CU(cuMemPoolDestroy(pool));
  CU(cuMemPoolDestroy(plain));
  return other.end();
}

static int guest(Other& other) {
  Gpu gpu;
  int fd = other.get_descriptor();
  auto data = other.get<CUmemPoolPtrExportData>();
  CUmemoryPool pool = nullptr;
  CU(cuMemPoolImportFromShareableHandle(&pool, (void*)(intptr_t)fd, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0));
  CUdeviceptr memory = 0, none = 0;
  CU(cuMemPoolImportPointer(&memory, pool, &data));
  CHECK(cuMemAllocFromPoolAsync(&none, 4096, pool, nullptr) != CUDA_SUCCESS);      // an imported pool gives nothing new
  CHECK(read_words(memory, 1 << 18)[(1 << 18) - 1] == (1 << 18) - 1 + 5);
  CU(launch(gpu.kernel("add"), 1024, 256, nullptr, memory, 1u << 18, 10u));
  CU(cuMemFreeAsync(memory, nullptr));
  CU(cuCtxSynchronize());
  CU(cuMemPoolDestroy(pool));
  other.turn();
  return other.end();
}

int main(int count, char** arguments) {
  int types = 0;
  CU(cuInit(0));
  CU(cuDeviceGetAttribute(&types, CU_DEVICE_ATTRIBUTE_MEMPOOL_SUPPORTED_HANDLE_TYPES, 0));
  if (!types) return skip("the device says that pools are not shared by descriptor");
  Other other(count, arguments);
  return other.is_first() ? owner(other) : guest(other);
}
