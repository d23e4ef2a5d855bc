// Graphs as such: making, copying and taking apart, and how an executable graph runs: one task of the stream that does the nodes' work
// in topological order. Any thread may call.
#include "softgpu/api/graph.h"

#include <algorithm>

#include "softgpu/api/event.h"

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
    auto inner = [](const GraphRef& g) {
      graphs().take(g->handle);
      g->end();
    };
    if (auto* child = std::get_if<ChildWork>(&n->work)) inner(child->graph);
    if (auto* c = std::get_if<ConditionalWork>(&n->work))
      for (auto& body : c->bodies) inner(body);
  }
}

GraphNode* Graph::find(CUgraphNode h) const {
  for (auto& n : nodes)
    if (n->handle == h) return n.get();
  return nullptr;
}

Graph::~Graph() {
  end();
  for (auto& [object, count] : objects) release_object(object, count);
}

GraphRef clone(const Graph& graph, std::map<const GraphNode*, GraphNode*>* twins) {
  auto copy = std::make_shared<Graph>();
  copy->conditions = graph.conditions;
  copy->objects = graph.objects;
  for (auto& [object, count] : copy->objects) object->references += count;
  for (auto& n : graph.nodes) {
    Work work = n->work;
    auto inner = [&](GraphRef& g) {
      std::map<const GraphNode*, GraphNode*> unused;
      g = clone(*g, &unused);
      g->body = true;
    };
    if (auto* child = std::get_if<ChildWork>(&work)) inner(child->graph);
    if (auto* c = std::get_if<ConditionalWork>(&work))
      for (auto& body : c->bodies) inner(body);
    GraphNode* twin = (*twins)[n.get()] = copy->add(std::move(work), {});
    twin->attributes = n->attributes;
  }
  for (auto& n : graph.nodes) {
    for (GraphNode* b : n->before) (*twins)[n.get()]->before.push_back((*twins)[b]);
    for (auto& [b, data] : n->ports) (*twins)[n.get()]->ports[(*twins)[b]] = data;
  }
  return copy;
}

