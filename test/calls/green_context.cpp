// A green context: part of a device's multiprocessors, a stream on it, the context that it converts to, and its end.
#include "check.h"

int main() {
  Gpu gpu;
  CUdevResource all{}, part{}, rest{};
  CUresult rc = cuDeviceGetDevResource(gpu.device, &all, CU_DEV_RESOURCE_TYPE_SM);
  if (rc == CUDA_ERROR_NOT_SUPPORTED) return skip("no green contexts here");
  CU(rc);
  CHECK(all.sm.smCount > 0);
  unsigned groups = 1;
  CU(cuDevSmResourceSplitByCount(&part, &groups, &all, &rest, 0, 8));
  CHECK(groups == 1 && part.sm.smCount >= 8 && part.sm.smCount + rest.sm.smCount <= all.sm.smCount);
  CUdevResourceDesc description{};
  CU(cuDevResourceGenerateDesc(&description, &part, 1));
  CUgreenCtx green = nullptr;
  CU(cuGreenCtxCreate(&green, description, gpu.device, CU_GREEN_CTX_DEFAULT_STREAM));
  CUcontext context = nullptr, again = nullptr, now = nullptr;
  CU(cuCtxFromGreenCtx(&context, green));
  CU(cuCtxFromGreenCtx(&again, green));
  CHECK(context && context == again && context != gpu.context);
  CUstream stream = nullptr;
  CU(cuGreenCtxStreamCreate(&stream, green, CU_STREAM_NON_BLOCKING, 0));

  CU(cuCtxPushCurrent_v2(context));
  CUdevice device = -1;
  CU(cuCtxGetDevice(&device));
  CHECK(device == gpu.device);
  CUdevResource mine{};
  CU(cuCtxGetDevResource(context, &mine, CU_DEV_RESOURCE_TYPE_SM));
  CHECK(mine.sm.smCount == part.sm.smCount);
  CUdeviceptr memory = allocate(4096);
  CU(cuMemsetD32Async(memory, 77, 1024, stream));
  CU(cuStreamSynchronize(stream));
  std::vector<unsigned> values(1024);
  CU(cuMemcpyDtoH_v2(values.data(), memory, 4096));
  for (unsigned v : values) CHECK(v == 77);
  CU(cuMemFree_v2(memory));
  CU(cuStreamDestroy_v2(stream));
  CU(cuCtxPopCurrent_v2(&now));
  CHECK(now == context);
  CU(cuGreenCtxDestroy(green));
  CU(cuCtxGetCurrent(&now));
  CHECK(now == gpu.context);
  CUdeviceptr after = allocate(64);   // the primary context lives on
  CU(cuMemFree_v2(after));
}
