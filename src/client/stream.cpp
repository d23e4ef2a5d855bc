// Streams: what is not a plain line is capture. The worker always captures in relaxed mode, because its threads are not the program's; what a mode
// forbids is the client's business. While nothing is captured, the questions about it are answered here.
#include "client/context.h"
#include "client/remote.h"
#include "client/stream.h"
#include "wire/cuda_stream.h"
#include "wire/session.h"

namespace client {

static std::atomic<bool> g_non_blocking{false};
static std::atomic<int> g_captures{0};   // begun and not ended; a stream that joined by an event ends with its origin
static thread_local CUstreamCaptureMode t_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

static CUresult begun(CUresult rc) {
  if (rc == CUDA_SUCCESS) g_captures.fetch_add(1, std::memory_order_relaxed);
  return rc;
}
static bool good_mode(CUstreamCaptureMode mode) { return mode >= CU_STREAM_CAPTURE_MODE_GLOBAL && mode <= CU_STREAM_CAPTURE_MODE_RELAXED; }

static CUresult check(CUstream stream) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (!at.context) return CUDA_ERROR_INVALID_CONTEXT;
  return known(at.stream(stream), wire::kCUstream) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

// Dependencies are handed out as a pointer that stays good until the thread asks again.
struct Dependencies { std::vector<CUgraphNode> nodes; std::vector<CUgraphEdgeData> edges; };
static Dependencies& dependencies() {
  static thread_local Dependencies* d = nullptr;   // leaked at thread exit: a plain pointer needs no destructor in a stranger's process
  if (!d) d = new Dependencies;
  return *d;
}

static CUresult capture_info(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id, CUgraph* graph, const CUgraphNode** nodes, const CUgraphEdgeData** edges,
                             size_t* count) {
  if (CUresult rc = check(stream)) return rc;
  if (!status) return CUDA_ERROR_INVALID_VALUE;
  *status = CU_STREAM_CAPTURE_STATUS_NONE;
  if (!capturing()) return CUDA_SUCCESS;
  Dependencies& d = dependencies();
  d.nodes.resize(1024);
  d.edges.resize(1024);
  size_t n = d.nodes.size();
  CUgraph g{};
  cuuint64_t number = 0;
  if (CUresult rc = remote::tfCaptureInfo(stream, status, &number, &g, &n, d.nodes.data(), d.edges.data())) return rc;
  if (*status != CU_STREAM_CAPTURE_STATUS_ACTIVE) return CUDA_SUCCESS;
  if (id) *id = number;
  if (graph) *graph = g;
  if (nodes) *nodes = d.nodes.data();
  if (edges) *edges = d.edges.data();
  if (count) *count = n;
  return CUDA_SUCCESS;
}

bool any_non_blocking() { return g_non_blocking.load(std::memory_order_relaxed); }
bool capturing() { return g_captures.load(std::memory_order_relaxed) != 0; }

}  // namespace client

using namespace client;

