// Edges with data, children set anew, and cuGraphExecUpdate with its reasons.
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction fill = gpu.kernel("fill");
  CUdeviceptr words = allocate(1024);
  CU(cuMemsetD32_v2(words, 0, 256));
  auto kernel = [&](CUgraph into, unsigned value, const CUgraphNode* after) {
    unsigned count = 16;
    void* arguments[] = {&words, &count, &value};
    CUDA_KERNEL_NODE_PARAMS p{};
    p.func = fill;
    p.gridDimX = p.gridDimY = p.gridDimZ = p.blockDimY = p.blockDimZ = 1;
    p.blockDimX = 32;
    p.kernelParams = arguments;
    CUgraphNode node;
    CU(cuGraphAddKernelNode_v2(&node, into, after, after ? 1 : 0, &p));
    return node;
  };
  auto make = [] {
    CUgraph g;
    CU(cuGraphCreate(&g, 0));
    return g;
  };
  CUgraph graph = make();
  CUgraphNode a = kernel(graph, 1, nullptr);
  kernel(graph, 2, &a);
  CUgraphExec exec;
  CU(cuGraphInstantiateWithFlags(&exec, graph, 0));
  CUgraphExecUpdateResultInfo info{};
  auto update = [&](CUgraph with) { return cuGraphExecUpdate_v2(exec, with, &info); };
  CU(update(graph));
  CHECK(info.result == CU_GRAPH_EXEC_UPDATE_SUCCESS);

  CUgraph other = make();
  CUgraphNode b = kernel(other, 7, nullptr);
  EXPECT(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, update(other));
  CHECK(info.result == CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED);
  kernel(other, 9, nullptr);                                        // two nodes, but no edge
  EXPECT(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, update(other));
  CHECK(info.result == CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED);
  CUgraph typed = make();
  CUgraphNode c = kernel(typed, 1, nullptr), d;
  CU(cuGraphAddEmptyNode(&d, typed, &c, 1));
  EXPECT(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, update(typed));
  CHECK(info.result == CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED && info.errorNode == d);
  CU(cuGraphLaunch(exec, nullptr));
  CHECK(read_word(words) == 2);                                     // what was refused changed nothing
  CUgraph good = make();
  CUgraphNode e = kernel(good, 30, nullptr);
  kernel(good, 31, &e);
  CU(update(good));
  CU(cuGraphLaunch(exec, nullptr));
  CHECK(read_word(words) == 31);

  // A programmatic edge orders like a plain one; who asks without room for its data is told so.
  CUgraphEdgeData data{}, back[4];
  data.from_port = CU_GRAPH_KERNEL_NODE_PORT_PROGRAMMATIC;
  data.type = CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC;
  CUgraph edged = make();
  CUgraphNode x = kernel(edged, 1, nullptr), y = kernel(edged, 2, nullptr), from[4], to[4];
  CU(cuGraphAddDependencies_v2(edged, &x, &y, &data, 1));
  size_t count = 4;
  EXPECT(CUDA_ERROR_LOSSY_QUERY, cuGraphGetEdges_v2(edged, from, to, nullptr, &count));
  count = 4;
  CU(cuGraphGetEdges_v2(edged, from, to, back, &count));
  CHECK(count == 1 && from[0] == x && to[0] == y && back[0].type == CU_GRAPH_DEPENDENCY_TYPE_PROGRAMMATIC);
  CU(cuGraphRemoveDependencies_v2(edged, &x, &y, &data, 1));

  // A child set anew in the executable graph.
  CUgraph outer = make(), inner = make();
  CUgraphNode child, only = kernel(inner, 40, nullptr);
  (void)only, (void)b;
  CU(cuGraphAddChildGraphNode(&child, outer, nullptr, 0, inner));
  CU(cuGraphInstantiateWithFlags(&exec, outer, 0));
  CU(cuGraphLaunch(exec, nullptr));
  CHECK(read_word(words) == 40);
  CUgraph renewed = make();
  kernel(renewed, 41, nullptr);
  CU(cuGraphExecChildGraphNodeSetParams(exec, child, renewed));
  CU(cuGraphLaunch(exec, nullptr));
  CHECK(read_word(words) == 41);
  CU(cuGraphAddEmptyNode(&d, renewed, nullptr, 0));
  EXPECT(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, cuGraphExecChildGraphNodeSetParams(exec, child, renewed));   // another shape
  CU(cuGraphLaunch(exec, nullptr));
  CHECK(read_word(words) == 41);
}
