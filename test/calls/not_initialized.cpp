// Before cuInit every call that needs the driver answers NOT_INITIALIZED; the version may be asked at any time.
#include "check.h"

int main() {
  int value = 0;
  CUdeviceptr memory = 0;
  CUcontext context = nullptr;
  CUstream stream = nullptr;
  const CUresult early = CUDA_ERROR_NOT_INITIALIZED;
  CU(cuDriverGetVersion(&value));
  CHECK(value >= 12000);
  EXPECT(early, cuDeviceGetCount(&value));
  EXPECT(early, cuCtxGetCurrent(&context));
  EXPECT(early, cuMemAlloc_v2(&memory, 16));
  EXPECT(early, cuStreamCreate(&stream, 0));
  EXPECT(early, cuCtxSynchronize());
  CU(cuInit(0));
  CU(cuInit(0));  // any number of times
  CU(cuDeviceGetCount(&value));
  EXPECT(CUDA_ERROR_INVALID_CONTEXT, cuMemAlloc_v2(&memory, 16));
  EXPECT(CUDA_ERROR_INVALID_CONTEXT, cuCtxSynchronize());
}
