// Memory nodes, node parameters of any kind set through CUgraphNodeParams, and the picture of a graph for Graphviz. Any thread may call.
#include <cstdio>
#include <memory>

#include "softgpu/api/graph.h"
#include "softgpu/api/memory.h"
#include "softgpu/api/module.h"

using namespace softgpu::api;

namespace {

// Calls the setter of the node's kind, in a graph or in an executable one.
template <class Kernel, class Copy, class Fill, class Host, class Child, class Record, class Wait, class Batch>
CUresult set_by_type(CUgraphNodeParams& p, Kernel kernel, Copy copy, Fill fill, Host host, Child child, Record record, Wait wait, Batch batch) {
  switch (p.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: {
      auto& k = p.kernel;
      CUDA_KERNEL_NODE_PARAMS params = {k.func,      k.gridDimX,       k.gridDimY,     k.gridDimZ, k.blockDimX, k.blockDimY,
                                        k.blockDimZ, k.sharedMemBytes, k.kernelParams, k.extra,    k.kern,      k.ctx};
      return kernel(&params);
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY: return copy(&p.memcpy.copyParams, p.memcpy.copyCtx);
    case CU_GRAPH_NODE_TYPE_MEMSET: {
      auto& m = p.memset;
      CUDA_MEMSET_NODE_PARAMS params = {m.dst, m.pitch, m.value, m.elementSize, m.width, m.height};
      return fill(&params, m.ctx);
    }
    case CU_GRAPH_NODE_TYPE_HOST: {
      CUDA_HOST_NODE_PARAMS params = {p.host.fn, p.host.userData};
      return host(&params);
    }
    case CU_GRAPH_NODE_TYPE_GRAPH: return child(p.graph.graph);
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD: return record(p.eventRecord.event);
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT: return wait(p.eventWait.event);
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP: {
      CUDA_BATCH_MEM_OP_NODE_PARAMS params = {p.memOp.ctx, p.memOp.count, p.memOp.paramArray, p.memOp.flags};
      return batch(&params);
    }
    default: return CUDA_ERROR_INVALID_VALUE;      // empty, memory and conditional nodes have nothing that can be set
  }
}

template <class W>
CUresult read(CUgraphNode h, W* out) {
  TRY(initialized());
  std::lock_guard lock(capture_lock());
  GraphNode* n = find_node(h);
  REQUIRE(n && std::holds_alternative<W>(n->work));
  *out = std::get<W>(n->work);
  return CUDA_SUCCESS;
}

const char* kind_of(const Work& work) {
  static constexpr const char* kNames[] = {"KERNEL", "MEMCPY", "MEMSET", "HOST", "GRAPH", "EMPTY", "WAIT_EVENT", "EVENT_RECORD", "EXT_SEMAS_SIGNAL",
                                           "EXT_SEMAS_WAIT", "MEM_ALLOC", "MEM_FREE", "BATCH_MEM_OP", "CONDITIONAL"};
  return kNames[type_of(work)];
}

// One cluster of nodes and edges; inner graphs are clusters of their own.
void draw(FILE* f, const Graph& graph, int* number) {
  int mine = (*number)++;
  fprintf(f, "subgraph cluster_%d {\nlabel=\"graph_%d\" graph[style=\"dashed\"];\n", mine, mine);
  for (auto& n : graph.nodes) {
    auto* k = std::get_if<KernelWork>(&n->work);
    fprintf(f, "\"node_%p\"[shape=\"%s\" label=\"%s%s%s\"];\n", static_cast<void*>(n.get()), k ? "octagon" : "rectangle", kind_of(n->work), k ? "\\n" : "",
            k ? k->function->info->name.c_str() : "");
    for (GraphNode* b : n->before) fprintf(f, "\"node_%p\" -> \"node_%p\";\n", static_cast<void*>(b), static_cast<void*>(n.get()));
  }
  for (auto& n : graph.nodes) {
    if (auto* c = std::get_if<ChildWork>(&n->work)) draw(f, *c->graph, number);
    if (auto* c = std::get_if<ConditionalWork>(&n->work))
      for (auto& body : c->bodies) draw(f, *body, number);
  }
  fprintf(f, "}\n");
}

}  // namespace

extern "C" {

CUresult cuGraphAddMemAllocNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                                CUDA_MEM_ALLOC_NODE_PARAMS* nodeParams) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(nodeParams && nodeParams->bytesize && (nodeParams->accessDescCount == 0 || nodeParams->accessDescs));
  auto& props = nodeParams->poolProps;
  REQUIRE(props.allocType == CU_MEM_ALLOCATION_TYPE_PINNED && props.location.type == CU_MEM_LOCATION_TYPE_DEVICE && device_of(props.location.id));
  if (props.handleTypes != CU_MEM_HANDLE_TYPE_NONE) return CUDA_ERROR_NOT_SUPPORTED;
  AllocWork work;
  work.props = props;
  TRY(make_graph_memory(context, device_of(props.location.id), nodeParams->bytesize, &work.memory));
  uint64_t address = work.memory->address;
  TRY(add_node(phGraphNode, hGraph, dependencies, numDependencies, std::move(work)));
  nodeParams->dptr = address;
  return CUDA_SUCCESS;
}

