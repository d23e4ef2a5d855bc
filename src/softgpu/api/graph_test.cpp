// Capture and graphs.
#include "softgpu/api/test_support.h"

#include <unistd.h>

#include <algorithm>

class Graphs : public DriverTest {
 protected:
  void SetUp() override {
    DriverTest::SetUp();
    OK(cuModuleLoadData(&module, kPtx));
    OK(cuModuleGetFunction(&add, module, "add"));
    OK(cuMemAlloc_v2(&p, 4096));
    OK(cuMemsetD8_v2(p, 0, 4096));
    OK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
    OK(cuStreamCreate(&t, CU_STREAM_NON_BLOCKING));
  }
  int at(int i) {
    int v = -1;
    EXPECT_CU(CUDA_SUCCESS, cuMemcpyDtoH_v2(&v, p + CUdeviceptr(i) * 4, 4));
    return v;
  }
  CUmodule module = nullptr;
  CUfunction add = nullptr;
  CUdeviceptr p = 0;
  CUstream s = nullptr, t = nullptr;
};

TEST_F(Graphs, CaptureAndReplay) {
  int calls = 0;
  OK(cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CUstreamCaptureStatus status;
  OK(cuStreamIsCapturing(s, &status));
  EXPECT_EQ(CU_STREAM_CAPTURE_STATUS_ACTIVE, status);
  OK(launch(add, p, 3, s, 10));
  OK(cuMemcpyDtoDAsync_v2(p + 400, p, 40, s));
  OK(cuMemsetD32Async(p + 800, 77, 2, s));
  OK(cuLaunchHostFunc(s, [](void* n) { (*static_cast<int*>(n))++; }, &calls));
  CUgraph graph;
  OK(cuStreamEndCapture(s, &graph));
  OK(cuStreamSynchronize(s));
  EXPECT_EQ(0, at(0));           // nothing has run
  EXPECT_EQ(0, calls);
  size_t n = 0;
  OK(cuGraphGetNodes(graph, nullptr, &n));
  EXPECT_EQ(4u, n);
  CUgraphNode nodes[4];
  OK(cuGraphGetNodes(graph, nodes, &n));
  CUgraphNodeType types[4];
  for (int i = 0; i < 4; i++) OK(cuGraphNodeGetType(nodes[i], &types[i]));
  EXPECT_EQ(CU_GRAPH_NODE_TYPE_KERNEL, types[0]);
  EXPECT_EQ(CU_GRAPH_NODE_TYPE_MEMCPY, types[1]);
  EXPECT_EQ(CU_GRAPH_NODE_TYPE_MEMSET, types[2]);
  EXPECT_EQ(CU_GRAPH_NODE_TYPE_HOST, types[3]);
  CUgraphExec exec;
  OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
  OK(cuGraphDestroy(graph));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuGraphDestroy(graph));
  for (int i = 0; i < 5; i++) OK(cuGraphLaunch(exec, i % 2 ? s : t));      // launches follow each other, whatever the stream
  OK(cuCtxSynchronize());
  EXPECT_EQ(15, at(9));
  EXPECT_EQ(15, at(109));
  EXPECT_EQ(77, at(201));
  EXPECT_EQ(5, calls);
  OK(cuGraphExecDestroy(exec));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuGraphLaunch(exec, s));
}