EXPORT CUresult cuStreamBeginCapture_v2(CUstream hStream, CUstreamCaptureMode mode) {
  if (int error = caller().error) return CUresult(error);
  if (!good_mode(mode)) return CUDA_ERROR_INVALID_VALUE;
  if (!PerThreadDefault::on() && (hStream == nullptr || hStream == CU_STREAM_LEGACY)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  return begun(remote::cuStreamBeginCapture_v2(hStream, CU_STREAM_CAPTURE_MODE_RELAXED));
}
EXPORT CUresult cuStreamBeginCapture(CUstream hStream) { return cuStreamBeginCapture_v2(hStream, CU_STREAM_CAPTURE_MODE_GLOBAL); }
EXPORT CUresult cuStreamBeginCaptureToGraph(CUstream hStream, CUgraph hGraph, const CUgraphNode* dependencies, const CUgraphEdgeData* dependencyData,
                                            size_t numDependencies, CUstreamCaptureMode mode) {
  if (int error = caller().error) return CUresult(error);
  if (!good_mode(mode)) return CUDA_ERROR_INVALID_VALUE;
  return begun(remote::cuStreamBeginCaptureToGraph(hStream, hGraph, dependencies, dependencyData, numDependencies, CU_STREAM_CAPTURE_MODE_RELAXED));
}
EXPORT CUresult cuStreamEndCapture(CUstream hStream, CUgraph* phGraph) {
  CUresult rc = remote::cuStreamEndCapture(hStream, phGraph);
  bool ended = rc != CUDA_ERROR_ILLEGAL_STATE && rc != CUDA_ERROR_INVALID_HANDLE && rc != CUDA_ERROR_STREAM_CAPTURE_UNMATCHED && rc != CUDA_ERROR_INVALID_VALUE;
  if (ended && capturing()) g_captures.fetch_sub(1, std::memory_order_relaxed);
  return rc;
}
EXPORT CUresult cuStreamIsCapturing(CUstream hStream, CUstreamCaptureStatus* captureStatus) {
  if (CUresult rc = check(hStream)) return rc;
  if (!captureStatus) return CUDA_ERROR_INVALID_VALUE;
  *captureStatus = CU_STREAM_CAPTURE_STATUS_NONE;
  return capturing() ? remote::cuStreamIsCapturing(hStream, captureStatus) : CUDA_SUCCESS;
}
EXPORT CUresult cuStreamGetCaptureInfo(CUstream hStream, CUstreamCaptureStatus* captureStatus_out, cuuint64_t* id_out) {
  return capture_info(hStream, captureStatus_out, id_out, nullptr, nullptr, nullptr, nullptr);
}
EXPORT CUresult cuStreamGetCaptureInfo_v2(CUstream hStream, CUstreamCaptureStatus* captureStatus_out, cuuint64_t* id_out, CUgraph* graph_out,
                                          const CUgraphNode** dependencies_out, size_t* numDependencies_out) {
  return capture_info(hStream, captureStatus_out, id_out, graph_out, dependencies_out, nullptr, numDependencies_out);
}
EXPORT CUresult cuStreamGetCaptureInfo_v3(CUstream hStream, CUstreamCaptureStatus* captureStatus_out, cuuint64_t* id_out, CUgraph* graph_out,
                                          const CUgraphNode** dependencies_out, const CUgraphEdgeData** edgeData_out, size_t* numDependencies_out) {
  return capture_info(hStream, captureStatus_out, id_out, graph_out, dependencies_out, edgeData_out, numDependencies_out);
}
EXPORT CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  if (int error = caller().error) return CUresult(error);
  if (!mode || !good_mode(*mode)) return CUDA_ERROR_INVALID_VALUE;
  CUstreamCaptureMode before = t_mode;
  t_mode = *mode;
  *mode = before;
  return CUDA_SUCCESS;
}
// A stream belongs to the context that was current when it was made; this thread's is the answer for the default streams.
EXPORT CUresult cuStreamGetCtx(CUstream hStream, CUcontext* pctx) {
  if (CUresult rc = check(hStream)) return rc;
  if (!pctx) return CUDA_ERROR_INVALID_VALUE;
  *pctx = stream_context(hStream);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuStreamGetCtx_v2(CUstream hStream, CUcontext* pCtx, CUgreenCtx* pGreenCtx) {
  if (pGreenCtx) *pGreenCtx = nullptr;
  return cuStreamGetCtx(hStream, pCtx);
}
EXPORT CUresult cuStreamCreateWithPriority(CUstream* phStream, unsigned int flags, int priority) {
  if (flags & ~unsigned(CU_STREAM_NON_BLOCKING)) return caller().error ? CUresult(caller().error) : CUDA_ERROR_INVALID_VALUE;
  CUresult rc = remote::cuStreamCreateWithPriority(phStream, flags, priority);
  if (flags & CU_STREAM_NON_BLOCKING) g_non_blocking.store(true, std::memory_order_relaxed);
  if (!rc) teleport::adopt_handle(number_of(*phStream), current());
  return rc;
}
EXPORT CUresult cuStreamCreate(CUstream* phStream, unsigned int Flags) {
  if (Flags & ~unsigned(CU_STREAM_NON_BLOCKING)) return caller().error ? CUresult(caller().error) : CUDA_ERROR_INVALID_VALUE;
  CUresult rc = remote::cuStreamCreate(phStream, Flags);
  if (Flags & CU_STREAM_NON_BLOCKING) g_non_blocking.store(true, std::memory_order_relaxed);
  if (!rc) teleport::adopt_handle(number_of(*phStream), current());
  return rc;
}

CUcontext client::stream_context(CUstream stream) {
  uint64_t h = number_of(stream);
  auto* c = wire::is_handle(h, wire::kCUstream) ? static_cast<Context*>(teleport::handle_object(h)) : nullptr;
  return c ? handle_of<CUcontext>(c->handle) : current_context();
}
