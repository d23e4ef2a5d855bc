// Stream memory operations: write a word, or wait until a word has a value. Any thread may call.
#include "softgpu/api/graph.h"
#include "softgpu/api/memory.h"
#include "softgpu/api/work.h"

using namespace softgpu::api;

namespace {

CUresult make_value(const Context& context, bool wait, bool wide, CUdeviceptr address, uint64_t value, unsigned flags, ValueWork* out) {
  const unsigned known = wait ? 3u | CU_STREAM_WAIT_VALUE_FLUSH : unsigned(CU_STREAM_WRITE_VALUE_NO_MEMORY_BARRIER);
  REQUIRE(!(flags & ~known));
  size_t bytes = wide ? 8 : 4;
  REQUIRE(address && address % bytes == 0 && device_range(context, address, bytes));
  Allocation a;
  REQUIRE(!find_allocation(address, &a) || a.kind != MemoryKind::managed);
  *out = {.wait = wait, .wide = wide, .address = address, .value = value, .flags = flags};
  return CUDA_SUCCESS;
}

CUresult one(CUstream h, bool wait, bool wide, CUdeviceptr address, uint64_t value, unsigned flags) {
  ContextRef context;
  TRY(enter(&context));
  StreamRef stream;
  TRY(find_stream(h, context, &stream));
  ValueWork work;
  TRY(make_value(*context, wait, wide, address, value, flags, &work));
  return enqueue(stream, work);
}

}  // namespace

namespace softgpu::api {
CUresult make_batch(const Context& context, unsigned count, const CUstreamBatchMemOpParams* asked, BatchWork* out) {
  REQUIRE(asked && count <= 256);
  for (unsigned i = 0; i < count; i++) {
    const CUstreamBatchMemOpParams& p = asked[i];
    ValueWork work;
    switch (p.operation) {
      case CU_STREAM_MEM_OP_WAIT_VALUE_32:
        TRY(make_value(context, true, false, p.waitValue.address, p.waitValue.value, p.waitValue.flags, &work));
        break;
      case CU_STREAM_MEM_OP_WAIT_VALUE_64:
        TRY(make_value(context, true, true, p.waitValue.address, p.waitValue.value64, p.waitValue.flags, &work));
        break;
      case CU_STREAM_MEM_OP_WRITE_VALUE_32:
        TRY(make_value(context, false, false, p.writeValue.address, p.writeValue.value, p.writeValue.flags, &work));
        break;
      case CU_STREAM_MEM_OP_WRITE_VALUE_64:
        TRY(make_value(context, false, true, p.writeValue.address, p.writeValue.value64, p.writeValue.flags, &work));
        break;
      case CU_STREAM_MEM_OP_BARRIER:
      case CU_STREAM_MEM_OP_FLUSH_REMOTE_WRITES:
        continue;                   // memory here is always coherent
      default:
        return CUDA_ERROR_INVALID_VALUE;
    }
    out->operations.push_back(work);
  }
  out->asked.assign(asked, asked + count);
  return CUDA_SUCCESS;
}
}  // namespace softgpu::api

extern "C" {

CUresult cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  return one(stream, true, false, addr, value, flags);
}
CUresult cuStreamWaitValue64_v2(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  return one(stream, true, true, addr, value, flags);
}
CUresult cuStreamWriteValue32_v2(CUstream stream, CUdeviceptr addr, cuuint32_t value, unsigned int flags) {
  return one(stream, false, false, addr, value, flags);
}
CUresult cuStreamWriteValue64_v2(CUstream stream, CUdeviceptr addr, cuuint64_t value, unsigned int flags) {
  return one(stream, false, true, addr, value, flags);
}

CUresult cuStreamBatchMemOp_v2(CUstream stream, unsigned int count, CUstreamBatchMemOpParams* paramArray, unsigned int flags) {
  ContextRef context;
  TRY(enter(&context));
  StreamRef s;
  TRY(find_stream(stream, context, &s));
  REQUIRE(flags == 0);
  BatchWork work;
  TRY(make_batch(*context, count, paramArray, &work));
  return work.operations.empty() ? CUDA_SUCCESS : enqueue(s, std::move(work));
}

}  // extern "C"
