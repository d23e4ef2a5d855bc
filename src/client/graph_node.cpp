// Nodes of graphs, of every kind and by every call: each becomes a tfNode, whose parameters stand as in CUgraphNodeParams, with what points into this
// process taken out: kernel parameters packed as for a launch, host memory and host functions as parts (graph_part.h).
#include "client/graph_node.h"

#include "client/context.h"
#include "client/devices.h"
#include "client/launch.h"
#include "client/memory_map.h"
#include "client/module.h"
#include "wire/session.h"

namespace client {

namespace {

bool in_shape(const CUDA_KERNEL_NODE_PARAMS_v3& p, const Device& d) {
  auto in = [](unsigned v, int max) { return v >= 1 && v <= unsigned(max); };
  return in(p.gridDimX, d.max_grid[0]) && in(p.gridDimY, d.max_grid[1]) && in(p.gridDimZ, d.max_grid[2]) && in(p.blockDimX, d.max_block[0]) &&
         in(p.blockDimY, d.max_block[1]) && in(p.blockDimZ, d.max_block[2]);
}

// Is sure to be taken: of this kernel the driver has taken as much before.
bool sure(Kernel* k, const CUDA_KERNEL_NODE_PARAMS_v3& p) {
  const Device& d = device_info(current()->device);
  int max_threads = 0, max_shared = 0;
  if (k->fact(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, current()->device, &max_threads) && k->fact(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, current()->device, &max_shared))
    return in_shape(p, d) && p.blockDimX * p.blockDimY * p.blockDimZ <= unsigned(max_threads) && p.sharedMemBytes <= unsigned(max_shared);
  return in_shape(p, d) && uint64_t(p.blockDimX) * p.blockDimY * p.blockDimZ <= k->good_threads.load(std::memory_order_relaxed) &&
         p.sharedMemBytes <= k->good_shared.load(std::memory_order_relaxed);
}
void now_good(Kernel* k, const CUDA_KERNEL_NODE_PARAMS_v3& p) {
  auto raise = [](std::atomic<uint32_t>& good, uint32_t v) { if (v > good.load(std::memory_order_relaxed)) good.store(v, std::memory_order_relaxed); };
  raise(k->good_threads, p.blockDimX * p.blockDimY * p.blockDimZ);
  raise(k->good_shared, p.sharedMemBytes);
}
bool sure(const CUDA_MEMSET_NODE_PARAMS_v2& m) {
  Range r;
  if ((m.elementSize != 1 && m.elementSize != 2 && m.elementSize != 4) || !m.width || !m.height || m.dst % m.elementSize || !find_range(m.dst, &r) || is_host(r.place)) return false;
  if (m.height > 1 && (m.pitch < m.width * m.elementSize || m.pitch % m.elementSize)) return false;
  return m.dst - r.base + (m.height - 1) * m.pitch + m.width * m.elementSize <= r.bytes;
}

}  // namespace

CUresult node_call(What what, const NodeCall& n, CUgraphNodeParams& params, CUgraphNode* made) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  wire::tfNode::Args a;
  CUgraphNodeParams neutral = params;
  PackedParams packed;
  NeutralCopy copy;
  CUcontext context = nullptr;
  Kernel* kernel = nullptr;
  std::vector<CUgraph> bodies;
  CUdeviceptr address = 0;
  uint64_t function = 0;
  bool queue = false;
  CUresult rc = CUDA_SUCCESS;
  unsigned object_kind = 0;
  switch (params.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: {
      auto& k = neutral.kernel;
      a.object = k.func ? number_of(k.func) : number_of(k.kern);
      context = k.ctx;
      kernel = find_kernel(a.object);
      if (!kernel) return a.object ? CUDA_ERROR_INVALID_HANDLE : CUDA_ERROR_INVALID_VALUE;
      if ((rc = packed.pack(kernel, k.kernelParams, k.extra))) return rc;
      a.payload = packed.data;
      a.payloadBytes = packed.bytes;
      queue = current() && sure(kernel, k);
      k.func = nullptr; k.kern = nullptr; k.kernelParams = nullptr; k.extra = nullptr; k.ctx = nullptr;
      break;
    }
    case CU_GRAPH_NODE_TYPE_MEMCPY:
      context = neutral.memcpy.copyCtx;
      if ((rc = copy.from(neutral.memcpy.copyParams))) {
        copy.drop();
        return rc;
      }
      neutral.memcpy.copyParams = copy.copy;
      neutral.memcpy.copyCtx = nullptr;
      a.srcArray = number_of(copy.src_array); a.dstArray = number_of(copy.dst_array);
      a.srcPart = copy.src_part; a.dstPart = copy.dst_part;
      break;
    case CU_GRAPH_NODE_TYPE_MEMSET:
      context = neutral.memset.ctx;
      queue = sure(neutral.memset);
      neutral.memset.ctx = nullptr;
      break;
    case CU_GRAPH_NODE_TYPE_HOST:
      if (!neutral.host.fn) return CUDA_ERROR_INVALID_VALUE;
      a.srcPart = function = add_host_function(neutral.host.fn, neutral.host.userData);
      neutral.host = {};
      break;
    case CU_GRAPH_NODE_TYPE_GRAPH: a.object = number_of(neutral.graph.graph); object_kind = wire::kCUgraph; neutral.graph.graph = nullptr; break;
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT: a.object = number_of(neutral.eventWait.event); object_kind = wire::kCUevent; neutral.eventWait.event = nullptr; break;
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD: stop_following_events(); a.object = number_of(neutral.eventRecord.event); object_kind = wire::kCUevent; neutral.eventRecord.event = nullptr; break;
    case CU_GRAPH_NODE_TYPE_EMPTY: queue = n.count == 0; break;
    case CU_GRAPH_NODE_TYPE_MEM_FREE: break;
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC: {
      auto& m = neutral.alloc;
      if (m.accessDescCount && !m.accessDescs) return CUDA_ERROR_INVALID_VALUE;
      a.payload = reinterpret_cast<const unsigned char*>(m.accessDescs);
      a.payloadBytes = unsigned(m.accessDescCount * sizeof *m.accessDescs);
      m.accessDescs = nullptr;
      break;
    }
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP: {
      auto& m = neutral.memOp;
      if (!m.paramArray || !m.count) return CUDA_ERROR_INVALID_VALUE;
      context = m.ctx;
      a.payload = reinterpret_cast<const unsigned char*>(m.paramArray);
      a.payloadBytes = unsigned(m.count * sizeof *m.paramArray);
      m.paramArray = nullptr;
      m.ctx = nullptr;
      break;
    }
    case CU_GRAPH_NODE_TYPE_CONDITIONAL:
      context = neutral.conditional.ctx;
      bodies.resize(neutral.conditional.size < 4096 ? neutral.conditional.size : 0);
      neutral.conditional.phGraph_out = nullptr;
      neutral.conditional.ctx = nullptr;
      break;
    case CU_GRAPH_NODE_TYPE_EXT_SEMAS_SIGNAL: case CU_GRAPH_NODE_TYPE_EXT_SEMAS_WAIT: return CUresult(unsupported("semaphore nodes", CUDA_ERROR_NOT_SUPPORTED));
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  auto bad_handle = [&] {
    return !known(number_of(n.graph), wire::kCUgraph) || !known(number_of(n.executable), wire::kCUgraphExec) || !known(number_of(context), wire::kCUcontext) ||
           (object_kind && !known(a.object, object_kind));
  };
  if (object_kind && !a.object) rc = CUDA_ERROR_INVALID_VALUE;
  if (!rc && bad_handle()) rc = CUDA_ERROR_INVALID_HANDLE;
  if (!rc && queue && !at.context) queue = false;
  if (!rc) {
    a.what = what;
    a.node = what == kAdd ? teleport::mint_handle(wire::kCUgraphNode) : number_of(n.node);
    a.graph = number_of(n.graph);
    a.executable = number_of(n.executable);
    a.dependencies = reinterpret_cast<const uint64_t*>(n.dependencies);
    a.edges = n.edges;
    a.numDependencies = n.count;
    a.params = reinterpret_cast<const unsigned char*>(&neutral);
    a.bytes = sizeof neutral;
    a.context = number_of(context);
    a.want_address = params.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC;
    a.want_graphs = !bodies.empty();
    a.bodies = unsigned(bodies.size());
    if (n.edges) queue = false;
    teleport::Reply reply;
    {
      teleport::Call call(*at.session, wire::op::tfNode, at.context, at.flags);
      a.put(call.in());
      rc = CUresult(queue ? call.send() : call.wait(&reply));
    }
    if (!queue && reply.body.size()) {
      wire::tfNode::Outs o;
      o.address = &address; o.n_address = a.want_address;
      o.graphs = reinterpret_cast<uint64_t*>(bodies.data()); o.n_graphs = bodies.size();
      wire::Reader r = reply.reader();
      if (!o.get(r, reply.result == 0)) rc = CUresult(broken(at));
    }
    if (rc && what == kAdd) teleport::forget_handle(a.node);
  }
  if (rc) {
    copy.drop();
    drop_part(function);
    return rc;
  }
  if (kernel && !queue) now_good(kernel, params.kernel);
  if (what == kAdd) *made = handle_of<CUgraphNode>(a.node);
  if (what == kAdd && params.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC) {
    params.alloc.dptr = address;
    add_range(address, params.alloc.bytesize, Place::device, kOfGraph);
  }
  if (what == kAdd && params.type == CU_GRAPH_NODE_TYPE_CONDITIONAL && !bodies.empty()) {
    auto* graphs = new CUgraph[bodies.size()];   // the program's for as long as the node lives: kept
    for (size_t i = 0; i < bodies.size(); i++) graphs[i] = bodies[i];
    params.conditional.phGraph_out = graphs;
  }
  bool parts_change = a.srcPart || a.dstPart || params.type == CU_GRAPH_NODE_TYPE_MEMCPY || params.type == CU_GRAPH_NODE_TYPE_GRAPH;
  return what == kSetInExecutable && parts_change ? learn_parts(n.executable, kUnknownParts) : CUDA_SUCCESS;
}

}  // namespace client
