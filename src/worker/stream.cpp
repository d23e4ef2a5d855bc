// The calls of api/cuda/stream.api that begin captures. Every capture begins in relaxed mode: the other
// modes bind it to the thread that began it, and which of the session's threads runs a call is chance. Telling the program that a call is
// unsafe during its capture is the client's.
#include "worker/handlers.h"

namespace worker::serve {

static int begin(Session& s, uint64_t id) {
  CUstream stream;
  if (!s.real(id, wire::kCUstream, &stream)) return CUDA_ERROR_INVALID_HANDLE;
  return call(s.driver.cuStreamBeginCapture_v2, stream, CU_STREAM_CAPTURE_MODE_RELAXED);
}

int cuStreamBeginCapture(Session& s, Request&, wire::cuStreamBeginCapture::Args& a, wire::cuStreamBeginCapture::Outs&) { return begin(s, a.hStream); }

int cuStreamBeginCapture_v2(Session& s, Request&, wire::cuStreamBeginCapture_v2::Args& a, wire::cuStreamBeginCapture_v2::Outs&) {
  if (unsigned(a.mode) > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
  return begin(s, a.hStream);
}

int cuStreamBeginCaptureToGraph(Session& s, Request& q, wire::cuStreamBeginCaptureToGraph::Args& a, wire::cuStreamBeginCaptureToGraph::Outs&) {
  if (unsigned(a.mode) > CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_ERROR_INVALID_VALUE;
  CUstream stream;
  CUgraph graph;
  if (!s.real(a.hStream, wire::kCUstream, &stream) || !s.real(a.hGraph, wire::kCUgraph, &graph)) return CUDA_ERROR_INVALID_HANDLE;
  uint64_t n;
  auto* nodes = q.array<CUgraphNode>(a.dependencies ? a.numDependencies : 0, &n);
  for (uint64_t i = 0; i < n; i++)
    if (!s.real(a.dependencies[i], wire::kCUgraphNode, &nodes[i])) return CUDA_ERROR_INVALID_HANDLE;
  return call(s.driver.cuStreamBeginCaptureToGraph, stream, graph, a.dependencies ? nodes : nullptr, a.dependencyData, a.numDependencies,
              CU_STREAM_CAPTURE_MODE_RELAXED);
}

}  // namespace worker::serve
