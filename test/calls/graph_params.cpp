// Parameters of nodes read back: they are the program's own handles, addresses and values, whether a node was added, added in the general form or
// captured, and good enough to be given again.
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction fill = gpu.kernel("fill"), add = gpu.kernel("add");
  CUdeviceptr words = allocate(1024);
  unsigned count = 64, value = 7;
  void* arguments[] = {&words, &count, &value};
  CUDA_KERNEL_NODE_PARAMS k{};
  k.func = fill;
  k.gridDimX = 2, k.gridDimY = k.gridDimZ = 1, k.blockDimX = 32, k.blockDimY = k.blockDimZ = 1;
  k.kernelParams = arguments;
  CUgraph graph;
  CUgraphNode added, general, captured;
  CU(cuGraphCreate(&graph, 0));
  CU(cuGraphAddKernelNode_v2(&added, graph, nullptr, 0, &k));
  CUgraphNodeParams p{};
  p.type = CU_GRAPH_NODE_TYPE_KERNEL;
  p.kernel.func = fill;
  p.kernel.gridDimX = 2, p.kernel.gridDimY = p.kernel.gridDimZ = 1, p.kernel.blockDimX = 32, p.kernel.blockDimY = p.kernel.blockDimZ = 1;
  p.kernel.kernelParams = arguments;
  CU(cuGraphAddNode_v2(&general, graph, &added, nullptr, 1, &p));
  CUstream stream;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CUgraph other;
  CU(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  CU(launch(fill, 2, 32, stream, words, count, value));
  CU(cuStreamEndCapture(stream, &other));
  size_t nodes = 1;
  CU(cuGraphGetNodes(other, &captured, &nodes));
  value = 1000;                                                      // nodes have their own copy
  for (CUgraphNode node : {added, general, captured}) {
    CUDA_KERNEL_NODE_PARAMS r{};
    CU(cuGraphKernelNodeGetParams_v2(node, &r));
    CHECK(r.func == fill && r.gridDimX == 2 && r.gridDimY == 1 && r.blockDimX == 32 && r.sharedMemBytes == 0);
    CHECK(r.kernelParams && *(CUdeviceptr*)r.kernelParams[0] == words && *(unsigned*)r.kernelParams[1] == 64 && *(unsigned*)r.kernelParams[2] == 7);
    CUDA_KERNEL_NODE_PARAMS_v1 old{};
    CU(cuGraphKernelNodeGetParams(node, &old));
    CHECK(old.func == fill && *(unsigned*)old.kernelParams[2] == 7);
    unsigned changed = 9;
    void* with[] = {r.kernelParams[0], r.kernelParams[1], &changed};
    r.kernelParams = with;
    CU(cuGraphKernelNodeSetParams_v2(node, &r));
    CU(cuGraphKernelNodeGetParams_v2(node, &r));
    CHECK(*(unsigned*)r.kernelParams[2] == 9 && *(CUdeviceptr*)r.kernelParams[0] == words);
  }
  // What was read goes back as it is, into the executable too.
  CUgraphExec exec;
  CU(cuGraphInstantiateWithFlags(&exec, graph, 0));
  CU(cuGraphLaunch(exec, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(read_word(words) == 9);
  CUDA_KERNEL_NODE_PARAMS r{};
  CU(cuGraphKernelNodeGetParams_v2(captured, &r));
  CU(cuGraphExecKernelNodeSetParams_v2(exec, added, &r));
  r.func = add;                                                      // another kernel with the same parameters: adds 9 to each word
  CU(cuGraphExecKernelNodeSetParams_v2(exec, general, &r));
  CU(cuGraphLaunch(exec, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(read_word(words) == 18);
  CU(cuGraphExecDestroy(exec));

  // A fill, and operations on words in memory.
  CUDA_MEMSET_NODE_PARAMS m{words, 0, 5, 4, 16, 1}, m_read{};
  CUgraphNode fill_node, batch;
  CU(cuGraphAddMemsetNode(&fill_node, other, nullptr, 0, &m, gpu.context));
  CU(cuGraphMemsetNodeGetParams(fill_node, &m_read));
  CHECK(m_read.dst == words && m_read.value == 5 && m_read.elementSize == 4 && m_read.width == 16);
  CUstreamBatchMemOpParams operations[2] = {};
  operations[0].writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
  operations[0].writeValue.address = words + 512;
  operations[0].writeValue.value = 4711;
  operations[1].waitValue.operation = CU_STREAM_MEM_OP_WAIT_VALUE_32;
  operations[1].waitValue.address = words + 512;
  operations[1].waitValue.value = 4711;
  operations[1].waitValue.flags = CU_STREAM_WAIT_VALUE_EQ;
  CUDA_BATCH_MEM_OP_NODE_PARAMS b{gpu.context, 2, operations, 0}, b_read{};
  CU(cuGraphAddBatchMemOpNode(&batch, other, &fill_node, 1, &b));
  CU(cuGraphBatchMemOpNodeGetParams(batch, &b_read));
  CHECK(b_read.count == 2 && b_read.paramArray[0].writeValue.address == words + 512 && b_read.paramArray[1].waitValue.value == 4711);
  CU(cuGraphInstantiateWithFlags(&exec, other, 0));
  CU(cuGraphLaunch(exec, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(read_word(words + 512) == 4711);
  operations[0].writeValue.value = operations[1].waitValue.value = 12;
  CU(cuGraphExecBatchMemOpNodeSetParams(exec, batch, &b));
  CU(cuGraphLaunch(exec, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(read_word(words + 512) == 12);

  // Of the wrong kind.
  CUDA_MEMCPY3D copy{};
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuGraphMemcpyNodeGetParams(added, &copy));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuGraphKernelNodeGetParams_v2(fill_node, &r));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuGraphKernelNodeGetParams_v2(added, nullptr));
  CU(cuGraphExecDestroy(exec));
  CU(cuGraphDestroy(graph));
  CU(cuGraphDestroy(other));
}
