// Memory of cuMemCreate: one chunk mapped at two addresses, and in two processes through a file descriptor.
#include "two_processes.h"

static size_t granularity;

static CUmemAllocationProp shareable(CUdevice device) {
  CUmemAllocationProp property{};
  property.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  property.location = {CU_MEM_LOCATION_TYPE_DEVICE, device};
  property.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  return property;
}

static CUdeviceptr map(CUmemGenericAllocationHandle chunk, CUdevice device, size_t bytes, CUmemAccess_flags flags) {
  CUdeviceptr at = 0;
  CU(cuMemAddressReserve(&at, bytes, 0, 0, 0));
  CU(cuMemMap(at, bytes, 0, chunk, 0));
  CUmemAccessDesc access{{CU_MEM_LOCATION_TYPE_DEVICE, device}, flags};
  CU(cuMemSetAccess(at, bytes, &access, 1));
  return at;
}
static void unmap(CUdeviceptr at, size_t bytes) {
  CU(cuMemUnmap(at, bytes));
  CU(cuMemAddressFree(at, bytes));
}

static int owner(Other& other) {
  Gpu gpu;
  CUmemAllocationProp property = shareable(gpu.device), private_property = property;
  private_property.requestedHandleTypes = CU_MEM_HANDLE_TYPE_NONE;
  CU(cuMemGetAllocationGranularity(&granularity, &property, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
  const size_t bytes = 2 * granularity;
  CUmemGenericAllocationHandle chunk = 0, unshared = 0, bad = 0;
  CU(cuMemCreate(&chunk, bytes, &property, 0));
  CU(cuMemCreate(&unshared, granularity, &private_property, 0));
  CUdeviceptr one = map(chunk, gpu.device, bytes, CU_MEM_ACCESS_FLAGS_PROT_READWRITE), two = map(chunk, gpu.device, bytes, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
  CHECK(one != two);
  CU(launch(gpu.kernel("fill"), 4, 256, nullptr, one, 1024u, 100u));
  CU(launch(gpu.kernel("add"), 4, 256, nullptr, two, 1024u, 1u));      // the same bytes
  CHECK(read_words(one, 1024)[1023] == 100 + 1023 + 1);
  unsigned word = 77, back = 0;
  CU(cuMemcpy(one + 8, (CUdeviceptr)(uintptr_t)&word, 4));             // the addresses tell which side is the host's
  CU(cuMemcpyAsync((CUdeviceptr)(uintptr_t)&back, two + 8, 4, nullptr));
  CU(cuStreamSynchronize(nullptr));
  CHECK(back == 77);
  CU(launch(gpu.kernel("fill"), 4, 256, nullptr, one, 1024u, 101u));
  CUmemGenericAllocationHandle retained = 0;
  CU(cuMemRetainAllocationHandle(&retained, two + 100));
  CHECK(retained == chunk);
  CU(cuMemRelease(retained));

  int fd = -1;
  CHECK(cuMemExportToShareableHandle(&fd, unshared, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0) != CUDA_SUCCESS);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemExportToShareableHandle(nullptr, chunk, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0));
  CU(cuMemExportToShareableHandle(&fd, chunk, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0));
  CHECK(fd >= 0);
  CHECK(cuMemImportFromShareableHandle(&bad, (void*)(intptr_t)other.socket, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) != CUDA_SUCCESS);
  CU(cuCtxSynchronize());
  other.put_descriptor(fd);
  close(fd);
  other.wait();                                       // the guest has added 1000
  CHECK(read_words(one, 1024)[0] == 1101);
  unmap(one, bytes);
  unmap(two, bytes);
  CU(cuMemRelease(chunk));                            // the guest keeps the memory
  CU(cuMemRelease(unshared));
  other.turn();
  return other.end();
}

static int guest(Other& other) {
  Gpu gpu;
  int fd = other.get_descriptor();
  CUmemGenericAllocationHandle chunk = 0;
  CU(cuMemImportFromShareableHandle(&chunk, (void*)(intptr_t)fd, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR));
  close(fd);
  CUmemAllocationProp property = shareable(gpu.device), imported{};
  CU(cuMemGetAllocationGranularity(&granularity, &property, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
  CU(cuMemGetAllocationPropertiesFromHandle(&imported, chunk));
  CHECK(imported.type == CU_MEM_ALLOCATION_TYPE_PINNED && imported.location.id == gpu.device);
  const size_t bytes = 2 * granularity;
  CUdeviceptr at = map(chunk, gpu.device, bytes, CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
  CU(launch(gpu.kernel("add"), 4, 256, nullptr, at, 1024u, 1000u));
  CU(cuCtxSynchronize());
  other.turn();
  other.wait();
  CHECK(read_words(at, 1024)[1023] == 100 + 1023 + 1001);
  unmap(at, bytes);
  CU(cuMemRelease(chunk));
  return other.end();
}

int main(int count, char** arguments) {
  int types = 0;
  CU(cuInit(0));
  CU(cuDeviceGetAttribute(&types, CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED, 0));
  if (!types) return skip("the device says that chunks are not shared by descriptor");
  Other other(count, arguments);
  return other.is_first() ? owner(other) : guest(other);
}
