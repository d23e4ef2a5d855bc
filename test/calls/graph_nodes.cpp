// A graph put together node by node: kernel, memset, copy and their dependencies; then parameters of a node are changed.
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction add = gpu.kernel("add");
  CUdeviceptr words = allocate(256);
  unsigned n = 16, amount = 5;
  CUgraph graph = nullptr;
  CU(cuGraphCreate(&graph, 0));

  CUgraphNode set = nullptr, kernel = nullptr, empty = nullptr;
  CUDA_MEMSET_NODE_PARAMS clear{};
  clear.dst = words, clear.value = 3, clear.elementSize = 4, clear.width = 16, clear.height = 1;
  CU(cuGraphAddMemsetNode(&set, graph, nullptr, 0, &clear, gpu.context));
  void* parameters[] = {&words, &n, &amount};
  CUDA_KERNEL_NODE_PARAMS work{};
  work.func = add;
  work.gridDimX = work.gridDimY = work.gridDimZ = 1;
  work.blockDimX = 16, work.blockDimY = work.blockDimZ = 1;
  work.kernelParams = parameters;
  CU(cuGraphAddKernelNode_v2(&kernel, graph, &set, 1, &work));
  CU(cuGraphAddEmptyNode(&empty, graph, &kernel, 1));
  size_t count = 0;
  CU(cuGraphGetNodes(graph, nullptr, &count));
  CHECK(count == 3);
  CUgraphNodeType type = CU_GRAPH_NODE_TYPE_EMPTY;
  CU(cuGraphNodeGetType(kernel, &type));
  CHECK(type == CU_GRAPH_NODE_TYPE_KERNEL);

  CUgraphExec executable = nullptr;
  CU(cuGraphInstantiateWithFlags(&executable, graph, 0));
  CU(cuGraphLaunch(executable, nullptr));
  CHECK(read_words(words, 16)[15] == 8);
  amount = 100;
  CU(cuGraphLaunch(executable, nullptr));
  CHECK(read_words(words, 16)[15] == 8);  // the parameters were copied when the node was made
  CU(cuGraphExecKernelNodeSetParams_v2(executable, kernel, &work));
  CU(cuGraphLaunch(executable, nullptr));
  CHECK(read_words(words, 16)[15] == 103);
  CU(cuGraphExecDestroy(executable));
  CU(cuGraphDestroy(graph));
}
