// tfNodeParams: what the driver tells of a node, its pointers followed and its objects named. src/client/graph_params.cpp reads it.
#include "worker/graph_part.h"
#include "worker/handlers.h"

namespace worker::serve {
namespace {

// Sizes of a kernel's parameters, one after the other until there is none.
template <class Info>
void layout(Info info, std::vector<uint32_t>* offsets, std::vector<uint32_t>* sizes) {
  size_t offset = 0, size = 0;
  for (size_t i = 0; info(i, &offset, &size) == 0; i++) {
    offsets->push_back(uint32_t(offset));
    sizes->push_back(uint32_t(size));
  }
}

int kernel(Session& s, CUgraphNode node, wire::Writer& w) {
  CUDA_KERNEL_NODE_PARAMS p{};
  if (int rc = call(s.driver.cuGraphKernelNodeGetParams_v2, node, &p)) return rc;
  // A kernel in a function's place is known as such.
  uint64_t function = p.func ? s.known_name(p.func) : 0, named = p.kern ? s.known_name(p.kern) : 0;
  if (p.func && !function && !named) function = s.name(wire::kCUfunction, p.func);
  std::vector<uint32_t> offsets, sizes;
  if (p.kern && s.driver.cuKernelGetParamInfo) layout([&](size_t i, size_t* o, size_t* n) { return s.driver.cuKernelGetParamInfo(p.kern, i, o, n); }, &offsets, &sizes);
  if (offsets.empty() && p.func && s.driver.cuFuncGetParamInfo) layout([&](size_t i, size_t* o, size_t* n) { return s.driver.cuFuncGetParamInfo(p.func, i, o, n); }, &offsets, &sizes);
  std::vector<uint8_t> bytes;
  const void* buffer = nullptr;
  size_t buffer_bytes = 0;
  for (void** e = p.kernelParams ? nullptr : p.extra; e && *e != CU_LAUNCH_PARAM_END; e += 2) {
    if (*e == CU_LAUNCH_PARAM_BUFFER_POINTER) buffer = e[1];
    else if (*e == CU_LAUNCH_PARAM_BUFFER_SIZE) buffer_bytes = *static_cast<size_t*>(e[1]);
    else break;
  }
  for (size_t i = 0; p.kernelParams && i < offsets.size(); i++) {
    if (bytes.size() < offsets[i] + sizes[i]) bytes.resize(offsets[i] + sizes[i]);
    if (p.kernelParams[i]) memcpy(bytes.data() + offsets[i], p.kernelParams[i], sizes[i]);
  }
  if (buffer) bytes.assign(static_cast<const uint8_t*>(buffer), static_cast<const uint8_t*>(buffer) + buffer_bytes);
  w.put(function);
  w.put(named);
  w.put(p.ctx ? s.known_name(p.ctx) : uint64_t(0));
  for (unsigned v : {p.gridDimX, p.gridDimY, p.gridDimZ, p.blockDimX, p.blockDimY, p.blockDimZ, p.sharedMemBytes}) w.put(v);
  w.put(uint32_t(buffer && offsets.empty()));   // as a buffer: its layout is not known
  w.put_array(bytes.data(), bytes.size());
  w.put_array(offsets.data(), offsets.size());
  return 0;
}

int copy(Session& s, CUgraphNode node, wire::Writer& w) {
  CUDA_MEMCPY3D c{};
  if (int rc = call(s.driver.cuGraphMemcpyNodeGetParams, node, &c)) return rc;
  GraphParts& parts = s.graph_parts();
  auto side = [&](CUmemorytype type, const void* host, CUdeviceptr unified) -> uint64_t {
    PartRef part = type == CU_MEMORYTYPE_HOST ? parts.at(host) : type == CU_MEMORYTYPE_UNIFIED ? parts.at(reinterpret_cast<const void*>(unified)) : nullptr;
    return part ? part->number : 0;
  };
  const uint64_t src = side(c.srcMemoryType, c.srcHost, c.srcDevice), dst = side(c.dstMemoryType, c.dstHost, c.dstDevice);
  const uint64_t from = c.srcMemoryType == CU_MEMORYTYPE_ARRAY ? s.name(wire::kCUarray, c.srcArray) : 0, to = c.dstMemoryType == CU_MEMORYTYPE_ARRAY ? s.name(wire::kCUarray, c.dstArray) : 0;
  c.srcHost = c.dstHost = nullptr;
  c.srcArray = c.dstArray = nullptr;
  c.reserved0 = c.reserved1 = nullptr;
  memcpy(w.raw(sizeof c), &c, sizeof c);
  for (uint64_t v : {from, to, src, dst}) w.put(v);
  return 0;
}

}  // namespace

int tfNodeParams(Session& s, Request& q, wire::tfNodeParams::Args& a, wire::tfNodeParams::Outs&) {
  CUgraphNode node{};
  if (!s.real(a.node, wire::kCUgraphNode, &node)) return CUDA_ERROR_INVALID_HANDLE;
  wire::Buffer body;
  wire::Writer w(body);
  int rc;
  switch (a.type) {
    case CU_GRAPH_NODE_TYPE_KERNEL: rc = kernel(s, node, w); break;
    case CU_GRAPH_NODE_TYPE_MEMCPY: rc = copy(s, node, w); break;
    case CU_GRAPH_NODE_TYPE_HOST: {
      CUDA_HOST_NODE_PARAMS p{};
      if ((rc = call(s.driver.cuGraphHostNodeGetParams, node, &p))) break;
      PartRef part = s.graph_parts().at(p.userData);
      w.put(part ? part->number : uint64_t(0));
      break;
    }
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC: {
      CUDA_MEM_ALLOC_NODE_PARAMS p{};
      if ((rc = call(s.driver.cuGraphMemAllocNodeGetParams, node, &p))) break;
      const CUmemAccessDesc* access = p.accessDescs;
      p.accessDescs = nullptr;
      p.poolProps.win32SecurityAttributes = nullptr;
      memcpy(w.raw(sizeof p), &p, sizeof p);
      w.put_array(access, access ? p.accessDescCount : 0);
      break;
    }
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP: {
      CUDA_BATCH_MEM_OP_NODE_PARAMS p{};
      if ((rc = call(s.driver.cuGraphBatchMemOpNodeGetParams, node, &p))) break;
      w.put(p.ctx ? s.known_name(p.ctx) : uint64_t(0));
      w.put(p.flags);
      w.put_array(p.paramArray, p.paramArray ? p.count : 0);
      break;
    }
    default: rc = CUDA_ERROR_INVALID_VALUE;
  }
  w.align();
  if (rc) body.clear();
  s.reply(q, rc, body);
  return rc;
}

}  // namespace worker::serve
