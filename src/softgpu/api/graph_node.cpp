// Nodes of graphs: made from parameters, read back, changed in a graph or in an executable graph. Any thread may call.
#include <algorithm>
#include <cstring>

#include "softgpu/api/copy.h"
#include "softgpu/api/event.h"
#include "softgpu/api/graph.h"
#include "softgpu/api/launch.h"

namespace softgpu::api {
namespace {

// ---- parameters -> work

CUresult context_for(CUcontext h, ContextRef* out) { return h ? find_context(h, out) : enter(out); }

CUresult work_of(const CUDA_KERNEL_NODE_PARAMS& p, KernelWork* out) {
  ContextRef context;
  TRY(context_for(p.ctx, &context));
  CUfunction named = p.func ? p.func : reinterpret_cast<CUfunction>(p.kern);
  FunctionRef function;
  TRY(find_launchable(named, context, &function));
  return make_kernel(function, named, {{p.gridDimX, p.gridDimY, p.gridDimZ}, {p.blockDimX, p.blockDimY, p.blockDimZ}, p.sharedMemBytes}, false,
                     p.kernelParams, p.extra, out);
}

CUDA_KERNEL_NODE_PARAMS current_form(const CUDA_KERNEL_NODE_PARAMS_v1& p) {
  return {p.func, p.gridDimX, p.gridDimY, p.gridDimZ, p.blockDimX, p.blockDimY, p.blockDimZ, p.sharedMemBytes, p.kernelParams, p.extra,
          nullptr, nullptr};
}

CUresult work_of(const CUDA_MEMCPY3D& p, CUcontext h, CopyWork* out) {
  ContextRef context;
  TRY(context_for(h, &context));
  return make_copy(*context, p, out);
}

CUresult work_of(const CUDA_MEMSET_NODE_PARAMS& p, CUcontext h, MemsetWork* out) {
  ContextRef context;
  TRY(context_for(h, &context));
  return make_memset(*context, p.dst, p.pitch, p.value, p.elementSize, p.width, p.height, out);
}

CUresult work_of(const CUDA_BATCH_MEM_OP_NODE_PARAMS& p, BatchWork* out) {
  ContextRef context;
  TRY(context_for(p.ctx, &context));
  return make_batch(*context, p.count, p.paramArray, out);
}

CUresult child_of(CUgraph h, ChildWork* out) {
  GraphRef child = graphs().find(h);
  REQUIRE(child);
  std::lock_guard lock(capture_lock());
  for (auto& n : child->nodes)                    // its memory exists once
    if (std::holds_alternative<AllocWork>(n->work) || std::holds_alternative<FreeWork>(n->work)) return CUDA_ERROR_NOT_SUPPORTED;
  std::map<const GraphNode*, GraphNode*> twins;
  out->graph = clone(*child, &twins);
  return CUDA_SUCCESS;
}

// ---- into a graph

CUresult add(CUgraphNode* out, CUgraph h, const CUgraphNode* dependencies, size_t count, Work work) {
  return add_node(out, h, dependencies, count, std::move(work));
}

// The node's work, when it is of that kind. Under capture_lock.
template <class W>
W* work_in(CUgraphNode h) {
  GraphNode* n = find_node(h);
  return n ? std::get_if<W>(&n->work) : nullptr;
}

template <class W>
CUresult replace(CUgraphNode h, W work) {
  std::lock_guard lock(capture_lock());
  W* old = work_in<W>(h);
  REQUIRE(old);
  *old = std::move(work);
  return CUDA_SUCCESS;
}

// ---- into an executable graph

template <class W>
CUresult replace_exec(CUgraphExec h, CUgraphNode node, W work) {
  return change_exec(h, node, [&](ExecNode& n) {
    REQUIRE(std::holds_alternative<W>(n.work));
    n.work = std::move(work);
    return CUDA_SUCCESS;
  });
}

template <class W>
CUresult event_work(CUevent h, W* out) {
  TRY(initialized());
  out->event = events().find(h);
  return out->event ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

template <class W>
CUresult event_in(CUgraphNode h, CUevent* out) {
  TRY(initialized());
  REQUIRE(out);
  std::lock_guard lock(capture_lock());
  W* work = work_in<W>(h);
  REQUIRE(work);
  *out = work->event->handle;
  return CUDA_SUCCESS;
}

// Those of streams and of programmatic launches are not a node's.
bool of_kernel_nodes(CUkernelNodeAttrID attr) {
  switch (int(attr)) {
    case CU_LAUNCH_ATTRIBUTE_IGNORE:
    case CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY:
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT:
    case CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT: return false;
    default: return int(attr) > 0 && int(attr) <= CU_LAUNCH_ATTRIBUTE_NVLINK_UTIL_CENTRIC_SCHEDULING;
  }
}

// Keeps the old nodes' handles, by which the program knows them.
bool same_shape(const std::vector<ExecNode>& old, std::vector<ExecNode>& now) {
  if (old.size() != now.size()) return false;
  for (size_t i = 0; i < old.size(); i++) {
    if (old[i].before != now[i].before || type_of(old[i].work) != type_of(now[i].work) || old[i].bodies.size() != now[i].bodies.size()) return false;
    now[i].source = old[i].source;
    now[i].enabled = old[i].enabled;
    for (size_t b = 0; b < old[i].bodies.size(); b++)
      if (!same_shape(old[i].bodies[b], now[i].bodies[b])) return false;
  }
  return true;
}

ExecNode* find_in(std::vector<ExecNode>& order, CUgraphNode node) {
  for (auto& n : order) {
    if (n.source == node) return &n;
    for (auto& body : n.bodies)
      if (ExecNode* found = find_in(body, node)) return found;
  }
  return nullptr;
}
}  // namespace

CUresult add_node(CUgraphNode* out, CUgraph h, const CUgraphNode* dependencies, size_t count, Work work) {
  REQUIRE(out && (count == 0 || dependencies));
  GraphRef graph = graphs().find(h);
  REQUIRE(graph);
  std::lock_guard lock(capture_lock());
  std::vector<GraphNode*> before;
  for (size_t i = 0; i < count; i++) {
    GraphNode* n = find_node(dependencies[i]);
    REQUIRE(n && n->graph == graph.get());
    REQUIRE(std::find(before.begin(), before.end(), n) == before.end());
    before.push_back(n);
  }
  *out = graph->add(std::move(work), std::move(before))->handle;
  return CUDA_SUCCESS;
}

CUresult change_exec(CUgraphExec h, CUgraphNode node, const std::function<CUresult(ExecNode&)>& change) {
  TRY(initialized());
  auto exec = graph_execs().find(h);
  REQUIRE(exec);
  std::lock_guard lock(exec->m);
  auto order = std::make_shared<std::vector<ExecNode>>(*exec->order);
  ExecNode* n = find_in(*order, node);
  REQUIRE(n);
  TRY(change(*n));
  exec->order = order;
  return CUDA_SUCCESS;
}
}  // namespace softgpu::api

using namespace softgpu::api;

extern "C" {

// Kernels

CUresult cuGraphAddKernelNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                                 const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams);
  KernelWork work;
  TRY(work_of(*nodeParams, &work));
  return add(phGraphNode, hGraph, dependencies, numDependencies, std::move(work));
}
CUresult cuGraphAddKernelNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                              const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  REQUIRE(nodeParams);
  CUDA_KERNEL_NODE_PARAMS params = current_form(*nodeParams);
  return cuGraphAddKernelNode_v2(phGraphNode, hGraph, dependencies, numDependencies, &params);
}
CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams);
  std::lock_guard lock(capture_lock());
  KernelWork* k = work_in<KernelWork>(hNode);
  REQUIRE(k);
  k->param_pointers.clear();
  for (auto& p : k->function->info->params) k->param_pointers.push_back(k->params.data() + p.offset);
  const softgpu::Launch& l = k->launch;
  *nodeParams = {k->named, l.grid[0], l.grid[1], l.grid[2], l.block[0], l.block[1], l.block[2], l.dynamic_shared_bytes,
                 k->param_pointers.data(), nullptr, k->function->settings->kernel, k->function->module->context->handle};
  if (kernels().find(reinterpret_cast<CUkernel>(k->named))) nodeParams->func = nullptr;   // the runtime knows its kernels by kern
  return CUDA_SUCCESS;
}
CUresult cuGraphKernelNodeGetParams(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  REQUIRE(nodeParams);
  CUDA_KERNEL_NODE_PARAMS p;
  TRY(cuGraphKernelNodeGetParams_v2(hNode, &p));
  CUfunction f = p.func ? p.func : reinterpret_cast<CUfunction>(p.kern);
  *nodeParams = {f, p.gridDimX, p.gridDimY, p.gridDimZ, p.blockDimX, p.blockDimY, p.blockDimZ, p.sharedMemBytes, p.kernelParams, p.extra};
  return CUDA_SUCCESS;
}
CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams);
  KernelWork work;
  TRY(work_of(*nodeParams, &work));
  return replace(hNode, std::move(work));
}
CUresult cuGraphKernelNodeSetParams(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  REQUIRE(nodeParams);
  CUDA_KERNEL_NODE_PARAMS params = current_form(*nodeParams);
  return cuGraphKernelNodeSetParams_v2(hNode, &params);
}
CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec hGraphExec, CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams);
  KernelWork work;
  TRY(work_of(*nodeParams, &work));
  return replace_exec(hGraphExec, hNode, std::move(work));
}
CUresult cuGraphExecKernelNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  REQUIRE(nodeParams);
  CUDA_KERNEL_NODE_PARAMS params = current_form(*nodeParams);
  return cuGraphExecKernelNodeSetParams_v2(hGraphExec, hNode, &params);
}

