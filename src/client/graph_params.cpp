// Parameters of nodes, read back: what the worker's driver tells, with this process's pointers and handles in place of the worker's. What is pointed to
// stays good until the node's parameters are asked for again, as with the driver's own memory.
#include <map>

#include "client/context.h"
#include "client/graph_part.h"
#include "client/module.h"
#include "client/remote.h"
#include "wire/session.h"

namespace client {

namespace {

// What the program was pointed to, by node. Never given back: nobody says when a captured node's graph ends.
struct Memory { std::vector<unsigned char> bytes; std::vector<void*> pointers; };
teleport::Lock g_lock;
Memory& memory_of(CUgraphNode node) {   // under the lock
  static auto* all = new std::map<CUgraphNode, Memory*>;
  Memory*& m = (*all)[node];
  if (!m) m = new Memory;
  return *m;
}
const unsigned char* keep(CUgraphNode node, const void* p, size_t n) {
  g_lock.lock();
  Memory& m = memory_of(node);
  auto* from = static_cast<const unsigned char*>(p);
  m.bytes.assign(from, from + n);
  const unsigned char* at = m.bytes.data();
  g_lock.unlock();
  return at;
}

CUresult ask(CUgraphNode node, CUgraphNodeType type, teleport::Reply* reply) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  wire::tfNodeParams::Args a;
  a.node = number_of(node);
  a.type = type;
  if (!known(a.node, wire::kCUgraphNode, true)) return CUDA_ERROR_INVALID_VALUE;
  teleport::Call call(*at.session, wire::op::tfNodeParams, at.context);
  a.put(call.in());
  CUresult rc = CUresult(call.wait(reply));
  return reply->result ? CUresult(reply->result) : rc;
}

CUresult kernel_params(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS* p) {
  teleport::Reply reply;
  if (CUresult rc = ask(node, CU_GRAPH_NODE_TYPE_KERNEL, &reply)) return rc;
  wire::Reader r = reply.reader();
  uint64_t function = r.get<uint64_t>(), kernel = r.get<uint64_t>(), context = r.get<uint64_t>();
  unsigned shape[7];
  for (unsigned& v : shape) v = r.get<unsigned>();
  bool packed = r.get<uint32_t>() != 0;     // the driver has them as one buffer
  size_t n, count;
  const unsigned char* bytes = r.get_array<unsigned char>(&n);
  const uint32_t* offsets = r.get_array<uint32_t>(&count);
  if (!r.ok()) return CUresult(broken(caller()));
  // A function that the driver made of a kernel and that nobody has asked for has this kernel behind it.
  if (function && kernel && !find_kernel(function))
    if (Kernel* k = find_kernel(kernel)) teleport::adopt_handle(function, k);
  g_lock.lock();
  Memory& m = memory_of(node);
  m.bytes.assign(bytes, bytes + n);
  m.bytes.resize((n + 7) / 8 * 8 + 8);
  m.pointers.clear();
  for (size_t i = 0; i < count && !packed; i++) m.pointers.push_back(m.bytes.data() + (offsets[i] < n ? offsets[i] : 0));
  void **params = nullptr, **extra = nullptr;
  if (packed) {
    memcpy(m.bytes.data() + (n + 7) / 8 * 8, &n, sizeof n);
    m.pointers = {CU_LAUNCH_PARAM_BUFFER_POINTER, m.bytes.data(), CU_LAUNCH_PARAM_BUFFER_SIZE, m.bytes.data() + (n + 7) / 8 * 8, CU_LAUNCH_PARAM_END};
    extra = m.pointers.data();
  } else if (count) {
    params = m.pointers.data();
  }
  g_lock.unlock();
  *p = {handle_of<CUfunction>(function), shape[0], shape[1], shape[2], shape[3], shape[4], shape[5], shape[6], params, extra, handle_of<CUkernel>(kernel),
        handle_of<CUcontext>(context)};
  return CUDA_SUCCESS;
}

}  // namespace

}  // namespace client

using namespace client;

static CUresult no_room() { return caller().error ? CUresult(caller().error) : CUDA_ERROR_INVALID_VALUE; }

