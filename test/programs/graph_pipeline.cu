// A pipeline captured once as a graph: two streams that fork and join, copies in and out, a host function; launched for frame after frame
// by changing the buffers' contents, then with a parameter of one node changed.
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kCount = 4096;

__global__ void smooth(const float* in, float* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = 0.25f * in[(i + kCount - 1) % kCount] + 0.5f * in[i] + 0.25f * in[(i + 1) % kCount];
}
__global__ void slope(const float* in, float* out, float scale) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = scale * (in[(i + 1) % kCount] - in[i]);
}
__global__ void combine(const float* a, const float* b, float* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = fmaf(0.5f, b[i], a[i]);
}
static void CUDART_CB count_frame(void* frames) { ++*static_cast<int*>(frames); }

static int wrong_numbers(const float* in, const float* out, float scale) {
  int wrong = 0;
  for (int i = 0; i < kCount; i++) {
    float before = in[(i + kCount - 1) % kCount], after = in[(i + 1) % kCount];
    float expected = 0.25f * before + 0.5f * in[i] + 0.25f * after + 0.5f * scale * (after - in[i]);
    wrong += fabsf(out[i] - expected) > 1e-5f * (1 + fabsf(scale));
  }
  return wrong;
}

int main() {
  print_device();
  float *in, *out;
  CHECK(cudaMallocHost(&in, kCount * sizeof(float)));
  CHECK(cudaMallocHost(&out, kCount * sizeof(float)));
  Buffer<float> source(kCount), smoothed(kCount), slopes(kCount), result(kCount);
  int frames = 0;
  cudaStream_t main_stream, side;
  cudaEvent_t fork, join;
  CHECK(cudaStreamCreate(&main_stream));
  CHECK(cudaStreamCreate(&side));
  CHECK(cudaEventCreateWithFlags(&fork, cudaEventDisableTiming));
  CHECK(cudaEventCreateWithFlags(&join, cudaEventDisableTiming));

  cudaGraph_t graph;
  CHECK(cudaStreamBeginCapture(main_stream, cudaStreamCaptureModeGlobal));
  CHECK(cudaMemcpyAsync(source, in, kCount * sizeof(float), cudaMemcpyHostToDevice, main_stream));
  CHECK(cudaEventRecord(fork, main_stream));
  CHECK(cudaStreamWaitEvent(side, fork, 0));
  smooth<<<kCount / 128, 128, 0, main_stream>>>(source, smoothed);
  slope<<<kCount / 128, 128, 0, side>>>(source, slopes, 1.0f);
  CHECK(cudaEventRecord(join, side));
  CHECK(cudaStreamWaitEvent(main_stream, join, 0));
  combine<<<kCount / 128, 128, 0, main_stream>>>(smoothed, slopes, result);
  CHECK(cudaMemcpyAsync(out, result, kCount * sizeof(float), cudaMemcpyDeviceToHost, main_stream));
  CHECK(cudaLaunchHostFunc(main_stream, count_frame, &frames));
  CHECK(cudaStreamEndCapture(main_stream, &graph));

  size_t count = 0;
  CHECK(cudaGraphGetNodes(graph, nullptr, &count));
  std::vector<cudaGraphNode_t> nodes(count);
  CHECK(cudaGraphGetNodes(graph, nodes.data(), &count));
  cudaGraphNode_t slope_node = nullptr;
  int kernels = 0, copies = 0, hosts = 0;
  for (cudaGraphNode_t node : nodes) {
    cudaGraphNodeType type;
    CHECK(cudaGraphNodeGetType(node, &type));
    copies += type == cudaGraphNodeTypeMemcpy, hosts += type == cudaGraphNodeTypeHost;
    if (type != cudaGraphNodeTypeKernel) continue;
    kernels++;
    cudaKernelNodeParams parameters;
    CHECK(cudaGraphKernelNodeGetParams(node, &parameters));
    if (parameters.func == reinterpret_cast<void*>(slope)) slope_node = node;
  }
  show::line("%zu nodes: %d kernels, %d copies, %d host functions", count, kernels, copies, hosts);
  cudaGraphExec_t executable;
  CHECK(cudaGraphInstantiate(&executable, graph, 0));
  int wrong = 0;
  float scale = 1;
  for (int frame = 0; frame < 10; frame++) {
    if (frame == 5) {
      const float* from = source;
      float *to = slopes, other = -3;
      void* arguments[] = {&from, &to, &other};
      cudaKernelNodeParams parameters = {};
      parameters.func = reinterpret_cast<void*>(slope), parameters.gridDim = dim3(kCount / 128), parameters.blockDim = dim3(128), parameters.kernelParams = arguments;
      CHECK(cudaGraphExecKernelNodeSetParams(executable, slope_node, &parameters));
      scale = other;
    }
    for (int i = 0; i < kCount; i++) in[i] = sinf(i * 0.0030679616f * (1 + frame)) + (i % 512 == 0 ? 0.5f : 0.0f);
    CHECK(cudaGraphLaunch(executable, main_stream));
    CHECK(cudaStreamSynchronize(main_stream));
    wrong += wrong_numbers(in, out, scale);
  }
  show::plot("the last frame", out, kCount, 8);
  CHECK(cudaGraphExecDestroy(executable));
  CHECK(cudaGraphDestroy(graph));
  char line[100];
  snprintf(line, sizeof line, "%d frames through a graph of %zu nodes, %d numbers wrong", frames, count, wrong);
  return verdict(wrong == 0 && frames == 10 && kernels == 3 && copies == 2 && hosts == 1 && slope_node, line);
}