// Of the attributes only "cooperative" means anything here; the rest is kept.
CUresult cuGraphKernelNodeGetAttribute(CUgraphNode hNode, CUkernelNodeAttrID attr, CUkernelNodeAttrValue* value_out) {
  TRY(initialized());
  REQUIRE(value_out && of_kernel_nodes(attr));
  std::lock_guard lock(capture_lock());
  KernelWork* k = work_in<KernelWork>(hNode);
  REQUIRE(k);
  memset(value_out, 0, sizeof *value_out);
  auto& kept = find_node(hNode)->attributes;
  if (auto it = kept.find(attr); it != kept.end()) *value_out = it->second;
  if (attr == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) value_out->cooperative = k->launch.cooperative;
  return CUDA_SUCCESS;
}
CUresult cuGraphKernelNodeSetAttribute(CUgraphNode hNode, CUkernelNodeAttrID attr, const CUkernelNodeAttrValue* value) {
  TRY(initialized());
  REQUIRE(value && of_kernel_nodes(attr));
  std::lock_guard lock(capture_lock());
  KernelWork* k = work_in<KernelWork>(hNode);
  REQUIRE(k);
  if (attr == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) k->launch.cooperative = value->cooperative != 0;
  find_node(hNode)->attributes[attr] = *value;
  return CUDA_SUCCESS;
}
CUresult cuGraphKernelNodeCopyAttributes(CUgraphNode dst, CUgraphNode src) {
  TRY(initialized());
  std::lock_guard lock(capture_lock());
  KernelWork *to = work_in<KernelWork>(dst), *from = work_in<KernelWork>(src);
  REQUIRE(to && from);
  to->launch.cooperative = from->launch.cooperative;
  find_node(dst)->attributes = find_node(src)->attributes;
  return CUDA_SUCCESS;
}

