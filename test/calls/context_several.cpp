// Contexts of one's own beside the primary one: each has its modules and memory; a destroyed one is gone from the stack's top.
#include "check.h"

int main() {
  Gpu gpu;
  CUcontext own = nullptr, current = nullptr;
  CU(cuCtxCreate_v2(&own, 0, gpu.device));
  CHECK(own != gpu.context);
  CU(cuCtxGetCurrent(&current));
  CHECK(current == own);
  unsigned version = 0;
  CU(cuCtxGetApiVersion(own, &version));
  CHECK(version >= 3010);

  CUmodule module = nullptr;
  CUfunction fill = nullptr;
  CU(cuModuleLoadData(&module, kernels_ptx));
  CU(cuModuleGetFunction(&fill, module, "fill"));
  CUdeviceptr memory = allocate(64);
  CU(launch(fill, 1, 16, nullptr, memory, 16u, 5u));
  CHECK(read_words(memory, 16)[15] == 20);
  CUcontext of_memory = nullptr;
  CU(cuPointerGetAttribute(&of_memory, CU_POINTER_ATTRIBUTE_CONTEXT, memory));
  CHECK(of_memory == own);

  CU(cuCtxPushCurrent_v2(gpu.context));
  CUdeviceptr other = allocate(64);
  CU(launch(gpu.kernel("fill"), 1, 16, nullptr, other, 16u, 7u));
  CHECK(read_words(other, 16)[15] == 22);
  CU(cuCtxPopCurrent_v2(nullptr));
  CU(cuCtxDestroy_v2(own));
  CU(cuCtxGetCurrent(&current));
  CHECK(current == gpu.context || current == nullptr);
  CU(cuCtxSetCurrent(gpu.context));
  CHECK(read_words(other, 16)[0] == 7);  // the other context's memory lives on

  // Twice in the stack and destroyed: the dead one is current. Chunks and addresses need none.
  CU(cuCtxCreate_v2(&own, 0, gpu.device));
  CU(cuCtxPushCurrent_v2(own));
  CU(cuCtxDestroy_v2(own));
  EXPECT(CUDA_ERROR_CONTEXT_IS_DESTROYED, cuCtxSynchronize());
  CUmemAllocationProp property{};
  property.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  property.location = {CU_MEM_LOCATION_TYPE_DEVICE, gpu.device};
  size_t bytes = 0;
  CUdeviceptr at = 0;
  CUmemGenericAllocationHandle chunk = 0;
  CU(cuMemGetAllocationGranularity(&bytes, &property, CU_MEM_ALLOC_GRANULARITY_RECOMMENDED));
  CU(cuMemCreate(&chunk, bytes, &property, 0));
  CU(cuMemAddressReserve(&at, bytes, 0, 0, 0));
  CU(cuMemMap(at, bytes, 0, chunk, 0));
  CUmemAccessDesc access{property.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
  CU(cuMemSetAccess(at, bytes, &access, 1));
  CU(cuMemUnmap(at, bytes));
  CU(cuMemRelease(chunk));
  CU(cuCtxSetCurrent(nullptr));
  CU(cuCtxGetCurrent(&current));
  CHECK(current == gpu.context || current == nullptr);
  CU(cuCtxSetCurrent(nullptr));
  EXPECT(CUDA_ERROR_INVALID_CONTEXT, cuCtxSynchronize());
  CU(cuMemAddressFree(at, bytes));
  CU(cuMemAddressReserve(&at, bytes, 0, 0, 0));
  CU(cuMemCreate(&chunk, bytes, &property, 0));
  CU(cuMemMap(at, bytes, 0, chunk, 0));
  CU(cuMemSetAccess(at, bytes, &access, 1));
  CU(cuMemUnmap(at, bytes));
  CU(cuMemRelease(chunk));
  CU(cuMemAddressFree(at, bytes));
  CU(cuCtxSetCurrent(gpu.context));
  CU(cuCtxSynchronize());
}
