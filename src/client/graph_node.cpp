// Kernel nodes: their parameters are pointers into this process, so they are packed like a launch's and travel as tfKernelNode.
#include "client/launch.h"
#include "client/module.h"
#include "client/remote.h"

namespace client {

enum What : unsigned { kAdd = 0, kSet = 1, kSetInExecutable = 2 };

template <class Params>
static CUresult kernel_node(What what, uint64_t node, CUgraph graph, CUgraphExec executable, const CUgraphNode* dependencies, size_t count, CUfunction function,
                            const Params& p) {
  if (int error = caller().error) return CUresult(error);
  Kernel* k = find_kernel(number_of(function));
  if (!k) return CUDA_ERROR_INVALID_VALUE;
  PackedParams packed;
  if (CUresult rc = packed.pack(k, p.kernelParams, p.extra)) return rc;
  return remote::tfKernelNode(what, node, graph, executable, dependencies, count, function, p.gridDimX, p.gridDimY, p.gridDimZ, p.blockDimX, p.blockDimY, p.blockDimZ,
                              p.sharedMemBytes, packed.bytes, packed.data);
}
static CUfunction function_of(const CUDA_KERNEL_NODE_PARAMS_v1& p) { return p.func; }
static CUfunction function_of(const CUDA_KERNEL_NODE_PARAMS_v2& p) { return p.func ? p.func : reinterpret_cast<CUfunction>(p.kern); }

template <class Params>
static CUresult add(CUgraphNode* node, CUgraph graph, const CUgraphNode* dependencies, size_t count, const Params* params) {
  if (!node || !graph || !params || (count && !dependencies)) return CUDA_ERROR_INVALID_VALUE;
  uint64_t h = teleport::mint_handle(wire::kCUgraphNode);
  CUresult rc = kernel_node(kAdd, h, graph, nullptr, dependencies, count, function_of(*params), *params);
  if (rc) teleport::forget_handle(h);
  else *node = handle_of<CUgraphNode>(h);
  return rc;
}
template <class Params>
static CUresult set(CUgraphNode node, CUgraphExec executable, bool in_executable, const Params* params) {
  if (!params || (in_executable && !executable)) return CUDA_ERROR_INVALID_VALUE;
  if (!known(number_of(node), wire::kCUgraphNode, true)) return CUDA_ERROR_INVALID_VALUE;
  return kernel_node(in_executable ? kSetInExecutable : kSet, number_of(node), nullptr, executable, nullptr, 0, function_of(*params), *params);
}

}  // namespace client

using namespace client;

EXPORT CUresult cuGraphAddKernelNode(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                                     const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  return add(phGraphNode, hGraph, dependencies, numDependencies, nodeParams);
}
EXPORT CUresult cuGraphAddKernelNode_v2(CUgraphNode* phGraphNode, CUgraph hGraph, const CUgraphNode* dependencies, size_t numDependencies,
                                        const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return add(phGraphNode, hGraph, dependencies, numDependencies, nodeParams);
}
EXPORT CUresult cuGraphKernelNodeSetParams(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) { return set(hNode, nullptr, false, nodeParams); }
EXPORT CUresult cuGraphKernelNodeSetParams_v2(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS* nodeParams) { return set(hNode, nullptr, false, nodeParams); }
EXPORT CUresult cuGraphExecKernelNodeSetParams(CUgraphExec hGraphExec, CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS_v1* nodeParams) {
  return set(hNode, hGraphExec, true, nodeParams);
}
EXPORT CUresult cuGraphExecKernelNodeSetParams_v2(CUgraphExec hGraphExec, CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS* nodeParams) {
  return set(hNode, hGraphExec, true, nodeParams);
}
