// The calls that add nodes and set their parameters, of every version and kind, each as CUgraphNodeParams (graph_node.h).
#include "client/context.h"
#include "client/graph_node.h"
#include "client/remote.h"

namespace client {

static CUresult add(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies, const CUgraphEdgeData* edges, size_t count, CUgraphNodeParams& p) {
  if (!node || !graph || (count && !dependencies)) return caller().error ? CUresult(caller().error) : CUDA_ERROR_INVALID_VALUE;
  NodeCall n;
  n.graph = graph;
  n.dependencies = count ? dependencies : nullptr;
  n.edges = count ? edges : nullptr;
  n.count = count;
  return node_call(kAdd, n, p, node);
}
static CUresult set(CUgraphNode node, CUgraphNodeParams& p) {
  NodeCall n;
  n.node = node;
  if (int error = caller().error) return CUresult(error);
  if (!known(number_of(node), wire::kCUgraphNode, true)) return CUDA_ERROR_INVALID_VALUE;
  return node_call(kSet, n, p, nullptr);
}
static CUresult set(CUgraphExec executable, CUgraphNode node, CUgraphNodeParams& p) {
  NodeCall n;
  n.node = node;
  n.executable = executable;
  if (int error = caller().error) return CUresult(error);
  if (!executable || !known(number_of(node), wire::kCUgraphNode, true)) return CUDA_ERROR_INVALID_VALUE;
  return node_call(kSetInExecutable, n, p, nullptr);
}

// ---- the older forms, each of one kind, as CUgraphNodeParams

static CUgraphNodeParams of(CUgraphNodeType type) {
  CUgraphNodeParams p;
  memset(&p, 0, sizeof p);
  p.type = type;
  return p;
}
static CUgraphNodeParams of(const CUDA_KERNEL_NODE_PARAMS_v1* k) {
  CUgraphNodeParams p = of(CU_GRAPH_NODE_TYPE_KERNEL);
  if (k) memcpy(&p.kernel, k, sizeof *k);   // the later form has two more members
  return p;
}
static CUgraphNodeParams of(const CUDA_KERNEL_NODE_PARAMS_v2* k) {
  static_assert(sizeof(CUDA_KERNEL_NODE_PARAMS_v2) == sizeof(CUDA_KERNEL_NODE_PARAMS_v3));
  CUgraphNodeParams p = of(CU_GRAPH_NODE_TYPE_KERNEL);
  if (k) memcpy(&p.kernel, k, sizeof *k);
  return p;
}
static CUgraphNodeParams of(const CUDA_MEMCPY3D* c, CUcontext context) {
  CUgraphNodeParams p = of(CU_GRAPH_NODE_TYPE_MEMCPY);
  if (c) p.memcpy.copyParams = *c;
  p.memcpy.copyCtx = context;
  return p;
}
static CUgraphNodeParams of(const CUDA_MEMSET_NODE_PARAMS* m, CUcontext context) {
  CUgraphNodeParams p = of(CU_GRAPH_NODE_TYPE_MEMSET);
  if (m) p.memset = {m->dst, m->pitch, m->value, m->elementSize, m->width, m->height, context};
  return p;
}
static CUgraphNodeParams of(const CUDA_HOST_NODE_PARAMS* h) {
  CUgraphNodeParams p = of(CU_GRAPH_NODE_TYPE_HOST);
  if (h) p.host = {h->fn, h->userData};
  return p;
}
static CUgraphNodeParams of(const CUDA_BATCH_MEM_OP_NODE_PARAMS* b) {
  CUgraphNodeParams p = of(CU_GRAPH_NODE_TYPE_BATCH_MEM_OP);
  if (b) p.memOp = {b->ctx, b->count, b->paramArray, b->flags};
  return p;
}
static CUgraphNodeParams of_event(CUgraphNodeType type, CUevent event) {
  CUgraphNodeParams p = of(type);
  if (type == CU_GRAPH_NODE_TYPE_WAIT_EVENT) p.eventWait.event = event;
  else p.eventRecord.event = event;
  return p;
}
static CUgraphNodeParams of_child(CUgraph graph) {
  CUgraphNodeParams p = of(CU_GRAPH_NODE_TYPE_GRAPH);
  p.graph.graph = graph;
  return p;
}

}  // namespace client

