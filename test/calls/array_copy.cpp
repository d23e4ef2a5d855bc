// Every copy that may name an array: bytes of rows, boxes in two and three dimensions, in streams, in graphs, captured.
#include "textures.h"

static std::vector<unsigned char> numbered(size_t n, int step) {
  std::vector<unsigned char> v(n);
  for (size_t i = 0; i < n; i++) v[i] = (unsigned char)(i * step + 1);
  return v;
}

int main() {
  Gpu gpu;
  const CUarray_format byte = CU_AD_FORMAT_UNSIGNED_INT8;
  // one dimension
  CUarray a = make_array(256, 0, 0, byte, 1), b = make_array(256, 0, 0, byte, 1);
  auto source = numbered(256, 7);
  std::vector<unsigned char> target(256);
  CUdeviceptr device = allocate(256);
  CU(cuMemcpyHtoA_v2(a, 0, source.data(), 256));
  CU(cuMemcpyAtoH_v2(target.data(), a, 16, 32));
  CHECK(memcmp(target.data(), &source[16], 32) == 0);
  CU(cuMemcpyAtoA_v2(b, 100, a, 20, 50));
  CU(cuMemcpyAtoD_v2(device, b, 100, 50));
  CU(cuMemcpyDtoH_v2(target.data(), device, 50));
  CHECK(memcmp(target.data(), &source[20], 50) == 0);
  CU(cuMemcpyDtoA_v2(b, 200, device, 8));
  CUstream stream;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CU(cuCtxSynchronize());
  CU(cuMemcpyAtoHAsync_v2(target.data(), b, 200, 8, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(memcmp(target.data(), &source[20], 8) == 0);
  CU(cuMemcpyHtoAAsync_v2(b, 0, &source[3], 100, stream));
  CU(cuMemcpyAtoHAsync_v2(target.data(), b, 0, 100, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(memcmp(target.data(), &source[3], 100) == 0);

  // two dimensions: a box of 20x5 texels of two bytes, from host to the middle, on to device memory with its own pitch
  const size_t w = 40, h = 9;
  CUarray flat = make_array(w, h, 0, CU_AD_FORMAT_UNSIGNED_INT16, 1);
  auto rows = numbered(w * 2 * h, 3);
  fill_array(flat, rows.data(), w * 2, h);
  CHECK(read_array<unsigned char>(flat, w * 2, h) == rows);
  CUDA_MEMCPY2D box{};
  auto patch = numbered(64 * 5, 11);
  box.srcMemoryType = CU_MEMORYTYPE_HOST, box.srcHost = patch.data(), box.srcPitch = 64, box.srcXInBytes = 8;
  box.dstMemoryType = CU_MEMORYTYPE_ARRAY, box.dstArray = flat, box.dstXInBytes = 12, box.dstY = 2;
  box.WidthInBytes = 40, box.Height = 5;
  CU(cuMemcpy2D_v2(&box));
  auto now = read_array<unsigned char>(flat, w * 2, h);
  for (size_t y = 0; y < h; y++)
    for (size_t x = 0; x < w * 2; x++) {
      bool inside = x >= 12 && x < 52 && y >= 2 && y < 7;
      CHECK(now[y * w * 2 + x] == (inside ? patch[(y - 2) * 64 + x - 12 + 8] : rows[y * w * 2 + x]));
    }
  CUdeviceptr pitched = allocate(512 * h);
  CU(cuMemsetD8_v2(pitched, 0xee, 512 * h));
  CUDA_MEMCPY2D out{};
  out.srcMemoryType = CU_MEMORYTYPE_ARRAY, out.srcArray = flat, out.srcXInBytes = 10, out.srcY = 1;
  out.dstMemoryType = CU_MEMORYTYPE_DEVICE, out.dstDevice = pitched, out.dstPitch = 512;
  out.WidthInBytes = 20, out.Height = 3;
  CU(cuMemcpy2DAsync_v2(&out, stream));
  CU(cuStreamSynchronize(stream));
  std::vector<unsigned char> image(512 * h);
  CU(cuMemcpyDtoH_v2(image.data(), pitched, image.size()));
  for (size_t y = 0; y < 3; y++) CHECK(memcmp(&image[y * 512], &now[(y + 1) * w * 2 + 10], 20) == 0 && image[y * 512 + 20] == 0xee);
  box.dstY = 5;
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D_v2(&box));   // past the last row
  box.dstY = 0, box.dstXInBytes = 42;
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D_v2(&box));   // past the end of a row

  // three dimensions, array to array, and layers
  CUarray deep = make_array(8, 6, 5, CU_AD_FORMAT_UNSIGNED_INT32, 1), layers = make_array(8, 6, 5, CU_AD_FORMAT_UNSIGNED_INT32, 1, CUDA_ARRAY3D_LAYERED);
  std::vector<unsigned> volume(8 * 6 * 5);
  for (size_t i = 0; i < volume.size(); i++) volume[i] = unsigned(i * 2654435761u);
  fill_array(deep, volume.data(), 32, 6, 5);
  fill_array(layers, std::vector<unsigned>(volume.size()).data(), 32, 6, 5);
  CUDA_MEMCPY3D cut{};
  cut.srcMemoryType = cut.dstMemoryType = CU_MEMORYTYPE_ARRAY, cut.srcArray = deep, cut.dstArray = layers;
  cut.srcXInBytes = 4, cut.srcY = 1, cut.srcZ = 2, cut.dstXInBytes = 8, cut.dstY = 3, cut.dstZ = 1, cut.WidthInBytes = 16, cut.Height = 3, cut.Depth = 2;
  CU(cuMemcpy3D_v2(&cut));
  CU(cuCtxSynchronize());
  auto cells = read_array<unsigned>(layers, 8, 6, 5);
  for (size_t z = 0; z < 5; z++)
    for (size_t y = 0; y < 6; y++)
      for (size_t x = 0; x < 8; x++) {
        bool inside = x >= 2 && x < 6 && y >= 3 && z >= 1 && z < 3;
        CHECK(cells[(z * 6 + y) * 8 + x] == (inside ? volume[((z + 1) * 6 + y - 2) * 8 + x - 1] : 0));
      }

  // a node of a graph, and a captured copy
  CUgraph graph;
  CUgraphNode node;
  CUgraphExec exec;
  CU(cuGraphCreate(&graph, 0));
  CUDA_MEMCPY3D back = whole(32, 6, 5);
  CUdeviceptr copy_of = allocate(volume.size() * 4);
  back.srcMemoryType = CU_MEMORYTYPE_ARRAY, back.srcArray = deep, back.dstMemoryType = CU_MEMORYTYPE_DEVICE, back.dstDevice = copy_of;
  CUresult added = cuGraphAddMemcpyNode(&node, graph, nullptr, 0, &back, gpu.context);
  if (added != CUDA_ERROR_NOT_SUPPORTED) {   // as the client answers: nodes that are copies do not travel
    CU(added);
    CUDA_MEMCPY3D told{};
    CU(cuGraphMemcpyNodeGetParams(node, &told));
    CHECK(told.srcArray == deep && told.dstDevice == copy_of && told.WidthInBytes == 32 && told.Depth == 5);
    CU(cuGraphInstantiateWithFlags(&exec, graph, 0));
    CU(cuGraphLaunch(exec, stream));
    CU(cuStreamSynchronize(stream));
    CHECK(read_words(copy_of, volume.size()) == volume);
    CU(cuGraphExecDestroy(exec));
  }
  CU(cuGraphDestroy(graph));
  CU(cuMemsetD8_v2(copy_of, 0, volume.size() * 4));
  CU(cuCtxSynchronize());
  CU(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
  CU(cuMemcpy3DAsync_v2(&back, stream));
  CU(cuStreamEndCapture(stream, &graph));
  CU(cuGraphInstantiateWithFlags(&exec, graph, 0));
  CU(cuGraphLaunch(exec, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(read_words(copy_of, volume.size()) == volume);
}
