// NULL handles and zero sizes: some are errors, some are nothing to do.
#include "check.h"

int main() {
  Gpu gpu;
  const CUresult no_handle = CUDA_ERROR_INVALID_HANDLE, bad = CUDA_ERROR_INVALID_VALUE;
  EXPECT(no_handle, cuStreamDestroy_v2(nullptr));
  EXPECT(no_handle, cuStreamDestroy_v2(CU_STREAM_LEGACY));
  EXPECT(no_handle, cuEventRecord(nullptr, nullptr));
  EXPECT(no_handle, cuEventDestroy_v2(nullptr));
  EXPECT(no_handle, cuStreamWaitEvent(nullptr, nullptr, 0));
  EXPECT(no_handle, cuModuleUnload(nullptr));
  EXPECT(bad, cuCtxDestroy_v2(nullptr));
  EXPECT(bad, cuCtxPushCurrent_v2(nullptr));
  EXPECT(bad, cuGraphLaunch(nullptr, nullptr));
  EXPECT(bad, cuLaunchHostFunc(nullptr, nullptr, nullptr));
  EXPECT(bad, cuMemHostRegister_v2(nullptr, 4096, 0));
  EXPECT(bad, cuMemFreeAsync(0x1234, nullptr));
  CU(cuMemFreeHost(nullptr));
  CU(cuMemFreeAsync(0, nullptr));
  CU(cuMemsetD8_v2(0, 0, 0));
  char byte = 0;
  CU(cuMemcpyHtoD_v2(0, &byte, 0));
  EXPECT(bad, cuMemcpyHtoD_v2(0, &byte, 1));

  CUfunction fill = gpu.kernel("fill");
  CUdeviceptr memory = allocate(4 << 20);
  CU(cuModuleUnload(gpu.module));
  EXPECT(no_handle, launch(fill, 1, 1, nullptr, memory, 1u, 1u));  // its module is gone
  CU(cuMemFree_v2(memory));
  EXPECT(bad, cuMemsetD8Async(memory, 0, 64, nullptr));  // refused at the call, asynchronous or not
  EXPECT(bad, cuMemcpyHtoDAsync_v2(memory, &byte, 1, nullptr));
  CU(cuCtxSynchronize());
}
