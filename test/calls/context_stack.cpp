// The stack of current contexts: push, pop, set, and one stack per thread.
#include <thread>
#include "check.h"

int main() {
  CU(cuInit(0));
  CUcontext primary = nullptr, current = (CUcontext)1;
  CU(cuCtxGetCurrent(&current));
  CHECK(current == nullptr);
  EXPECT(CUDA_ERROR_INVALID_CONTEXT, cuCtxPopCurrent_v2(&current));
  CU(cuDevicePrimaryCtxRetain(&primary, 0));
  CU(cuCtxGetCurrent(&current));
  CHECK(current == nullptr);  // retaining does not make it current

  CU(cuCtxPushCurrent_v2(primary));
  CU(cuCtxGetCurrent(&current));
  CHECK(current == primary);
  std::thread([&] {
    CUcontext other = (CUcontext)1;
    CU(cuCtxGetCurrent(&other));
    CHECK(other == nullptr);
    CU(cuCtxSetCurrent(primary));
    CUdevice device = -1;
    CU(cuCtxGetDevice(&device));
    CHECK(device == 0);
    CU(cuCtxSetCurrent(nullptr));
    EXPECT(CUDA_ERROR_INVALID_CONTEXT, cuCtxGetDevice(&device));
  }).join();

  CU(cuCtxPushCurrent_v2(primary));
  CUcontext popped = nullptr;
  CU(cuCtxPopCurrent_v2(&popped));
  CHECK(popped == primary);
  CU(cuCtxGetCurrent(&current));
  CHECK(current == primary);  // the first push is still there
  CU(cuCtxPopCurrent_v2(&popped));
  CU(cuCtxGetCurrent(&current));
  CHECK(current == nullptr);
}
