// tfNode: nodes of graphs, made and changed. By hand because their parameters are pointers and handles, here put back into a CUgraphNodeParams.
#include "worker/graph_part.h"
#include "worker/handlers.h"

namespace worker {

// The sides of a copy that lie in the client get parts of their own, packed.
int copy_parts(Session& s, uint64_t src_array, uint64_t dst_array, uint64_t src_part, uint64_t dst_part, CUDA_MEMCPY3D* c, PartRef* src, PartRef* dst) {
  CUarray from{}, to{};
  if (!s.real(src_array, wire::kCUarray, &from) || !s.real(dst_array, wire::kCUarray, &to)) return CUDA_ERROR_INVALID_HANDLE;
  size_t bytes;
  if (__builtin_mul_overflow(c->WidthInBytes, c->Height, &bytes) || __builtin_mul_overflow(bytes, c->Depth, &bytes) || !bytes) return CUDA_ERROR_INVALID_VALUE;
  auto good = [](CUmemorytype type, bool part, bool array) {   // an address of this process's own host memory is nobody's business
    return part ? type == CU_MEMORYTYPE_HOST : array ? type == CU_MEMORYTYPE_ARRAY : type == CU_MEMORYTYPE_DEVICE;
  };
  if (!good(c->srcMemoryType, src_part, from) || !good(c->dstMemoryType, dst_part, to)) return CUDA_ERROR_INVALID_VALUE;
  c->srcArray = from;
  c->dstArray = to;
  c->srcHost = c->dstHost = nullptr;
  c->reserved0 = c->reserved1 = nullptr;
  if (src_part) {
    if (!(*src = s.graph_parts().copy(src_part, bytes, false))) return CUDA_ERROR_OUT_OF_MEMORY;
    c->srcHost = (*src)->p;
    c->srcXInBytes = c->srcY = c->srcZ = 0;
    c->srcPitch = c->WidthInBytes;
    c->srcHeight = c->Height;
  }
  if (dst_part) {
    if (!(*dst = s.graph_parts().copy(dst_part, bytes, true))) return CUDA_ERROR_OUT_OF_MEMORY;
    c->dstHost = (*dst)->p;
    c->dstXInBytes = c->dstY = c->dstZ = 0;
    c->dstPitch = c->WidthInBytes;
    c->dstHeight = c->Height;
  }
  return 0;
}

namespace {

struct Params {
  CUgraphNodeParams p;
  std::vector<void*> pointers;       // of a kernel's parameters
  size_t buffer_bytes = 0;
  void* extra[5] = {};
  PartRef src, dst;

  int kernel(Session& s, const wire::tfNode::Args& a) {
    auto& k = p.kernel;
    k.kernelParams = nullptr;
    k.extra = nullptr;
    k.kern = nullptr;
    if (!s.real(a.object, wire::kCUfunction, &k.func) || !k.func) return CUDA_ERROR_INVALID_HANDLE;
    auto* params = const_cast<unsigned char*>(a.payload);
    buffer_bytes = params ? a.payloadBytes : 0;
    KernelLayout* const* layout = s.layouts.find(wire::handle_index(a.object));
    if (layout && *layout) {
      if (buffer_bytes < (*layout)->bytes) return CUDA_ERROR_INVALID_VALUE;
      for (uint32_t offset : (*layout)->offsets) pointers.push_back(params + offset);
      if (!pointers.empty()) k.kernelParams = pointers.data();
    } else if (params) {
      void* list[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, params, CU_LAUNCH_PARAM_BUFFER_SIZE, &buffer_bytes, CU_LAUNCH_PARAM_END};
      memcpy(extra, list, sizeof list);
      k.extra = extra;
    }
    return 0;
  }

