// Several things in one call: 3-D copies between memory and an array as a batch, several attributes of a managed range.
#include "check.h"

static CUmemcpy3DOperand memory(CUdeviceptr address, size_t row, size_t height) {
  CUmemcpy3DOperand o{};
  o.type = CU_MEMCPY_OPERAND_TYPE_POINTER;
  o.op.ptr.ptr = address;
  o.op.ptr.rowLength = row;
  o.op.ptr.layerHeight = height;
  return o;
}

int main() {
  Gpu gpu;
  CUstream stream = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));

  // 8 × 4 floats inside rows of 16, into an array at (2, 1), and from there back without gaps.
  const size_t kRow = 16, kWidth = 8, kHeight = 4;
  std::vector<float> from(kRow * kHeight), to(kWidth * kHeight, -1);
  for (size_t i = 0; i < from.size(); i++) from[i] = float(i);
  CUdeviceptr source = allocate(from.size() * 4), target = allocate(to.size() * 4);
  CU(cuMemcpyHtoD_v2(source, from.data(), from.size() * 4));
  CUDA_ARRAY3D_DESCRIPTOR shape{};
  shape.Width = 16;
  shape.Height = 8;
  shape.Format = CU_AD_FORMAT_FLOAT;
  shape.NumChannels = 1;
  CUarray array = nullptr;
  CU(cuArray3DCreate_v2(&array, &shape));
  CUmemcpy3DOperand place{};
  place.type = CU_MEMCPY_OPERAND_TYPE_ARRAY;
  place.op.array.array = array;
  place.op.array.offset = {2, 1, 0};
  CUDA_MEMCPY3D_BATCH_OP op{};
  op.src = memory(source, kRow, kHeight);
  op.dst = place;
  op.extent = {kWidth, kHeight, 1};
  op.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
  CU(cuMemcpy3DBatchAsync_v2(1, &op, 0, stream));
  CU(cuStreamSynchronize(stream));
  op.src = place;
  op.dst = memory(target, 0, 0);
  CU(cuMemcpy3DBatchAsync_v2(1, &op, 0, stream));
  CU(cuStreamSynchronize(stream));
  CU(cuMemcpyDtoH_v2(to.data(), target, to.size() * 4));
  for (size_t y = 0; y < kHeight; y++)
    for (size_t x = 0; x < kWidth; x++) CHECK(to[y * kWidth + x] == from[y * kRow + x]);

  // Memory to memory: elements are bytes. Two copies at once, one of them from the host.
  static unsigned char host[64];
  for (int i = 0; i < 64; i++) host[i] = (unsigned char)(200 - i);
  CUdeviceptr first = allocate(64), second = allocate(64);
  CU(cuMemsetD8_v2(first, 7, 64));
  CU(cuStreamSynchronize(nullptr));      // the stream does not wait for the default one
  CUDA_MEMCPY3D_BATCH_OP two[2] = {};
  two[0].src = memory((CUdeviceptr)(size_t)host, 0, 0);
  two[0].dst = memory(first, 32, 2);
  two[1].src = memory(source, 0, 0);
  two[1].dst = memory(second, 0, 0);
  two[0].extent = {16, 2, 1};
  two[1].extent = {64, 1, 1};
  two[0].srcAccessOrder = two[1].srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM;
  CU(cuMemcpy3DBatchAsync_v2(2, two, 0, stream));
  CU(cuStreamSynchronize(stream));
  unsigned char seen[64];
  CU(cuMemcpyDtoH_v2(seen, first, 64));
  for (int i = 0; i < 64; i++) CHECK(seen[i] == (i % 32 < 16 ? host[i / 32 * 16 + i % 32] : 7));
  CU(cuMemcpyDtoH_v2(seen, second, 64));
  CHECK(memcmp(seen, from.data(), 64) == 0);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemcpy3DBatchAsync_v2(0, two, 0, stream));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemcpy3DBatchAsync_v2(2, nullptr, 0, stream));

  CU(cuArrayDestroy(array));
  CU(cuStreamDestroy_v2(stream));

  CUdeviceptr managed = 0;
  CUresult rc = cuMemAllocManaged(&managed, 1 << 20, CU_MEM_ATTACH_GLOBAL);
  if (rc == CUDA_ERROR_NOT_SUPPORTED) return 0;   // no managed memory here
  CU(rc);
  CU(cuMemAdvise(managed, 1 << 20, CU_MEM_ADVISE_SET_READ_MOSTLY, gpu.device));
  int mostly = -1, where = -1;
  void* data[] = {&mostly, &where};
  size_t sizes[] = {sizeof mostly, sizeof where};
  CUmem_range_attribute attributes[] = {CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY, CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION};
  CU(cuMemRangeGetAttributes(data, sizes, attributes, 2, managed, 1 << 20));
  CHECK(mostly == 1 && where == CU_DEVICE_INVALID);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemRangeGetAttributes(data, sizes, attributes, 0, managed, 1 << 20));
  CU(cuMemFree_v2(managed));
}
