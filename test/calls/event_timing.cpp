// Events: states, elapsed time between two of them, and the codes for events that cannot be timed.
#include "check.h"

int main() {
  Gpu gpu;
  CUevent begin = nullptr, end = nullptr, untimed = nullptr, never = nullptr;
  CU(cuEventCreate(&begin, CU_EVENT_DEFAULT));
  CU(cuEventCreate(&end, CU_EVENT_BLOCKING_SYNC));
  CU(cuEventCreate(&untimed, CU_EVENT_DISABLE_TIMING));
  CU(cuEventCreate(&never, CU_EVENT_DEFAULT));
  CU(cuEventQuery(begin));  // never recorded counts as done
  CU(cuEventSynchronize(begin));
  CUfunction slow = gpu.kernel("slow_store");
  CUdeviceptr word = allocate(64);

  CU(cuEventRecord(begin, nullptr));
  CU(launch(slow, 1, 1, nullptr, word, 1u, 20'000'000ull));
  CU(cuEventRecord(end, nullptr));
  CU(cuEventRecordWithFlags(untimed, nullptr, 0));
  EXPECT(CUDA_ERROR_NOT_READY, cuEventQuery(end));
  float milliseconds = -1;
  EXPECT(CUDA_ERROR_NOT_READY, cuEventElapsedTime(&milliseconds, begin, end));
  CU(cuEventSynchronize(end));
  CU(cuEventQuery(end));
  CU(cuEventElapsedTime(&milliseconds, begin, end));
  CHECK(milliseconds >= 15 && milliseconds < 20000);
  CU(cuEventElapsedTime(&milliseconds, end, begin));
  CHECK(milliseconds < 0);
  CU(cuCtxSynchronize());
  EXPECT(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&milliseconds, begin, untimed));
  EXPECT(CUDA_ERROR_INVALID_HANDLE, cuEventElapsedTime(&milliseconds, begin, never));
}