// Copies and fills

CUresult cuGraphAddMemcpyNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                              const CUDA_MEMCPY3D* copyParams, CUcontext ctx) {
  TRY(initialized());
  REQUIRE(copyParams);
  CopyWork work;
  TRY(work_of(*copyParams, ctx, &work));
  return add(phGraphNode, hGraph, dependencies, numDependencies, std::move(work));
}
CUresult cuGraphMemcpyNodeGetParams(CUgraphNode hNode, CUDA_MEMCPY3D* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams);
  std::lock_guard lock(capture_lock());
  CopyWork* c = work_in<CopyWork>(hNode);
  REQUIRE(c);
  *nodeParams = c->asked;
  return CUDA_SUCCESS;
}
CUresult cuGraphMemcpyNodeSetParams(CUgraphNode hNode, const CUDA_MEMCPY3D* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams);
  CopyWork work;
  TRY(work_of(*nodeParams, nullptr, &work));
  return replace(hNode, std::move(work));
}
CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, const CUDA_MEMCPY3D* copyParams, CUcontext ctx) {
  TRY(initialized());
  REQUIRE(copyParams);
  CopyWork work;
  TRY(work_of(*copyParams, ctx, &work));
  return change_exec(hGraphExec, hNode, [&](ExecNode& n) {
    auto* old = std::get_if<CopyWork>(&n.work);
    REQUIRE(old && old->asked.srcMemoryType == work.asked.srcMemoryType && old->asked.dstMemoryType == work.asked.dstMemoryType);
    *old = std::move(work);
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphAddMemsetNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                              const CUDA_MEMSET_NODE_PARAMS* memsetParams, CUcontext ctx) {
  TRY(initialized());
  REQUIRE(memsetParams);
  MemsetWork work;
  TRY(work_of(*memsetParams, ctx, &work));
  return add(phGraphNode, hGraph, dependencies, numDependencies, work);
}
CUresult cuGraphMemsetNodeGetParams(CUgraphNode hNode, CUDA_MEMSET_NODE_PARAMS* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams);
  std::lock_guard lock(capture_lock());
  MemsetWork* m = work_in<MemsetWork>(hNode);
  REQUIRE(m);
  *nodeParams = {m->dst, m->pitch, m->value, m->element, m->width, m->height};
  return CUDA_SUCCESS;
}
CUresult cuGraphMemsetNodeSetParams(CUgraphNode hNode, const CUDA_MEMSET_NODE_PARAMS* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams);
  MemsetWork work;
  TRY(work_of(*nodeParams, nullptr, &work));
  return replace(hNode, work);
}
CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, const CUDA_MEMSET_NODE_PARAMS* memsetParams, CUcontext ctx) {
  TRY(initialized());
  REQUIRE(memsetParams);
  MemsetWork work;
  TRY(work_of(*memsetParams, ctx, &work));
  return change_exec(hGraphExec, hNode, [&](ExecNode& n) {
    auto* old = std::get_if<MemsetWork>(&n.work);
    REQUIRE(old && ((old->height == 1 && work.height == 1) || (old->height == work.height && old->width == work.width)));
    *old = work;
    return CUDA_SUCCESS;
  });
}

