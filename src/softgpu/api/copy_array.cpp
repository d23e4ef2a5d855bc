// Copies between the first row of an array and one range of bytes: cuMemcpyHtoA and its like. Any thread may call.
#include "softgpu/api/array.h"
#include "softgpu/api/copy.h"

using namespace softgpu::api;

namespace {

struct End {                    // one side of a copy: an array with an offset, or an address
  CUarray array = nullptr;
  size_t offset = 0;
  CUmemorytype type = CU_MEMORYTYPE_ARRAY;
  CUdeviceptr device = 0;
  const void* host = nullptr;
};
End in(CUarray array, size_t offset) { return {.array = array, .offset = offset}; }
End at(CUdeviceptr device) { return {.type = CU_MEMORYTYPE_DEVICE, .device = device}; }
End at(const void* host) { return {.type = CU_MEMORYTYPE_HOST, .host = host}; }

CUresult make(const Context& context, const End& dst, const End& src, size_t bytes, CopyWork* out) {
  if (!bytes) return CUDA_SUCCESS;
  CUDA_MEMCPY3D a = {};
  a.srcMemoryType = src.type, a.srcDevice = src.device, a.srcHost = src.host, a.srcArray = src.array, a.srcXInBytes = src.offset;
  a.dstMemoryType = dst.type, a.dstDevice = dst.device, a.dstHost = const_cast<void*>(dst.host), a.dstArray = dst.array, a.dstXInBytes = dst.offset;
  a.WidthInBytes = bytes, a.Height = a.Depth = 1;
  return make_copy(context, a, out);
}

CUresult sync(const End& dst, const End& src, size_t bytes) {
  ContextRef context;
  TRY(enter(&context));
  CopyWork copy;
  TRY(make(*context, dst, src, bytes, &copy));
  return copy_sync(context, nullptr, std::move(copy));
}
CUresult async(const End& dst, const End& src, size_t bytes, CUstream h) {
  ContextRef context;
  TRY(enter(&context));
  StreamRef stream;
  TRY(find_stream(h, context, &stream));
  CopyWork copy;
  TRY(make(*context, dst, src, bytes, &copy));
  return copy_async(stream, std::move(copy));
}

}  // namespace

extern "C" {

CUresult cuMemcpyHtoA_v2(CUarray dstArray, size_t dstOffset, const void* srcHost, size_t ByteCount) {
  return sync(in(dstArray, dstOffset), at(srcHost), ByteCount);
}
CUresult cuMemcpyAtoH_v2(void* dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return sync(at(dstHost), in(srcArray, srcOffset), ByteCount);
}
CUresult cuMemcpyHtoAAsync_v2(CUarray dstArray, size_t dstOffset, const void* srcHost, size_t ByteCount, CUstream hStream) {
  return async(in(dstArray, dstOffset), at(srcHost), ByteCount, hStream);
}
CUresult cuMemcpyAtoHAsync_v2(void* dstHost, CUarray srcArray, size_t srcOffset, size_t ByteCount, CUstream hStream) {
  return async(at(dstHost), in(srcArray, srcOffset), ByteCount, hStream);
}
// Within device memory the driver queues the copy and returns.
CUresult cuMemcpyDtoA_v2(CUarray dstArray, size_t dstOffset, CUdeviceptr srcDevice, size_t ByteCount) {
  return async(in(dstArray, dstOffset), at(srcDevice), ByteCount, nullptr);
}
CUresult cuMemcpyAtoD_v2(CUdeviceptr dstDevice, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return async(at(dstDevice), in(srcArray, srcOffset), ByteCount, nullptr);
}
CUresult cuMemcpyAtoA_v2(CUarray dstArray, size_t dstOffset, CUarray srcArray, size_t srcOffset, size_t ByteCount) {
  return async(in(dstArray, dstOffset), in(srcArray, srcOffset), ByteCount, nullptr);
}

}  // extern "C"
