// Graphs as such: making, copying and taking apart, and how an executable graph runs: one task of the stream that does the nodes' work
// in topological order. Any thread may call.
#include "softgpu/api/graph.h"

#include <algorithm>

#include "softgpu/api/event.h"
#include "softgpu/api/memory.h"

namespace softgpu::api {

Registry<CUgraph, Graph>& graphs() {
  static auto* all = new Registry<CUgraph, Graph>;
  return *all;
}
Registry<CUgraphExec, GraphExec>& graph_execs() {
  static auto* all = new Registry<CUgraphExec, GraphExec>;
  return *all;
}
Registry<CUgraphNode, GraphNode>& nodes() {
  static auto* all = new Registry<CUgraphNode, GraphNode>;
  return *all;
}

GraphNode* find_node(CUgraphNode h) { return nodes().find(h).get(); }

GraphNode* Graph::add(Work work, std::vector<GraphNode*> before) {
  auto node = std::make_shared<GraphNode>();
  node->graph = this;
  node->work = std::move(work);
  node->before = std::move(before);
  softgpu::api::nodes().add(node);
  nodes.push_back(node);
  return node.get();
}

void Graph::end() {
  for (auto& n : nodes) {
    softgpu::api::nodes().take(n->handle);
    if (auto* child = std::get_if<ChildWork>(&n->work)) {
      graphs().take(child->graph->handle);
      child->graph->end();
    }
  }
}

Graph::~Graph() {
  end();
  for (auto& [address, context] : owned_memory) {
    Allocation a;
    if (context->alive && take_allocation(address, &a, [](const Allocation& x) { return x.kind == MemoryKind::pool; })) release_bytes(a);
  }
}

GraphRef clone(const Graph& graph, std::map<const GraphNode*, GraphNode*>* twins) {
  auto copy = std::make_shared<Graph>();
  for (auto& n : graph.nodes) {
    Work work = n->work;
    if (auto* child = std::get_if<ChildWork>(&work)) {
      std::map<const GraphNode*, GraphNode*> inner;
      child->graph = clone(*child->graph, &inner);
    }
    (*twins)[n.get()] = copy->add(std::move(work), {});
  }
  for (auto& n : graph.nodes)
    for (GraphNode* b : n->before) (*twins)[n.get()]->before.push_back((*twins)[b]);
  return copy;
}

CUresult flatten(const Graph& graph, std::vector<ExecNode>* out) {
  std::map<const GraphNode*, size_t> open;                        // dependencies not yet placed
  std::map<const GraphNode*, std::vector<GraphNode*>> after;
  std::deque<GraphNode*> ready;
  for (auto& n : graph.nodes) {
    open[n.get()] = n->before.size();
    for (GraphNode* b : n->before) after[b].push_back(n.get());
    if (n->before.empty()) ready.push_back(n.get());
  }
  size_t placed = 0;
  for (; !ready.empty(); placed++) {
    GraphNode* n = ready.front();
    ready.pop_front();
    if (auto* child = std::get_if<ChildWork>(&n->work)) TRY(flatten(*child->graph, out));
    else out->push_back({n->handle, n->work, true});
    for (GraphNode* next : after[n])
      if (--open[next] == 0) ready.push_back(next);
  }
  return placed == graph.nodes.size() ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

namespace {

// An event node: reached at its place in the graph, and then counts as recorded by this launch.
struct EventTimes {
  std::map<const Event*, std::shared_ptr<std::atomic<int64_t>>> by_event;
};

void collect_events(const std::vector<ExecNode>& order, EventTimes* times, std::vector<Point>* before) {
  for (auto& n : order) {
    if (!n.enabled) continue;
    if (auto* r = std::get_if<RecordWork>(&n.work)) times->by_event[r->event.get()] = std::make_shared<std::atomic<int64_t>>(0);
    if (auto* w = std::get_if<WaitWork>(&n.work); w && !times->by_event.count(w->event.get())) {
      std::lock_guard lock(w->event->m);
      if (w->event->recorded && !w->event->point.done()) before->push_back(w->event->point);
    }
  }
}

CUresult run_order(const std::vector<ExecNode>& order, const EventTimes& times, Context& context) {
  for (auto& n : order) {
    if (!n.enabled) continue;
    if (auto* r = std::get_if<RecordWork>(&n.work)) times.by_event.at(r->event.get())->store(now_nanoseconds(), std::memory_order_release);
    else TRY(perform(n.work, context));
  }
  return CUDA_SUCCESS;
}

}  // namespace

CUresult launch_graph(const std::shared_ptr<GraphExec>& exec, const StreamRef& stream) {
  std::lock_guard lock(exec->m);
  auto order = exec->order;
  Task task;
  EventTimes times;
  collect_events(*order, &times, &task.before);
  if (!exec->last.done()) task.before.push_back(exec->last);
  task.run = [order, times, keep = exec->graph, context = stream->context.get()] { return run_order(*order, times, *context); };
  exec->last = submit(stream, std::move(task));
  for (auto& n : *order) {
    auto* r = std::get_if<RecordWork>(&n.work);
    if (!r || !n.enabled) continue;
    std::lock_guard event_lock(r->event->m);
    r->event->recorded = true;
    r->event->point = exec->last;
    r->event->time = times.by_event.at(r->event.get());
    r->event->capture.reset();
  }
  return CUDA_SUCCESS;
}

}  // namespace softgpu::api

using namespace softgpu::api;

namespace {

CUresult instantiate(CUgraphExec* out, CUgraph h, unsigned long long flags) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(out);
  constexpr unsigned long long kKnown = CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH | CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD |
                                        CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH | CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY;
  REQUIRE(!(flags & ~kKnown));
  if (flags & CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH) return CUDA_ERROR_NOT_SUPPORTED;
  GraphRef graph = graphs().find(h);
  if (!graph) return CUDA_ERROR_INVALID_VALUE;
  auto order = std::make_shared<std::vector<ExecNode>>();
  {
    std::lock_guard lock(capture_lock());
    TRY(flatten(*graph, order.get()));
  }
  auto exec = std::make_shared<GraphExec>();
  exec->context = context;
  exec->flags = flags;
  exec->graph = graph;
  exec->order = order;
  *out = graph_execs().add(exec);
  return CUDA_SUCCESS;
}

}  // namespace

