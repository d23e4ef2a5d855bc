// Conditional nodes by their default values: IF with and without else, SWITCH. (What kernels set is in the software GPU's own tests: on a
// real driver such kernels have to be linked with the device runtime.)
#include "check.h"

int main() {
  Gpu gpu;
  CUgraph graph;
  CU(cuGraphCreate(&graph, 0));
  CUgraphNodeParams params{};
  params.type = CU_GRAPH_NODE_TYPE_CONDITIONAL;
  CUgraphNode node, inner;
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuGraphAddNode_v2(&node, graph, nullptr, nullptr, 0, &params));   // without a handle

  CUdeviceptr words = allocate(64);
  CU(cuMemsetD32_v2(words, 0, 16));
  auto conditional = [&](CUgraphConditionalNodeType type, unsigned size, unsigned value, unsigned place) {
    CUgraphConditionalHandle handle;
    CU(cuGraphConditionalHandleCreate(&handle, graph, gpu.context, value, CU_GRAPH_COND_ASSIGN_DEFAULT));
    params = {};
    params.type = CU_GRAPH_NODE_TYPE_CONDITIONAL;
    params.conditional.handle = handle;
    params.conditional.type = type;
    params.conditional.size = size;
    params.conditional.ctx = gpu.context;
    CU(cuGraphAddNode_v2(&node, graph, nullptr, nullptr, 0, &params));
    CUgraphNodeType told;
    CU(cuGraphNodeGetType(node, &told));
    CHECK(told == CU_GRAPH_NODE_TYPE_CONDITIONAL);
    for (unsigned i = 0; i < size; i++) {            // body i writes i + 1
      CHECK(params.conditional.phGraph_out[i] != nullptr);
      CUDA_MEMSET_NODE_PARAMS fill{words + place * 4, 0, i + 1, 4, 1, 1};
      CU(cuGraphAddMemsetNode(&inner, params.conditional.phGraph_out[i], nullptr, 0, &fill, gpu.context));
    }
  };
  conditional(CU_GRAPH_COND_TYPE_IF, 1, 1, 0);
  conditional(CU_GRAPH_COND_TYPE_IF, 1, 0, 1);
  conditional(CU_GRAPH_COND_TYPE_IF, 2, 0, 2);
  conditional(CU_GRAPH_COND_TYPE_SWITCH, 3, 2, 3);
  conditional(CU_GRAPH_COND_TYPE_SWITCH, 3, 7, 4);
  conditional(CU_GRAPH_COND_TYPE_WHILE, 1, 0, 5);
  CUgraphExec exec;
  CU(cuGraphInstantiateWithFlags(&exec, graph, 0));
  for (int round = 0; round < 2; round++) {
    CU(cuGraphLaunch(exec, nullptr));
    auto got = read_words(words, 6);
    const unsigned wanted[6] = {1, 0, 2, 3, 0, 0};
    for (int i = 0; i < 6; i++) CHECK(got[i] == wanted[i]);
    CU(cuMemsetD32_v2(words, 0, 16));
  }
  CU(cuGraphExecDestroy(exec));
  CU(cuGraphDestroy(graph));
}
