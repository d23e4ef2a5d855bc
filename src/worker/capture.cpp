// tfCaptureInfo: what a capturing stream's next node will depend on. By hand because the driver hands out a pointer to its own array.
#include "worker/handlers.h"

namespace worker::serve {

int tfCaptureInfo(Session& s, Request&, wire::tfCaptureInfo::Args& a, wire::tfCaptureInfo::Outs& o) {
  CUstream stream{};
  if (!s.real(a.hStream, wire::kCUstream, &stream)) return CUDA_ERROR_INVALID_HANDLE;
  CUgraph graph{};
  const CUgraphNode* nodes = nullptr;
  const CUgraphEdgeData* edges = nullptr;
  size_t count = 0;
  int rc;
  if (s.driver.cuStreamGetCaptureInfo_v3) {
    rc = s.driver.cuStreamGetCaptureInfo_v3(stream, o.status, o.id, &graph, &nodes, &edges, &count);
    if (rc == CUDA_ERROR_LOSSY_QUERY) rc = s.driver.cuStreamGetCaptureInfo_v2(stream, o.status, o.id, &graph, &nodes, &count);   // some edges carry data
  } else {
    rc = call(s.driver.cuStreamGetCaptureInfo_v2, stream, o.status, o.id, &graph, &nodes, &count);
  }
  if (rc) return rc;
  size_t room = *o.numDependencies;
  if (*o.status != CU_STREAM_CAPTURE_STATUS_ACTIVE) count = 0;
  if (count > room) return CUDA_ERROR_NOT_SUPPORTED;
  if (o.graph) *o.graph = s.name(wire::kCUgraph, graph);
  *o.numDependencies = count;
  for (size_t i = 0; i < count; i++) {
    if (o.dependencies) o.dependencies[i] = s.name(wire::kCUgraphNode, nodes[i]);
    if (o.edges && edges) o.edges[i] = edges[i];
  }
  return 0;
}

}  // namespace worker::serve
