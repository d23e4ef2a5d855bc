// tfKernelNode: kernel nodes of graphs. By hand because a node's parameters are pointers, here into the call's own bytes (the driver copies them).
#include "worker/handlers.h"

namespace worker::serve {

int tfKernelNode(Session& s, Request& q, wire::tfKernelNode::Args& a, wire::tfKernelNode::Outs&) {
  CUDA_KERNEL_NODE_PARAMS p{};
  CUgraph graph{};
  CUgraphExec executable{};
  CUgraphNode node{};
  if (!s.real(a.function, wire::kCUfunction, &p.func) || !p.func || !s.real(a.graph, wire::kCUgraph, &graph) || !s.real(a.executable, wire::kCUgraphExec, &executable))
    return CUDA_ERROR_INVALID_HANDLE;
  if (a.what != 0 && (!s.real(a.node, wire::kCUgraphNode, &node) || !node)) return CUDA_ERROR_INVALID_HANDLE;
  uint64_t count = 0;
  auto* dependencies = q.array<CUgraphNode>(a.dependencies ? a.numDependencies : 0, &count);
  if (!dependencies) return CUDA_ERROR_INVALID_VALUE;
  for (uint64_t i = 0; i < count; i++)
    if (!s.real(a.dependencies[i], wire::kCUgraphNode, &dependencies[i])) return CUDA_ERROR_INVALID_HANDLE;
  p.gridDimX = a.gridDimX; p.gridDimY = a.gridDimY; p.gridDimZ = a.gridDimZ;
  p.blockDimX = a.blockDimX; p.blockDimY = a.blockDimY; p.blockDimZ = a.blockDimZ;
  p.sharedMemBytes = a.sharedMemBytes;

  auto* params = const_cast<unsigned char*>(a.params);
  size_t bytes = params ? a.paramBytes : 0;
  void* buffer[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, params, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
  std::vector<void*> pointers;
  KernelLayout* const* layout = s.layouts.find(wire::handle_index(a.function));
  if (layout && *layout) {
    if (bytes < (*layout)->bytes) return CUDA_ERROR_INVALID_VALUE;
    for (uint32_t offset : (*layout)->offsets) pointers.push_back(params + offset);
    if (!pointers.empty()) p.kernelParams = pointers.data();
  } else if (params) {
    p.extra = buffer;
  }

  if (a.what == 1) return call(s.driver.cuGraphKernelNodeSetParams_v2, node, static_cast<const CUDA_KERNEL_NODE_PARAMS*>(&p));
  if (a.what == 2) return call(s.driver.cuGraphExecKernelNodeSetParams_v2, executable, node, static_cast<const CUDA_KERNEL_NODE_PARAMS*>(&p));
  const int rc = call(s.driver.cuGraphAddKernelNode_v2, &node, graph, static_cast<const CUgraphNode*>(dependencies), size_t(count),
                      static_cast<const CUDA_KERNEL_NODE_PARAMS*>(&p));
  if (!rc) s.bind(a.node, wire::kCUgraphNode, node);
  return rc;
}

}  // namespace worker::serve
