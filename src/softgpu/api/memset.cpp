// Fills of device memory in one and two dimensions. The forms without a stream follow the legacy stream and do not wait for device
// memory, as in the driver; a fill of host-visible memory is waited for. Any thread may call.
#include "softgpu/api/copy.h"
#include "softgpu/api/memory.h"

namespace softgpu::api {

CUresult make_memset(const Context& context, uint64_t dst, size_t pitch, uint32_t value, uint32_t element, size_t width, size_t height,
                     MemsetWork* out) {
  REQUIRE(element == 1 || element == 2 || element == 4);
  REQUIRE(dst % element == 0 && pitch % element == 0);
  size_t row_bytes;
  REQUIRE(!__builtin_mul_overflow(width, size_t(element), &row_bytes));
  if (row_bytes && height) {
    REQUIRE(height == 1 || pitch >= row_bytes);
    REQUIRE(dst && device_range(context, dst, (height - 1) * pitch + row_bytes));
  }
  *out = {.dst = dst, .pitch = pitch, .value = value, .element = element, .width = width, .height = height};
  return CUDA_SUCCESS;
}

}  // namespace softgpu::api

using namespace softgpu::api;

namespace {

CUresult fill(uint64_t dst, size_t pitch, uint32_t value, uint32_t element, size_t width, size_t height, CUstream h, bool may_wait) {
  ContextRef context;
  TRY(enter(&context));
  StreamRef stream;
  TRY(find_stream(h, context, &stream));
  MemsetWork work;
  TRY(make_memset(*context, dst, pitch, value, element, width, height, &work));
  if (!width || !height) return CUDA_SUCCESS;
  if (may_wait && !in_device_window(dst)) return enqueue_and_wait(stream, work);
  return enqueue(stream, work);
}

}  // namespace

#define MEMSET(Bits, Type, element)                                                                              \
  CUresult cuMemsetD##Bits##_v2(CUdeviceptr dstDevice, Type value, size_t N) {                                   \
    return fill(dstDevice, 0, value, element, N, 1, nullptr, true);                                              \
  }                                                                                                              \
  CUresult cuMemsetD##Bits##Async(CUdeviceptr dstDevice, Type value, size_t N, CUstream hStream) {               \
    return fill(dstDevice, 0, value, element, N, 1, hStream, false);                                             \
  }                                                                                                              \
  CUresult cuMemsetD2D##Bits##_v2(CUdeviceptr dstDevice, size_t dstPitch, Type value, size_t Width, size_t Height) { \
    return fill(dstDevice, dstPitch, value, element, Width, Height, nullptr, true);                              \
  }                                                                                                              \
  CUresult cuMemsetD2D##Bits##Async(CUdeviceptr dstDevice, size_t dstPitch, Type value, size_t Width, size_t Height, CUstream hStream) { \
    return fill(dstDevice, dstPitch, value, element, Width, Height, hStream, false);                             \
  }

extern "C" {
MEMSET(8, unsigned char, 1)     // cuMemsetD8_v2, cuMemsetD8Async, cuMemsetD2D8_v2, cuMemsetD2D8Async
MEMSET(16, unsigned short, 2)   // cuMemsetD16_v2, cuMemsetD16Async, cuMemsetD2D16_v2, cuMemsetD2D16Async
MEMSET(32, unsigned int, 4)     // cuMemsetD32_v2, cuMemsetD32Async, cuMemsetD2D32_v2, cuMemsetD2D32Async
}  // extern "C"
