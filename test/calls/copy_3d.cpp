// Three-dimensional copies: a box out of one volume into another, through the device.
#include "check.h"

int main() {
  Gpu gpu;
  const size_t x = 32, y = 6, z = 5;
  std::vector<unsigned char> source(x * y * z), target(x * y * z, 0xee);
  for (size_t i = 0; i < source.size(); i++) source[i] = i * 13;
  CUdeviceptr device = allocate(x * y * z);
  CU(cuMemsetD8_v2(device, 0x11, x * y * z));

  CUDA_MEMCPY3D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST, copy.srcHost = source.data(), copy.srcPitch = x, copy.srcHeight = y;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE, copy.dstDevice = device, copy.dstPitch = x, copy.dstHeight = y;
  copy.srcXInBytes = 4, copy.srcY = 1, copy.srcZ = 2;
  copy.dstXInBytes = 8, copy.dstY = 2, copy.dstZ = 1;
  copy.WidthInBytes = 10, copy.Height = 3, copy.Depth = 2;
  CU(cuMemcpy3D_v2(&copy));

  CUDA_MEMCPY3D back{};
  back.srcMemoryType = CU_MEMORYTYPE_DEVICE, back.srcDevice = device, back.srcPitch = x, back.srcHeight = y;
  back.dstMemoryType = CU_MEMORYTYPE_HOST, back.dstHost = target.data(), back.dstPitch = x, back.dstHeight = y;
  back.WidthInBytes = x, back.Height = y, back.Depth = z;
  CU(cuMemcpy3DAsync_v2(&back, nullptr));
  CU(cuCtxSynchronize());

  for (size_t k = 0; k < z; k++)
    for (size_t j = 0; j < y; j++)
      for (size_t i = 0; i < x; i++) {
        bool inside = i >= 8 && i < 18 && j >= 2 && j < 5 && k >= 1 && k < 3;
        unsigned char wanted = inside ? source[((k + 1) * y + j - 1) * x + i - 4] : 0x11;
        CHECK(target[(k * y + j) * x + i] == wanted);
      }
}
