// tfCopyBox: cuMemcpy2D/3D between devices and arrays. By hand because the descriptor holds handles.
#include "worker/handlers.h"
#include "worker/mirror.h"

namespace worker::serve {

// A unified address may be one of host memory; that of this process is nobody's business but for what stands here for a client's.
static bool in_mirror(Session& s, CUdeviceptr p, size_t pitch, size_t height, const CUDA_MEMCPY3D& c) {
  size_t rows, bytes;
  if (!c.Depth || !c.Height || __builtin_mul_overflow(height, c.Depth - 1, &rows) || __builtin_add_overflow(rows, c.Height - 1, &rows) ||
      __builtin_mul_overflow(rows, pitch, &bytes) || __builtin_add_overflow(bytes, c.WidthInBytes, &bytes))
    return false;
  auto reading = s.mirror().reading();
  return s.mirror().covers(p, bytes);
}

int tfCopyBox(Session& s, Request&, wire::tfCopyBox::Args& a, wire::tfCopyBox::Outs&) {
  CUDA_MEMCPY3D copy;
  if (a.bytes != sizeof copy || !a.copy) return CUDA_ERROR_INVALID_VALUE;
  memcpy(&copy, a.copy, sizeof copy);
  CUstream stream{};
  CUarray src{}, dst{};
  if (!s.real(a.srcArray, wire::kCUarray, &src) || !s.real(a.dstArray, wire::kCUarray, &dst) || !s.real(a.hStream, wire::kCUstream, &stream)) return CUDA_ERROR_INVALID_HANDLE;
  if (copy.srcMemoryType == CU_MEMORYTYPE_UNIFIED && (copy.srcXInBytes || copy.srcY || copy.srcZ || !in_mirror(s, copy.srcDevice, copy.srcPitch, copy.srcHeight, copy)))
    return CUDA_ERROR_INVALID_VALUE;
  if (copy.dstMemoryType == CU_MEMORYTYPE_UNIFIED && (copy.dstXInBytes || copy.dstY || copy.dstZ || !in_mirror(s, copy.dstDevice, copy.dstPitch, copy.dstHeight, copy)))
    return CUDA_ERROR_INVALID_VALUE;
  for (CUmemorytype type : {copy.srcMemoryType, copy.dstMemoryType})
    if (type != CU_MEMORYTYPE_DEVICE && type != CU_MEMORYTYPE_ARRAY && type != CU_MEMORYTYPE_UNIFIED) return CUDA_ERROR_INVALID_VALUE;
  copy.srcHost = nullptr;
  copy.dstHost = nullptr;
  copy.srcArray = src;
  copy.dstArray = dst;
  return call(s.driver.cuMemcpy3DAsync_v2, &copy, stream);
}

int tfCopyBoxPeer(Session& s, Request&, wire::tfCopyBoxPeer::Args& a, wire::tfCopyBoxPeer::Outs&) {
  CUDA_MEMCPY3D_PEER copy;
  if (a.bytes != sizeof copy || !a.copy) return CUDA_ERROR_INVALID_VALUE;
  memcpy(&copy, a.copy, sizeof copy);
  CUstream stream{};
  if (!s.real(a.srcArray, wire::kCUarray, &copy.srcArray) || !s.real(a.dstArray, wire::kCUarray, &copy.dstArray) || !s.real(a.hStream, wire::kCUstream, &stream))
    return CUDA_ERROR_INVALID_HANDLE;
  if (!s.real(a.srcContext, wire::kCUcontext, &copy.srcContext) || !s.real(a.dstContext, wire::kCUcontext, &copy.dstContext)) return CUDA_ERROR_INVALID_CONTEXT;
  for (CUmemorytype type : {copy.srcMemoryType, copy.dstMemoryType})
    if (type != CU_MEMORYTYPE_DEVICE && type != CU_MEMORYTYPE_ARRAY) return CUDA_ERROR_INVALID_VALUE;
  copy.srcHost = nullptr;
  copy.dstHost = nullptr;
  return a.waits ? call(s.driver.cuMemcpy3DPeer, &copy) : call(s.driver.cuMemcpy3DPeerAsync, &copy, stream);
}

}  // namespace worker::serve
