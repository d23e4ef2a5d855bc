// Two-dimensional copies: pitches, offsets, all three directions, and what is refused.
#include "check.h"

int main() {
  Gpu gpu;
  const size_t width = 50, height = 7, host_pitch = 64;
  std::vector<unsigned char> source(host_pitch * height), target(host_pitch * height, 0xee);
  for (size_t i = 0; i < source.size(); i++) source[i] = i * 7;
  CUdeviceptr device = 0, other = allocate(128 * height);
  size_t pitch = 0;
  CU(cuMemAllocPitch_v2(&device, &pitch, width, height, 4));
  CU(cuMemsetD2D8_v2(device, pitch, 0x11, width, height));

  CUDA_MEMCPY2D copy{};
  copy.srcMemoryType = CU_MEMORYTYPE_HOST, copy.srcHost = source.data(), copy.srcPitch = host_pitch;
  copy.dstMemoryType = CU_MEMORYTYPE_DEVICE, copy.dstDevice = device, copy.dstPitch = pitch;
  copy.srcXInBytes = 3, copy.srcY = 1, copy.dstXInBytes = 2, copy.dstY = 2;
  copy.WidthInBytes = 20, copy.Height = 4;
  CU(cuMemcpy2D_v2(&copy));

  CUDA_MEMCPY2D across{};
  across.srcMemoryType = CU_MEMORYTYPE_DEVICE, across.srcDevice = device, across.srcPitch = pitch;
  across.dstMemoryType = CU_MEMORYTYPE_DEVICE, across.dstDevice = other, across.dstPitch = 128;
  across.WidthInBytes = width, across.Height = height;
  CU(cuMemcpy2DUnaligned_v2(&across));

  CUDA_MEMCPY2D back{};
  back.srcMemoryType = CU_MEMORYTYPE_DEVICE, back.srcDevice = other, back.srcPitch = 128;
  back.dstMemoryType = CU_MEMORYTYPE_HOST, back.dstHost = target.data(), back.dstPitch = host_pitch;
  back.WidthInBytes = width, back.Height = height;
  CU(cuMemcpy2DAsync_v2(&back, nullptr));
  CU(cuCtxSynchronize());

  for (size_t y = 0; y < height; y++)
    for (size_t x = 0; x < host_pitch; x++) {
      bool inside = x >= 2 && x < 22 && y >= 2 && y < 6;
      unsigned char wanted = x >= width ? 0xee : inside ? source[(y - 2 + 1) * host_pitch + x - 2 + 3] : 0x11;
      CHECK(target[y * host_pitch + x] == wanted);
    }
  back.srcPitch = width - 1;  // shorter than a row
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D_v2(&back));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemcpy2D_v2(nullptr));
}
