// The memory limit is exact: eight threads that race for memory never get more in all than the limit, and do get all of it.
// TF_TEST_LIMIT_MIB says what limit the worker was given.
#include <atomic>
#include <mutex>
#include <thread>
#include "check.h"

int main() {
  const char* text = getenv("TF_TEST_LIMIT_MIB");
  if (!text) return skip("the worker has no memory limit (TF_TEST_LIMIT_MIB is not set)");
  const size_t limit = strtoull(text, nullptr, 10) << 20, piece = 2 << 20;
  Gpu gpu;
  size_t total = 0, free_bytes = 0, device_total = 0;
  CU(cuDeviceTotalMem_v2(&device_total, gpu.device));
  CU(cuMemGetInfo_v2(&free_bytes, &total));
  CHECK(total == limit && device_total == limit && free_bytes <= limit);
  CUdeviceptr too_much = 0;
  EXPECT(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&too_much, limit + 1));

  for (int round = 0; round < 3; round++) {
    std::atomic<size_t> granted{0}, highest{0};
    std::mutex mutex;
    std::vector<CUdeviceptr> blocks;
    std::vector<std::thread> threads;
    for (int t = 0; t < 8; t++)
      threads.emplace_back([&] {
        CU(cuCtxSetCurrent(gpu.context));
        for (;;) {
          CUdeviceptr block = 0;
          CUresult result = cuMemAlloc_v2(&block, piece);
          if (result == CUDA_ERROR_OUT_OF_MEMORY) return;
          CU(result);
          size_t now = granted += piece;
          for (size_t most = highest; most < now && !highest.compare_exchange_weak(most, now);) {}
          std::lock_guard lock(mutex);
          blocks.push_back(block);
        }
      });
    for (auto& thread : threads) thread.join();
    CHECK(highest <= limit);
    CHECK(granted + piece > limit);  // not one more piece would have fitted
    CU(cuMemGetInfo_v2(&free_bytes, &total));
    CHECK(total == limit && free_bytes == limit - granted);
    for (CUdeviceptr block : blocks) CU(cuMemFree_v2(block));
    CU(cuMemGetInfo_v2(&free_bytes, &total));
    CHECK(free_bytes == limit);
  }
}
