// cuMemcpy2D and cuMemcpy3D: the descriptor is taken apart by what each side is; host sides travel as in copy.cpp, the rest as tfCopyBox.
#include "client/copy.h"
#include "client/capture.h"
#include "client/graph_part.h"
#include "client/memory_map.h"
#include "client/mirror.h"
#include "wire/session.h"

namespace client {

static CUDA_MEMCPY3D widen(const CUDA_MEMCPY2D& c) {
  CUDA_MEMCPY3D w{};
  w.srcXInBytes = c.srcXInBytes; w.srcY = c.srcY; w.srcMemoryType = c.srcMemoryType; w.srcHost = c.srcHost; w.srcDevice = c.srcDevice; w.srcArray = c.srcArray; w.srcPitch = c.srcPitch;
  w.dstXInBytes = c.dstXInBytes; w.dstY = c.dstY; w.dstMemoryType = c.dstMemoryType; w.dstHost = c.dstHost; w.dstDevice = c.dstDevice; w.dstArray = c.dstArray; w.dstPitch = c.dstPitch;
  w.WidthInBytes = c.WidthInBytes; w.Height = c.Height; w.Depth = 1;
  return w;
}

// Says which kind of memory a side is; a unified address tells by itself.
static CUmemorytype resolve(CUmemorytype type, CUdeviceptr device, const void** host) {
  Range r;
  if (type == CU_MEMORYTYPE_UNIFIED && !(find_range(device, &r) && !is_host(r.place))) {
    *host = reinterpret_cast<const void*>(device);
    return CU_MEMORYTYPE_HOST;
  }
  return type == CU_MEMORYTYPE_UNIFIED ? CU_MEMORYTYPE_DEVICE : type;
}

// peer: what c was made from, when each side has its context.
static CUresult copy_box(CUDA_MEMCPY3D c, CUstream stream, Wait wait, const CUDA_MEMCPY3D_PEER* peer = nullptr) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (!c.WidthInBytes || !c.Height || !c.Depth) return CUDA_SUCCESS;
  if (c.srcLOD || c.dstLOD) return CUDA_ERROR_INVALID_VALUE;
  if (wait == Wait::none && captures(at.stream(stream))) return capture_copy(c, stream);
  for (CUmemorytype t : {c.srcMemoryType, c.dstMemoryType})
    if (t < CU_MEMORYTYPE_HOST || t > CU_MEMORYTYPE_UNIFIED) return CUDA_ERROR_INVALID_VALUE;
  const void* to_host = c.dstHost;
  c.srcMemoryType = resolve(c.srcMemoryType, c.srcDevice, &c.srcHost);
  c.dstMemoryType = resolve(c.dstMemoryType, c.dstDevice, &to_host);
  for (auto [type, pitch] : {std::pair{c.srcMemoryType, c.srcPitch}, std::pair{c.dstMemoryType, c.dstPitch}})
    if (type != CU_MEMORYTYPE_ARRAY && pitch && pitch < c.WidthInBytes) return CUDA_ERROR_INVALID_VALUE;
  if (!c.srcPitch) c.srcPitch = c.srcXInBytes + c.WidthInBytes;   // one row
  if (!c.dstPitch) c.dstPitch = c.dstXInBytes + c.WidthInBytes;
  size_t src_slice = c.srcPitch * (c.srcHeight ? c.srcHeight : c.Height), dst_slice = c.dstPitch * (c.dstHeight ? c.dstHeight : c.Height);
  size_t src_at = c.srcZ * src_slice + c.srcY * c.srcPitch + c.srcXInBytes, dst_at = c.dstZ * dst_slice + c.dstY * c.dstPitch + c.dstXInBytes;
  HostBox from{const_cast<char*>(static_cast<const char*>(c.srcHost)) + src_at, c.srcPitch, src_slice};
  HostBox to{const_cast<char*>(static_cast<const char*>(to_host)) + dst_at, c.dstPitch, dst_slice};
  DeviceBox src, dst;
  src.width = dst.width = c.WidthInBytes;
  src.rows = dst.rows = c.Height;
  src.depth = dst.depth = c.Depth;
  if (c.srcMemoryType == CU_MEMORYTYPE_ARRAY) src.array = c.srcArray, src.x = c.srcXInBytes, src.y = c.srcY, src.z = c.srcZ;
  else src.device = c.srcDevice + src_at, src.pitch = c.srcPitch, src.slice = src_slice;
  if (c.dstMemoryType == CU_MEMORYTYPE_ARRAY) dst.array = c.dstArray, dst.x = c.dstXInBytes, dst.y = c.dstY, dst.z = c.dstZ;
  else dst.device = c.dstDevice + dst_at, dst.pitch = c.dstPitch, dst.slice = dst_slice;
  bool src_host = c.srcMemoryType == CU_MEMORYTYPE_HOST, dst_host = c.dstMemoryType == CU_MEMORYTYPE_HOST;
  if (src_host && dst_host) {
    if (CUresult rc = ::cuStreamSynchronize(stream)) return rc;
    for (size_t z = 0; z < c.Depth; z++)
      for (size_t y = 0; y < c.Height; y++)
        memmove(static_cast<char*>(to.p) + z * dst_slice + y * c.dstPitch, static_cast<char*>(from.p) + z * src_slice + y * c.srcPitch, c.WidthInBytes);
    return CUDA_SUCCESS;
  }
  if (src_host) return write_box(dst, from, stream, wait);
  if (dst_host) return read_box(to, src, stream, wait);
  CUarray src_array = c.srcMemoryType == CU_MEMORYTYPE_ARRAY ? c.srcArray : nullptr, dst_array = c.dstMemoryType == CU_MEMORYTYPE_ARRAY ? c.dstArray : nullptr;
  if (!c.srcHeight) c.srcHeight = c.Height;
  if (!c.dstHeight) c.dstHeight = c.Height;
  if (c.srcMemoryType == CU_MEMORYTYPE_DEVICE) device_reaches(c.srcDevice);
  if (c.dstMemoryType == CU_MEMORYTYPE_DEVICE) device_reaches(c.dstDevice);
  c.srcHost = nullptr; c.dstHost = nullptr; c.srcArray = nullptr; c.dstArray = nullptr;
  const bool seen = host_sees(c.srcDevice) || host_sees(c.dstDevice);
  CUresult rc;
  if (peer) {
    CUDA_MEMCPY3D_PEER p = *peer;
    p.srcMemoryType = c.srcMemoryType; p.srcPitch = c.srcPitch; p.srcHeight = c.srcHeight; p.srcHost = nullptr; p.srcArray = nullptr; p.srcContext = nullptr;
    p.dstMemoryType = c.dstMemoryType; p.dstPitch = c.dstPitch; p.dstHeight = c.dstHeight; p.dstHost = nullptr; p.dstArray = nullptr; p.dstContext = nullptr;
    rc = remote::tfCopyBoxPeer(src_array, peer->srcContext, dst_array, peer->dstContext, &p, sizeof p, wait == Wait::done, stream);
  } else {
    rc = remote::tfCopyBox(src_array, dst_array, &c, sizeof c, stream);
  }
  return rc || wait == Wait::none || !seen ? rc : remote::cuStreamSynchronize(stream);
}

}  // namespace client