extern "C" {

CUresult cuGraphCreate(CUgraph* phGraph, unsigned int flags) {
  TRY(initialized());
  REQUIRE(phGraph && flags == 0);
  *phGraph = graphs().add(std::make_shared<Graph>());
  return CUDA_SUCCESS;
}

CUresult cuGraphDestroy(CUgraph hGraph) {
  TRY(initialized());
  GraphRef graph = graphs().take(hGraph);
  REQUIRE(graph);
  std::lock_guard lock(capture_lock());
  graph->end();
  return CUDA_SUCCESS;
}

CUresult cuGraphClone(CUgraph* phGraphClone, CUgraph originalGraph) {
  TRY(initialized());
  REQUIRE(phGraphClone);
  GraphRef graph = graphs().find(originalGraph);
  if (!graph) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard lock(capture_lock());
  std::map<const GraphNode*, GraphNode*> twins;
  GraphRef copy = clone(*graph, &twins);
  for (auto& [original, twin] : twins) twin->original = original->handle;
  *phGraphClone = graphs().add(copy);
  return CUDA_SUCCESS;
}

CUresult cuGraphNodeFindInClone(CUgraphNode* phNode, CUgraphNode hOriginalNode, CUgraph hClonedGraph) {
  TRY(initialized());
  REQUIRE(phNode);
  GraphRef graph = graphs().find(hClonedGraph);
  if (!graph) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard lock(capture_lock());
  for (auto& n : graph->nodes) {
    if (n->original != hOriginalNode) continue;
    *phNode = n->handle;
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec* phGraphExec, CUgraph hGraph, unsigned long long flags) {
  return instantiate(phGraphExec, hGraph, flags);
}
CUresult cuGraphInstantiate_v2(CUgraphExec* phGraphExec, CUgraph hGraph, CUgraphNode* phErrorNode, char* logBuffer, size_t bufferSize) {
  if (phErrorNode) *phErrorNode = nullptr;
  if (logBuffer && bufferSize) *logBuffer = 0;
  return instantiate(phGraphExec, hGraph, 0);
}
CUresult cuGraphInstantiate(CUgraphExec* phGraphExec, CUgraph hGraph, CUgraphNode* phErrorNode, char* logBuffer, size_t bufferSize) {
  return cuGraphInstantiate_v2(phGraphExec, hGraph, phErrorNode, logBuffer, bufferSize);
}
CUresult cuGraphInstantiateWithParams(CUgraphExec* phGraphExec, CUgraph hGraph, CUDA_GRAPH_INSTANTIATE_PARAMS* instantiateParams) {
  TRY(initialized());
  REQUIRE(instantiateParams);
  CUresult result = instantiate(phGraphExec, hGraph, instantiateParams->flags);
  instantiateParams->hErrNode_out = nullptr;
  instantiateParams->result_out = result ? CUDA_GRAPH_INSTANTIATE_ERROR : CUDA_GRAPH_INSTANTIATE_SUCCESS;
  return result;
}

CUresult cuGraphLaunch(CUgraphExec hGraphExec, CUstream hStream) {
  ContextRef context;
  TRY(enter(&context));
  auto exec = graph_execs().find(hGraphExec);
  if (!exec) return CUDA_ERROR_INVALID_VALUE;
  StreamRef stream;
  TRY(find_stream(hStream, context, &stream));
  if (is_capturing(stream)) {
    ChildWork child;
    {
      std::lock_guard lock(capture_lock());
      std::map<const GraphNode*, GraphNode*> twins;
      child.graph = clone(*exec->graph, &twins);
    }
    CUresult result;
    if (captured(stream, std::move(child), &result)) return result;
  }
  TRY(refuse_implicit(stream));
  return launch_graph(exec, stream);
}

CUresult cuGraphUpload(CUgraphExec hGraph, CUstream hStream) {
  ContextRef context;
  TRY(enter(&context));
  if (!graph_execs().find(hGraph)) return CUDA_ERROR_INVALID_VALUE;
  StreamRef stream;
  return find_stream(hStream, context, &stream);
}

CUresult cuGraphExecDestroy(CUgraphExec hGraphExec) {
  TRY(initialized());
  return graph_execs().take(hGraphExec) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuGraphExecGetFlags(CUgraphExec hGraphExec, cuuint64_t* flags) {
  TRY(initialized());
  REQUIRE(flags);
  auto exec = graph_execs().find(hGraphExec);
  if (!exec) return CUDA_ERROR_INVALID_VALUE;
  *flags = exec->flags;
  return CUDA_SUCCESS;
}

// The new graph must have the same kinds of nodes in the same topological order.
CUresult cuGraphExecUpdate_v2(CUgraphExec hGraphExec, CUgraph hGraph, CUgraphExecUpdateResultInfo* resultInfo) {
  TRY(initialized());
  REQUIRE(resultInfo);
  auto exec = graph_execs().find(hGraphExec);
  GraphRef graph = graphs().find(hGraph);
  if (!exec || !graph) return CUDA_ERROR_INVALID_VALUE;
  auto order = std::make_shared<std::vector<ExecNode>>();
  std::lock_guard exec_lock(exec->m);
  {
    std::lock_guard lock(capture_lock());
    TRY(flatten(*graph, order.get()));
  }
  *resultInfo = {CU_GRAPH_EXEC_UPDATE_SUCCESS, nullptr, nullptr};
  const auto& old = *exec->order;
  if (old.size() != order->size()) resultInfo->result = CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
  for (size_t i = 0; !resultInfo->result && i < old.size(); i++) {
    if (old[i].work.index() != (*order)[i].work.index()) {
      resultInfo->result = CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
      resultInfo->errorNode = (*order)[i].source;
    }
    (*order)[i].source = old[i].source;
    (*order)[i].enabled = old[i].enabled;
  }
  if (resultInfo->result) return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
  exec->order = order;
  return CUDA_SUCCESS;
}

}  // extern "C"
