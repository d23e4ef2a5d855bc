// A graph put together by hand: memset, copies, kernels on two branches, a child graph and a host function; then changed and launched again.
#include <numeric>
#include "buffer.h"

const int kCount = 1024;

__global__ void squares(const int* in, int* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = in[i] * in[i];
}
__global__ void add(const int* in, int* out, int factor) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] += factor * in[i];
}

struct Report {
  const int* values;
  long long sum = 0;
  int calls = 0;
};
void CUDART_CB report(void* data) {  // CUDA's thread calls it when both copies have come home
  Report& r = *(Report*)data;
  r.sum = std::accumulate(r.values, r.values + kCount, 0LL), r.calls++;
}

cudaGraphNode_t kernel(cudaGraph_t graph, std::vector<cudaGraphNode_t> after, void* function, std::vector<void*> arguments) {
  cudaKernelNodeParams params{};
  params.func = function, params.gridDim = dim3(kCount / 128), params.blockDim = dim3(128), params.kernelParams = arguments.data();
  cudaGraphNode_t node;
  CHECK(cudaGraphAddKernelNode(&node, graph, after.data(), after.size(), &params));
  return node;
}

int main() {
  print_device();
  std::vector<int> host(kCount), result(kCount);
  std::iota(host.begin(), host.end(), 0);
  Buffer<int> in(kCount), square(kCount), sum(kCount);
  Report said{result.data()};
  int once = 1, thrice = 3;

  cudaGraph_t graph, child, copy;
  cudaGraphNode_t clear, upload, squared, nested, plus, download, host_node;
  CHECK(cudaGraphCreate(&graph, 0));
  CHECK(cudaGraphCreate(&child, 0));
  kernel(child, {}, (void*)add, {&in.data, &sum.data, &thrice});

  cudaMemsetParams zero{};
  zero.dst = sum, zero.value = 0, zero.elementSize = 4, zero.width = kCount, zero.height = 1;
  CHECK(cudaGraphAddMemsetNode(&clear, graph, nullptr, 0, &zero));
  CHECK(cudaGraphAddMemcpyNode1D(&upload, graph, nullptr, 0, in, host.data(), kCount * sizeof(int), cudaMemcpyHostToDevice));
  squared = kernel(graph, {upload}, (void*)squares, {&in.data, &square.data});
  cudaGraphNode_t before_child[] = {clear, upload};
  CHECK(cudaGraphAddChildGraphNode(&nested, graph, before_child, 2, child));
  plus = kernel(graph, {squared, nested}, (void*)add, {&square.data, &sum.data, &once});
  CHECK(cudaGraphAddMemcpyNode1D(&download, graph, &plus, 1, result.data(), sum, kCount * sizeof(int), cudaMemcpyDeviceToHost));
  cudaHostNodeParams host_params{report, &said};
  CHECK(cudaGraphAddHostNode(&host_node, graph, &download, 1, &host_params));

  size_t nodes = 0, edges = 0;
  cudaGraphNodeType type;
  CHECK(cudaGraphGetNodes(graph, nullptr, &nodes));
  CHECK(cudaGraphGetEdges(graph, nullptr, nullptr, nullptr, &edges));
  CHECK(cudaGraphNodeGetType(nested, &type));
  bool right = nodes == 7 && edges == 7 && type == cudaGraphNodeTypeGraph;

  cudaGraphExec_t ready;
  CHECK(cudaGraphInstantiate(&ready, graph, 0));
  auto launch_and_compare = [&](int factor) {
    CHECK(cudaGraphLaunch(ready, nullptr));
    CHECK(cudaDeviceSynchronize());
    long long expected = 0;
    for (int i = 0; i < kCount; i++) expected += 3LL * i + (long long)factor * i * i, right &= result[i] == 3 * i + factor * i * i;
    right &= said.sum == expected;
  };
  launch_and_compare(1);
  launch_and_compare(1);  // the memset begins each launch anew

  cudaKernelNodeParams params{};  // as they are, but for the factor
  CHECK(cudaGraphKernelNodeGetParams(plus, &params));
  right &= params.func == (void*)add && params.gridDim.x == kCount / 128 && *(int**)params.kernelParams[1] == sum.data && *(int*)params.kernelParams[2] == 1;
  int twice = 2;
  void* arguments[] = {params.kernelParams[0], params.kernelParams[1], &twice};
  params.kernelParams = arguments;
  CHECK(cudaGraphExecKernelNodeSetParams(ready, plus, &params));
  launch_and_compare(2);
  CHECK(cudaGraphExecDestroy(ready));

  CHECK(cudaGraphClone(&copy, graph));  // the clone has the first parameters still
  CHECK(cudaGraphInstantiate(&ready, copy, 0));
  launch_and_compare(1);
  right &= said.calls == 4;
  for (auto each : {graph, child, copy}) CHECK(cudaGraphDestroy(each));
  CHECK(cudaGraphExecDestroy(ready));
  return verdict(right, "seven nodes on two branches, launched four times, changed once, cloned once");
}