TEST_F(Graphs, ForkAndJoin) {
  CUevent fork, join;
  OK(cuEventCreate(&fork, CU_EVENT_DISABLE_TIMING));
  OK(cuEventCreate(&join, CU_EVENT_DISABLE_TIMING));
  OK(cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  OK(launch(add, p, 1, s));
  OK(cuEventRecord(fork, s));
  EXPECT_CU(CUDA_ERROR_CAPTURED_EVENT, cuEventSynchronize(fork));
  OK(cuStreamWaitEvent(t, fork, 0));
  CUstreamCaptureStatus status;
  OK(cuStreamIsCapturing(t, &status));
  EXPECT_EQ(CU_STREAM_CAPTURE_STATUS_ACTIVE, status);
  OK(launch(add, p + 4, 2, t));
  OK(launch(add, p + 8, 3, s));
  OK(cuEventRecord(join, t));
  OK(cuStreamWaitEvent(s, join, 0));
  OK(launch(add, p + 12, 4, s));
  cuuint64_t id;
  CUgraph graph, seen;
  const CUgraphNode* tail;
  size_t count;
  OK(cuStreamGetCaptureInfo_v2(s, &status, &id, &seen, &tail, &count));
  EXPECT_EQ(1u, count);
  OK(cuStreamEndCapture(s, &graph));
  EXPECT_EQ(seen, graph);
  OK(cuStreamIsCapturing(t, &status));
  EXPECT_EQ(CU_STREAM_CAPTURE_STATUS_NONE, status);
  size_t edges = 0;
  OK(cuGraphGetEdges(graph, nullptr, nullptr, &edges));
  EXPECT_EQ(4u, edges);
  CUgraphExec exec;
  OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
  OK(cuGraphLaunch(exec, s));
  OK(cuStreamSynchronize(s));
  for (int i = 0; i < 4; i++) EXPECT_EQ(i + 1, at(i));
}

TEST_F(Graphs, CaptureCodes) {
  CUgraph graph;
  EXPECT_CU(CUDA_ERROR_ILLEGAL_STATE, cuStreamEndCapture(s, &graph));
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamBeginCapture_v2(nullptr, CU_STREAM_CAPTURE_MODE_GLOBAL));
  OK(cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT_CU(CUDA_ERROR_ILLEGAL_STATE, cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamSynchronize(s));
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, launch(add, p, 1, s));
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(s, &graph));
  EXPECT_EQ(nullptr, graph);
  OK(launch(add, p, 1, s));      // the stream works again
  OK(cuStreamSynchronize(s));
  EXPECT_EQ(1, at(0));

  CUdeviceptr q;
  OK(cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuMemAlloc_v2(&q, 64));
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(s, &graph));
  OK(cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_RELAXED));
  OK(cuMemAlloc_v2(&q, 64));
  OK(cuStreamEndCapture(s, &graph));
  OK(cuGraphDestroy(graph));

  CUevent e;
  OK(cuEventCreate(&e, 0));
  OK(cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_RELAXED));
  OK(cuEventRecord(e, s));
  OK(cuStreamWaitEvent(t, e, 0));
  OK(launch(add, p, 1, t));
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, cuStreamEndCapture(s, &graph));
  OK(cuStreamQuery(t));          // released too

  CUstream blocking;
  OK(cuStreamCreate(&blocking, 0));
  OK(cuStreamBeginCapture_v2(blocking, CU_STREAM_CAPTURE_MODE_RELAXED));
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, launch(add, p, 1, nullptr));
  EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(blocking, &graph));
}

TEST_F(Graphs, CaptureModeOfTheThread) {
  OK(cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  OK(cuThreadExchangeStreamCaptureMode(&mode));
  EXPECT_EQ(CU_STREAM_CAPTURE_MODE_GLOBAL, mode);
  CUdeviceptr q;
  OK(cuMemAlloc_v2(&q, 64));
  OK(cuThreadExchangeStreamCaptureMode(&mode));
  std::thread([&] {
    EXPECT_CU(CUDA_SUCCESS, cuCtxSetCurrent(context));
    CUgraph none;
    EXPECT_CU(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, cuStreamEndCapture(s, &none));
  }).join();
  CUgraph graph;
  OK(cuStreamEndCapture(s, &graph));
}

TEST_F(Graphs, BuiltByHand) {
  CUgraph graph;
  OK(cuGraphCreate(&graph, 0));
  CUgraphNode fill, kernel, copy, host, empty;
  CUDA_MEMSET_NODE_PARAMS m = {p, 0, 5, 4, 10, 1};
  OK(cuGraphAddMemsetNode(&fill, graph, nullptr, 0, &m, context));
  unsigned v = 2;
  void* params[] = {&p, &v};
  CUDA_KERNEL_NODE_PARAMS k = {add, 1, 1, 1, 10, 1, 1, 0, params, nullptr, nullptr, nullptr};
  OK(cuGraphAddKernelNode_v2(&kernel, graph, &fill, 1, &k));
  CUDA_MEMCPY3D c = {};
  c.srcMemoryType = CU_MEMORYTYPE_DEVICE, c.srcDevice = p;
  c.dstMemoryType = CU_MEMORYTYPE_DEVICE, c.dstDevice = p + 400;
  c.WidthInBytes = 40, c.Height = 1, c.Depth = 1;
  OK(cuGraphAddMemcpyNode(&copy, graph, &kernel, 1, &c, context));
  static int seen;
  seen = 0;
  CUDA_HOST_NODE_PARAMS h = {[](void*) { seen++; }, nullptr};
  OK(cuGraphAddHostNode(&host, graph, nullptr, 0, &h));
  OK(cuGraphAddDependencies(graph, &copy, &host, 1));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuGraphAddDependencies(graph, &copy, &host, 1));
  OK(cuGraphAddEmptyNode(&empty, graph, &host, 1));
  CUDA_KERNEL_NODE_PARAMS back;
  OK(cuGraphKernelNodeGetParams_v2(kernel, &back));
  EXPECT_EQ(add, back.func);
  EXPECT_EQ(10u, back.blockDimX);
  EXPECT_EQ(2u, *static_cast<unsigned*>(back.kernelParams[1]));
  CUgraphExec exec;
  OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
  OK(cuGraphLaunch(exec, s));
  OK(cuStreamSynchronize(s));
  EXPECT_EQ(7, at(109));
  EXPECT_EQ(1, seen);
  v = 10;
  OK(cuGraphExecKernelNodeSetParams_v2(exec, kernel, &k));
  OK(cuGraphLaunch(exec, s));
  OK(cuStreamSynchronize(s));
  EXPECT_EQ(15, at(109));
  OK(cuGraphNodeSetEnabled(exec, kernel, 0));
  OK(cuGraphLaunch(exec, s));
  OK(cuStreamSynchronize(s));
  EXPECT_EQ(5, at(109));
  CUgraph twin;
  OK(cuGraphClone(&twin, graph));
  CUgraphNode in_twin;
  OK(cuGraphNodeFindInClone(&in_twin, kernel, twin));
  EXPECT_NE(kernel, in_twin);
  OK(cuGraphKernelNodeSetParams_v2(in_twin, &k));
  CUgraphExecUpdateResultInfo info;
  OK(cuGraphExecUpdate_v2(exec, twin, &info));
  OK(cuGraphDestroyNode(empty));
  EXPECT_CU(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, cuGraphExecUpdate_v2(exec, graph, &info));
  EXPECT_EQ(CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED, info.result);
  OK(cuGraphDestroy(graph));
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuGraphDestroyNode(kernel));
  OK(cuGraphDestroy(twin));
}