CUresult cuGraphMemAllocNodeGetParams(CUgraphNode hNode, CUDA_MEM_ALLOC_NODE_PARAMS* params_out) {
  AllocWork work;
  REQUIRE(params_out);
  TRY(read(hNode, &work));
  *params_out = {work.props, nullptr, 0, work.memory->bytes, work.memory->address};
  return CUDA_SUCCESS;
}

CUresult cuGraphAddMemFreeNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies, CUdeviceptr dptr) {
  TRY(initialized());
  auto memory = find_graph_memory(dptr);
  REQUIRE(memory);
  GraphRef graph = graphs().find(hGraph);
  REQUIRE(graph);
  bool inside = false;
  {
    std::lock_guard lock(capture_lock());
    for (auto& n : graph->nodes) {
      if (auto* f = std::get_if<FreeWork>(&n->work)) REQUIRE(f->address != dptr);
      if (auto* a = std::get_if<AllocWork>(&n->work)) inside |= a->memory == memory;
    }
  }
  TRY(add_node(phGraphNode, hGraph, dependencies, numDependencies, FreeWork{dptr, memory}));
  memory->freed_inside |= inside;
  return CUDA_SUCCESS;
}

CUresult cuGraphMemFreeNodeGetParams(CUgraphNode hNode, CUdeviceptr* dptr_out) {
  FreeWork work;
  REQUIRE(dptr_out);
  TRY(read(hNode, &work));
  *dptr_out = work.address;
  return CUDA_SUCCESS;
}

CUresult cuGraphNodeSetParams(CUgraphNode n, CUgraphNodeParams* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams);
  EmptyWork empty;
  if (nodeParams->type == CU_GRAPH_NODE_TYPE_EMPTY) return read(n, &empty);
  return set_by_type(
      *nodeParams, [&](auto* p) { return cuGraphKernelNodeSetParams_v2(n, p); }, [&](auto* p, CUcontext) { return cuGraphMemcpyNodeSetParams(n, p); },
      [&](auto* p, CUcontext) { return cuGraphMemsetNodeSetParams(n, p); }, [&](auto* p) { return cuGraphHostNodeSetParams(n, p); },
      [](CUgraph) { return CUDA_ERROR_INVALID_VALUE; }, [&](CUevent e) { return cuGraphEventRecordNodeSetEvent(n, e); },
      [&](CUevent e) { return cuGraphEventWaitNodeSetEvent(n, e); }, [&](auto* p) { return cuGraphBatchMemOpNodeSetParams(n, p); });
}

CUresult cuGraphExecNodeSetParams(CUgraphExec x, CUgraphNode n, CUgraphNodeParams* nodeParams) {
  TRY(initialized());
  REQUIRE(nodeParams);
  return set_by_type(
      *nodeParams, [&](auto* p) { return cuGraphExecKernelNodeSetParams_v2(x, n, p); },
      [&](auto* p, CUcontext c) { return cuGraphExecMemcpyNodeSetParams(x, n, p, c); },
      [&](auto* p, CUcontext c) { return cuGraphExecMemsetNodeSetParams(x, n, p, c); }, [&](auto* p) { return cuGraphExecHostNodeSetParams(x, n, p); },
      [&](CUgraph g) { return cuGraphExecChildGraphNodeSetParams(x, n, g); }, [&](CUevent e) { return cuGraphExecEventRecordNodeSetEvent(x, n, e); },
      [&](CUevent e) { return cuGraphExecEventWaitNodeSetEvent(x, n, e); }, [&](auto* p) { return cuGraphExecBatchMemOpNodeSetParams(x, n, p); });
}

// The flags ask for more detail than there is.
CUresult cuGraphDebugDotPrint(CUgraph hGraph, const char* path, unsigned int) {
  TRY(initialized());
  GraphRef graph = graphs().find(hGraph);
  REQUIRE(graph && path);
  std::unique_ptr<FILE, int (*)(FILE*)> f(fopen(path, "we"), [](FILE* file) { return file ? fclose(file) : 0; });
  if (!f) return CUDA_ERROR_OPERATING_SYSTEM;
  std::lock_guard lock(capture_lock());
  int number = 0;
  fprintf(f.get(), "digraph dot {\n");
  draw(f.get(), *graph, &number);
  fprintf(f.get(), "}\n");
  return CUDA_SUCCESS;
}

}  // extern "C"
