// Events may be destroyed while pending, polled a great deal, and made in large numbers; a stale answer must not be kept.
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction slow = gpu.kernel("slow_store");
  CUdeviceptr word = allocate(64);
  CUevent event = nullptr;
  CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  CU(launch(slow, 1, 1, nullptr, word, 4u, 10'000'000ull));
  CU(cuEventRecord(event, nullptr));
  CU(cuEventDestroy_v2(event));  // destroyed before it is done: the work goes on
  CU(cuCtxSynchronize());
  CHECK(read_word(word) == 4);

  for (int round = 0; round < 5; round++) {
    CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
    CU(cuEventQuery(event));
    CU(launch(slow, 1, 1, nullptr, word, 5u + round, 5'000'000ull));
    CU(cuEventRecord(event, nullptr));  // recorded anew: the earlier «done» no longer holds
    EXPECT(CUDA_ERROR_NOT_READY, cuEventQuery(event));
    CU(cuEventSynchronize(event));
    CHECK(read_word(word) == 5u + round);
    CU(cuEventDestroy_v2(event));
  }
  std::vector<CUevent> many(2000);
  for (auto& e : many) CU(cuEventCreate(&e, 0));
  for (auto& e : many) CU(cuEventRecord(e, nullptr));
  CU(cuEventSynchronize(many.back()));
  for (auto& e : many) CU(cuEventQuery(e));
  for (auto& e : many) CU(cuEventDestroy_v2(e));
}