// Host functions

CUresult cuGraphAddHostNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                            const CUDA_HOST_NODE_PARAMS* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams && nodeParams->fn);
  return add(phGraphNode, hGraph, dependencies, numDependencies, HostWork{nodeParams->fn, nodeParams->userData});
}
CUresult cuGraphHostNodeGetParams(CUgraphNode hNode, CUDA_HOST_NODE_PARAMS* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams);
  std::lock_guard lock(capture_lock());
  HostWork* h = work_in<HostWork>(hNode);
  REQUIRE(h);
  *nodeParams = {h->function, h->user};
  return CUDA_SUCCESS;
}
CUresult cuGraphHostNodeSetParams(CUgraphNode hNode, const CUDA_HOST_NODE_PARAMS* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams && nodeParams->fn);
  return replace(hNode, HostWork{nodeParams->fn, nodeParams->userData});
}
CUresult cuGraphExecHostNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, const CUDA_HOST_NODE_PARAMS* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams && nodeParams->fn);
  return replace_exec(hGraphExec, hNode, HostWork{nodeParams->fn, nodeParams->userData});
}

// Children, empty nodes, events, memory operations

CUresult cuGraphAddChildGraphNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                                  CUgraph childGraph) {
  TRY(initialized());
  ChildWork work;
  TRY(child_of(childGraph, &work));
  work.graph->body = true;
  return add(phGraphNode, hGraph, dependencies, numDependencies, std::move(work));
}
CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode hNode, CUgraph* phGraph) {
  TRY(initialized());
  REQUIRE(phGraph);
  std::lock_guard lock(capture_lock());
  ChildWork* c = work_in<ChildWork>(hNode);
  REQUIRE(c);
  if (!c->graph->handle) graphs().add(c->graph);     // few programs ask
  *phGraph = c->graph->handle;
  return CUDA_SUCCESS;
}
CUresult cuGraphAddEmptyNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies) {
  TRY(initialized());
  return add(phGraphNode, hGraph, dependencies, numDependencies, EmptyWork{});
}
CUresult cuGraphAddEventRecordNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                                   CUevent event) {
  RecordWork work;
  TRY(event_work(event, &work));
  return add(phGraphNode, hGraph, dependencies, numDependencies, std::move(work));
}
CUresult cuGraphAddEventWaitNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                                 CUevent event) {
  WaitWork work;
  TRY(event_work(event, &work));
  return add(phGraphNode, hGraph, dependencies, numDependencies, std::move(work));
}
CUresult cuGraphEventRecordNodeGetEvent(CUgraphNode hNode, CUevent* event_out) { return event_in<RecordWork>(hNode, event_out); }
CUresult cuGraphEventWaitNodeGetEvent(CUgraphNode hNode, CUevent* event_out) { return event_in<WaitWork>(hNode, event_out); }
CUresult cuGraphEventRecordNodeSetEvent(CUgraphNode hNode, CUevent event) {
  RecordWork work;
  TRY(event_work(event, &work));
  return replace(hNode, std::move(work));
}
CUresult cuGraphEventWaitNodeSetEvent(CUgraphNode hNode, CUevent event) {
  WaitWork work;
  TRY(event_work(event, &work));
  return replace(hNode, std::move(work));
}
CUresult cuGraphExecEventRecordNodeSetEvent(CUgraphExec hGraphExec, CUgraphNode hNode, CUevent event) {
  RecordWork work;
  TRY(event_work(event, &work));
  return replace_exec(hGraphExec, hNode, std::move(work));
}
CUresult cuGraphExecEventWaitNodeSetEvent(CUgraphExec hGraphExec, CUgraphNode hNode, CUevent event) {
  WaitWork work;
  TRY(event_work(event, &work));
  return replace_exec(hGraphExec, hNode, std::move(work));
}
CUresult cuGraphAddBatchMemOpNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                                  const CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams);
  BatchWork work;
  TRY(work_of(*nodeParams, &work));
  return add(phGraphNode, hGraph, dependencies, numDependencies, std::move(work));
}

