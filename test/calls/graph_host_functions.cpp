// Host functions in graphs: they run once a launch, in their place: after the copies that they follow have come, before those that follow them are
// made. Captured and as nodes, in children, in several executables in flight, read back and replaced.
#include <atomic>

#include "check.h"

struct Sum { const unsigned* from; size_t count; std::atomic<unsigned> sum{0}, calls{0}; };
static void add_up(void* data) {
  auto& s = *(Sum*)data;
  unsigned sum = 0;
  for (size_t i = 0; i < s.count; i++) sum += s.from[i];
  s.sum = sum;
  s.calls++;
}
struct Double { unsigned* words; size_t count; };
static void twice(void* data) {
  auto& d = *(Double*)data;
  for (size_t i = 0; i < d.count; i++) d.words[i] *= 2;
}
static void count_up(void* counter) { ++*(std::atomic<unsigned>*)counter; }
static void no_callback(CUstream, CUresult, void*) {}

int main() {
  Gpu gpu;
  CUfunction fill = gpu.kernel("fill");
  const unsigned kCount = 256;
  CUstream stream, other;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CU(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
  CUdeviceptr words = allocate(4 * kCount), copy = allocate(4 * kCount);
  unsigned *host, *last;      // page-locked: copies from and to pageable memory are not all made in their place
  CU(cuMemHostAlloc((void**)&host, 4 * kCount, 0));
  CU(cuMemHostAlloc((void**)&last, 4 * kCount, 0));
  for (unsigned i = 0; i < kCount; i++) host[i] = 1;
  Sum sum{host, kCount};
  Double doubled{host, kCount};

  // fill -> host -> add up, double -> device -> last: the device sees what the host functions made of it.
  CU(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  unsigned first = 10;
  CU(launch(fill, 1, kCount, stream, words, kCount, first));       // first + i
  CU(cuMemcpyDtoHAsync_v2(host, words, 4 * kCount, stream));
  CU(cuLaunchHostFunc(stream, add_up, &sum));
  CU(cuLaunchHostFunc(stream, twice, &doubled));
  CU(cuMemcpyHtoDAsync_v2(copy, host, 4 * kCount, stream));
  CU(cuMemcpyDtoHAsync_v2(last, copy, 4 * kCount, stream));
  CUgraph graph;
  CU(cuStreamEndCapture(stream, &graph));
  CHECK(sum.calls == 0);
  CUgraphExec exec;
  CU(cuGraphInstantiateWithFlags(&exec, graph, 0));
  for (unsigned round = 1; round <= 5; round++) {
    memset(last, 0, 4 * kCount);
    CU(cuGraphLaunch(exec, stream));
    CU(cuStreamSynchronize(stream));
    CHECK(sum.calls == round && sum.sum == kCount * 10 + kCount * (kCount - 1) / 2);
    for (unsigned i = 0; i < kCount; i++) CHECK(host[i] == 2 * (10 + i) && last[i] == host[i]);
  }
  for (int i = 0; i < 30; i++) CU(cuGraphLaunch(exec, stream));    // many in flight
  CU(cuStreamSynchronize(stream));
  CHECK(sum.calls == 35 && last[5] == 30);
  CU(cuGraphExecDestroy(exec));
  CU(cuGraphDestroy(graph));
  CU(cuMemFreeHost(host));
  CU(cuMemFreeHost(last));

  // Pageable memory: a host function sees what was copied to it before.
  std::vector<unsigned> pageable(kCount, 1);
  Sum of_pageable{pageable.data(), kCount};
  CU(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CU(cuMemcpyDtoHAsync_v2(pageable.data(), words, 4 * kCount, stream));
  CU(cuLaunchHostFunc(stream, add_up, &of_pageable));
  CU(cuStreamEndCapture(stream, &graph));
  CU(cuGraphInstantiateWithFlags(&exec, graph, 0));
  CU(cuGraphLaunch(exec, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(of_pageable.calls == 1 && of_pageable.sum == kCount * 10 + kCount * (kCount - 1) / 2);
  CU(cuGraphExecDestroy(exec));
  CU(cuGraphDestroy(graph));

  // As nodes, in a child that is used twice, in two executables at once.
  std::atomic<unsigned> inner_calls{0}, outer_calls{0}, replaced{0};
  CUgraph child, parent;
  CUgraphNode a, b, c, node;
  CU(cuGraphCreate(&child, 0));
  CU(cuGraphCreate(&parent, 0));
  CUDA_HOST_NODE_PARAMS params{count_up, &inner_calls}, read{};
  CU(cuGraphAddHostNode(&node, child, nullptr, 0, &params));
  CU(cuGraphHostNodeGetParams(node, &read));
  CHECK(read.fn == count_up && read.userData == &inner_calls);
  CU(cuGraphAddChildGraphNode(&a, parent, nullptr, 0, child));
  CUgraphNodeParams general{};
  general.type = CU_GRAPH_NODE_TYPE_HOST;
  general.host = {count_up, &outer_calls};
  CU(cuGraphAddNode_v2(&b, parent, &a, nullptr, 1, &general));
  CU(cuGraphAddChildGraphNode(&c, parent, &b, 1, child));
  CUgraphExec one, two;
  CU(cuGraphInstantiateWithFlags(&one, parent, 0));
  CU(cuGraphInstantiateWithFlags(&two, parent, 0));
  for (int i = 0; i < 10; i++) {
    CU(cuGraphLaunch(one, stream));
    CU(cuGraphLaunch(two, other));
  }
  CU(cuStreamSynchronize(stream));
  CU(cuStreamSynchronize(other));
  CHECK(inner_calls == 40 && outer_calls == 20);

  params = {count_up, &replaced};
  CU(cuGraphExecHostNodeSetParams(one, b, &params));
  CU(cuGraphLaunch(one, stream));
  CU(cuGraphLaunch(two, other));
  CU(cuStreamSynchronize(stream));
  CU(cuStreamSynchronize(other));
  CHECK(replaced == 1 && outer_calls == 21 && inner_calls == 44);
  CU(cuGraphHostNodeSetParams(b, &params));
  CU(cuGraphHostNodeGetParams(b, &read));
  CHECK(read.userData == &replaced);
  CU(cuGraphExecDestroy(two));
  CU(cuGraphInstantiateWithFlags(&two, parent, 0));
  CU(cuGraphLaunch(two, other));
  CU(cuGraphExecDestroy(two));                                      // the launch goes on
  CU(cuGraphDestroy(parent));
  CU(cuStreamSynchronize(other));
  CHECK(replaced == 2 && inner_calls == 46);
  CU(cuGraphExecDestroy(one));
  CU(cuGraphDestroy(child));

  // Callbacks of the older kind are not for graphs.
  CU(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
  EXPECT(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuStreamAddCallback(stream, no_callback, nullptr, 0));
  EXPECT(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(stream, &graph));
  CU(cuLaunchHostFunc(stream, count_up, &replaced));
  CU(cuStreamSynchronize(stream));
  CHECK(replaced == 3);
}
