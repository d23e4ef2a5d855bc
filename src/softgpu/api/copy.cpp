// Copies in one dimension, and what all copies share: range checks and staging of pageable memory. Any thread may call.
#include "softgpu/api/copy.h"

#include <cstring>

#include "softgpu/api/graph.h"
#include "softgpu/api/memory.h"

namespace softgpu::api {

namespace {
constexpr size_t kStagedCopy = 1 << 20;     // longer pageable sources are read before the call returns by waiting for the copy

bool valid_side(const Context& context, uint64_t address, Side side, size_t bytes) {
  if (!address) return false;
  if (side == Side::device) return device_range(context, address, bytes);
  return !in_device_window(address) || device_range(context, address, bytes);
}
}  // namespace

CUresult make_copy(const Context& context, uint64_t dst, Side dst_side, uint64_t src, Side src_side, size_t bytes, CopyWork* out) {
  if (!bytes) return CUDA_SUCCESS;
  REQUIRE(valid_side(context, dst, dst_side, bytes) && valid_side(context, src, src_side, bytes));
  out->dst = dst;
  out->src = src;
  out->width = out->dst_pitch = out->src_pitch = out->dst_slice = out->src_slice = bytes;
  CUDA_MEMCPY3D& a = out->asked;
  a.dstMemoryType = dst_side == Side::host ? CU_MEMORYTYPE_HOST : dst_side == Side::device ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_UNIFIED;
  a.srcMemoryType = src_side == Side::host ? CU_MEMORYTYPE_HOST : src_side == Side::device ? CU_MEMORYTYPE_DEVICE : CU_MEMORYTYPE_UNIFIED;
  if (dst_side == Side::host) a.dstHost = reinterpret_cast<void*>(dst);
  else a.dstDevice = dst;
  if (src_side == Side::host) a.srcHost = reinterpret_cast<const void*>(src);
  else a.srcDevice = src;
  a.WidthInBytes = a.srcPitch = a.dstPitch = bytes;
  a.Height = a.Depth = a.srcHeight = a.dstHeight = 1;
  return CUDA_SUCCESS;
}

CUresult copy_async(const StreamRef& stream, CopyWork copy) {
  if (!copy.width || !copy.height || !copy.depth) return CUDA_SUCCESS;
  if (is_capturing(stream)) return enqueue(stream, std::move(copy));
  const size_t src_span = (copy.depth - 1) * copy.src_slice + (copy.height - 1) * copy.src_pitch + copy.width;
  const size_t dst_span = (copy.depth - 1) * copy.dst_slice + (copy.height - 1) * copy.dst_pitch + copy.width;
  const bool src_pageable = !in_device_window(copy.src) && !pinned_range(copy.src, src_span);
  const bool dst_pageable = !in_device_window(copy.dst) && !pinned_range(copy.dst, dst_span);
  if (dst_pageable || (src_pageable && src_span > kStagedCopy)) return enqueue_and_wait(stream, std::move(copy));
  if (src_pageable) {
    TRY(refuse_implicit(stream));
    if (run_now(stream, [&] { return perform(copy, *stream->context); })) return CUDA_SUCCESS;
    auto* from = reinterpret_cast<const uint8_t*>(copy.src);
    copy.staged.assign(from, from + src_span);
  }
  return enqueue(stream, std::move(copy));
}

CUresult copy_sync(const ContextRef& context, CUstream h, CopyWork copy) {
  StreamRef stream;
  TRY(find_stream(h, context, &stream));
  if (!copy.width || !copy.height || !copy.depth) return CUDA_SUCCESS;
  return enqueue_and_wait(stream, std::move(copy));
}

}  // namespace softgpu::api

using namespace softgpu::api;

