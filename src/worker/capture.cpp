// Captures: tfCaptureInfo (by hand because the driver hands out a pointer to its own array), copies with a side in the client, and the end of a capture
// in which something was done that its mode forbids.
#include "worker/graph_part.h"
#include "worker/handlers.h"

namespace worker {

int captured_graph(Session& s, CUstream stream, CUstreamCaptureStatus* status, CUgraph* graph, CUgraphNode* last) {
  const CUgraphNode* nodes = nullptr;
  cuuint64_t id = 0;
  size_t count = 0;
  *graph = nullptr;
  *status = CU_STREAM_CAPTURE_STATUS_NONE;
  if (!s.driver.cuStreamIsCapturing || !s.driver.cuStreamGetCaptureInfo_v2) return 0;
  if (int rc = s.driver.cuStreamIsCapturing(stream, status); rc || *status != CU_STREAM_CAPTURE_STATUS_ACTIVE) return rc;
  const CUgraphEdgeData* edges = nullptr;
  int rc = s.driver.cuStreamGetCaptureInfo_v3 ? int(s.driver.cuStreamGetCaptureInfo_v3(stream, status, &id, graph, &nodes, &edges, &count))
                                              : int(s.driver.cuStreamGetCaptureInfo_v2(stream, status, &id, graph, &nodes, &count));
  if (!rc && last) *last = count == 1 ? nodes[0] : nullptr;
  return rc;
}

namespace serve {

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
  *o.numDependencies = count;
  if (count > room) return CUDA_ERROR_NOT_SUPPORTED;   // the client asks again with more room
  if (o.graph) *o.graph = s.name(wire::kCUgraph, graph);
  for (size_t i = 0; i < count; i++) {
    if (o.dependencies) o.dependencies[i] = s.name(wire::kCUgraphNode, nodes[i]);
    if (o.edges && edges) o.edges[i] = edges[i];
  }
  return 0;
}

// Asking a capturing stream whether it is done is what no mode allows.
int tfCaptureSpoil(Session& s, Request&, wire::tfCaptureSpoil::Args& a, wire::tfCaptureSpoil::Outs&) {
  CUstream stream{};
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  if (!s.real(a.hStream, wire::kCUstream, &stream)) return CUDA_ERROR_INVALID_HANDLE;
  if (call(s.driver.cuStreamIsCapturing, stream, &status) == 0 && status == CU_STREAM_CAPTURE_STATUS_ACTIVE) call(s.driver.cuStreamQuery, stream);
  return 0;
}

int tfCaptureCopy(Session& s, Request&, wire::tfCaptureCopy::Args& a, wire::tfCaptureCopy::Outs&) {
  CUDA_MEMCPY3D copy;
  CUstream stream{};
  CUgraph graph = nullptr;
  CUgraphNode node = nullptr;
  CUstreamCaptureStatus status;
  PartRef src, dst;
  if (a.bytes != sizeof copy || !a.copy) return CUDA_ERROR_INVALID_VALUE;
  memcpy(&copy, a.copy, sizeof copy);
  if (!s.real(a.hStream, wire::kCUstream, &stream)) return CUDA_ERROR_INVALID_HANDLE;
  if (int rc = captured_graph(s, stream, &status, &graph)) return rc;
  if (!graph) return status == CU_STREAM_CAPTURE_STATUS_INVALIDATED ? CUDA_ERROR_STREAM_CAPTURE_INVALIDATED : CUDA_ERROR_INVALID_VALUE;
  if (int rc = copy_parts(s, a.srcArray, a.dstArray, a.srcPart, a.dstPart, &copy, &src, &dst)) return rc;
  const bool linear = copy.Height == 1 && copy.Depth == 1 && copy.srcMemoryType != CU_MEMORYTYPE_ARRAY && copy.dstMemoryType != CU_MEMORYTYPE_ARRAY;
  const size_t n = copy.WidthInBytes;
  const CUdeviceptr from = copy.srcDevice + copy.srcXInBytes, to = copy.dstDevice + copy.dstXInBytes;
  const bool offset = copy.srcY || copy.srcZ || copy.dstY || copy.dstZ;
  int rc;
  if (linear && !offset && src && !dst) rc = call(s.driver.cuMemcpyHtoDAsync_v2, to, copy.srcHost, n, stream);
  else if (linear && !offset && dst && !src) rc = call(s.driver.cuMemcpyDtoHAsync_v2, copy.dstHost, from, n, stream);
  else rc = call(s.driver.cuMemcpy3DAsync_v2, static_cast<const CUDA_MEMCPY3D*>(&copy), stream);
  if (rc) return rc;
  captured_graph(s, stream, &status, &graph, &node);
  for (auto& part : {src, dst})
    if (part) s.graph_parts().held_by(part, graph);
  if (node) s.graph_parts().made(node, graph);
  return 0;
}

}  // namespace serve
}  // namespace worker
