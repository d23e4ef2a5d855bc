// Nodes by the general CUgraphNodeParams, and the shape of a graph: lists of nodes, edges, dependencies. Any thread may call.
#include <algorithm>

#include "softgpu/api/graph.h"

namespace softgpu::api {

CUgraphNodeType type_of(const Work& work) {
  static constexpr CUgraphNodeType kTypes[] = {
      CU_GRAPH_NODE_TYPE_KERNEL,     CU_GRAPH_NODE_TYPE_MEMCPY,       CU_GRAPH_NODE_TYPE_MEMSET,       CU_GRAPH_NODE_TYPE_HOST,
      CU_GRAPH_NODE_TYPE_HOST,       CU_GRAPH_NODE_TYPE_EVENT_RECORD, CU_GRAPH_NODE_TYPE_WAIT_EVENT,   CU_GRAPH_NODE_TYPE_BATCH_MEM_OP,
      CU_GRAPH_NODE_TYPE_BATCH_MEM_OP, CU_GRAPH_NODE_TYPE_GRAPH,      CU_GRAPH_NODE_TYPE_MEM_ALLOC,    CU_GRAPH_NODE_TYPE_MEM_FREE,
      CU_GRAPH_NODE_TYPE_EMPTY,      CU_GRAPH_NODE_TYPE_CONDITIONAL};
  static_assert(std::size(kTypes) == std::variant_size_v<Work>, "one row per kind of work, in the order of Work");
  return kTypes[work.index()];
}

// Only kernels have ports beside the plain one.
bool legal_edge(const GraphNode& from, const CUgraphEdgeData& d) {
  if (d.to_port || d.type > CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC || d.from_port > CU_GRAPH_KERNEL_NODE_PORT_LAUNCH_ORDER) return false;
  return (!d.from_port && !d.type) || std::holds_alternative<KernelWork>(from.work);
}

}  // namespace softgpu::api

using namespace softgpu::api;

