// A NULL where a result belongs is INVALID_VALUE, and the session goes on (a desynchronised wire would not).
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction fill = gpu.kernel("fill");
  const CUresult bad = CUDA_ERROR_INVALID_VALUE;
  EXPECT(bad, cuDeviceGetCount(nullptr));
  EXPECT(bad, cuDeviceGet(nullptr, 0));
  EXPECT(bad, cuDeviceGetName(nullptr, 10, 0));
  EXPECT(bad, cuDeviceTotalMem_v2(nullptr, 0));
  EXPECT(bad, cuDeviceGetAttribute(nullptr, CU_DEVICE_ATTRIBUTE_WARP_SIZE, 0));
  EXPECT(bad, cuDriverGetVersion(nullptr));
  EXPECT(bad, cuCtxGetCurrent(nullptr));
  EXPECT(bad, cuCtxGetDevice(nullptr));
  EXPECT(bad, cuMemAlloc_v2(nullptr, 16));
  EXPECT(bad, cuStreamCreate(nullptr, 0));
  EXPECT(bad, cuEventCreate(nullptr, 0));
  EXPECT(bad, cuModuleGetFunction(nullptr, gpu.module, "fill"));
  EXPECT(bad, cuFuncGetAttribute(nullptr, CU_FUNC_ATTRIBUTE_NUM_REGS, fill));
  EXPECT(bad, cuModuleLoadData(nullptr, kernels_ptx));
  CUmodule module = nullptr;
  EXPECT(bad, cuModuleLoadData(&module, nullptr));
  EXPECT(bad, cuMemHostAlloc(nullptr, 16, 0));
  CUdeviceptr memory = allocate(16);
  EXPECT(bad, cuMemcpyHtoD_v2(memory, nullptr, 16));
  EXPECT(bad, cuMemcpyDtoH_v2(nullptr, memory, 16));
  CU(cuMemcpyHtoD_v2(memory, nullptr, 0));
  CU(cuMemFree_v2(0));
  CU(launch(fill, 1, 4, nullptr, memory, 4u, 11u));
  CHECK(read_word(memory) == 11);
}