CUresult cuGraphBatchMemOpNodeGetParams(CUgraphNode hNode, CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams_out) {
  TRY(initialized());
  REQUIRE(nodeParams_out);
  std::lock_guard lock(capture_lock());
  BatchWork* b = work_in<BatchWork>(hNode);
  REQUIRE(b);
  *nodeParams_out = {current_context() ? current_context()->handle : nullptr, unsigned(b->asked.size()), b->asked.data(), 0};
  return CUDA_SUCCESS;
}
CUresult cuGraphBatchMemOpNodeSetParams(CUgraphNode hNode, const CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams);
  BatchWork work;
  TRY(work_of(*nodeParams, &work));
  return replace(hNode, std::move(work));
}
CUresult cuGraphExecBatchMemOpNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, const CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams);
  BatchWork work;
  TRY(work_of(*nodeParams, &work));
  return replace_exec(hGraphExec, hNode, std::move(work));
}
CUresult cuGraphExecChildGraphNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, CUgraph childGraph) {
  TRY(initialized());
  GraphRef child = graphs().find(childGraph);
  REQUIRE(child);
  std::vector<ExecNode> body;
  {
    std::lock_guard lock(capture_lock());
    TRY(put_in_order(*child, &body));
  }
  return change_exec(hGraphExec, hNode, [&](ExecNode& n) {
    REQUIRE(std::holds_alternative<ChildWork>(n.work));
    if (!same_shape(n.bodies[0], body)) return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
    n.bodies[0] = std::move(body);
    return CUDA_SUCCESS;
  });
}

CUresult cuGraphNodeSetEnabled(CUgraphExec hGraphExec, CUgraphNode hNode, unsigned int isEnabled) {
  return change_exec(hGraphExec, hNode, [&](ExecNode& n) {
    REQUIRE(std::holds_alternative<KernelWork>(n.work) || std::holds_alternative<CopyWork>(n.work) || std::holds_alternative<MemsetWork>(n.work));
    n.enabled = isEnabled != 0;
    return CUDA_SUCCESS;
  });
}
CUresult cuGraphNodeGetEnabled(CUgraphExec hGraphExec, CUgraphNode hNode, unsigned int* isEnabled) {
  REQUIRE(isEnabled);
  return change_exec(hGraphExec, hNode, [&](ExecNode& n) {
    REQUIRE(std::holds_alternative<KernelWork>(n.work) || std::holds_alternative<CopyWork>(n.work) || std::holds_alternative<MemsetWork>(n.work));
    *isEnabled = n.enabled;
    return CUDA_SUCCESS;
  });
}

}  // extern "C"
