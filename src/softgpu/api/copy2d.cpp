// Copies in two and three dimensions between host memory, device memory and arrays. Any thread may call.
#include "softgpu/api/array.h"
#include "softgpu/api/copy.h"
#include "softgpu/api/memory.h"

namespace softgpu::api {

namespace {

// One side of a 3D copy: its first byte and its strides.
struct Placed {
  uint64_t first;
  size_t pitch, slice;
};

CUresult place_in_array(CUarray h, size_t x, size_t y, size_t z, const CUDA_MEMCPY3D& asked, Placed* out) {
  REQUIRE(h);
  ArrayRef a = arrays().find(h);
  if (!a) return CUDA_ERROR_INVALID_HANDLE;
  auto fits = [](size_t at, size_t n, size_t size) { return at <= size && n <= size - at; };
  REQUIRE(fits(x, asked.WidthInBytes, a->row_bytes()) && fits(y, asked.Height, a->box.height) && fits(z, asked.Depth, a->box.depth));
  *out = {a->box.base + z * a->box.slice + y * a->box.pitch + x, a->box.pitch, a->box.slice};
  return CUDA_SUCCESS;
}

CUresult place(const Context& context, CUmemorytype type, const void* host, CUdeviceptr device, CUarray array, size_t pitch, size_t rows,
               size_t x, size_t y, size_t z, const CUDA_MEMCPY3D& asked, Placed* out) {
  if (type == CU_MEMORYTYPE_ARRAY) return place_in_array(array, x, y, z, asked, out);
  REQUIRE(type == CU_MEMORYTYPE_HOST || type == CU_MEMORYTYPE_DEVICE || type == CU_MEMORYTYPE_UNIFIED);
  if (pitch == 0) pitch = x + asked.WidthInBytes;
  if (rows == 0) rows = y + asked.Height;
  REQUIRE(pitch >= x + asked.WidthInBytes || (asked.Height <= 1 && asked.Depth <= 1));
  REQUIRE(rows >= y + asked.Height || asked.Depth <= 1);
  uint64_t base = type == CU_MEMORYTYPE_HOST ? reinterpret_cast<uint64_t>(host) : device;
  REQUIRE(base);
  out->pitch = pitch;
  out->slice = pitch * rows;
  out->first = base + z * out->slice + y * pitch + x;
  if (asked.WidthInBytes && asked.Height && asked.Depth) {
    size_t span = (asked.Depth - 1) * out->slice + (asked.Height - 1) * pitch + asked.WidthInBytes;
    bool must_be_device = type == CU_MEMORYTYPE_DEVICE || in_device_window(out->first);
    REQUIRE(!must_be_device || device_range(context, out->first, span));
  }
  return CUDA_SUCCESS;
}

}  // namespace

CUresult make_copy(const Context& context, const CUDA_MEMCPY3D& a, CopyWork* out) {
  REQUIRE(a.srcLOD == 0 && a.dstLOD == 0);
  Placed dst, src;
  TRY(place(context, a.dstMemoryType, a.dstHost, a.dstDevice, a.dstArray, a.dstPitch, a.dstHeight, a.dstXInBytes, a.dstY, a.dstZ, a, &dst));
  TRY(place(context, a.srcMemoryType, a.srcHost, a.srcDevice, a.srcArray, a.srcPitch, a.srcHeight, a.srcXInBytes, a.srcY, a.srcZ, a, &src));
  out->dst = dst.first, out->dst_pitch = dst.pitch, out->dst_slice = dst.slice;
  out->src = src.first, out->src_pitch = src.pitch, out->src_slice = src.slice;
  out->width = a.WidthInBytes, out->height = a.Height, out->depth = a.Depth;
  out->asked = a;
  return CUDA_SUCCESS;
}

}  // namespace softgpu::api

using namespace softgpu::api;

