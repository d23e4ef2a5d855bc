// assert in a kernel: ASSERT (710) at the next wait when it fails, nothing when it holds.
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction failing = gpu.kernel("failing_assert");
  CU(launch(failing, 2, 32, nullptr, 1));
  CU(cuCtxSynchronize());
  CU(launch(failing, 1, 1, nullptr, 2));
  EXPECT(CUDA_ERROR_ASSERT, cuCtxSynchronize());
  EXPECT(CUDA_ERROR_ASSERT, cuCtxSynchronize());
}
