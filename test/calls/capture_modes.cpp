// What may not be done while a stream captures, by the capture's mode and the calling thread's; how a capture ends that was spoilt; which thread and
// which stream may end one.
#include <thread>

#include "check.h"

static CUstream stream, other;
static CUfunction step;
static CUdeviceptr value;
static CUgraph graph;

static void begin(CUstreamCaptureMode mode) {
  CU(cuStreamBeginCapture_v2(stream, mode));
  CU(launch(step, 1, 1, stream, value, 1u));
}
static void end(CUresult wanted, int line = __builtin_LINE()) {
  graph = (CUgraph)&graph;
  require_result(cuStreamEndCapture(stream, &graph), wanted, "cuStreamEndCapture", __FILE__, line);
  CHECK((graph == nullptr) == (wanted != CUDA_SUCCESS));
  if (graph) CU(cuGraphDestroy(graph));
  CUstreamCaptureStatus status;
  CU(cuStreamIsCapturing(stream, &status));
  CHECK(status == CU_STREAM_CAPTURE_STATUS_NONE);
}
static CUresult allocates() {
  CUdeviceptr p = 0;
  CUresult rc = cuMemAlloc_v2(&p, 4096);
  if (!rc) CU(cuMemFree_v2(p));
  return rc;
}
template <class F>
static void in_thread(CUcontext context, F f) {
  std::thread([&] {
    CU(cuCtxSetCurrent(context));
    f();
  }).join();
}

