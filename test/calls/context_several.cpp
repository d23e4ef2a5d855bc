// Contexts of one's own beside the primary one: each has its modules and memory; a destroyed one is gone from the stack.
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
}
