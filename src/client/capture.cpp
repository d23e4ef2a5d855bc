// See capture.h; and the calls of api/cuda/stream.api about captures. The worker captures in relaxed mode, because its threads are not the program's: what
// a mode forbids is refused here. When the driver would spoil a capture, the worker is told to (tfCaptureSpoil); from then on the driver says so itself.
#include "client/capture.h"

#include <pthread.h>

#include <map>
#include <vector>

#include "base/futex.h"
#include "client/context.h"
#include "client/remote.h"
#include "client/stream.h"
#include "wire/session.h"

namespace client {

namespace {

struct Capture {
  CUstreamCaptureMode mode;
  pthread_t thread;                  // that began it
  uint64_t origin;
  uint32_t failures;                 // of the session, when the capture was last seen to be active; after another one the driver may have spoilt it
  uint64_t seen_ns;                  // when the worker last said something of it
  bool spoilt = false;
  cuuint64_t id = 0;                 // what the worker told of it; 0: not yet. They stay as they are to its end, for all streams that take part
  CUgraph graph = nullptr;
};
teleport::Lock g_lock;
std::atomic<int> g_captures{0}, g_spoilt{0};   // under way; spoilt among them
struct Table {
  std::vector<Capture*> all;
  std::map<uint64_t, Capture*> streams;      // that take part
  std::map<uint64_t, Capture*> events;       // recorded in one
};
Table& table() {
  static auto* t = new Table;        // never destroyed: other threads may still run at exit
  return *t;
}
thread_local CUstreamCaptureMode t_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

Capture* of_stream(uint64_t stream) {
  auto it = table().streams.find(stream);
  return it == table().streams.end() ? nullptr : it->second;
}

// The stream's capture as it was last told, if nothing can have spoilt it since. Once a second the worker is asked again: a program that waits for the
// capture's end by asking, and for nothing else, must learn that the worker has died.
bool active(const Caller& at, uint64_t stream, Capture* told) {
  g_lock.lock();
  Capture* c = of_stream(stream);
  bool is = c && !c->spoilt && c->failures == at.session->failures() && base::now_ns() - c->seen_ns < 1'000'000'000;
  if (is) *told = *c;
  g_lock.unlock();
  return is;
}
// The worker said that it is active; failures: as they were before it was asked.
void seen_active(uint64_t stream, uint32_t failures, cuuint64_t id, CUgraph graph) {
  g_lock.lock();
  if (Capture* c = of_stream(stream)) {
    c->failures = failures;
    c->seen_ns = base::now_ns();
    if (id) c->id = id, c->graph = graph;
  }
  g_lock.unlock();
}

void begin(const Caller& at, uint64_t stream, CUstreamCaptureMode mode) {
  g_lock.lock();
  auto* c = new Capture{mode, pthread_self(), stream, at.session->failures(), base::now_ns()};
  table().all.push_back(c);
  table().streams[stream] = c;
  g_captures.fetch_add(1, std::memory_order_release);
  g_lock.unlock();
}
void end(uint64_t stream) {
  g_lock.lock();
  Table& t = table();
  if (Capture* c = of_stream(stream)) {
    for (auto* map : {&t.streams, &t.events})
      for (auto it = map->begin(); it != map->end();)
        if (it->second == c) it = map->erase(it);
        else ++it;
    for (size_t i = 0; i < t.all.size(); i++)
      if (t.all[i] == c) t.all.erase(t.all.begin() + long(i--));
    if (c->spoilt) g_spoilt.fetch_sub(1, std::memory_order_relaxed);
    delete c;
    g_captures.fetch_sub(1, std::memory_order_release);
  }
  g_lock.unlock();
}

bool good_mode(CUstreamCaptureMode mode) { return mode >= CU_STREAM_CAPTURE_MODE_GLOBAL && mode <= CU_STREAM_CAPTURE_MODE_RELAXED; }

// What cuStreamGetCaptureInfo points the program to stays good until the thread asks again.
struct Dependencies { std::vector<CUgraphNode> nodes; std::vector<CUgraphEdgeData> edges; };
Dependencies& dependencies() {
  static thread_local Dependencies* d = nullptr;   // leaked at thread exit: a plain pointer needs no destructor in a stranger's process
  if (!d) d = new Dependencies;
  return *d;
}

CUresult capture_info(CUstream stream, CUstreamCaptureStatus* status, cuuint64_t* id, CUgraph* graph, const CUgraphNode** nodes, const CUgraphEdgeData** edges,
                      size_t* count) {
  if (CUresult rc = check_stream(stream)) return rc;
  if (!status) return CUDA_ERROR_INVALID_VALUE;
  *status = CU_STREAM_CAPTURE_STATUS_NONE;
  Caller at = caller();
  uint64_t hStream = at.stream(stream);
  if (!captures(hStream) && !forbidden_by_capture(hStream)) return CUDA_SUCCESS;
  if (Capture told{}; !nodes && !edges && !count && active(at, hStream, &told) && told.id) {
    *status = CU_STREAM_CAPTURE_STATUS_ACTIVE;
    if (id) *id = told.id;
    if (graph) *graph = told.graph;
    return CUDA_SUCCESS;
  }
  const uint32_t failures = at.session->failures();
  Dependencies& d = dependencies();
  CUgraph g{};
  cuuint64_t number = 0;
  size_t n = 0;
  for (size_t room = 256;; room = n) {
    d.nodes.resize(room);
    d.edges.resize(room);
    n = room;
    CUresult rc = remote::tfCaptureInfo(stream, status, &number, &g, &n, d.nodes.data(), d.edges.data());
    if (rc == CUDA_ERROR_NOT_SUPPORTED && n > room) continue;   // more than there was room for
    if (rc) return rc;
    break;
  }
  if (*status != CU_STREAM_CAPTURE_STATUS_ACTIVE) return CUDA_SUCCESS;
  seen_active(hStream, failures, number, g);
  if (id) *id = number;
  if (graph) *graph = g;
  if (nodes) *nodes = d.nodes.data();
  if (edges) *edges = d.edges.data();
  if (count) *count = n;
  return CUDA_SUCCESS;
}

}  // namespace

bool capturing() { return g_captures.load(std::memory_order_relaxed) != 0; }

bool captures(uint64_t stream) {
  if (!capturing()) return false;
  g_lock.lock();
  bool found = of_stream(stream) != nullptr;
  g_lock.unlock();
  return found;
}

bool forbidden_by_capture(uint64_t stream) {
  if (!capturing()) return false;
  if (stream < wire::kReserved[wire::kCUstream]) return true;
  if (!g_spoilt.load(std::memory_order_relaxed)) return false;
  g_lock.lock();
  Capture* c = of_stream(stream);
  bool spoilt = c && c->spoilt;
  g_lock.unlock();
  return spoilt;
}

int refuse_unsafe() {
  if (!capturing() || t_mode == CU_STREAM_CAPTURE_MODE_RELAXED) return 0;
  std::vector<uint64_t> spoil;
  bool any = false;
  g_lock.lock();
  for (Capture* c : table().all) {
    bool mine = pthread_equal(c->thread, pthread_self());
    if (c->mode == CU_STREAM_CAPTURE_MODE_RELAXED || (!mine && !(t_mode == CU_STREAM_CAPTURE_MODE_GLOBAL && c->mode == CU_STREAM_CAPTURE_MODE_GLOBAL))) continue;
    any = true;
    if (!c->spoilt) spoil.push_back(c->origin), g_spoilt.fetch_add(1, std::memory_order_relaxed);
    c->spoilt = true;
  }
  g_lock.unlock();
  for (uint64_t stream : spoil) remote::tfCaptureSpoil(handle_of<CUstream>(stream));
  return any ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : 0;
}

int refuse_capturing(uint64_t stream) {
  if (!capturing()) return 0;
  g_lock.lock();
  Capture* c = of_stream(stream);
  const bool fresh = c && !c->spoilt;
  const uint64_t origin = c ? c->origin : 0;
  if (fresh) c->spoilt = true, g_spoilt.fetch_add(1, std::memory_order_relaxed);
  g_lock.unlock();
  if (fresh) remote::tfCaptureSpoil(handle_of<CUstream>(origin));
  return c ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : 0;
}

void capture_recorded(uint64_t stream, CUevent event) {
  g_lock.lock();
  if (Capture* c = of_stream(stream)) table().events[number_of(event)] = c;
  else table().events.erase(number_of(event));
  g_lock.unlock();
}

Join capture_join(uint64_t stream, CUevent event) {
  g_lock.lock();
  auto it = table().events.find(number_of(event));
  Capture *theirs = it == table().events.end() ? nullptr : it->second, *ours = of_stream(stream);
  Join join = Join::ask;             // something that the driver refuses
  if (!theirs && !ours) {
    join = Join::nothing;
  } else if (theirs && (!ours || ours == theirs) && !theirs->spoilt && stream >= wire::kReserved[wire::kCUstream]) {
    table().streams[stream] = theirs;
    join = Join::joins;
  }
  g_lock.unlock();
  return join;
}

}  // namespace client

