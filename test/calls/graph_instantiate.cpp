// Graphs as objects: the handles of a capture, what instantiation tells, flags, pictures, lists of nodes by the handles that the program has.
#include <unistd.h>

#include <string>

#include "check.h"

int main() {
  Gpu gpu;
  CUfunction step = gpu.kernel("step");
  CUdeviceptr value = allocate(64);
  CUstream stream;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));

  // The graph of a capture is one object, whoever tells of it, and so are its nodes.
  CU(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  CU(launch(step, 1, 1, stream, value, 1u));
  CUstreamCaptureStatus status;
  cuuint64_t id = 0, same_id = 0;
  CUgraph told = nullptr, graph = nullptr;
  const CUgraphNode* after = nullptr;
  size_t count = 0;
  CU(cuStreamGetCaptureInfo_v2(stream, &status, &id, &told, &after, &count));
  CHECK(status == CU_STREAM_CAPTURE_STATUS_ACTIVE && id != 0 && told && count == 1 && after[0]);
  CUgraphNode first = after[0], empty, listed[4] = {};
  CU(cuGraphAddEmptyNode(&empty, told, &first, 1));
  CU(cuStreamUpdateCaptureDependencies(stream, &empty, 1, CU_STREAM_SET_CAPTURE_DEPENDENCIES));
  CU(launch(step, 1, 1, stream, value, 2u));
  CU(cuStreamGetCaptureInfo_v2(stream, &status, &same_id, nullptr, nullptr, nullptr));
  CHECK(same_id == id);
  CU(cuStreamEndCapture(stream, &graph));
  CHECK(graph == told);
  count = 4;
  CU(cuGraphGetNodes(graph, listed, &count));
  CHECK(count == 3 && listed[0] == first && listed[1] == empty && listed[2] && !listed[3]);
  CUgraphNode from[4], to[4];
  count = 4;
  CU(cuGraphGetEdges(graph, from, to, &count));
  CHECK(count == 2);
  count = 4;
  CU(cuGraphNodeGetDependencies(listed[2], from, &count));
  CHECK(count == 1 && from[0] == empty);
  CUgraphNodeType type;
  CU(cuGraphNodeGetType(first, &type));
  CHECK(type == CU_GRAPH_NODE_TYPE_KERNEL);

  // Into a graph that the program has.
  CUgraph given, back = nullptr;
  CUgraphNode root;
  CU(cuGraphCreate(&given, 0));
  CU(cuGraphAddEmptyNode(&root, given, nullptr, 0));
  CU(cuStreamBeginCaptureToGraph(stream, given, &root, nullptr, 1, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
  CU(launch(step, 1, 1, stream, value, 3u));
  CU(cuStreamGetCaptureInfo_v2(stream, &status, nullptr, &told, nullptr, nullptr));
  CHECK(told == given);
  CU(cuStreamEndCapture(stream, &back));
  CHECK(back == given);
  count = 0;
  CU(cuGraphGetNodes(given, nullptr, &count));
  CHECK(count == 2);

  // Instantiation with its answers.
  CUDA_GRAPH_INSTANTIATE_PARAMS params{};
  CUgraphExec exec = nullptr;
  params.flags = CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD;
  params.hUploadStream = stream;
  params.result_out = CUDA_GRAPH_INSTANTIATE_ERROR;
  CU(cuGraphInstantiateWithParams(&exec, given, &params));
  CHECK(params.result_out == CUDA_GRAPH_INSTANTIATE_SUCCESS && params.hErrNode_out == nullptr);
  CU(cuGraphExecDestroy(exec));
  CU(cuGraphInstantiateWithFlags(&exec, given, CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH));
  cuuint64_t flags = 0;
  CU(cuGraphExecGetFlags(exec, &flags));
  CHECK(flags == CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH);
  CU(cuMemsetD32_v2(value, 1, 1));
  CU(cuGraphLaunch(exec, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(read_word(value) == 6);
  CU(cuGraphExecDestroy(exec));
  char log[64] = "x";
  CUgraphNode error = root;
  CU(cuGraphInstantiate_v2(&exec, graph, &error, log, sizeof log));
  CU(cuGraphExecDestroy(exec));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuGraphInstantiateWithFlags(&exec, nullptr, 0));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuGraphInstantiateWithFlags(nullptr, graph, 0));

  // Its picture is a file of this process.
  std::string path = "graph_" + std::to_string(getpid()) + ".dot";
  CU(cuGraphDebugDotPrint(graph, path.c_str(), 0));
  FILE* f = fopen(path.c_str(), "r");
  CHECK(f);
  std::string text(100000, 0);
  text.resize(fread(&text[0], 1, text.size(), f));
  fclose(f);
  remove(path.c_str());
  CHECK(text.find("digraph") != std::string::npos && text.find("step") != std::string::npos);

  // Handles of graphs that are gone are not given again while the program could mix them up.
  CU(cuGraphDestroy(graph));
  CU(cuGraphDestroy(given));
  for (int round = 0; round < 20; round++) {
    CUgraph made;
    CUgraphNode node;
    CU(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    if (round % 2) CU(launch(step, 1, 1, stream, value, 1u));
    else CU(cuMemsetD32Async(value, 0, 1, stream));
    CU(cuStreamEndCapture(stream, &made));
    count = 1;
    CU(cuGraphGetNodes(made, &node, &count));
    CU(cuGraphNodeGetType(node, &type));
    CHECK(type == (round % 2 ? CU_GRAPH_NODE_TYPE_KERNEL : CU_GRAPH_NODE_TYPE_MEMSET));
    CU(cuGraphDestroy(made));
  }
}