namespace {

CUDA_MEMCPY3D in_three(const CUDA_MEMCPY2D& c) {
  CUDA_MEMCPY3D a = {};
  a.srcXInBytes = c.srcXInBytes, a.srcY = c.srcY, a.srcMemoryType = c.srcMemoryType;
  a.srcHost = c.srcHost, a.srcDevice = c.srcDevice, a.srcArray = c.srcArray, a.srcPitch = c.srcPitch;
  a.dstXInBytes = c.dstXInBytes, a.dstY = c.dstY, a.dstMemoryType = c.dstMemoryType;
  a.dstHost = c.dstHost, a.dstDevice = c.dstDevice, a.dstArray = c.dstArray, a.dstPitch = c.dstPitch;
  a.WidthInBytes = c.WidthInBytes, a.Height = c.Height, a.Depth = 1;
  return a;
}

CUDA_MEMCPY3D without_contexts(const CUDA_MEMCPY3D_PEER& c) {
  CUDA_MEMCPY3D a = {};
  a.srcXInBytes = c.srcXInBytes, a.srcY = c.srcY, a.srcZ = c.srcZ, a.srcMemoryType = c.srcMemoryType;
  a.srcHost = c.srcHost, a.srcDevice = c.srcDevice, a.srcArray = c.srcArray, a.srcPitch = c.srcPitch, a.srcHeight = c.srcHeight;
  a.dstXInBytes = c.dstXInBytes, a.dstY = c.dstY, a.dstZ = c.dstZ, a.dstMemoryType = c.dstMemoryType;
  a.dstHost = c.dstHost, a.dstDevice = c.dstDevice, a.dstArray = c.dstArray, a.dstPitch = c.dstPitch, a.dstHeight = c.dstHeight;
  a.WidthInBytes = c.WidthInBytes, a.Height = c.Height, a.Depth = c.Depth;
  return a;
}

// The context of a side that is on a device; null for a host's.
CUresult side_context(CUmemorytype type, CUcontext h, ContextRef* out) {
  return type == CU_MEMORYTYPE_HOST || type == CU_MEMORYTYPE_UNIFIED ? CUDA_SUCCESS : find_context(h, out);
}

// What was queued in the default streams of both sides' contexts has run.
CUresult finish(const CUDA_MEMCPY3D_PEER& c) {
  for (auto [type, h] : {std::pair{c.dstMemoryType, c.dstContext}, std::pair{c.srcMemoryType, c.srcContext}}) {
    ContextRef context;
    TRY(side_context(type, h, &context));
    if (!context) continue;
    context_stack().push_back(context);
    const CUresult rc = cuStreamSynchronize(nullptr);
    context_stack().pop_back();
    TRY(rc);
  }
  return CUDA_SUCCESS;
}

CUresult sync3(const CUDA_MEMCPY3D& asked) {
  ContextRef context;
  TRY(enter(&context));
  CopyWork copy;
  TRY(make_copy(*context, asked, &copy));
  return copy_sync(context, nullptr, std::move(copy));
}

CUresult async3(const CUDA_MEMCPY3D& asked, CUstream h) {
  ContextRef context;
  TRY(enter(&context));
  StreamRef stream;
  TRY(find_stream(h, context, &stream));
  CopyWork copy;
  TRY(make_copy(*context, asked, &copy));
  return copy_async(stream, std::move(copy));
}

}  // namespace

extern "C" {

CUresult cuMemcpy2D_v2(const CUDA_MEMCPY2D* pCopy) {
  TRY(initialized());
  REQUIRE(pCopy);
  return sync3(in_three(*pCopy));
}
CUresult cuMemcpy2DUnaligned_v2(const CUDA_MEMCPY2D* pCopy) { return cuMemcpy2D_v2(pCopy); }
CUresult cuMemcpy2DAsync_v2(const CUDA_MEMCPY2D* pCopy, CUstream hStream) {
  TRY(initialized());
  REQUIRE(pCopy);
  return async3(in_three(*pCopy), hStream);
}
CUresult cuMemcpy3D_v2(const CUDA_MEMCPY3D* pCopy) {
  TRY(initialized());
  REQUIRE(pCopy);
  return sync3(*pCopy);
}
CUresult cuMemcpy3DAsync_v2(const CUDA_MEMCPY3D* pCopy, CUstream hStream) {
  TRY(initialized());
  REQUIRE(pCopy);
  return async3(*pCopy, hStream);
}
CUresult cuMemcpy3DPeer(const CUDA_MEMCPY3D_PEER* pCopy) {
  TRY(initialized());
  REQUIRE(pCopy);
  TRY(finish(*pCopy));
  return sync3(without_contexts(*pCopy));
}
CUresult cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER* pCopy, CUstream hStream) {
  TRY(initialized());
  REQUIRE(pCopy);
  ContextRef to, from;
  TRY(side_context(pCopy->dstMemoryType, pCopy->dstContext, &to));
  TRY(side_context(pCopy->srcMemoryType, pCopy->srcContext, &from));
  return async3(without_contexts(*pCopy), hStream);
}

}  // extern "C"