namespace {

uint64_t number(const void* p) { return reinterpret_cast<uint64_t>(p); }

CUresult sync1(uint64_t dst, Side dst_side, uint64_t src, Side src_side, size_t bytes) {
  ContextRef context;
  TRY(enter(&context));
  CopyWork copy;
  TRY(make_copy(*context, dst, dst_side, src, src_side, bytes, &copy));
  return copy_sync(context, nullptr, std::move(copy));
}

// In order with what other contexts do in their default streams: `context`'s work begins behind theirs, theirs goes on behind its.
CUresult order(const ContextRef& first, const ContextRef& then) {
  if (first == then) return CUDA_SUCCESS;
  context_stack().push_back(first);
  CUevent event = nullptr;
  CUresult rc = cuEventCreate(&event, CU_EVENT_DISABLE_TIMING);
  if (!rc) rc = cuEventRecord(event, nullptr);
  context_stack().back() = then;
  if (!rc) rc = cuStreamWaitEvent(nullptr, event, 0);
  context_stack().pop_back();
  if (event) cuEventDestroy_v2(event);
  return rc;
}
CUresult follow(const ContextRef& context, std::initializer_list<ContextRef> others) {
  for (auto& other : others) TRY(order(other, context));
  return CUDA_SUCCESS;
}
CUresult lead(const ContextRef& context, std::initializer_list<ContextRef> others) {
  for (auto& other : others) TRY(order(context, other));
  return CUDA_SUCCESS;
}

CUresult async1(uint64_t dst, Side dst_side, uint64_t src, Side src_side, size_t bytes, CUstream h) {
  ContextRef context;
  TRY(enter(&context));
  StreamRef stream;
  TRY(find_stream(h, context, &stream));
  CopyWork copy;
  TRY(make_copy(*context, dst, dst_side, src, src_side, bytes, &copy));
  return copy_async(stream, std::move(copy));
}

}  // namespace

extern "C" {

CUresult cuMemcpy(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount) { return sync1(dst, Side::any, src, Side::any, ByteCount); }
CUresult cuMemcpyAsync(CUdeviceptr dst, CUdeviceptr src, size_t ByteCount, CUstream hStream) {
  return async1(dst, Side::any, src, Side::any, ByteCount, hStream);
}

CUresult cuMemcpyHtoD_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount) {
  return sync1(dstDevice, Side::device, number(srcHost), Side::host, ByteCount);
}
CUresult cuMemcpyHtoDAsync_v2(CUdeviceptr dstDevice, const void* srcHost, size_t ByteCount, CUstream hStream) {
  return async1(dstDevice, Side::device, number(srcHost), Side::host, ByteCount, hStream);
}
CUresult cuMemcpyDtoH_v2(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount) {
  return sync1(number(dstHost), Side::host, srcDevice, Side::device, ByteCount);
}
CUresult cuMemcpyDtoHAsync_v2(void* dstHost, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  return async1(number(dstHost), Side::host, srcDevice, Side::device, ByteCount, hStream);
}
// Between two device ranges the driver queues the copy and returns.
CUresult cuMemcpyDtoD_v2(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount) {
  return async1(dstDevice, Side::device, srcDevice, Side::device, ByteCount, nullptr);
}
CUresult cuMemcpyDtoDAsync_v2(CUdeviceptr dstDevice, CUdeviceptr srcDevice, size_t ByteCount, CUstream hStream) {
  return async1(dstDevice, Side::device, srcDevice, Side::device, ByteCount, hStream);
}

CUresult cuMemcpyPeer(CUdeviceptr dstDevice, CUcontext dstContext, CUdeviceptr srcDevice, CUcontext srcContext, size_t ByteCount) {
  ContextRef context, to, from;
  TRY(enter(&context));
  TRY(find_context(dstContext, &to));
  TRY(find_context(srcContext, &from));
  TRY(follow(context, {to, from}));
  TRY(cuMemcpyDtoD_v2(dstDevice, srcDevice, ByteCount));
  return lead(context, {to, from});
}
CUresult cuMemcpyPeerAsync(CUdeviceptr dstDevice, CUcontext dstContext, CUdeviceptr srcDevice, CUcontext srcContext, size_t ByteCount,
                           CUstream hStream) {
  ContextRef context, to, from;
  TRY(enter(&context));
  TRY(find_context(dstContext, &to));
  TRY(find_context(srcContext, &from));
  return cuMemcpyDtoDAsync_v2(dstDevice, srcDevice, ByteCount, hStream);
}

CUresult cuMemcpyBatchAsync_v2(CUdeviceptr* dsts, CUdeviceptr* srcs, size_t* sizes, size_t count, CUmemcpyAttributes* attrs,
                               size_t* attrsIdxs, size_t numAttrs, CUstream hStream) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(dsts && srcs && sizes && count && attrs && attrsIdxs && numAttrs && numAttrs <= count && attrsIdxs[0] == 0);
  if (hStream == nullptr || hStream == CU_STREAM_LEGACY) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < count; i++) TRY(cuMemcpyAsync(dsts[i], srcs[i], sizes[i], hStream));
  return CUDA_SUCCESS;
}

}  // extern "C"
