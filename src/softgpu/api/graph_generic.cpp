// Nodes by the general CUgraphNodeParams, and the shape of a graph: lists of nodes, edges, dependencies. Any thread may call.
#include <algorithm>

#include "softgpu/api/graph.h"

using namespace softgpu::api;

namespace {

CUgraphNodeType type_of(const Work& work) {
  static constexpr CUgraphNodeType kTypes[] = {
      CU_GRAPH_NODE_TYPE_KERNEL,     CU_GRAPH_NODE_TYPE_MEMCPY,       CU_GRAPH_NODE_TYPE_MEMSET,       CU_GRAPH_NODE_TYPE_HOST,
      CU_GRAPH_NODE_TYPE_HOST,       CU_GRAPH_NODE_TYPE_EVENT_RECORD, CU_GRAPH_NODE_TYPE_WAIT_EVENT,   CU_GRAPH_NODE_TYPE_BATCH_MEM_OP,
      CU_GRAPH_NODE_TYPE_BATCH_MEM_OP, CU_GRAPH_NODE_TYPE_GRAPH,      CU_GRAPH_NODE_TYPE_MEM_ALLOC,    CU_GRAPH_NODE_TYPE_MEM_FREE,
      CU_GRAPH_NODE_TYPE_EMPTY};
  static_assert(std::size(kTypes) == std::variant_size_v<Work>, "one row per kind of work, in the order of Work");
  return kTypes[work.index()];
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

CUresult change_edges(CUgraph h, const CUgraphNode* from, const CUgraphNode* to, size_t count, bool add) {
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
    if (add) b->before.push_back(a);
    else b->before.erase(at);
  }
  return CUDA_SUCCESS;
}

}  // namespace

extern "C" {

CUresult cuGraphAddNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, const CUgraphEdgeData* dependencyData,
                           size_t numDependencies, CUgraphNodeParams* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams);
  if (dependencyData)
    for (size_t i = 0; i < numDependencies; i++)
      if (dependencyData[i].from_port || dependencyData[i].to_port || dependencyData[i].type) return CUDA_ERROR_NOT_SUPPORTED;
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
    default:
      return CUDA_ERROR_NOT_SUPPORTED;
  }
}
CUresult cuGraphAddNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                        CUgraphNodeParams* nodeParams) {
  return cuGraphAddNode_v2(phGraphNode, hGraph, dependencies, nullptr, numDependencies, nodeParams);
}

CUresult cuGraphDestroyNode(CUgraphNode hNode) {
  TRY(initialized());
  std::lock_guard lock(capture_lock());
  auto node = nodes().take(hNode);
  REQUIRE(node);
  auto& all = node->graph->nodes;
  for (auto& n : all) std::erase(n->before, node.get());
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
  for (auto& n : graph->nodes)
    for (GraphNode* b : n->before) {
      starts.push_back(b->handle);
      ends.push_back(n->handle);
    }
  if (edgeData)
    for (size_t i = 0; from && i < *numEdges; i++) edgeData[i] = {};
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
  for (GraphNode* b : n->before) list.push_back(b->handle);
  for (size_t i = 0; edgeData && dependencies && i < *numDependencies; i++) edgeData[i] = {};
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
  for (auto& other : n->graph->nodes)
    if (std::find(other->before.begin(), other->before.end(), n) != other->before.end()) list.push_back(other->handle);
  for (size_t i = 0; edgeData && dependentNodes && i < *numDependentNodes; i++) edgeData[i] = {};
  return put_list(list, dependentNodes, numDependentNodes);
}
CUresult cuGraphNodeGetDependentNodes(CUgraphNode hNode, CUgraphNode* dependentNodes, size_t* numDependentNodes) {
  return cuGraphNodeGetDependentNodes_v2(hNode, dependentNodes, nullptr, numDependentNodes);
}

CUresult cuGraphAddDependencies_v2(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to, const CUgraphEdgeData* edgeData,
                                   size_t numDependencies) {
  if (edgeData) return CUDA_ERROR_NOT_SUPPORTED;
  return change_edges(hGraph, from, to, numDependencies, true);
}
CUresult cuGraphAddDependencies(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to, size_t numDependencies) {
  return change_edges(hGraph, from, to, numDependencies, true);
}
CUresult cuGraphRemoveDependencies_v2(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to, const CUgraphEdgeData* edgeData,
                                      size_t numDependencies) {
  if (edgeData) return CUDA_ERROR_NOT_SUPPORTED;
  return change_edges(hGraph, from, to, numDependencies, false);
}
CUresult cuGraphRemoveDependencies(CUgraph hGraph, const CUgraphNode* from, const CUgraphNode* to, size_t numDependencies) {
  return change_edges(hGraph, from, to, numDependencies, false);
}

}  // extern "C"