TEST_F(Graphs, CycleIsRefused) {
  CUgraph graph;
  CUgraphNode a, b;
  OK(cuGraphCreate(&graph, 0));
  OK(cuGraphAddEmptyNode(&a, graph, nullptr, 0));
  OK(cuGraphAddEmptyNode(&b, graph, &a, 1));
  OK(cuGraphAddDependencies(graph, &b, &a, 1));
  CUgraphExec exec;
  EXPECT_CU(CUDA_ERROR_INVALID_VALUE, cuGraphInstantiateWithFlags(&exec, graph, 0));
}

TEST_F(Graphs, ChildGraphAndEvents) {
  CUgraph inner, outer;
  CUgraphNode n, child, record;
  OK(cuGraphCreate(&inner, 0));
  CUDA_MEMSET_NODE_PARAMS m = {p, 0, 5, 4, 10, 1};
  OK(cuGraphAddMemsetNode(&n, inner, nullptr, 0, &m, context));
  OK(cuGraphCreate(&outer, 0));
  OK(cuGraphAddChildGraphNode(&child, outer, nullptr, 0, inner));
  CUevent e;
  OK(cuEventCreate(&e, 0));
  OK(cuGraphAddEventRecordNode(&record, outer, &child, 1, e));
  OK(cuGraphDestroy(inner));
  CUgraphExec exec;
  OK(cuGraphInstantiateWithFlags(&exec, outer, 0));
  OK(cuGraphLaunch(exec, s));
  OK(cuEventSynchronize(e));
  EXPECT_EQ(5, at(9));
}