using namespace client;

EXPORT CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D* pCopy) { return pCopy ? copy_box(widen(*pCopy), nullptr, Wait::done) : CUDA_ERROR_INVALID_VALUE; }
EXPORT CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* pCopy) { return cuMemcpy2D_v2(pCopy); }
EXPORT CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* pCopy, CUstream hStream) { return pCopy ? copy_box(widen(*pCopy), hStream, Wait::none) : CUDA_ERROR_INVALID_VALUE; }
EXPORT CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D* pCopy) { return pCopy ? copy_box(*pCopy, nullptr, Wait::done) : CUDA_ERROR_INVALID_VALUE; }
EXPORT CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* pCopy, CUstream hStream) { return pCopy ? copy_box(*pCopy, hStream, Wait::none) : CUDA_ERROR_INVALID_VALUE; }

static CUDA_MEMCPY3D without_contexts(const CUDA_MEMCPY3D_PEER& p) {
  CUDA_MEMCPY3D c{};
  c.srcXInBytes = p.srcXInBytes; c.srcY = p.srcY; c.srcZ = p.srcZ; c.srcLOD = p.srcLOD; c.srcMemoryType = p.srcMemoryType; c.srcHost = p.srcHost; c.srcDevice = p.srcDevice;
  c.srcArray = p.srcArray; c.srcPitch = p.srcPitch; c.srcHeight = p.srcHeight;
  c.dstXInBytes = p.dstXInBytes; c.dstY = p.dstY; c.dstZ = p.dstZ; c.dstLOD = p.dstLOD; c.dstMemoryType = p.dstMemoryType; c.dstHost = p.dstHost; c.dstDevice = p.dstDevice;
  c.dstArray = p.dstArray; c.dstPitch = p.dstPitch; c.dstHeight = p.dstHeight;
  c.WidthInBytes = p.WidthInBytes; c.Height = p.Height; c.Depth = p.Depth;
  return c;
}
EXPORT CUresult cuMemcpy3DPeer(const CUDA_MEMCPY3D_PEER* pCopy) { return pCopy ? copy_box(without_contexts(*pCopy), nullptr, Wait::done, pCopy) : CUDA_ERROR_INVALID_VALUE; }
EXPORT CUresult cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER* pCopy, CUstream hStream) {
  return pCopy ? copy_box(without_contexts(*pCopy), hStream, Wait::none, pCopy) : CUDA_ERROR_INVALID_VALUE;
}