CUresult put_in_order(const Graph& graph, std::vector<ExecNode>* out) {
  std::map<const GraphNode*, size_t> open, place;                 // dependencies not yet placed; where it stands
  std::map<const GraphNode*, std::vector<GraphNode*>> after;
  std::deque<GraphNode*> ready;
  for (auto& n : graph.nodes) {
    open[n.get()] = n->before.size();
    for (GraphNode* b : n->before) after[b].push_back(n.get());
    if (n->before.empty()) ready.push_back(n.get());
  }
  for (; !ready.empty(); ready.pop_front()) {
    GraphNode* n = ready.front();
    place[n] = out->size();
    ExecNode& e = out->emplace_back();
    e.source = n->handle;
    e.work = n->work;
    for (GraphNode* b : n->before) e.before.push_back(place[b]);
    std::sort(e.before.begin(), e.before.end());
    if (auto* child = std::get_if<ChildWork>(&n->work)) TRY(put_in_order(*child->graph, &e.bodies.emplace_back()));
    if (auto* c = std::get_if<ConditionalWork>(&n->work))
      for (auto& body : c->bodies) TRY(put_in_order(*body, &e.bodies.emplace_back()));
    for (GraphNode* next : after[n])
      if (--open[next] == 0) ready.push_back(next);
  }
  return out->size() == graph.nodes.size() ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

namespace {

// An event node: reached at its place in the graph, and then counts as recorded by this launch.
struct EventTimes {
  std::map<const Event*, std::shared_ptr<std::atomic<int64_t>>> by_event;
};

// Every enabled node, those of inner graphs too.
template <class F>
void each_node(const std::vector<ExecNode>& order, F f) {
  for (auto& n : order) {
    if (!n.enabled) continue;
    f(n);
    for (auto& body : n.bodies) each_node(body, f);
  }
}

void collect_events(const std::vector<ExecNode>& order, EventTimes* times, std::vector<Point>* before) {
  each_node(order, [&](const ExecNode& n) {
    if (auto* r = std::get_if<RecordWork>(&n.work)) times->by_event[r->event.get()] = std::make_shared<std::atomic<int64_t>>(0);
    if (auto* w = std::get_if<WaitWork>(&n.work); w && !times->by_event.count(w->event.get())) {
      std::lock_guard lock(w->event->m);
      if (w->event->recorded && !w->event->point.done()) before->push_back(w->event->point);
    }
  });
}

CUresult run_order(const std::vector<ExecNode>& order, const EventTimes& times, Context& context);

CUresult run_conditional(const ConditionalWork& c, const ExecNode& n, const EventTimes& times, Context& context) {
  unsigned value = c.condition->get();
  switch (c.type) {
    case CU_GRAPH_COND_TYPE_WHILE:
      for (; value && context.alive && !context.error(); value = c.condition->get()) TRY(run_order(n.bodies[0], times, context));
      return CUDA_SUCCESS;
    case CU_GRAPH_COND_TYPE_IF: {
      size_t which = value ? 0 : 1;              // the second body, if there is one, is the else
      return which < n.bodies.size() ? run_order(n.bodies[which], times, context) : CUDA_SUCCESS;
    }
    default: return value < n.bodies.size() ? run_order(n.bodies[value], times, context) : CUDA_SUCCESS;
  }
}

CUresult run_order(const std::vector<ExecNode>& order, const EventTimes& times, Context& context) {
  for (auto& n : order) {
    if (!n.enabled) continue;
    if (auto* r = std::get_if<RecordWork>(&n.work)) times.by_event.at(r->event.get())->store(now_nanoseconds(), std::memory_order_release);
    else if (std::holds_alternative<ChildWork>(n.work)) TRY(run_order(n.bodies[0], times, context));
    else if (auto* c = std::get_if<ConditionalWork>(&n.work)) TRY(run_conditional(*c, n, times, context));
    else TRY(perform(n.work, context));
  }
  return CUDA_SUCCESS;
}

// What is still allocated from an earlier launch must be freed before the next one, unless that frees it itself.
CUresult claim_memory(const std::vector<ExecNode>& order, bool auto_free) {
  CUresult result = CUDA_SUCCESS;
  each_node(order, [&](const ExecNode& n) {
    auto* a = std::get_if<AllocWork>(&n.work);
    if (a && a->memory->live && !auto_free) result = CUDA_ERROR_INVALID_VALUE;
  });
  if (result) return result;
  each_node(order, [&](const ExecNode& n) {
    if (auto* a = std::get_if<AllocWork>(&n.work)) a->memory->count(), a->memory->set_live(true);
  });
  each_node(order, [&](const ExecNode& n) {
    if (auto* f = std::get_if<FreeWork>(&n.work); f && f->of_graph) f->of_graph->set_live(false);
  });
  return CUDA_SUCCESS;
}

}  // namespace

CUresult launch_graph(const std::shared_ptr<GraphExec>& exec, const StreamRef& stream) {
  std::lock_guard lock(exec->m);
  auto order = exec->order;
  TRY(claim_memory(*order, exec->flags & CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH));
  Task task;
  EventTimes times;
  collect_events(*order, &times, &task.before);
  if (!exec->last.done()) task.before.push_back(exec->last);
  std::vector<std::shared_ptr<Condition>> assigned;
  each_node(*order, [&](const ExecNode& n) {
    if (auto* c = std::get_if<ConditionalWork>(&n.work); c && c->condition->assign) assigned.push_back(c->condition);
  });
  task.run = [order, times, assigned, keep = exec->graph, context = stream->context.get()] {
    for (auto& c : assigned) c->set(c->initial);
    return run_order(*order, times, *context);
  };
  exec->last = submit(stream, std::move(task));
  each_node(*order, [&](const ExecNode& n) {
    auto* r = std::get_if<RecordWork>(&n.work);
    if (!r) return;
    std::lock_guard event_lock(r->event->m);
    r->event->recorded = true;
    r->event->point = exec->last;
    r->event->time = times.by_event.at(r->event.get());
    r->event->capture.reset();
  });
  return CUDA_SUCCESS;
}

}  // namespace softgpu::api