  // Everything that stands apart on the wire, put where it belongs.
  int resolve(Session& s, Request& q, const wire::tfNode::Args& a) {
    if (a.bytes != sizeof p || !a.params) return CUDA_ERROR_INVALID_VALUE;
    memcpy(&p, a.params, sizeof p);
    CUcontext context{};
    if (!s.real(a.context, wire::kCUcontext, &context)) return CUDA_ERROR_INVALID_HANDLE;
    auto* payload = const_cast<unsigned char*>(a.payload);
    const size_t bytes = payload ? a.payloadBytes : 0;
    switch (p.type) {
      case CU_GRAPH_NODE_TYPE_KERNEL: p.kernel.ctx = context; return kernel(s, a);
      case CU_GRAPH_NODE_TYPE_MEMCPY:
        p.memcpy.copyCtx = context;
        return copy_parts(s, a.srcArray, a.dstArray, a.srcPart, a.dstPart, &p.memcpy.copyParams, &src, &dst);
      case CU_GRAPH_NODE_TYPE_MEMSET: p.memset.ctx = context; return 0;
      case CU_GRAPH_NODE_TYPE_HOST:
        if (!(src = s.graph_parts().function(a.srcPart, s.use_context(q.header.context)))) return CUDA_ERROR_INVALID_VALUE;
        p.host = {Callbacks::host_function, src->function.get()};
        return 0;
      case CU_GRAPH_NODE_TYPE_GRAPH: return s.real(a.object, wire::kCUgraph, &p.graph.graph) && p.graph.graph ? 0 : CUDA_ERROR_INVALID_HANDLE;
      case CU_GRAPH_NODE_TYPE_WAIT_EVENT: return s.real(a.object, wire::kCUevent, &p.eventWait.event) ? 0 : CUDA_ERROR_INVALID_HANDLE;
      case CU_GRAPH_NODE_TYPE_EVENT_RECORD: return s.real(a.object, wire::kCUevent, &p.eventRecord.event) ? 0 : CUDA_ERROR_INVALID_HANDLE;
      case CU_GRAPH_NODE_TYPE_EMPTY: case CU_GRAPH_NODE_TYPE_MEM_FREE: return 0;
      case CU_GRAPH_NODE_TYPE_MEM_ALLOC:
        p.alloc.poolProps.win32SecurityAttributes = nullptr;
        p.alloc.accessDescs = bytes ? reinterpret_cast<const CUmemAccessDesc*>(payload) : nullptr;
        p.alloc.accessDescCount = bytes / sizeof(CUmemAccessDesc);
        return 0;
      case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP:
        p.memOp.ctx = context;
        p.memOp.paramArray = reinterpret_cast<CUstreamBatchMemOpParams*>(payload);
        return p.memOp.count == bytes / sizeof(CUstreamBatchMemOpParams) ? 0 : CUDA_ERROR_INVALID_VALUE;
      case CU_GRAPH_NODE_TYPE_CONDITIONAL:
        p.conditional.ctx = context;
        p.conditional.phGraph_out = nullptr;
        return 0;
      default: return CUDA_ERROR_NOT_SUPPORTED;
    }
  }
};

int add(Session& s, Request& q, wire::tfNode::Args& a, wire::tfNode::Outs& o, Params& p) {
  CUgraph graph{};
  CUgraphNode node{};
  if (!s.real(a.graph, wire::kCUgraph, &graph) || !graph) return CUDA_ERROR_INVALID_HANDLE;
  uint64_t count = 0;
  auto* dependencies = q.array<CUgraphNode>(a.dependencies ? a.numDependencies : 0, &count);
  if (!dependencies) return CUDA_ERROR_INVALID_VALUE;
  for (uint64_t i = 0; i < count; i++)
    if (!s.real(a.dependencies[i], wire::kCUgraphNode, &dependencies[i])) return CUDA_ERROR_INVALID_HANDLE;
  const int rc = call(s.driver.cuGraphAddNode_v2, &node, graph, count ? static_cast<const CUgraphNode*>(dependencies) : nullptr, count ? a.edges : nullptr, size_t(count), &p.p);
  if (rc) return rc;
  s.bind(a.node, wire::kCUgraphNode, node);
  for (auto& part : {p.src, p.dst})
    if (part) {
      s.graph_parts().held_by(part, graph);
      s.graph_parts().made(node, graph);
    }
  if (p.p.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC) {
    s.graph_parts().note_memory();
    if (o.address) *o.address = p.p.alloc.dptr;
  }
  if (p.p.type == CU_GRAPH_NODE_TYPE_CONDITIONAL && p.p.conditional.phGraph_out) {
    std::vector<CUgraph> bodies(p.p.conditional.phGraph_out, p.p.conditional.phGraph_out + p.p.conditional.size);
    for (size_t i = 0; i < bodies.size() && i < o.n_graphs; i++) o.graphs[i] = s.name(wire::kCUgraph, bodies[i]);
    s.graph_parts().has_bodies(node, std::move(bodies));
  }
  return 0;
}

}  // namespace

namespace serve {

int tfNode(Session& s, Request& q, wire::tfNode::Args& a, wire::tfNode::Outs& o) {
  Params p;
  GraphParts& parts = s.graph_parts();
  CUgraphExec executable{};
  CUgraphNode node{};
  if (a.what > 2) return CUDA_ERROR_INVALID_VALUE;
  if (a.what != 0 && (!s.real(a.node, wire::kCUgraphNode, &node) || !node)) return CUDA_ERROR_INVALID_HANDLE;
  if (a.what == 2 && (!s.real(a.executable, wire::kCUgraphExec, &executable) || !executable)) return CUDA_ERROR_INVALID_HANDLE;
  if (int rc = p.resolve(s, q, a)) return rc;
  if (a.what == 0) return add(s, q, a, o, p);
  if (a.what == 1) {
    const int rc = call(s.driver.cuGraphNodeSetParams, node, &p.p);
    for (auto& part : {p.src, p.dst})
      if (part && !rc) parts.held_by(part, parts.graph_of(node));
    return rc;
  }
  const bool copy = p.p.type == CU_GRAPH_NODE_TYPE_MEMCPY;
  if (copy && !parts.same_sides(executable, node, p.src != nullptr, p.dst != nullptr)) return CUDA_ERROR_INVALID_VALUE;
  const int rc = call(s.driver.cuGraphExecNodeSetParams, executable, node, &p.p);
  if (rc) return rc;
  if (copy || p.p.type == CU_GRAPH_NODE_TYPE_HOST) parts.set(executable, node, p.src, p.dst);
  if (p.p.type == CU_GRAPH_NODE_TYPE_GRAPH) parts.set_child(executable, node, p.p.graph.graph);
  return 0;
}

int cuGraphDestroyNode(Session& s, Request&, wire::cuGraphDestroyNode::Args& a, wire::cuGraphDestroyNode::Outs&) {
  CUgraphNode node{};
  if (!s.real(a.hNode, wire::kCUgraphNode, &node)) return CUDA_ERROR_INVALID_HANDLE;
  CUgraphNodeType type = CU_GRAPH_NODE_TYPE_EMPTY;
  call(s.driver.cuGraphNodeGetType, node, &type);
  const bool memory = type == CU_GRAPH_NODE_TYPE_MEM_ALLOC || type == CU_GRAPH_NODE_TYPE_MEM_FREE;   // refused, and lives on
  if (!memory) s.graph_parts().forget(node);
  return call(s.driver.cuGraphDestroyNode, node);
}

}  // namespace serve
}  // namespace worker
