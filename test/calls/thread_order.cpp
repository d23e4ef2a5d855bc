// Order across threads: what thread A launched before it told B, B sees with a synchronous copy. Ten thousand rounds, none lost.
#include <atomic>
#include <thread>
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction fill = gpu.kernel("fill");
  CUdeviceptr value = allocate(64);
  const unsigned rounds = 10'000;
  std::atomic<unsigned> launched{0}, checked{0};
  unsigned lost = 0;
  std::thread reader([&] {
    CU(cuCtxSetCurrent(gpu.context));
    for (unsigned round = 1; round <= rounds; round++) {
      while (launched.load() != round) std::this_thread::yield();
      unsigned seen = 0;
      CU(cuMemcpyDtoH_v2(&seen, value, 4));
      lost += seen != round;
      checked.store(round);
    }
  });
  for (unsigned round = 1; round <= rounds; round++) {
    CU(launch(fill, 1, 1, nullptr, value, 1u, round));
    launched.store(round);
    while (checked.load() != round) std::this_thread::yield();
  }
  reader.join();
  if (lost) printf("%u of %u launches were not seen\n", lost, rounds);
  CHECK(lost == 0);
}