int main() {
  Gpu gpu;
  step = gpu.kernel("step");
  value = allocate(64);
  CUevent event, recorded;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CU(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
  CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  CU(cuEventCreate(&recorded, CU_EVENT_DISABLE_TIMING));
  CU(cuEventRecord(recorded, other));
  CU(cuStreamSynchronize(other));
  CU(launch(step, 1, 1, stream, value, 1u));
  CU(cuStreamSynchronize(stream));
  const auto kGlobal = CU_STREAM_CAPTURE_MODE_GLOBAL, kThread = CU_STREAM_CAPTURE_MODE_THREAD_LOCAL, kRelaxed = CU_STREAM_CAPTURE_MODE_RELAXED;
  const auto kRefused = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, kSpoilt = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;

  // The capturing thread itself: no calls that could disturb it, unless the mode is relaxed, or the thread's.
  begin(kGlobal);
  EXPECT(kRefused, allocates());
  CUstreamCaptureStatus status;
  CU(cuStreamIsCapturing(stream, &status));
  CHECK(status == CU_STREAM_CAPTURE_STATUS_INVALIDATED);
  EXPECT(kSpoilt, launch(step, 1, 1, stream, value, 1u));
  end(kSpoilt);
  begin(kThread);
  EXPECT(kRefused, allocates());
  end(kSpoilt);
  begin(kRelaxed);
  CU(allocates());
  CU(cuEventQuery(recorded));
  end(CUDA_SUCCESS);
  begin(kGlobal);
  CUstreamCaptureMode mode = kRelaxed;
  CU(cuThreadExchangeStreamCaptureMode(&mode));
  CHECK(mode == kGlobal);
  CU(allocates());
  CU(cuThreadExchangeStreamCaptureMode(&mode));
  CHECK(mode == kRelaxed);
  end(CUDA_SUCCESS);
  begin(kGlobal);
  EXPECT(kRefused, cuEventQuery(recorded));
  end(kSpoilt);
  begin(kGlobal);
  EXPECT(kRefused, cuStreamSynchronize(stream));
  end(kSpoilt);
  begin(kGlobal);
  EXPECT(kRefused, cuStreamQuery(stream));
  end(kSpoilt);

  // Another thread: disturbs a global capture alone, and not if it says that it knows what it does.
  begin(kGlobal);
  in_thread(gpu.context, [&] { EXPECT(kRefused, allocates()); });
  end(kSpoilt);
  begin(kGlobal);
  in_thread(gpu.context, [&] {
    CUstreamCaptureMode own = kThread;
    CU(cuThreadExchangeStreamCaptureMode(&own));
    CU(allocates());
  });
  end(CUDA_SUCCESS);
  begin(kThread);
  in_thread(gpu.context, [&] {
    CU(allocates());
    EXPECT(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, cuStreamEndCapture(stream, &graph));
  });
  CUresult ended = cuStreamEndCapture(stream, &graph);     // a driver may have ended it then and there
  CHECK(ended == CUDA_SUCCESS || ended == CUDA_ERROR_ILLEGAL_STATE);
  begin(kRelaxed);
  in_thread(gpu.context, [&] { end(CUDA_SUCCESS); });

  // Streams that join by events: their work is in the graph, they may not end it, and they must have come back.
  begin(kGlobal);
  EXPECT(CUDA_ERROR_ILLEGAL_STATE, cuStreamBeginCapture_v2(stream, kGlobal));
  CU(cuEventRecord(event, stream));
  CU(cuStreamWaitEvent(other, event, 0));
  CU(cuStreamIsCapturing(other, &status));
  CHECK(status == CU_STREAM_CAPTURE_STATUS_ACTIVE);
  CU(launch(step, 1, 1, other, value, 2u));
  end(CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
  CU(cuStreamIsCapturing(other, &status));
  CHECK(status == CU_STREAM_CAPTURE_STATUS_NONE);
  begin(kGlobal);
  CU(cuEventRecord(event, stream));
  CU(cuStreamWaitEvent(other, event, 0));
  EXPECT(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, cuStreamEndCapture(other, &graph));
  end(kSpoilt);
  EXPECT(CUDA_ERROR_ILLEGAL_STATE, cuStreamEndCapture(stream, &graph));

  // An event of a capture is nothing to wait for outside; one from outside is nothing to wait for within.
  begin(kRelaxed);
  CU(cuEventRecord(event, stream));
  EXPECT(CUDA_ERROR_CAPTURED_EVENT, cuEventQuery(event));
  cuStreamEndCapture(stream, &graph);
  begin(kGlobal);
  EXPECT(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, cuStreamWaitEvent(stream, recorded, 0));
  end(kSpoilt);
  CUstream third;
  CU(cuStreamCreate(&third, CU_STREAM_NON_BLOCKING));
  begin(kRelaxed);
  CU(cuStreamBeginCapture_v2(third, kRelaxed));
  CU(cuEventRecord(event, third));
  EXPECT(CUDA_ERROR_STREAM_CAPTURE_MERGE, cuStreamWaitEvent(stream, event, 0));
  EXPECT(kSpoilt, cuStreamEndCapture(third, &graph));
  end(kSpoilt);

  // The default stream waits for blocking streams, so it may not be used beside one that captures.
  EXPECT(kRefused, cuStreamBeginCapture_v2(nullptr, kRelaxed));
  CUstream blocking;
  CU(cuStreamCreate(&blocking, CU_STREAM_DEFAULT));
  CU(cuStreamBeginCapture_v2(blocking, kRelaxed));
  EXPECT(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, launch(step, 1, 1, nullptr, value, 1u));
  EXPECT(kSpoilt, cuStreamEndCapture(blocking, &graph));
  CU(cuStreamBeginCapture_v2(blocking, kRelaxed));
  unsigned word = 0;
  EXPECT(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, cuMemcpyHtoD_v2(value, &word, 4));
  cuStreamEndCapture(blocking, &graph);                    // not always spoilt
  CU(cuStreamBeginCapture_v2(blocking, kRelaxed));
  EXPECT(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, cuStreamIsCapturing(nullptr, &status));
  cuStreamEndCapture(blocking, &graph);

  CU(launch(step, 1, 1, stream, value, 1u));
  CU(cuStreamSynchronize(stream));
  CU(cuCtxSynchronize());
}
