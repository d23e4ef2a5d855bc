// Events order work across streams: a chain that hops between two streams, with a slow first link.
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction step = gpu.kernel("step"), slow = gpu.kernel("slow_store");
  CUdeviceptr value = allocate(64);
  CUstream a = nullptr, b = nullptr;
  CU(cuStreamCreate(&a, CU_STREAM_NON_BLOCKING));
  CU(cuStreamCreate(&b, CU_STREAM_NON_BLOCKING));
  CUevent event = nullptr, never = nullptr;
  CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  CU(cuEventCreate(&never, 0));
  CU(cuStreamWaitEvent(b, never, 0));  // never recorded: no wait
  CU(cuStreamSynchronize(b));

  CU(launch(slow, 1, 1, a, value, 1u, 20'000'000ull));
  unsigned expected = 1;
  for (unsigned i = 0; i < 100; i++) {
    CUstream from = i % 2 ? b : a, to = i % 2 ? a : b;
    CU(launch(step, 1, 1, from, value, i));
    expected = expected * 3 + i;
    CU(cuEventRecord(event, from));
    CU(cuStreamWaitEvent(to, event, 0));  // the same event again and again: each wait means the record before it
  }
  CU(cuCtxSynchronize());
  CHECK(read_word(value) == expected);
}
