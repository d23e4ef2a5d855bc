// Stream capture: what a stream is asked to do while it captures becomes nodes of a graph. Any thread may call.
#include <algorithm>
#include <set>

#include "softgpu/api/event.h"
#include "softgpu/api/graph.h"

namespace softgpu::api {

std::atomic<int> g_captures{0};

namespace {
std::vector<std::weak_ptr<Capture>> g_active;          // all under way
std::atomic<uint64_t> g_next_capture{1};
thread_local CUstreamCaptureMode t_mode = CU_STREAM_CAPTURE_MODE_GLOBAL;

void spoil(Capture& capture) {
  if (!capture.invalid) capture.invalid = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
}

void add_all(std::vector<GraphNode*>* to, const std::vector<GraphNode*>& more) {
  for (GraphNode* n : more)
    if (std::find(to->begin(), to->end(), n) == to->end()) to->push_back(n);
}

void end(Capture& capture) {                           // under the lock
  for (auto& s : capture.joined) {
    s->capture_tail.clear();
    s->capture.reset();
  }
  capture.joined.clear();
  std::erase_if(g_active, [&](const std::weak_ptr<Capture>& w) { return w.expired() || w.lock().get() == &capture; });
  g_captures--;
}

// Every node that the origin's last nodes follow, themselves included.
std::set<GraphNode*> ancestors(const std::vector<GraphNode*>& of) {
  std::set<GraphNode*> found;
  std::vector<GraphNode*> open = of;
  while (!open.empty()) {
    GraphNode* n = open.back();
    open.pop_back();
    if (found.insert(n).second) open.insert(open.end(), n->before.begin(), n->before.end());
  }
  return found;
}
}  // namespace

std::mutex& capture_lock() {
  static auto* m = new std::mutex;
  return *m;
}

bool is_capturing(const StreamRef& stream) {
  if (!g_captures) return false;
  std::lock_guard lock(capture_lock());
  return stream->capture != nullptr;
}

bool begins_capture(const StreamRef& stream) {
  if (!g_captures) return false;
  std::lock_guard lock(capture_lock());
  return stream->capture && stream->capture->origin == stream;
}

bool captured(const StreamRef& stream, Work work, CUresult* out) {
  std::lock_guard lock(capture_lock());
  if (!stream->capture) return false;
  Capture& capture = *stream->capture;
  *out = CUDA_SUCCESS;
  if (capture.invalid) {
    *out = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    return true;
  }
  if (auto* f = std::get_if<FreeWork>(&work))
    if ((f->of_graph = find_graph_memory(f->address))) f->of_graph->freed_inside = true;
  stream->capture_tail = {capture.graph->add(std::move(work), stream->capture_tail)};
  return true;
}

bool join_capture(const StreamRef& stream, const std::shared_ptr<Event>& event, CUresult* out) {
  std::lock_guard lock(capture_lock());
  std::lock_guard event_lock(event->m);
  auto theirs = event->capture.lock();
  auto ours = stream->capture;
  *out = CUDA_SUCCESS;
  if (!theirs && !ours) return false;
  if (!theirs) {
    if (!event->recorded) return true;
    spoil(*ours);
    *out = CUDA_ERROR_STREAM_CAPTURE_ISOLATION;
  } else if (theirs->invalid || (ours && ours->invalid)) {
    *out = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  } else if (!ours && stream->legacy) {
    spoil(*theirs);
    *out = CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
  } else if (!ours) {
    stream->capture = theirs;
    stream->capture_tail = event->captured_after;
    theirs->joined.push_back(stream);
  } else if (ours == theirs) {
    add_all(&stream->capture_tail, event->captured_after);
  } else {
    spoil(*ours);
    spoil(*theirs);
    *out = CUDA_ERROR_STREAM_CAPTURE_MERGE;
  }
  return true;
}

CUresult refuse_capturing(const StreamRef& stream) {
  if (!g_captures) return CUDA_SUCCESS;
  std::lock_guard lock(capture_lock());
  if (!stream->capture) return CUDA_SUCCESS;
  spoil(*stream->capture);
  return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
}

CUresult refuse_during_capture(const ContextRef& context) {
  if (!g_captures) return CUDA_SUCCESS;
  std::lock_guard lock(capture_lock());
  bool any = false;
  for (auto& w : g_active)
    if (auto c = w.lock(); c && c->context == context) {
      spoil(*c);
      any = true;
    }
  return any ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}

CUresult refuse_unsafe() {
  if (!g_captures || t_mode == CU_STREAM_CAPTURE_MODE_RELAXED) return CUDA_SUCCESS;
  std::lock_guard lock(capture_lock());
  bool any = false;
  for (auto& w : g_active) {
    auto c = w.lock();
    if (!c || c->mode == CU_STREAM_CAPTURE_MODE_RELAXED) continue;
    bool mine = c->thread == std::this_thread::get_id();
    if (mine || (t_mode == CU_STREAM_CAPTURE_MODE_GLOBAL && c->mode == CU_STREAM_CAPTURE_MODE_GLOBAL)) {
      spoil(*c);
      any = true;
    }
  }
  return any ? CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED : CUDA_SUCCESS;
}

CUresult refuse_implicit(const StreamRef& stream) {
  if (!g_captures || !stream->legacy) return CUDA_SUCCESS;
  std::lock_guard lock(capture_lock());
  for (auto& w : g_active) {
    auto c = w.lock();
    if (!c || c->context != stream->context) continue;
    for (auto& s : c->joined) {
      if (!s->blocking()) continue;
      spoil(*c);
      return CUDA_ERROR_STREAM_CAPTURE_IMPLICIT;
    }
  }
  return CUDA_SUCCESS;
}

namespace {
CUresult enter_stream(CUstream h, StreamRef* stream) {
  ContextRef context;
  TRY(enter(&context));
  return find_stream(h, context, stream);
}

CUresult begin(CUstream h, CUstreamCaptureMode mode, GraphRef graph, std::vector<GraphNode*> after) {
  StreamRef stream;
  TRY(enter_stream(h, &stream));
  REQUIRE(mode >= CU_STREAM_CAPTURE_MODE_GLOBAL && mode <= CU_STREAM_CAPTURE_MODE_RELAXED);
  if (stream->legacy) return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
  std::lock_guard lock(capture_lock());
  if (stream->capture) return CUDA_ERROR_ILLEGAL_STATE;
  auto capture = std::make_shared<Capture>();
  capture->id = g_next_capture++;
  capture->mode = mode;
  capture->thread = std::this_thread::get_id();
  capture->context = stream->context;
  capture->graph = graph ? graph : std::make_shared<Graph>();
  if (!graph) graphs().add(capture->graph);
  capture->into_given = graph != nullptr;
  capture->origin = stream;
  capture->joined = {stream};
  stream->capture = capture;
  stream->capture_tail = std::move(after);
  g_active.push_back(capture);
  g_captures++;
  return CUDA_SUCCESS;
}
}  // namespace
}  // namespace softgpu::api