EXPORT CUresult cuGraphKernelNodeGetParams_v2(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return nodeParams ? kernel_params(hNode, nodeParams) : no_room();
}
EXPORT CUresult cuGraphKernelNodeGetParams(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  if (!nodeParams) return no_room();
  CUDA_KERNEL_NODE_PARAMS p;
  if (CUresult rc = kernel_params(hNode, &p)) return rc;
  if (!p.func) p.func = reinterpret_cast<CUfunction>(p.kern);
  memcpy(nodeParams, &p, sizeof *nodeParams);   // the first members of the later form
  return CUDA_SUCCESS;
}

EXPORT CUresult cuGraphMemcpyNodeGetParams(CUgraphNode hNode, CUDA_MEMCPY3D* nodeParams) {
  if (!nodeParams) return no_room();
  teleport::Reply reply;
  if (CUresult rc = ask(hNode, CU_GRAPH_NODE_TYPE_MEMCPY, &reply)) return rc;
  wire::Reader r = reply.reader();
  const uint8_t* copy = r.raw(sizeof *nodeParams);
  uint64_t src_array = r.get<uint64_t>(), dst_array = r.get<uint64_t>(), src_part = r.get<uint64_t>(), dst_part = r.get<uint64_t>();
  if (!r.ok()) return CUresult(broken(caller()));
  memcpy(nodeParams, copy, sizeof *nodeParams);
  nodeParams->srcArray = handle_of<CUarray>(src_array);
  nodeParams->dstArray = handle_of<CUarray>(dst_array);
  HostCopy c;   // with a host side, the client knows what was asked for
  if (find_host_copy(src_part, &c) || find_host_copy(dst_part, &c)) *nodeParams = c.asked;
  return CUDA_SUCCESS;
}

EXPORT CUresult cuGraphHostNodeGetParams(CUgraphNode hNode, CUDA_HOST_NODE_PARAMS* nodeParams) {
  if (!nodeParams) return no_room();
  teleport::Reply reply;
  if (CUresult rc = ask(hNode, CU_GRAPH_NODE_TYPE_HOST, &reply)) return rc;
  wire::Reader r = reply.reader();
  return find_host_function(r.get<uint64_t>(), nodeParams) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

EXPORT CUresult cuGraphMemAllocNodeGetParams(CUgraphNode hNode, CUDA_MEM_ALLOC_NODE_PARAMS* params_out) {
  if (!params_out) return no_room();
  teleport::Reply reply;
  if (CUresult rc = ask(hNode, CU_GRAPH_NODE_TYPE_MEM_ALLOC, &reply)) return rc;
  wire::Reader r = reply.reader();
  const uint8_t* params = r.raw(sizeof *params_out);
  size_t n;
  const CUmemAccessDesc* access = r.get_array<CUmemAccessDesc>(&n);
  if (!r.ok()) return CUresult(broken(caller()));
  memcpy(params_out, params, sizeof *params_out);
  params_out->accessDescs = n ? reinterpret_cast<const CUmemAccessDesc*>(keep(hNode, access, n * sizeof *access)) : nullptr;
  params_out->accessDescCount = n;
  return CUDA_SUCCESS;
}

EXPORT CUresult cuGraphBatchMemOpNodeGetParams(CUgraphNode hNode, CUDA_BATCH_MEM_OP_NODE_PARAMS* nodeParams_out) {
  if (!nodeParams_out) return no_room();
  teleport::Reply reply;
  if (CUresult rc = ask(hNode, CU_GRAPH_NODE_TYPE_BATCH_MEM_OP, &reply)) return rc;
  wire::Reader r = reply.reader();
  uint64_t context = r.get<uint64_t>();
  unsigned flags = r.get<unsigned>();
  size_t n;
  const auto* operations = r.get_array<CUstreamBatchMemOpParams>(&n);
  if (!r.ok()) return CUresult(broken(caller()));
  auto* kept = const_cast<unsigned char*>(keep(hNode, operations, n * sizeof *operations));
  *nodeParams_out = {handle_of<CUcontext>(context), unsigned(n), reinterpret_cast<CUstreamBatchMemOpParams*>(kept), flags};
  return CUDA_SUCCESS;
}
