// Memory of one device that names another as its user: chunks of cuMemCreate and pools. And what is told of memory whose device is not the current one. One
// device: skipped.
#include "check.h"

static int ordinal(CUdeviceptr p) {
  int device = -7;
  CU(cuPointerGetAttribute(&device, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, p));
  return device;
}

int main() {
  int devices = 0, can = 0;
  CU(cuInit(0));
  CU(cuDeviceGetCount(&devices));
  if (devices < 2) return skip("one device only");
  CU(cuDeviceCanAccessPeer(&can, 0, 1));
  if (!can) return skip("the devices cannot reach each other's memory");
  CUcontext one = nullptr;
  CU(cuDevicePrimaryCtxRetain(&one, 1));
  Gpu gpu;                                                            // device 0 is current
  CUfunction add = gpu.kernel("add");

  CUmemAllocationProp property{};
  property.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  property.location = {CU_MEM_LOCATION_TYPE_DEVICE, 1};
  size_t bytes = 0;
  CU(cuMemGetAllocationGranularity(&bytes, &property, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
  CUmemGenericAllocationHandle chunk = 0;
  CU(cuMemCreate(&chunk, bytes, &property, 0));
  CUdeviceptr at = 0;
  CU(cuMemAddressReserve(&at, bytes, 0, 0, 0));
  CU(cuMemMap(at, bytes, 0, chunk, 0));
  CUmemAccessDesc access[2] = {{{CU_MEM_LOCATION_TYPE_DEVICE, 0}, CU_MEM_ACCESS_FLAGS_PROT_READWRITE}, {{CU_MEM_LOCATION_TYPE_DEVICE, 1}, CU_MEM_ACCESS_FLAGS_PROT_READWRITE}};
  CU(cuMemSetAccess(at, bytes, access, 2));
  unsigned long long flags = 0;
  for (auto& a : access) {
    CU(cuMemGetAccess(&flags, &a.location, at));
    CHECK(flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
  }
  CU(cuCtxSetCurrent(one));
  CU(cuMemsetD32_v2(at, 5, 1024));
  CU(cuCtxSynchronize());
  CU(cuCtxSetCurrent(gpu.context));
  CU(launch(add, 4, 256, nullptr, at, 1024u, 2u));                    // a kernel of device 0
  CHECK(read_words(at, 1024)[1023] == 7);
  CHECK(ordinal(at) == 1);
  CU(cuMemUnmap(at, bytes));
  CU(cuMemAddressFree(at, bytes));
  CU(cuMemRelease(chunk));

  CUmemPoolProps properties{};
  properties.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  properties.location = {CU_MEM_LOCATION_TYPE_DEVICE, 1};
  CUmemoryPool pool = nullptr, of_pointer = nullptr;
  CU(cuMemPoolCreate(&pool, &properties));
  CUmemAccess_flags may = CU_MEM_ACCESS_FLAGS_PROT_NONE;
  CU(cuMemPoolGetAccess(&may, pool, &access[0].location));
  CHECK(may == CU_MEM_ACCESS_FLAGS_PROT_NONE);
  CU(cuMemPoolSetAccess(pool, &access[0], 1));
  CU(cuMemPoolGetAccess(&may, pool, &access[0].location));
  CHECK(may == CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
  CUstream stream = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CUdeviceptr pooled = 0;
  CU(cuMemAllocFromPoolAsync(&pooled, 4096, pool, stream));           // device 1's memory in a stream of device 0
  CHECK(ordinal(pooled) == 1);
  CU(cuPointerGetAttribute(&of_pointer, CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE, pooled));
  CHECK(of_pointer == pool);
  CU(cuMemsetD32Async(pooled, 30, 1024, stream));
  CU(launch(add, 4, 256, stream, pooled, 1024u, 3u));
  unsigned last = 0;
  CU(cuMemcpyDtoHAsync_v2(&last, pooled + 4092, 4, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(last == 33);
  CU(cuMemFreeAsync(pooled, stream));
  CU(cuStreamSynchronize(stream));
  CU(cuMemPoolDestroy(pool));

  size_t free_zero = 0, free_one = 0, free_after = 0, total = 0;      // each device has its own
  CU(cuMemGetInfo_v2(&free_zero, &total));
  CU(cuCtxSetCurrent(one));
  CU(cuMemGetInfo_v2(&free_one, &total));
  CUdeviceptr big = allocate(256 << 20);
  CU(cuMemGetInfo_v2(&free_after, &total));
  CHECK(free_after + (200u << 20) < free_one);
  CU(cuCtxSetCurrent(gpu.context));
  CU(cuMemGetInfo_v2(&free_after, &total));
  CHECK(free_after + (100u << 20) > free_zero);
  CHECK(ordinal(big) == 1);
  CU(cuMemFree_v2(big));                                              // the current context is another
  CUcontext nothing = nullptr;
  EXPECT(CUDA_ERROR_INVALID_CONTEXT, cuCtxEnablePeerAccess(nothing, 0));
  EXPECT(CUDA_ERROR_INVALID_CONTEXT, cuCtxDisablePeerAccess(nothing));
  CHECK(cuCtxEnablePeerAccess(gpu.context, 0) != CUDA_SUCCESS);       // its own device
}
