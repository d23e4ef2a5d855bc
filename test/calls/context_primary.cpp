// Life of a primary context: state and flags, retain and release, reset.
#include "check.h"

int main() {
  CU(cuInit(0));
  unsigned flags = 99;
  int active = 99;
  CU(cuDevicePrimaryCtxGetState(0, &flags, &active));
  CHECK(active == 0);
  CU(cuDevicePrimaryCtxSetFlags_v2(0, CU_CTX_SCHED_BLOCKING_SYNC));
  CUcontext first = nullptr, second = nullptr;
  CU(cuDevicePrimaryCtxRetain(&first, 0));
  CU(cuDevicePrimaryCtxRetain(&second, 0));
  CHECK(first == second);
  CU(cuDevicePrimaryCtxGetState(0, &flags, &active));
  CHECK(active == 1 && (flags & CU_CTX_SCHED_MASK) == CU_CTX_SCHED_BLOCKING_SYNC);
  CU(cuDevicePrimaryCtxRelease_v2(0));
  CU(cuDevicePrimaryCtxGetState(0, &flags, &active));
  CHECK(active == 1);

  CU(cuCtxSetCurrent(first));
  unsigned own_flags = 99;
  CU(cuCtxGetFlags(&own_flags));
  CHECK((own_flags & CU_CTX_SCHED_MASK) == CU_CTX_SCHED_BLOCKING_SYNC);
  allocate(1 << 20);
  CU(cuDevicePrimaryCtxReset_v2(0));
  CU(cuDevicePrimaryCtxGetState(0, &flags, &active));
  CHECK(active == 0);

  CUcontext again = nullptr;
  CU(cuDevicePrimaryCtxRetain(&again, 0));
  CU(cuCtxSetCurrent(again));
  CUdeviceptr memory = allocate(64);
  CU(cuMemsetD32_v2(memory, 3, 16));
  CHECK(read_word(memory) == 3);
  CU(cuDevicePrimaryCtxRelease_v2(0));
  CU(cuDevicePrimaryCtxRelease_v2(0));  // a reset gives back memory and modules, not the retains before it
}