using namespace client;

static CUresult add_one(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies, size_t count, CUgraphNodeParams p) {
  return add(node, graph, dependencies, nullptr, count, p);
}
static CUresult set_one(CUgraphNode node, CUgraphNodeParams p) { return set(node, p); }
static CUresult set_one(CUgraphExec executable, CUgraphNode node, CUgraphNodeParams p) { return set(executable, node, p); }
static CUresult bad() { return caller().error ? CUresult(caller().error) : CUDA_ERROR_INVALID_VALUE; }

EXPORT CUresult cuGraphAddNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, const CUgraphEdgeData* dependencyData,
                                  size_t numDependencies, CUgraphNodeParams* nodeParams) {
  return nodeParams ? add(phGraphNode, hGraph, dependencies, dependencyData, numDependencies, *nodeParams) : bad();
}
EXPORT CUresult cuGraphAddNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies, CUgraphNodeParams* nodeParams) {
  return nodeParams ? add(phGraphNode, hGraph, dependencies, nullptr, numDependencies, *nodeParams) : bad();
}
EXPORT CUresult cuGraphNodeSetParams(CUgraphNode hNode, CUgraphNodeParams* nodeParams) { return nodeParams ? set(hNode, *nodeParams) : bad(); }
EXPORT CUresult cuGraphExecNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, CUgraphNodeParams* nodeParams) {
  return nodeParams ? set(hGraphExec, hNode, *nodeParams) : bad();
}

EXPORT CUresult cuGraphAddKernelNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                                     const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  return nodeParams ? add_one(phGraphNode, hGraph, dependencies, numDependencies, of(nodeParams)) : bad();
}
EXPORT CUresult cuGraphAddKernelNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                                        const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return nodeParams ? add_one(phGraphNode, hGraph, dependencies, numDependencies, of(nodeParams)) : bad();
}
EXPORT CUresult cuGraphKernelNodeSetParams(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  return nodeParams ? set_one(hNode, of(nodeParams)) : bad();
}
EXPORT CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return nodeParams ? set_one(hNode, of(nodeParams)) : bad();
}
EXPORT CUresult cuGraphExecKernelNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  return nodeParams ? set_one(hGraphExec, hNode, of(nodeParams)) : bad();
}
EXPORT CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec hGraphExec, CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return nodeParams ? set_one(hGraphExec, hNode, of(nodeParams)) : bad();
}

EXPORT CUresult cuGraphAddMemcpyNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                                     const CUDA_MEMCPY3D* copyParams, CUcontext ctx) {
  return copyParams ? add_one(phGraphNode, hGraph, dependencies, numDependencies, of(copyParams, ctx)) : bad();
}
EXPORT CUresult cuGraphMemcpyNodeSetParams(CUgraphNode hNode, const CUDA_MEMCPY3D* nodeParams) {
  return nodeParams ? set_one(hNode, of(nodeParams, current_context())) : bad();
}
EXPORT CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, const CUDA_MEMCPY3D* copyParams, CUcontext ctx) {
  return copyParams ? set_one(hGraphExec, hNode, of(copyParams, ctx)) : bad();
}
EXPORT CUresult cuGraphAddMemsetNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                                     const CUDA_MEMSET_NODE_PARAMS* memsetParams, CUcontext ctx) {
  return memsetParams ? add_one(phGraphNode, hGraph, dependencies, numDependencies, of(memsetParams, ctx)) : bad();
}
EXPORT CUresult cuGraphMemsetNodeSetParams(CUgraphNode hNode, const CUDA_MEMSET_NODE_PARAMS* nodeParams) {
  return nodeParams ? set_one(hNode, of(nodeParams, current_context())) : bad();
}
EXPORT CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, const CUDA_MEMSET_NODE_PARAMS* memsetParams, CUcontext ctx) {
  return memsetParams ? set_one(hGraphExec, hNode, of(memsetParams, ctx)) : bad();
}