using namespace softgpu::api;

namespace {

bool has_memory_nodes(const Graph& graph) {
  for (auto& n : graph.nodes)
    if (std::holds_alternative<AllocWork>(n->work) || std::holds_alternative<FreeWork>(n->work)) return true;
  return false;
}

// What may stand in the body of a conditional node.
bool fit_for_bodies(const std::vector<ExecNode>& order, bool inside) {
  for (auto& n : order) {
    const Work& w = n.work;
    bool conditional = std::holds_alternative<ConditionalWork>(w);
    if (inside && !conditional && !std::holds_alternative<KernelWork>(w) && !std::holds_alternative<CopyWork>(w) && !std::holds_alternative<MemsetWork>(w) &&
        !std::holds_alternative<EmptyWork>(w) && !std::holds_alternative<ChildWork>(w))
      return false;
    for (auto& body : n.bodies)
      if (!fit_for_bodies(body, inside || conditional)) return false;
  }
  return true;
}

CUresult instantiate(CUgraphExec* out, CUgraph h, unsigned long long flags, CUgraphInstantiateResult* why = nullptr) {
  CUgraphInstantiateResult unasked;
  if (!why) why = &unasked;
  *why = CUDA_GRAPH_INSTANTIATE_ERROR;
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(out);
  constexpr unsigned long long kKnown = CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH | CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD |
                                        CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH | CUDA_GRAPH_INSTANTIATE_FLAG_USE_NODE_PRIORITY;
  REQUIRE(!(flags & ~kKnown));
  if (flags & CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH) {
    *why = CUDA_GRAPH_INSTANTIATE_NODE_OPERATION_NOT_SUPPORTED;
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  GraphRef graph = graphs().find(h);
  if (!graph) return CUDA_ERROR_INVALID_VALUE;
  if (has_memory_nodes(*graph) && !graph->instance.expired()) return CUDA_ERROR_NOT_SUPPORTED;   // its memory exists once
  auto order = std::make_shared<std::vector<ExecNode>>();
  {
    std::lock_guard lock(capture_lock());
    *why = CUDA_GRAPH_INSTANTIATE_INVALID_STRUCTURE;
    TRY(put_in_order(*graph, order.get()));
    *why = CUDA_GRAPH_INSTANTIATE_CONDITIONAL_HANDLE_UNUSED;
    for (auto& c : graph->conditions) REQUIRE(c->used);
    *why = CUDA_GRAPH_INSTANTIATE_NODE_OPERATION_NOT_SUPPORTED;
    REQUIRE(fit_for_bodies(*order, false));
    *why = CUDA_GRAPH_INSTANTIATE_SUCCESS;
  }
  auto exec = std::make_shared<GraphExec>();
  exec->context = context;
  exec->flags = flags;
  exec->graph = graph;
  exec->order = order;
  graph->instance = exec;
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
  GraphRef graph = graphs().find(hGraph);
  REQUIRE(graph && !graph->body && graphs().take(hGraph));
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
  for (auto& n : graph->nodes)
    if (std::holds_alternative<ConditionalWork>(n->work)) return CUDA_ERROR_NOT_SUPPORTED;
  if (has_memory_nodes(*graph)) return CUDA_ERROR_NOT_SUPPORTED;
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
  instantiateParams->hErrNode_out = nullptr;
  TRY(instantiate(phGraphExec, hGraph, instantiateParams->flags, &instantiateParams->result_out));
  return instantiateParams->flags & CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD ? cuGraphUpload(*phGraphExec, instantiateParams->hUploadStream) : CUDA_SUCCESS;
}

CUresult cuGraphLaunch(CUgraphExec hGraphExec, CUstream hStream) {
  ContextRef context;
  TRY(enter(&context));
  auto exec = graph_execs().find(hGraphExec);
  if (!exec) return CUDA_ERROR_INVALID_VALUE;
  StreamRef stream;
  TRY(find_stream(hStream, context, &stream));
  TRY(refuse_capturing(stream));   // a launch is no node
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

}  // extern "C"
