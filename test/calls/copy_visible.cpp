// A device-to-host copy into pinned memory is readable with no further call once an event after it is done, its stream is
// synchronised, or its stream says that it is idle; also when another thread did the waiting.
#include <thread>
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction fill = gpu.kernel("fill");
  CUdeviceptr device = allocate(4096);
  unsigned* pinned = nullptr;
  CU(cuMemHostAlloc((void**)&pinned, 4096, 0));
  CUstream stream = nullptr;
  CUevent event = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  unsigned value = 100;
  auto start = [&] {
    value += 1000;
    CU(launch(fill, 4, 256, stream, device, 1024u, value));
    CU(cuMemcpyDtoHAsync_v2(pinned, device, 4096, stream));
    CU(cuEventRecord(event, stream));
  };
  auto visible = [&] { return pinned[0] == value && pinned[1023] == value + 1023; };

  for (int round = 0; round < 20; round++) {
    start();
    CUresult state;
    while ((state = cuEventQuery(event)) == CUDA_ERROR_NOT_READY) {}
    CU(state);
    CHECK(visible());
    start();
    CU(cuStreamSynchronize(stream));
    CHECK(visible());
    start();
    CU(cuEventSynchronize(event));
    CHECK(visible());
    start();
    while ((state = cuStreamQuery(stream)) == CUDA_ERROR_NOT_READY) {}
    CU(state);
    CHECK(visible());
    start();
    std::thread([&] {
      CU(cuCtxSetCurrent(gpu.context));
      CU(cuCtxSynchronize());
      CHECK(visible());
    }).join();
  }
  CU(cuMemFreeHost(pinned));
}