namespace {

bool plain(const CUgraphEdgeData& d) { return !d.from_port && !d.to_port && !d.type; }
CUgraphEdgeData edge_of(const GraphNode& node, const GraphNode* before) {
  auto it = node.ports.find(before);
  return it == node.ports.end() ? CUgraphEdgeData{} : it->second;
}
// A list of edges: the caller without room for their data learns that there is some.
CUresult put_data(const std::vector<CUgraphEdgeData>& all, bool wanted, CUgraphEdgeData* out, size_t room) {
  if (wanted && !out && std::any_of(all.begin(), all.end(), [](auto& d) { return !plain(d); })) return CUDA_ERROR_LOSSY_QUERY;
  for (size_t i = 0; out && i < room; i++) out[i] = i < all.size() ? all[i] : CUgraphEdgeData{};
  return CUDA_SUCCESS;
}

// The manual's form of list calls: no buffer, the count is told; a buffer, as many as fit are written and the rest is NULL.
CUresult put_list(const std::vector<CUgraphNode>& list, CUgraphNode* out, size_t* count) {
  REQUIRE(count);
  if (!out) {
    *count = list.size();
    return CUDA_SUCCESS;
  }
  for (size_t i = 0; i < *count; i++) out[i] = i < list.size() ? list[i] : nullptr;
  *count = std::min(*count, list.size());
  return CUDA_SUCCESS;
}

// data: null plain when added, any when taken away.
CUresult change_edges(CUgraph h, const CUgraphNode* from, const CUgraphNode* to, const CUgraphEdgeData* data, size_t count, bool add) {
  TRY(initialized());
  REQUIRE(count == 0 || (from && to));
  GraphRef graph = graphs().find(h);
  REQUIRE(graph);
  std::lock_guard lock(capture_lock());
  for (size_t i = 0; i < count; i++) {
    GraphNode *a = find_node(from[i]), *b = find_node(to[i]);
    REQUIRE(a && b && a != b && a->graph == graph.get() && b->graph == graph.get());
    auto at = std::find(b->before.begin(), b->before.end(), a);
    REQUIRE((at == b->before.end()) == add);
    CUgraphEdgeData d = data ? data[i] : CUgraphEdgeData{};
    if (add) {
      REQUIRE(legal_edge(*a, d));
      b->before.push_back(a);
      if (!plain(d)) b->ports[a] = d;
    } else {
      CUgraphEdgeData has = edge_of(*b, a);
      REQUIRE(!data || (has.from_port == d.from_port && has.type == d.type && has.to_port == d.to_port));
      b->before.erase(at);
      b->ports.erase(a);
    }
  }
  return CUDA_SUCCESS;
}

CUresult add_conditional(CUgraphNode* out, CUgraph h, const CUgraphNode* dependencies, size_t count, CUDA_CONDITIONAL_NODE_PARAMS* p) {
  REQUIRE(p->type >= CU_GRAPH_COND_TYPE_IF && p->type <= CU_GRAPH_COND_TYPE_SWITCH && p->size >= 1);
  REQUIRE(p->type == CU_GRAPH_COND_TYPE_SWITCH || p->size <= (p->type == CU_GRAPH_COND_TYPE_IF ? 2u : 1u));
  GraphRef graph = graphs().find(h);
  REQUIRE(graph);
  ConditionalWork work{nullptr, p->type, {}};
  std::vector<CUgraph> bodies;
  {
    std::lock_guard lock(capture_lock());
    for (auto& c : graph->conditions)
      if (c->handle == p->handle && !c->used) work.condition = c;
  }
  REQUIRE(work.condition);
  for (unsigned i = 0; i < p->size; i++) {
    auto& body = work.bodies.emplace_back(std::make_shared<Graph>());
    body->body = true;
    body->conditions = graph->conditions;
    bodies.push_back(graphs().add(body));
  }
  TRY(add_node(out, h, dependencies, count, std::move(work)));
  std::lock_guard lock(capture_lock());
  GraphNode* made = find_node(*out);
  std::get<ConditionalWork>(made->work).condition->used = true;
  made->body_handles = std::move(bodies);          // the caller's list lives as long as the node
  p->phGraph_out = made->body_handles.data();
  return CUDA_SUCCESS;
}

CUresult add_by_type(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies, CUgraphNodeParams* nodeParams) {
  auto& p = *nodeParams;
  switch (p.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: {
      auto& k = p.kernel;
      CUDA_KERNEL_NODE_PARAMS params = {k.func,      k.gridDimX,       k.gridDimY,     k.gridDimZ, k.blockDimX, k.blockDimY,
                                        k.blockDimZ, k.sharedMemBytes, k.kernelParams, k.extra,    k.kern,      k.ctx};
      return cuGraphAddKernelNode_v2(phGraphNode, hGraph, dependencies, numDependencies, &params);
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY:
      return cuGraphAddMemcpyNode(phGraphNode, hGraph, dependencies, numDependencies, &p.memcpy.copyParams, p.memcpy.copyCtx);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      auto& m = p.memset;
      CUDA_MEMSET_NODE_PARAMS params = {m.dst, m.pitch, m.value, m.elementSize, m.width, m.height};
      return cuGraphAddMemsetNode(phGraphNode, hGraph, dependencies, numDependencies, &params, m.ctx);
    }
    case CU_GRAPH_NODE_TYPE_HOST: {
      CUDA_HOST_NODE_PARAMS params = {p.host.fn, p.host.userData};
      return cuGraphAddHostNode(phGraphNode, hGraph, dependencies, numDependencies, &params);
    }
    case CU_GRAPH_NODE_TYPE_GRAPH:
      return cuGraphAddChildGraphNode(phGraphNode, hGraph, dependencies, numDependencies, p.graph.graph);
    case CU_GRAPH_NODE_TYPE_EMPTY:
      return cuGraphAddEmptyNode(phGraphNode, hGraph, dependencies, numDependencies);
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
      return cuGraphAddEventWaitNode(phGraphNode, hGraph, dependencies, numDependencies, p.eventWait.event);
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
      return cuGraphAddEventRecordNode(phGraphNode, hGraph, dependencies, numDependencies, p.eventRecord.event);
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC: {
      CUDA_MEM_ALLOC_NODE_PARAMS params = {p.alloc.poolProps, p.alloc.accessDescs, p.alloc.accessDescCount, p.alloc.bytesize, 0};
      TRY(cuGraphAddMemAllocNode(phGraphNode, hGraph, dependencies, numDependencies, &params));
      p.alloc.dptr = params.dptr;
      return CUDA_SUCCESS;
    }
    case CU_GRAPH_NODE_TYPE_MEM_FREE:
      return cuGraphAddMemFreeNode(phGraphNode, hGraph, dependencies, numDependencies, p.free.dptr);
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP: {
      CUDA_BATCH_MEM_OP_NODE_PARAMS params = {p.memOp.ctx, p.memOp.count, p.memOp.paramArray, p.memOp.flags};
      return cuGraphAddBatchMemOpNode(phGraphNode, hGraph, dependencies, numDependencies, &params);
    }
    case CU_GRAPH_NODE_TYPE_CONDITIONAL:
      return add_conditional(phGraphNode, hGraph, dependencies, numDependencies, &p.conditional);
    case CU_GRAPH_NODE_TYPE_EXT_SEMAS_SIGNAL:
    case CU_GRAPH_NODE_TYPE_EXT_SEMAS_WAIT:
      return CUDA_ERROR_NOT_SUPPORTED;            // there are no external semaphores here
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

}  // namespace

extern "C" {

CUresult cuGraphAddNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, const CUgraphEdgeData* dependencyData,
                           size_t numDependencies, CUgraphNodeParams* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams && phGraphNode && (numDependencies == 0 || dependencies));
  TRY(add_by_type(phGraphNode, hGraph, dependencies, numDependencies, nodeParams));
  std::lock_guard lock(capture_lock());
  GraphNode* made = find_node(*phGraphNode);
  for (size_t i = 0; dependencyData && i < numDependencies; i++) {
    GraphNode* from = find_node(dependencies[i]);
    if (!legal_edge(*from, dependencyData[i])) {
      auto node = nodes().take(*phGraphNode);
      std::erase(made->graph->nodes, node);
      return CUDA_ERROR_INVALID_VALUE;
    }
    if (!plain(dependencyData[i])) made->ports[from] = dependencyData[i];
  }
  return CUDA_SUCCESS;
}
CUresult cuGraphAddNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                        CUgraphNodeParams* nodeParams) {
  return cuGraphAddNode_v2(phGraphNode, hGraph, dependencies, nullptr, numDependencies, nodeParams);
}

