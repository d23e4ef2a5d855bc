// Copies between host memory and the device in graphs, captured and made as nodes: each launch reads the source as it is then and has filled the
// destination when the stream has been waited for; pageable and pinned memory, boxes, clones, children, changed parameters.
#include "check.h"

static CUDA_MEMCPY3D linear(CUdeviceptr to, const void* from, size_t bytes) {
  CUDA_MEMCPY3D c{};
  c.srcMemoryType = CU_MEMORYTYPE_HOST, c.srcHost = from, c.srcPitch = bytes;
  c.dstMemoryType = CU_MEMORYTYPE_DEVICE, c.dstDevice = to, c.dstPitch = bytes;
  c.WidthInBytes = bytes, c.Height = c.Depth = 1;
  return c;
}
static CUDA_MEMCPY3D linear(void* to, CUdeviceptr from, size_t bytes) {
  CUDA_MEMCPY3D c{};
  c.srcMemoryType = CU_MEMORYTYPE_DEVICE, c.srcDevice = from, c.srcPitch = bytes;
  c.dstMemoryType = CU_MEMORYTYPE_HOST, c.dstHost = to, c.dstPitch = bytes;
  c.WidthInBytes = bytes, c.Height = c.Depth = 1;
  return c;
}
static CUgraphExec instantiate(CUgraph graph) {
  CUgraphExec exec;
  CU(cuGraphInstantiateWithFlags(&exec, graph, 0));
  return exec;
}

