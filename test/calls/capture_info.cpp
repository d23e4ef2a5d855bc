// What a stream tells of its capture, asked often: the same id and graph to its end, for every stream that takes part, until something spoils it.
#include "check.h"

struct Told {
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  cuuint64_t id = 0;
  CUgraph graph = nullptr;
};
static Told ask(CUstream stream) {
  Told t, again;
  CUstreamCaptureStatus status;
  CU(cuStreamGetCaptureInfo_v2(stream, &t.status, &t.id, &t.graph, nullptr, nullptr));
  CU(cuStreamGetCaptureInfo(stream, &again.status, &again.id));
  CU(cuStreamIsCapturing(stream, &status));
  CHECK(status == t.status && again.status == t.status && again.id == t.id);
  return t;
}

int main() {
  Gpu gpu;
  CUfunction step = gpu.kernel("step"), none;
  CUdeviceptr value = allocate(64);
  CUstream stream, other, blocking;
  CUevent event;
  CUgraph graph;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CU(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
  CU(cuStreamCreate(&blocking, CU_STREAM_DEFAULT));
  CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  CHECK(ask(stream).status == CU_STREAM_CAPTURE_STATUS_NONE);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuStreamGetCaptureInfo(stream, nullptr, nullptr));

  CU(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  const Told first = ask(stream);
  CHECK(first.status == CU_STREAM_CAPTURE_STATUS_ACTIVE && first.id && first.graph);
  CHECK(ask(other).status == CU_STREAM_CAPTURE_STATUS_NONE);
  CU(launch(step, 1, 1, stream, value, 1u));
  CU(cuEventRecord(event, stream));
  CU(cuStreamWaitEvent(other, event, 0));
  CU(launch(step, 1, 1, other, value, 1u));
  for (CUstream s : {stream, other}) {
    const Told now = ask(s);
    CHECK(now.status == first.status && now.id == first.id && now.graph == first.graph);
  }
  // An error that is none of the capture's.
  EXPECT(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&none, gpu.module, "no such kernel"));
  CHECK(ask(stream).id == first.id && ask(stream).status == CU_STREAM_CAPTURE_STATUS_ACTIVE);
  const CUgraphNode* after = nullptr;
  size_t count = 0;
  cuuint64_t id = 0;
  CUstreamCaptureStatus status;
  CU(cuStreamGetCaptureInfo_v2(other, &status, &id, &graph, &after, &count));
  CHECK(id == first.id && graph == first.graph && count == 1 && after[0]);
  CU(cuEventRecord(event, other));
  CU(cuStreamWaitEvent(stream, event, 0));
  CU(cuStreamEndCapture(stream, &graph));
  CHECK(graph == first.graph);
  CHECK(ask(stream).status == CU_STREAM_CAPTURE_STATUS_NONE && ask(other).status == CU_STREAM_CAPTURE_STATUS_NONE);

  // The next one is another. What spoils it in one stream has spoilt it in both.
  CU(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  const Told second = ask(stream);
  CHECK(second.status == CU_STREAM_CAPTURE_STATUS_ACTIVE && second.id != first.id && second.graph != first.graph);
  CU(cuGraphDestroy(graph));
  CU(launch(step, 1, 1, stream, value, 1u));
  CU(cuEventRecord(event, stream));
  CU(cuStreamWaitEvent(other, event, 0));
  CHECK(ask(other).id == second.id);
  EXPECT(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamSynchronize(other));
  for (CUstream s : {stream, other}) {
    CU(cuStreamGetCaptureInfo(s, &status, nullptr));
    CHECK(status == CU_STREAM_CAPTURE_STATUS_INVALIDATED);
    CU(cuStreamIsCapturing(s, &status));
    CHECK(status == CU_STREAM_CAPTURE_STATUS_INVALIDATED);
  }
  EXPECT(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, &graph));
  CHECK(ask(stream).status == CU_STREAM_CAPTURE_STATUS_NONE);

  // So does work of the default stream beside a stream that waits for it.
  CU(cuStreamBeginCapture_v2(blocking, CU_STREAM_CAPTURE_MODE_RELAXED));
  CHECK(ask(blocking).status == CU_STREAM_CAPTURE_STATUS_ACTIVE);
  EXPECT(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, launch(step, 1, 1, nullptr, value, 1u));
  CU(cuStreamGetCaptureInfo(blocking, &status, nullptr));
  CHECK(status == CU_STREAM_CAPTURE_STATUS_INVALIDATED);
  EXPECT(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(blocking, &graph));
}
