// CUDA graphs through the runtime: captured, instantiated, launched, updated.
#include "common.h"

__global__ void increase(int* value, int by) { *value += by; }

static cudaGraph_t capture(cudaStream_t stream, int* value, int by) {
  cudaGraph_t graph;
  CHECK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  for (int i = 0; i < 10; i++) increase<<<1, 1, 0, stream>>>(value, by);
  CHECK(cudaStreamEndCapture(stream, &graph));
  return graph;
}

int main() {
  print_device();
  cudaStream_t stream;
  int *value, result = 0;
  CHECK(cudaStreamCreate(&stream));
  CHECK(cudaMalloc(&value, 4));
  CHECK(cudaMemset(value, 0, 4));
  cudaGraph_t graph = capture(stream, value, 1), other = capture(stream, value, 5);
  cudaGraphExec_t executable;
  CHECK(cudaGraphInstantiate(&executable, graph, 0));
  for (int i = 0; i < 50; i++) CHECK(cudaGraphLaunch(executable, stream));
  cudaGraphExecUpdateResultInfo info;
  CHECK(cudaGraphExecUpdate(executable, other, &info));
  for (int i = 0; i < 50; i++) CHECK(cudaGraphLaunch(executable, stream));
  CHECK(cudaMemcpyAsync(&result, value, 4, cudaMemcpyDeviceToHost, stream));
  CHECK(cudaStreamSynchronize(stream));
  CHECK(cudaGraphExecDestroy(executable));
  CHECK(cudaGraphDestroy(graph));
  return verdict(result == 50 * 10 + 50 * 50, "100 graph launches of ten kernels, half of them updated");
}
