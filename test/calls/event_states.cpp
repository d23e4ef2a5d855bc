// What events and streams say of themselves at each point: finished, under way, recorded anew, recorded where nobody looks (by a graph).
#include "check.h"

static const unsigned long long kSlow = 30'000'000;   // ns

int main() {
  Gpu gpu;
  CUfunction slow = gpu.kernel("slow_store"), fill = gpu.kernel("fill");
  CUdeviceptr word = allocate(64), other_word = allocate(64);
  CUstream stream = nullptr, other = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CU(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
  CUevent event = nullptr, second = nullptr;
  CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  CU(cuEventCreate(&second, CU_EVENT_DISABLE_TIMING));
  unsigned* pinned = nullptr;
  CU(cuMemHostAlloc((void**)&pinned, 64, 0));
  CU(launch(slow, 1, 1, stream, word, 1u, 1ull));   // so that both are loaded
  CU(launch(fill, 1, 1, stream, word, 1u, 1u));
  CU(cuCtxSynchronize());

  CU(cuEventQuery(event));   // never recorded
  CU(cuEventRecord(event, stream));
  CU(cuStreamSynchronize(stream));
  for (int i = 0; i < 3; i++) CU(cuEventQuery(event));
  CU(cuStreamQuery(stream));
  CU(cuStreamSynchronize(stream));

  // Recorded anew behind work; another event before it stays finished.
  CU(cuEventRecord(second, stream));
  CU(cuStreamSynchronize(stream));
  CU(launch(slow, 1, 1, stream, word, 2u, kSlow));
  CU(cuEventRecord(event, stream));
  EXPECT(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
  EXPECT(CUDA_ERROR_NOT_READY, cuEventQuery(event));
  CU(cuEventQuery(second));
  CU(cuStreamSynchronize(other));   // says nothing of the first stream
  EXPECT(CUDA_ERROR_NOT_READY, cuEventQuery(event));
  CU(cuEventSynchronize(event));
  CHECK(read_word(word) == 2);

  // Recorded into one stream after the other.
  CU(launch(slow, 1, 1, stream, word, 3u, kSlow));
  CU(cuEventRecord(event, other));
  CU(cuStreamSynchronize(other));
  CU(cuEventQuery(event));
  CU(cuEventRecord(event, stream));
  EXPECT(CUDA_ERROR_NOT_READY, cuEventQuery(event));
  CU(cuStreamSynchronize(other));
  EXPECT(CUDA_ERROR_NOT_READY, cuEventQuery(event));
  CU(cuCtxSynchronize());
  CU(cuEventQuery(event));
  CU(cuStreamQuery(stream));

  // Recorded while another context is current: to wait for that one says nothing.
  CUcontext second_context = nullptr;
  CU(cuCtxCreate_v2(&second_context, 0, gpu.device));
  CU(cuCtxSetCurrent(gpu.context));
  CU(launch(slow, 1, 1, stream, word, 4u, kSlow));
  CU(cuCtxSetCurrent(second_context));
  CU(cuEventRecord(event, stream));
  CU(cuCtxSynchronize());
  EXPECT(CUDA_ERROR_NOT_READY, cuEventQuery(event));
  CU(cuEventSynchronize(event));
  CU(cuEventQuery(event));
  CU(cuCtxDestroy_v2(second_context));
  CU(cuCtxSetCurrent(gpu.context));
  CHECK(read_word(word) == 4);

  // A program that does nothing but ask sees the end, and what the event covers.
  for (unsigned round = 0; round < 5; round++) {
    CU(launch(slow, 1, 1, stream, word, 10u + round, 2'000'000ull));
    CU(cuMemcpyDtoHAsync_v2(pinned, word, 4, stream));
    CU(cuEventRecord(event, stream));
    CUresult answer;
    while ((answer = cuEventQuery(event)) == CUDA_ERROR_NOT_READY) {}
    CU(answer);
    CHECK(*(volatile unsigned*)pinned == 10u + round);
  }

  // Each launch of a graph records the event again.
  CUgraph graph = nullptr;
  CUgraphExec executable = nullptr;
  CUgraphNode node = nullptr, record = nullptr;
  CUDA_KERNEL_NODE_PARAMS params{};
  unsigned value = 20;
  unsigned long long nanoseconds = kSlow;
  void* arguments[] = {&other_word, &value, &nanoseconds};
  params.func = slow;
  params.gridDimX = params.gridDimY = params.gridDimZ = params.blockDimX = params.blockDimY = params.blockDimZ = 1;
  params.kernelParams = arguments;
  CU(cuGraphCreate(&graph, 0));
  CU(cuGraphAddKernelNode_v2(&node, graph, nullptr, 0, &params));
  CU(cuGraphAddEventRecordNode(&record, graph, &node, 1, event));
  CU(cuGraphInstantiateWithFlags(&executable, graph, 0));
  CU(cuEventRecord(event, stream));
  CU(cuStreamSynchronize(stream));
  CU(cuEventQuery(event));
  CU(cuGraphLaunch(executable, stream));
  EXPECT(CUDA_ERROR_NOT_READY, cuEventQuery(event));
  CU(cuEventSynchronize(event));
  CHECK(read_word(other_word) == 20);
  CU(cuCtxSynchronize());
}