int main() {
  Gpu gpu;
  CUfunction step = gpu.kernel("step");
  CUstream stream, other;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CU(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
  CUdeviceptr value = allocate(4096), box = allocate(1 << 16);
  unsigned pageable_in = 0, pageable_out = 0, *pinned_in, *pinned_out;
  CU(cuMemHostAlloc((void**)&pinned_in, 4096, 0));
  CU(cuMemHostAlloc((void**)&pinned_out, 4096, 0));

  // Captured, once from and to pageable and once from and to pinned memory: value = value * 3 + 7.
  for (bool pinned : {false, true}) {
    unsigned *in = pinned ? pinned_in : &pageable_in, *out = pinned ? pinned_out : &pageable_out;
    CU(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    CU(cuMemcpyHtoDAsync_v2(value, in, 4, stream));
    CU(launch(step, 1, 1, stream, value, 7u));
    CU(cuMemcpyDtoHAsync_v2(out, value, 4, stream));
    CUgraph graph, clone, outer;
    CU(cuStreamEndCapture(stream, &graph));
    size_t count = 0;
    CU(cuGraphGetNodes(graph, nullptr, &count));
    CHECK(count == 3);
    CU(cuGraphClone(&clone, graph));
    CU(cuGraphCreate(&outer, 0));
    CUgraphNode child;
    CU(cuGraphAddChildGraphNode(&child, outer, nullptr, 0, graph));
    CUgraphExec execs[] = {instantiate(graph), instantiate(clone), instantiate(outer)};
    CU(cuGraphDestroy(clone));
    CU(cuGraphDestroy(graph));                     // executables do not need it
    unsigned n = 10;
    for (CUgraphExec exec : execs)
      for (int round = 0; round < 3; round++) {
        *in = n++, *out = 0;
        CU(cuGraphLaunch(exec, round % 2 ? other : stream));
        CU(cuStreamSynchronize(round % 2 ? other : stream));
        CHECK(*out == *in * 3 + 7);
      }
    *in = 1;
    for (int i = 0; i < 20; i++) CU(cuGraphLaunch(execs[0], i % 2 ? stream : other));   // in a row: launches of one executable follow each other
    CU(cuStreamSynchronize(stream));
    CU(cuStreamSynchronize(other));
    CHECK(*out == 10);
    *in = 5;
    CU(cuGraphLaunch(execs[2], stream));
    CU(cuGraphExecDestroy(execs[2]));              // the launch goes on
    CU(cuStreamSynchronize(stream));
    CHECK(*out == 22);
    CU(cuGraphExecDestroy(execs[0]));
    CU(cuGraphExecDestroy(execs[1]));
    CU(cuGraphDestroy(outer));
  }

  // Boxes: rows of 12 bytes, 32 apart on the host, 64 apart on the device; three slices come back.
  std::vector<unsigned char> source(4096), back(4096, 0xee);
  for (size_t i = 0; i < source.size(); i++) source[i] = (unsigned char)(i * 7);
  CUDA_MEMCPY3D up{};
  up.srcMemoryType = CU_MEMORYTYPE_HOST, up.srcHost = source.data(), up.srcXInBytes = 4, up.srcPitch = 32, up.srcHeight = 8;
  up.dstMemoryType = CU_MEMORYTYPE_DEVICE, up.dstDevice = box, up.dstPitch = 64, up.dstHeight = 5;
  up.WidthInBytes = 12, up.Height = 5, up.Depth = 3;
  CUDA_MEMCPY3D down{};
  down.srcMemoryType = CU_MEMORYTYPE_DEVICE, down.srcDevice = box, down.srcPitch = 64, down.srcHeight = 5;
  down.dstMemoryType = CU_MEMORYTYPE_HOST, down.dstHost = back.data(), down.dstXInBytes = 2, down.dstY = 1, down.dstPitch = 20, down.dstHeight = 7;
  down.WidthInBytes = 12, down.Height = 5, down.Depth = 3;
  CU(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
  CU(cuMemcpy3DAsync_v2(&up, stream));
  CU(cuMemcpy3DAsync_v2(&down, stream));
  CUgraph boxes;
  CU(cuStreamEndCapture(stream, &boxes));
  CUgraphExec exec = instantiate(boxes);
  for (unsigned round = 0; round < 2; round++) {
    for (auto& byte : source) byte++;
    CU(cuGraphLaunch(exec, stream));
    CU(cuStreamSynchronize(stream));
    for (size_t z = 0; z < 3; z++)
      for (size_t y = 0; y < 7; y++)
        for (size_t x = 0; x < 20; x++) {
          bool inside = y >= 1 && y < 6 && x >= 2 && x < 14;
          CHECK(back[z * 140 + y * 20 + x] == (inside ? source[z * 256 + (y - 1) * 32 + x - 2 + 4] : 0xee));
        }
  }
  CU(cuGraphExecDestroy(exec));
  CU(cuGraphDestroy(boxes));

  // As nodes: their parameters read back, replaced in the graph and in the executable; much data; host to host.
  const size_t much = 3 << 20;
  std::vector<unsigned> large(much / 4), large_back(much / 4);
  for (size_t i = 0; i < large.size(); i++) large[i] = unsigned(i * 2654435761u);
  CUdeviceptr room = allocate(much);
  CUgraph graph;
  CUgraphNode first, second, node;
  CU(cuGraphCreate(&graph, 0));
  CUDA_MEMCPY3D in = linear(room, large.data(), much), out = linear(large_back.data(), room, much), read{};
  CU(cuGraphAddMemcpyNode(&first, graph, nullptr, 0, &in, gpu.context));
  CUgraphNodeParams params{};
  params.type = CU_GRAPH_NODE_TYPE_MEMCPY;
  params.memcpy.copyCtx = gpu.context;
  params.memcpy.copyParams = out;
  CU(cuGraphAddNode_v2(&second, graph, &first, nullptr, 1, &params));
  CU(cuGraphMemcpyNodeGetParams(first, &read));
  CHECK(read.srcHost == large.data() && read.srcMemoryType == CU_MEMORYTYPE_HOST && read.dstDevice == room && read.WidthInBytes == much);
  CU(cuGraphMemcpyNodeGetParams(second, &read));
  CHECK(read.dstHost == large_back.data() && read.srcDevice == room);
  exec = instantiate(graph);
  for (int round = 0; round < 3; round++) {
    large[round] = 77 + round;
    CU(cuGraphLaunch(exec, stream));
    CU(cuStreamSynchronize(stream));
    CHECK(large == large_back);
  }
  unsigned one = 111, two = 222, three = 0;
  in = linear(room, &one, 4), out = linear(&three, room, 4);
  CU(cuGraphExecMemcpyNodeSetParams(exec, first, &in, gpu.context));
  CU(cuGraphExecMemcpyNodeSetParams(exec, second, &out, gpu.context));
  CU(cuGraphLaunch(exec, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(three == 111 && large_back[0] == large[0]);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuGraphExecMemcpyNodeSetParams(exec, first, &out, gpu.context));   // another direction
  CU(cuGraphExecDestroy(exec));
  in = linear(room, &two, 4);
  CU(cuGraphMemcpyNodeSetParams(first, &in));
  CU(cuGraphMemcpyNodeGetParams(first, &read));
  CHECK(read.srcHost == &two && read.WidthInBytes == 4);
  out = linear(&three, room, 4);
  CU(cuGraphMemcpyNodeSetParams(second, &out));
  exec = instantiate(graph);
  CU(cuGraphLaunch(exec, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(three == 222);

  // The executable takes over another graph's memory.
  unsigned from = 5, to = 0;
  CUgraph like;
  CUgraphExecUpdateResultInfo info{};
  CU(cuGraphCreate(&like, 0));
  in = linear(room, &from, 4), out = linear(&to, room, 4);
  CU(cuGraphAddMemcpyNode(&node, like, nullptr, 0, &in, gpu.context));
  CU(cuGraphAddMemcpyNode(&node, like, &node, 1, &out, gpu.context));
  CU(cuGraphExecUpdate_v2(exec, like, &info));
  CHECK(info.result == CU_GRAPH_EXEC_UPDATE_SUCCESS);
  CU(cuGraphDestroy(like));
  for (from = 5; from < 8; from++) {
    CU(cuGraphLaunch(exec, stream));
    CU(cuStreamSynchronize(stream));
    CHECK(to == from && three == 222);
  }
  CU(cuGraphExecDestroy(exec));
  CU(cuGraphDestroy(graph));

  CUDA_MEMCPY3D across{};
  across.srcMemoryType = across.dstMemoryType = CU_MEMORYTYPE_HOST;
  across.srcHost = &one, across.dstHost = &to, across.WidthInBytes = across.srcPitch = across.dstPitch = 4, across.Height = across.Depth = 1;
  CU(cuGraphCreate(&graph, 0));
  CU(cuGraphAddMemcpyNode(&node, graph, nullptr, 0, &across, gpu.context));
  exec = instantiate(graph);
  one = 31;
  CU(cuGraphLaunch(exec, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(to == 31);
  CU(cuGraphExecDestroy(exec));
  CU(cuGraphDestroy(graph));

  // A launch cannot be captured; the executable is as good as before.
  CU(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
  CU(cuMemcpyHtoDAsync_v2(value, &one, 4, stream));
  CU(cuMemcpyDtoHAsync_v2(&to, value, 4, stream));
  CU(cuStreamEndCapture(stream, &graph));
  exec = instantiate(graph);
  CU(cuStreamBeginCapture_v2(other, CU_STREAM_CAPTURE_MODE_RELAXED));
  EXPECT(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, cuGraphLaunch(exec, other));
  CUgraph outer;
  EXPECT(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, cuStreamEndCapture(other, &outer));
  to = 0, one = 9;
  CU(cuStreamSynchronize(other));
  CHECK(to == 0);
  CU(cuGraphLaunch(exec, other));
  CU(cuStreamSynchronize(other));
  CHECK(to == 9);
}
