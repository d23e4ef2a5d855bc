// A graph by capture: two streams joined by events, instantiated, launched many times; capture does not run anything.
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction step = gpu.kernel("step"), add = gpu.kernel("add");
  CUdeviceptr value = allocate(64), other = allocate(64);
  CU(cuMemsetD32_v2(value, 1, 1));
  CU(cuMemsetD32_v2(other, 0, 1));
  CUstream a = nullptr, b = nullptr;
  CUevent fork = nullptr, join = nullptr;
  CU(cuStreamCreate(&a, CU_STREAM_NON_BLOCKING));
  CU(cuStreamCreate(&b, CU_STREAM_NON_BLOCKING));
  CU(cuEventCreate(&fork, CU_EVENT_DISABLE_TIMING));
  CU(cuEventCreate(&join, CU_EVENT_DISABLE_TIMING));

  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_ACTIVE;
  CU(cuStreamIsCapturing(a, &status));
  CHECK(status == CU_STREAM_CAPTURE_STATUS_NONE);
  CU(cuStreamBeginCapture_v2(a, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  CU(cuStreamIsCapturing(a, &status));
  CHECK(status == CU_STREAM_CAPTURE_STATUS_ACTIVE);
  for (unsigned i = 0; i < 5; i++) CU(launch(step, 1, 1, a, value, i));
  CU(cuEventRecord(fork, a));
  CU(cuStreamWaitEvent(b, fork, 0));
  CU(launch(add, 1, 1, b, other, 1u, 10u));
  CU(cuEventRecord(join, b));
  CU(cuStreamWaitEvent(a, join, 0));
  CU(cuStreamDestroy_v2(b));  // it has joined again
  CU(cuMemcpyDtoDAsync_v2(other + 4, value, 4, a));
  CUgraph graph = nullptr;
  CU(cuStreamEndCapture(a, &graph));
  size_t nodes = 0;
  CU(cuGraphGetNodes(graph, nullptr, &nodes));
  CHECK(nodes == 7);
  CHECK(read_word(value) == 1 && read_word(other) == 0);

  CUgraphExec executable = nullptr;
  CU(cuGraphInstantiateWithFlags(&executable, graph, 0));
  unsigned expected = 1;
  for (unsigned round = 0; round < 20; round++) {
    CU(cuGraphLaunch(executable, a));
    for (unsigned i = 0; i < 5; i++) expected = expected * 3 + i;
  }
  CU(cuStreamSynchronize(a));
  auto words = read_words(other, 2);
  CHECK(read_word(value) == expected && words[0] == 200 && words[1] == expected);

  CU(cuStreamBeginCapture_v2(a, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamSynchronize(a));  // may not wait while capturing
  CUgraph spoilt = nullptr;
  EXPECT(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(a, &spoilt));
  CU(cuGraphExecDestroy(executable));
  CU(cuGraphDestroy(graph));
  CU(cuStreamSynchronize(a));
}