EXPORT CUresult cuGraphAddHostNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                                   const CUDA_HOST_NODE_PARAMS* nodeParams) {
  return nodeParams ? add_one(phGraphNode, hGraph, dependencies, numDependencies, of(nodeParams)) : bad();
}
EXPORT CUresult cuGraphHostNodeSetParams(CUgraphNode hNode, const CUDA_HOST_NODE_PARAMS* nodeParams) { return nodeParams ? set_one(hNode, of(nodeParams)) : bad(); }
EXPORT CUresult cuGraphExecHostNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, const CUDA_HOST_NODE_PARAMS* nodeParams) {
  return nodeParams ? set_one(hGraphExec, hNode, of(nodeParams)) : bad();
}

EXPORT CUresult cuGraphAddEmptyNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies) {
  return add_one(phGraphNode, hGraph, dependencies, numDependencies, of(CU_GRAPH_NODE_TYPE_EMPTY));
}
EXPORT CUresult cuGraphAddChildGraphNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies, CUgraph childGraph) {
  return add_one(phGraphNode, hGraph, dependencies, numDependencies, of_child(childGraph));
}
EXPORT CUresult cuGraphExecChildGraphNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, CUgraph childGraph) {
  return set_one(hGraphExec, hNode, of_child(childGraph));
}
EXPORT CUresult cuGraphAddEventRecordNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies, CUevent event) {
  return add_one(phGraphNode, hGraph, dependencies, numDependencies, of_event(CU_GRAPH_NODE_TYPE_EVENT_RECORD, event));
}
EXPORT CUresult cuGraphAddEventWaitNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies, CUevent event) {
  return add_one(phGraphNode, hGraph, dependencies, numDependencies, of_event(CU_GRAPH_NODE_TYPE_WAIT_EVENT, event));
}
EXPORT CUresult cuGraphEventRecordNodeSetEvent(CUgraphNode hNode, CUevent event) { return set_one(hNode, of_event(CU_GRAPH_NODE_TYPE_EVENT_RECORD, event)); }
EXPORT CUresult cuGraphEventWaitNodeSetEvent(CUgraphNode hNode, CUevent event) { return set_one(hNode, of_event(CU_GRAPH_NODE_TYPE_WAIT_EVENT, event)); }
EXPORT CUresult cuGraphExecEventRecordNodeSetEvent(CUgraphExec hGraphExec, CUgraphNode hNode, CUevent event) {
  return set_one(hGraphExec, hNode, of_event(CU_GRAPH_NODE_TYPE_EVENT_RECORD, event));
}
EXPORT CUresult cuGraphExecEventWaitNodeSetEvent(CUgraphExec hGraphExec, CUgraphNode hNode, CUevent event) {
  return set_one(hGraphExec, hNode, of_event(CU_GRAPH_NODE_TYPE_WAIT_EVENT, event));
}

EXPORT CUresult cuGraphAddMemAllocNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                                       CUDA_MEM_ALLOC_NODE_PARAMS* nodeParams) {
  if (!nodeParams) return bad();
  CUgraphNodeParams p = of(CU_GRAPH_NODE_TYPE_MEM_ALLOC);
  static_assert(sizeof(CUDA_MEM_ALLOC_NODE_PARAMS) == sizeof p.alloc);
  memcpy(&p.alloc, nodeParams, sizeof p.alloc);
  CUresult rc = add(phGraphNode, hGraph, dependencies, nullptr, numDependencies, p);
  if (!rc) nodeParams->dptr = p.alloc.dptr;
  return rc;
}
EXPORT CUresult cuGraphAddMemFreeNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies, CUdeviceptr dptr) {
  CUgraphNodeParams p = of(CU_GRAPH_NODE_TYPE_MEM_FREE);
  p.free.dptr = dptr;
  return add(phGraphNode, hGraph, dependencies, nullptr, numDependencies, p);
}
EXPORT CUresult cuGraphAddBatchMemOpNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                                         const CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams) {
  return nodeParams ? add_one(phGraphNode, hGraph, dependencies, numDependencies, of(nodeParams)) : bad();
}
EXPORT CUresult cuGraphBatchMemOpNodeSetParams(CUgraphNode hNode, const CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams) {
  return nodeParams ? set_one(hNode, of(nodeParams)) : bad();
}
EXPORT CUresult cuGraphExecBatchMemOpNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, const CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams) {
  return nodeParams ? set_one(hGraphExec, hNode, of(nodeParams)) : bad();
}
