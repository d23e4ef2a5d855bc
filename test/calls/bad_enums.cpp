// Enumeration values and flags that do not exist are refused with the driver's codes.
#include "check.h"

int main() {
  Gpu gpu;
  const CUresult bad = CUDA_ERROR_INVALID_VALUE;
  int value = 0;
  size_t limit = 0;
  CUstream stream = nullptr;
  CUevent event = nullptr;
  CUfunction fill = gpu.kernel("fill");
  EXPECT(bad, cuDeviceGetAttribute(&value, (CUdevice_attribute)9999, 0));
  EXPECT(bad, cuDeviceGetAttribute(&value, (CUdevice_attribute)0, 0));
  EXPECT(bad, cuFuncGetAttribute(&value, (CUfunction_attribute)9999, fill));
  EXPECT(bad, cuCtxGetLimit(&limit, (CUlimit)9999));
  EXPECT(bad, cuCtxSetLimit((CUlimit)9999, 1));
  EXPECT(bad, cuStreamCreate(&stream, 0x1000));
  EXPECT(bad, cuEventCreate(&event, 0x1000));
  void* host = nullptr;
  EXPECT(bad, cuMemHostAlloc(&host, 64, 0x1000));
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CU(cuEventCreate(&event, 0));
  EXPECT(bad, cuStreamWaitEvent(stream, event, 0x1000));
  CU(cuStreamSynchronize(stream));
}
