// tfCopyBox: cuMemcpy2D/3D between devices and arrays. By hand because the descriptor holds handles.
#include "worker/handlers.h"

namespace worker::serve {

int tfCopyBox(Session& s, Request&, wire::tfCopyBox::Args& a, wire::tfCopyBox::Outs&) {
  CUDA_MEMCPY3D copy;
  if (a.bytes != sizeof copy || !a.copy) return CUDA_ERROR_INVALID_VALUE;
  memcpy(&copy, a.copy, sizeof copy);
  CUstream stream{};
  CUarray src{}, dst{};
  if (!s.real(a.srcArray, wire::kCUarray, &src) || !s.real(a.dstArray, wire::kCUarray, &dst) || !s.real(a.hStream, wire::kCUstream, &stream)) return CUDA_ERROR_INVALID_HANDLE;
  for (CUmemorytype type : {copy.srcMemoryType, copy.dstMemoryType})
    if (type != CU_MEMORYTYPE_DEVICE && type != CU_MEMORYTYPE_ARRAY) return CUDA_ERROR_INVALID_VALUE;   // a host address here would be this process's own
  copy.srcHost = nullptr;
  copy.dstHost = nullptr;
  copy.srcArray = src;
  copy.dstArray = dst;
  return call(s.driver.cuMemcpy3DAsync_v2, &copy, stream);
}

}  // namespace worker::serve