CUresult cuGraphDestroyNode(CUgraphNode hNode) {
  TRY(initialized());
  std::lock_guard lock(capture_lock());
  GraphNode* found = find_node(hNode);
  REQUIRE(found);
  if (std::holds_alternative<AllocWork>(found->work) || std::holds_alternative<FreeWork>(found->work)) return CUDA_ERROR_NOT_SUPPORTED;
  auto node = nodes().take(hNode);
  auto& all = node->graph->nodes;
  for (auto& n : all) {
    std::erase(n->before, node.get());
    n->ports.erase(node.get());
  }
  std::erase(all, node);
  return CUDA_SUCCESS;
}

CUresult cuGraphNodeGetType(CUgraphNode hNode, CUgraphNodeType* type) {
  TRY(initialized());
  REQUIRE(type);
  std::lock_guard lock(capture_lock());
  GraphNode* n = find_node(hNode);
  REQUIRE(n);
  *type = type_of(n->work);
  return CUDA_SUCCESS;
}

CUresult cuGraphGetNodes(CUgraph hGraph, CUgraphNode* nodes, size_t* numNodes) {
  TRY(initialized());
  GraphRef graph = graphs().find(hGraph);
  REQUIRE(graph);
  std::lock_guard lock(capture_lock());
  std::vector<CUgraphNode> list;
  for (auto& n : graph->nodes) list.push_back(n->handle);
  return put_list(list, nodes, numNodes);
}

CUresult cuGraphGetRootNodes(CUgraph hGraph, CUgraphNode* rootNodes, size_t* numRootNodes) {
  TRY(initialized());
  GraphRef graph = graphs().find(hGraph);
  REQUIRE(graph);
  std::lock_guard lock(capture_lock());
  std::vector<CUgraphNode> list;
  for (auto& n : graph->nodes)
    if (n->before.empty()) list.push_back(n->handle);
  return put_list(list, rootNodes, numRootNodes);
}

