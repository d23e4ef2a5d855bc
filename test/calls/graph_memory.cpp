// Graphs with memory of their own: an allocation node, its use, its free; what stays allocated must be freed before the next launch.
#include "check.h"

static CUDA_MEM_ALLOC_NODE_PARAMS wanted(size_t bytes) {
  CUDA_MEM_ALLOC_NODE_PARAMS p{};
  p.poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
  p.poolProps.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
  p.bytesize = bytes;
  return p;
}

int main() {
  Gpu gpu;
  CUfunction fill = gpu.kernel("fill");
  CUgraph graph, unused;
  CUgraphNode allocation, use, last, node;
  CU(cuGraphCreate(&graph, 0));
  auto params = wanted(0);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuGraphAddMemAllocNode(&allocation, graph, nullptr, 0, &params));   // of nothing
  params = wanted(1 << 20);
  CU(cuGraphAddMemAllocNode(&allocation, graph, nullptr, 0, &params));
  CHECK(params.dptr != 0);
  CUDA_MEM_ALLOC_NODE_PARAMS read{};
  CU(cuGraphMemAllocNodeGetParams(allocation, &read));
  CHECK(read.dptr == params.dptr && read.bytesize == 1 << 20 && read.poolProps.location.type == CU_MEM_LOCATION_TYPE_DEVICE);

  unsigned value = 5, count = 256;
  void* arguments[] = {&params.dptr, &count, &value};
  CUDA_KERNEL_NODE_PARAMS kernel{};
  kernel.func = fill;
  kernel.gridDimX = kernel.gridDimY = kernel.gridDimZ = kernel.blockDimY = kernel.blockDimZ = 1;
  kernel.blockDimX = 256;
  kernel.kernelParams = arguments;
  CU(cuGraphAddKernelNode_v2(&use, graph, &allocation, 1, &kernel));
  CUgraphExec exec, second;
  CU(cuGraphInstantiateWithFlags(&exec, graph, 0));
  EXPECT(CUDA_ERROR_NOT_SUPPORTED, cuGraphInstantiateWithFlags(&second, graph, 0));   // its memory exists once
  EXPECT(CUDA_ERROR_NOT_SUPPORTED, cuGraphClone(&unused, graph));
  CU(cuGraphLaunch(exec, nullptr));
  CHECK(read_words(params.dptr, 256)[255] == 5 + 255);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuGraphLaunch(exec, nullptr));                     // still allocated
  CU(cuMemFree_v2(params.dptr));
  CU(cuGraphLaunch(exec, nullptr));
  CU(cuMemFreeAsync(params.dptr, nullptr));
  CU(cuGraphLaunch(exec, nullptr));
  CU(cuCtxSynchronize());
  cuuint64_t used = 0, zero = 0;
  CU(cuDeviceGetGraphMemAttribute(0, CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT, &used));
  CHECK(used >= 1 << 20);
  CU(cuMemFree_v2(params.dptr));
  CU(cuGraphExecDestroy(exec));
  CU(cuGraphInstantiateWithFlags(&exec, graph, CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH));
  for (int i = 0; i < 3; i++) CU(cuGraphLaunch(exec, nullptr));
  CU(cuCtxSynchronize());
  CU(cuMemFree_v2(params.dptr));
  CU(cuGraphExecDestroy(exec));
  CU(cuGraphDestroy(graph));

  // Freed by the graph itself: it can be launched again and again.
  CU(cuGraphCreate(&graph, 0));
  params = wanted(4096);
  CU(cuGraphAddMemAllocNode(&allocation, graph, nullptr, 0, &params));
  CU(cuGraphAddKernelNode_v2(&use, graph, &allocation, 1, &kernel));
  CU(cuGraphAddMemFreeNode(&last, graph, &use, 1, params.dptr));
  CUdeviceptr freed = 0;
  CU(cuGraphMemFreeNodeGetParams(last, &freed));
  CHECK(freed == params.dptr);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuGraphAddMemFreeNode(&node, graph, &last, 1, params.dptr));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuGraphAddMemFreeNode(&node, graph, nullptr, 0, 4096));
  CU(cuGraphInstantiateWithFlags(&exec, graph, 0));
  for (int i = 0; i < 3; i++) CU(cuGraphLaunch(exec, nullptr));
  CU(cuCtxSynchronize());
  CU(cuGraphExecDestroy(exec));
  CU(cuGraphDestroy(graph));
  CU(cuDeviceGraphMemTrim(0));
  CU(cuDeviceSetGraphMemAttribute(0, CU_GRAPH_MEM_ATTR_USED_MEM_HIGH, &zero));
}