// Memory allocated while capturing belongs to the graph.
TEST_F(Graphs, CapturedAllocation) {
  OK(cuStreamBeginCapture_v2(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CUdeviceptr q;
  OK(cuMemAllocAsync(&q, 4096, s));
  OK(cuMemsetD32Async(q, 42, 10, s));
  OK(cuMemcpyDtoDAsync_v2(p, q, 40, s));
  OK(cuMemFreeAsync(q, s));
  CUgraph graph;
  OK(cuStreamEndCapture(s, &graph));
  CUgraphExec exec;
  OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
  for (int i = 0; i < 3; i++) {
    OK(cuMemsetD8_v2(p, 0, 40));
    OK(cuGraphLaunch(exec, s));
    OK(cuStreamSynchronize(s));
    EXPECT_EQ(42, at(9));
  }
  size_t before, after, total;
  OK(cuMemGetInfo_v2(&before, &total));
  OK(cuGraphExecDestroy(exec));
  OK(cuGraphDestroy(graph));
  OK(cuMemGetInfo_v2(&after, &total));
  EXPECT_EQ(before + 4096, after);
}

// while (--*p) { *q += 3; } by a conditional node whose value a kernel sets, as nvcc compiles cudaGraphSetConditional.
constexpr char kConditional[] = R"(.version 8.0
.target sm_75
.address_size 64
.extern .func cudaGraphSetConditional(.param .b64 a, .param .b32 b);
.visible .entry turn(.param .u64 h, .param .u64 p)
{
  .reg .b32 %r<4>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [h];
  ld.param.u64 %rd2, [p];
  ld.global.u32 %r1, [%rd2];
  sub.u32 %r1, %r1, 1;
  st.global.u32 [%rd2], %r1;
  ld.global.u32 %r2, [%rd2+4];
  add.u32 %r2, %r2, 3;
  st.global.u32 [%rd2+4], %r2;
  {
    .param .b64 param0;
    st.param.b64 [param0+0], %rd1;
    .param .b32 param1;
    st.param.b32 [param1+0], %r1;
    call.uni cudaGraphSetConditional, (param0, param1);
  }
  ret;
}
)";

TEST_F(Graphs, WhileAKernelSaysSo) {
  CUmodule module;
  CUfunction turn;
  OK(cuModuleLoadData(&module, kConditional));
  OK(cuModuleGetFunction(&turn, module, "turn"));
  CUdeviceptr p;
  OK(cuMemAlloc_v2(&p, 8));
  CUgraph graph;
  OK(cuGraphCreate(&graph, 0));
  CUgraphConditionalHandle handle;
  OK(cuGraphConditionalHandleCreate(&handle, graph, context, 1, CU_GRAPH_COND_ASSIGN_DEFAULT));
  CUgraphNodeParams params{};
  params.type = CU_GRAPH_NODE_TYPE_CONDITIONAL;
  params.conditional.handle = handle;
  params.conditional.type = CU_GRAPH_COND_TYPE_WHILE;
  params.conditional.size = 1;
  CUgraphNode loop, body;
  OK(cuGraphAddNode_v2(&loop, graph, nullptr, nullptr, 0, &params));
  void* arguments[] = {&handle, &p};
  CUDA_KERNEL_NODE_PARAMS k{};
  k.func = turn;
  k.gridDimX = k.gridDimY = k.gridDimZ = k.blockDimX = k.blockDimY = k.blockDimZ = 1;
  k.kernelParams = arguments;
  OK(cuGraphAddKernelNode_v2(&body, params.conditional.phGraph_out[0], nullptr, 0, &k));
  CUgraphExec exec;
  OK(cuGraphInstantiateWithFlags(&exec, graph, 0));
  for (unsigned turns : {5u, 1u, 100u}) {
    unsigned words[2] = {turns, 0};
    OK(cuMemcpyHtoD_v2(p, words, 8));
    OK(cuGraphLaunch(exec, nullptr));
    OK(cuMemcpyDtoH_v2(words, p, 8));
    EXPECT_EQ(0u, words[0]);
    EXPECT_EQ(3 * turns, words[1]);
  }
  CUdeviceptr bad = 8;                              // not a handle: the kernel fails, nothing else
  void* wrong[] = {&bad, &p};
  k.kernelParams = wrong;
  OK(cuGraphExecKernelNodeSetParams_v2(exec, body, &k));
  OK(cuGraphLaunch(exec, nullptr));
  EXPECT_CU(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
}

TEST_F(Graphs, AreDrawn) {
  CUgraph graph, child;
  CUgraphNode a, b;
  OK(cuGraphCreate(&graph, 0));
  OK(cuGraphCreate(&child, 0));
  OK(cuGraphAddEmptyNode(&a, child, nullptr, 0));
  OK(cuGraphAddChildGraphNode(&a, graph, nullptr, 0, child));
  OK(cuGraphAddEmptyNode(&b, graph, &a, 1));
  char path[] = "/tmp/tensor-fusion-dot.XXXXXX";
  close(mkstemp(path));
  OK(cuGraphDebugDotPrint(graph, path, 0));
  FILE* f = fopen(path, "r");
  char text[4096] = {};
  ASSERT_GT(fread(text, 1, sizeof text - 1, f), 0u);
  fclose(f);
  unlink(path);
  EXPECT_NE(nullptr, strstr(text, "cluster_1"));
  EXPECT_NE(nullptr, strstr(text, " -> "));
  EXPECT_NE(CUDA_SUCCESS, cuGraphDebugDotPrint(graph, "/nowhere/at/all", 0));
}