using namespace softgpu::api;

extern "C" {

CUresult cuStreamBeginCapture_v2(CUstream hStream, CUstreamCaptureMode mode) { return begin(hStream, mode, nullptr, {}); }

CUresult cuStreamBeginCaptureToGraph(CUstream hStream, CUgraph hGraph, const CUgraphNode* dependencies, const CUgraphEdgeData* dependencyData,
                                     size_t numDependencies, CUstreamCaptureMode mode) {
  TRY(initialized());
  GraphRef graph = graphs().find(hGraph);
  if (!graph) return CUDA_ERROR_INVALID_VALUE;
  REQUIRE(numDependencies == 0 || dependencies);
  (void)dependencyData;                       // programmatic edges order as full ones
  std::vector<GraphNode*> after;
  {
    std::lock_guard lock(capture_lock());
    for (size_t i = 0; i < numDependencies; i++) {
      GraphNode* n = find_node(dependencies[i]);
      REQUIRE(n && n->graph == graph.get());
      after.push_back(n);
    }
  }
  return begin(hStream, mode, graph, std::move(after));
}

CUresult cuStreamEndCapture(CUstream hStream, CUgraph* phGraph) {
  StreamRef stream;
  TRY(enter_stream(hStream, &stream));
  if (phGraph) *phGraph = nullptr;
  std::lock_guard lock(capture_lock());
  auto capture = stream->capture;
  REQUIRE(phGraph || (capture && capture->into_given));
  if (!capture) return CUDA_ERROR_ILLEGAL_STATE;
  if (capture->mode != CU_STREAM_CAPTURE_MODE_RELAXED && capture->thread != std::this_thread::get_id())
    return CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD;
  CUresult result = capture->invalid;
  if (!result && capture->origin != stream) result = CUDA_ERROR_STREAM_CAPTURE_UNMATCHED;
  if (!result) {
    auto known = ancestors(stream->capture_tail);
    for (auto& s : capture->joined)
      for (GraphNode* n : s->capture_tail)
        if (!known.count(n)) result = CUDA_ERROR_STREAM_CAPTURE_UNJOINED;
  }
  if (result == CUDA_ERROR_STREAM_CAPTURE_UNMATCHED) {
    spoil(*capture);
    return result;
  }
  end(*capture);
  if (result) {
    if (!capture->into_given) graphs().take(capture->graph->handle);
    return result;
  }
  if (phGraph) *phGraph = capture->graph->handle;
  return CUDA_SUCCESS;
}

CUresult cuStreamIsCapturing(CUstream hStream, CUstreamCaptureStatus* captureStatus) {
  StreamRef stream;
  TRY(enter_stream(hStream, &stream));
  REQUIRE(captureStatus);
  *captureStatus = CU_STREAM_CAPTURE_STATUS_NONE;
  TRY(refuse_implicit(stream));
  std::lock_guard lock(capture_lock());
  if (stream->capture) *captureStatus = stream->capture->invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  return CUDA_SUCCESS;
}

CUresult cuStreamGetCaptureInfo_v3(CUstream hStream, CUstreamCaptureStatus* captureStatus_out, cuuint64_t* id_out, CUgraph* graph_out,
                                   const CUgraphNode** dependencies_out, const CUgraphEdgeData** edgeData_out, size_t* numDependencies_out) {
  StreamRef stream;
  TRY(enter_stream(hStream, &stream));
  REQUIRE(captureStatus_out);
  *captureStatus_out = CU_STREAM_CAPTURE_STATUS_NONE;
  TRY(refuse_implicit(stream));
  std::lock_guard lock(capture_lock());
  if (!stream->capture) return CUDA_SUCCESS;
  Capture& capture = *stream->capture;
  *captureStatus_out = capture.invalid ? CU_STREAM_CAPTURE_STATUS_INVALIDATED : CU_STREAM_CAPTURE_STATUS_ACTIVE;
  if (capture.invalid) return CUDA_SUCCESS;
  if (id_out) *id_out = capture.id;
  if (graph_out) *graph_out = capture.graph->handle;
  capture.reported.clear();
  for (GraphNode* n : stream->capture_tail) capture.reported.push_back(n->handle);
  if (dependencies_out) *dependencies_out = capture.reported.data();
  if (edgeData_out) *edgeData_out = nullptr;        // all edges are plain
  if (numDependencies_out) *numDependencies_out = capture.reported.size();
  return CUDA_SUCCESS;
}

CUresult cuStreamGetCaptureInfo_v2(CUstream hStream, CUstreamCaptureStatus* captureStatus_out, cuuint64_t* id_out, CUgraph* graph_out,
                                   const CUgraphNode** dependencies_out, size_t* numDependencies_out) {
  return cuStreamGetCaptureInfo_v3(hStream, captureStatus_out, id_out, graph_out, dependencies_out, nullptr, numDependencies_out);
}

CUresult cuStreamUpdateCaptureDependencies_v2(CUstream hStream, CUgraphNode* dependencies, const CUgraphEdgeData* dependencyData,
                                              size_t numDependencies, unsigned int flags) {
  StreamRef stream;
  TRY(enter_stream(hStream, &stream));
  REQUIRE((numDependencies == 0 || dependencies) && flags <= CU_STREAM_SET_CAPTURE_DEPENDENCIES);
  (void)dependencyData;                       // programmatic edges order as full ones
  std::lock_guard lock(capture_lock());
  if (!stream->capture) return CUDA_ERROR_ILLEGAL_STATE;
  if (stream->capture->invalid) return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  std::vector<GraphNode*> nodes;
  for (size_t i = 0; i < numDependencies; i++) {
    GraphNode* n = find_node(dependencies[i]);
    REQUIRE(n && n->graph == stream->capture->graph.get());
    nodes.push_back(n);
  }
  if (flags == CU_STREAM_SET_CAPTURE_DEPENDENCIES) stream->capture_tail.clear();
  add_all(&stream->capture_tail, nodes);
  return CUDA_SUCCESS;
}
CUresult cuStreamUpdateCaptureDependencies(CUstream hStream, CUgraphNode* dependencies, size_t numDependencies, unsigned int flags) {
  return cuStreamUpdateCaptureDependencies_v2(hStream, dependencies, nullptr, numDependencies, flags);
}

CUresult cuThreadExchangeStreamCaptureMode(CUstreamCaptureMode* mode) {
  TRY(initialized());
  REQUIRE(mode && *mode >= CU_STREAM_CAPTURE_MODE_GLOBAL && *mode <= CU_STREAM_CAPTURE_MODE_RELAXED);
  std::swap(*mode, t_mode);
  return CUDA_SUCCESS;
}

}  // extern "C"