CUresult cuGraphGetEdges_v2(CUgraph hGraph, CUgraphNode* from, CUgraphNode* to, CUgraphEdgeData* edgeData, size_t* numEdges) {
  TRY(initialized());
  GraphRef graph = graphs().find(hGraph);
  REQUIRE(graph && numEdges && !from == !to);
  std::lock_guard lock(capture_lock());
  std::vector<CUgraphNode> starts, ends;
  std::vector<CUgraphEdgeData> data;
  for (auto& n : graph->nodes)
    for (GraphNode* b : n->before) {
      starts.push_back(b->handle);
      ends.push_back(n->handle);
      data.push_back(edge_of(*n, b));
    }
  TRY(put_data(data, from, edgeData, from ? *numEdges : 0));
  size_t room = *numEdges;
  TRY(put_list(starts, from, &room));
  return put_list(ends, to, numEdges);
}
CUresult cuGraphGetEdges(CUgraph hGraph, CUgraphNode* from, CUgraphNode* to, size_t* numEdges) {
  return cuGraphGetEdges_v2(hGraph, from, to, nullptr, numEdges);
}

CUresult cuGraphNodeGetDependencies_v2(CUgraphNode hNode, CUgraphNode* dependencies, CUgraphEdgeData* edgeData, size_t* numDependencies) {
  TRY(initialized());
  REQUIRE(numDependencies);
  std::lock_guard lock(capture_lock());
  GraphNode* n = find_node(hNode);
  REQUIRE(n);
  std::vector<CUgraphNode> list;
  std::vector<CUgraphEdgeData> data;
  for (GraphNode* b : n->before) {
    list.push_back(b->handle);
    data.push_back(edge_of(*n, b));
  }
  TRY(put_data(data, dependencies, edgeData, dependencies ? *numDependencies : 0));
  return put_list(list, dependencies, numDependencies);
}
CUresult cuGraphNodeGetDependencies(CUgraphNode hNode, CUgraphNode* dependencies, size_t* numDependencies) {
  return cuGraphNodeGetDependencies_v2(hNode, dependencies, nullptr, numDependencies);
}

CUresult cuGraphNodeGetDependentNodes_v2(CUgraphNode hNode, CUgraphNode* dependentNodes, CUgraphEdgeData* edgeData, size_t* numDependentNodes) {
  TRY(initialized());
  REQUIRE(numDependentNodes);
  std::lock_guard lock(capture_lock());
  GraphNode* n = find_node(hNode);
  REQUIRE(n);
  std::vector<CUgraphNode> list;
  std::vector<CUgraphEdgeData> data;
  for (auto& other : n->graph->nodes)
    if (std::find(other->before.begin(), other->before.end(), n) != other->before.end()) {
      list.push_back(other->handle);
      data.push_back(edge_of(*other, n));
    }
  TRY(put_data(data, dependentNodes, edgeData, dependentNodes ? *numDependentNodes : 0));
  return put_list(list, dependentNodes, numDependentNodes);
}
CUresult cuGraphNodeGetDependentNodes(CUgraphNode hNode, CUgraphNode* dependentNodes, size_t* numDependentNodes) {
  return cuGraphNodeGetDependentNodes_v2(hNode, dependentNodes, nullptr, numDependentNodes);
}

CUresult cuGraphAddDependencies_v2(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to, const CUgraphEdgeData* edgeData,
                                   size_t numDependencies) {
  return change_edges(hGraph, from, to, edgeData, numDependencies, true);
}
CUresult cuGraphAddDependencies(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to, size_t numDependencies) {
  return change_edges(hGraph, from, to, nullptr, numDependencies, true);
}
CUresult cuGraphRemoveDependencies_v2(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to, const CUgraphEdgeData* edgeData,
                                      size_t numDependencies) {
  return change_edges(hGraph, from, to, edgeData, numDependencies, false);
}
CUresult cuGraphRemoveDependencies(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to, size_t numDependencies) {
  return change_edges(hGraph, from, to, nullptr, numDependencies, false);
}

}  // extern "C"