using namespace client;

EXPORT CUresult cuStreamBeginCapture_v2(CUstream hStream, CUstreamCaptureMode mode) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (!good_mode(mode)) return CUDA_ERROR_INVALID_VALUE;
  uint64_t stream = at.stream(hStream);
  if (stream == 0 || stream == number_of(CU_STREAM_LEGACY)) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  CUresult rc = remote::cuStreamBeginCapture_v2(hStream, CU_STREAM_CAPTURE_MODE_RELAXED);
  if (rc == CUDA_SUCCESS) begin(at, stream, mode);
  return rc;
}
EXPORT CUresult cuStreamBeginCapture(CUstream hStream) { return cuStreamBeginCapture_v2(hStream, CU_STREAM_CAPTURE_MODE_GLOBAL); }
EXPORT CUresult cuStreamBeginCaptureToGraph(CUstream hStream, CUgraph hGraph, const CUgraphNode* dependencies, const CUgraphEdgeData* dependencyData,
                                            size_t numDependencies, CUstreamCaptureMode mode) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (!good_mode(mode)) return CUDA_ERROR_INVALID_VALUE;
  CUresult rc = remote::cuStreamBeginCaptureToGraph(hStream, hGraph, dependencies, dependencyData, numDependencies, CU_STREAM_CAPTURE_MODE_RELAXED);
  if (rc == CUDA_SUCCESS) begin(at, at.stream(hStream), mode);
  return rc;
}
EXPORT CUresult cuStreamEndCapture(CUstream hStream, CUgraph* phGraph) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  uint64_t stream = at.stream(hStream);
  if (phGraph) *phGraph = nullptr;
  g_lock.lock();
  Capture* c = capturing() ? of_stream(stream) : nullptr;
  bool wrong_thread = c && c->mode != CU_STREAM_CAPTURE_MODE_RELAXED && !pthread_equal(c->thread, pthread_self());
  bool origin = c && c->origin == stream;
  g_lock.unlock();
  if (wrong_thread) return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  CUresult rc = remote::cuStreamEndCapture(hStream, phGraph);
  if (rc && phGraph) *phGraph = nullptr;
  if (origin && rc != CUDA_ERROR_INVALID_VALUE) end(stream);
  return rc;
}
EXPORT CUresult cuStreamIsCapturing(CUstream hStream, CUstreamCaptureStatus* captureStatus) {
  if (CUresult rc = check_stream(hStream)) return rc;
  if (!captureStatus) return CUDA_ERROR_INVALID_VALUE;
  *captureStatus = CU_STREAM_CAPTURE_STATUS_NONE;
  if (!capturing()) return CUDA_SUCCESS;
  Caller at = caller();
  uint64_t stream = at.stream(hStream);
  if (!captures(stream) && !forbidden_by_capture(stream)) return CUDA_SUCCESS;
  if (Capture told{}; active(at, stream, &told)) {
    *captureStatus = CU_STREAM_CAPTURE_STATUS_ACTIVE;
    return CUDA_SUCCESS;
  }
  const uint32_t failures = at.session->failures();
  CUresult rc = remote::cuStreamIsCapturing(hStream, captureStatus);
  if (!rc && *captureStatus == CU_STREAM_CAPTURE_STATUS_ACTIVE) seen_active(stream, failures, 0, nullptr);
  return rc;
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
