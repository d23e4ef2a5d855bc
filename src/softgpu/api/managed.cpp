// Managed memory: allocation, advice, prefetches, and what the program asks about a range. Any thread may call.
#include "softgpu/api/managed.h"

#include <sys/mman.h>

#include "softgpu/api/stream.h"

namespace softgpu::api {

CUresult allocate_managed(const ContextRef& context, size_t bytes, unsigned flags, CUdeviceptr* out) {
  void* p = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  remember({.base = reinterpret_cast<uint64_t>(p), .bytes = bytes, .kind = MemoryKind::managed, .context = context, .device = context->device,
            .flags = flags, .pool = nullptr, .managed = std::make_shared<ManagedRange>(), .seen_by = kAllDevices});
  *out = reinterpret_cast<CUdeviceptr>(p);
  return CUDA_SUCCESS;
}

}  // namespace softgpu::api

using namespace softgpu::api;

namespace {

// A range within one managed allocation.
struct Range {
  std::shared_ptr<ManagedRange> pages;
  uint64_t from = 0, to = 0;
};

CUresult find_managed(CUdeviceptr ptr, size_t count, Range* out) {
  ContextRef context;
  TRY(enter(&context));
  Allocation a;
  REQUIRE(ptr && count && find_allocation(ptr, &a) && a.managed && count <= a.base + a.bytes - ptr);
  *out = {a.managed, ptr - a.base, ptr - a.base + count};
  return CUDA_SUCCESS;
}

// The older calls name a device or CU_DEVICE_CPU.
CUmemLocation place(CUdevice device) {
  return device == CU_DEVICE_CPU ? CUmemLocation{CU_MEM_LOCATION_TYPE_HOST, CU_DEVICE_CPU} : CUmemLocation{CU_MEM_LOCATION_TYPE_DEVICE, device};
}

CUresult check(CUmemLocation* where) {
  switch (where->type) {
    case CU_MEM_LOCATION_TYPE_DEVICE: return device_of(where->id) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
    case CU_MEM_LOCATION_TYPE_HOST: where->id = CU_DEVICE_CPU; return CUDA_SUCCESS;
    case CU_MEM_LOCATION_TYPE_HOST_NUMA: return where->id == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;   // hosts have one node here
    case CU_MEM_LOCATION_TYPE_HOST_NUMA_CURRENT: *where = {CU_MEM_LOCATION_TYPE_HOST_NUMA, 0}; return CUDA_SUCCESS;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

CUresult prefetch(CUdeviceptr ptr, size_t count, CUmemLocation where, CUstream h) {
  Range range;
  TRY(find_managed(ptr, count, &range));
  TRY(check(&where));
  StreamRef stream;
  TRY(find_stream(h, current_context(), &stream));
  range.pages->change(range.from, range.to, [&](Advice& a) { a.prefetched = where; });
  return CUDA_SUCCESS;
}

CUresult advise(CUdeviceptr ptr, size_t count, CUmem_advise advice, CUmemLocation where) {
  Range range;
  TRY(find_managed(ptr, count, &range));
  REQUIRE(advice >= CU_MEM_ADVISE_SET_READ_MOSTLY && advice <= CU_MEM_ADVISE_UNSET_ACCESSED_BY);
  const bool placed = advice == CU_MEM_ADVISE_SET_PREFERRED_LOCATION || advice == CU_MEM_ADVISE_SET_ACCESSED_BY ||
                      advice == CU_MEM_ADVISE_UNSET_ACCESSED_BY;
  if (placed) TRY(check(&where));
  const bool on_node = where.type == CU_MEM_LOCATION_TYPE_HOST_NUMA;     // measured on driver 580: no preference of its own, and cannot access
  REQUIRE(!on_node || advice == CU_MEM_ADVISE_SET_PREFERRED_LOCATION || !placed);
  auto accessed = [&](Advice& a, bool on) {
    if (where.type == CU_MEM_LOCATION_TYPE_DEVICE) a.accessed_by = on ? a.accessed_by | 1u << where.id : a.accessed_by & ~(1u << where.id);
    else a.accessed_by_host = on;
  };
  range.pages->change(range.from, range.to, [&](Advice& a) {
    switch (advice) {
      case CU_MEM_ADVISE_SET_READ_MOSTLY: a.read_mostly = true; break;
      case CU_MEM_ADVISE_UNSET_READ_MOSTLY: a.read_mostly = false; break;
      case CU_MEM_ADVISE_SET_PREFERRED_LOCATION: a.preferred = on_node ? kNoPlace : where; break;
      case CU_MEM_ADVISE_UNSET_PREFERRED_LOCATION: a.preferred = kNoPlace; break;
      case CU_MEM_ADVISE_SET_ACCESSED_BY: accessed(a, true); break;
      default: accessed(a, false);
    }
  });
  return CUDA_SUCCESS;
}

// The place that all pages of the range agree on, else none.
CUmemLocation agreed(const Range& range, CUmemLocation Advice::*field) {
  bool first = true, same = true;
  CUmemLocation all = kNoPlace;
  range.pages->each(range.from, range.to, [&](const Advice& a) {
    if (first) all = a.*field;
    first = false;
    same &= all.type == (a.*field).type && all.id == (a.*field).id;
  });
  return same ? all : kNoPlace;
}
int old_number(CUmemLocation where) {        // as the attributes without a type say it
  return where.type == CU_MEM_LOCATION_TYPE_HOST_NUMA ? CU_DEVICE_CPU : where.id;
}

CUresult answer(const Range& range, CUmem_range_attribute attribute, void* data, size_t bytes) {
  REQUIRE(data && (attribute == CU_MEM_RANGE_ATTRIBUTE_ACCESSED_BY ? bytes && bytes % 4 == 0 : bytes == 4));
  int* out = static_cast<int*>(data);
  switch (attribute) {
    case CU_MEM_RANGE_ATTRIBUTE_READ_MOSTLY:
      *out = 1;
      range.pages->each(range.from, range.to, [&](const Advice& a) { *out &= a.read_mostly; });
      return CUDA_SUCCESS;
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION: *out = old_number(agreed(range, &Advice::preferred)); return CUDA_SUCCESS;
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION: *out = old_number(agreed(range, &Advice::prefetched)); return CUDA_SUCCESS;
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_TYPE: *out = agreed(range, &Advice::preferred).type; return CUDA_SUCCESS;
    case CU_MEM_RANGE_ATTRIBUTE_PREFERRED_LOCATION_ID: *out = agreed(range, &Advice::preferred).id; return CUDA_SUCCESS;
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_TYPE: *out = agreed(range, &Advice::prefetched).type; return CUDA_SUCCESS;
    case CU_MEM_RANGE_ATTRIBUTE_LAST_PREFETCH_LOCATION_ID: *out = agreed(range, &Advice::prefetched).id; return CUDA_SUCCESS;
    case CU_MEM_RANGE_ATTRIBUTE_ACCESSED_BY: {
      unsigned devices = ~0u;
      bool host = true;
      range.pages->each(range.from, range.to, [&](const Advice& a) { devices &= a.accessed_by, host &= a.accessed_by_host; });
      size_t n = 0;
      for (int i = 0; i < device_count() && n < bytes / 4; i++)
        if (devices >> i & 1) out[n++] = i;
      if (host && n < bytes / 4) out[n++] = CU_DEVICE_CPU;
      while (n < bytes / 4) out[n++] = CU_DEVICE_INVALID;
      return CUDA_SUCCESS;
    }
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

}  // namespace

extern "C" {

CUresult cuMemPrefetchAsync(CUdeviceptr devPtr, size_t count, CUdevice dstDevice, CUstream hStream) {
  return prefetch(devPtr, count, place(dstDevice), hStream);
}
CUresult cuMemPrefetchAsync_v2(CUdeviceptr devPtr, size_t count, CUmemLocation location, unsigned int flags, CUstream hStream) {
  REQUIRE(flags == 0);
  return prefetch(devPtr, count, location, hStream);
}

CUresult cuMemAdvise(CUdeviceptr devPtr, size_t count, CUmem_advise advice, CUdevice device) { return advise(devPtr, count, advice, place(device)); }
CUresult cuMemAdvise_v2(CUdeviceptr devPtr, size_t count, CUmem_advise advice, CUmemLocation location) {
  REQUIRE(location.type != CU_MEM_LOCATION_TYPE_DEVICE || device_of(location.id));      // here, unlike cuMemAdvise, with this code
  return advise(devPtr, count, advice, location);
}

CUresult cuMemRangeGetAttribute(void* data, size_t dataSize, CUmem_range_attribute attribute, CUdeviceptr devPtr, size_t count) {
  Range range;
  TRY(find_managed(devPtr, count, &range));
  return answer(range, attribute, data, dataSize);
}
CUresult cuMemRangeGetAttributes(void** data, size_t* dataSizes, CUmem_range_attribute* attributes, size_t numAttributes, CUdeviceptr devPtr,
                                 size_t count) {
  Range range;
  TRY(find_managed(devPtr, count, &range));
  REQUIRE(data && dataSizes && attributes && numAttributes);
  for (size_t i = 0; i < numAttributes; i++) TRY(answer(range, attributes[i], data[i], dataSizes[i]));
  return CUDA_SUCCESS;
}

CUresult cuMemPrefetchBatchAsync(CUdeviceptr* dptrs, size_t* sizes, size_t count, CUmemLocation* prefetchLocs, size_t* prefetchLocIdxs,
                                 size_t numPrefetchLocs, unsigned long long flags, CUstream hStream) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(dptrs && sizes && count && prefetchLocs && prefetchLocIdxs && numPrefetchLocs && numPrefetchLocs <= count && flags == 0);
  REQUIRE(prefetchLocIdxs[0] == 0 && hStream && hStream != CU_STREAM_LEGACY);
  for (size_t i = 1; i < numPrefetchLocs; i++) REQUIRE(prefetchLocIdxs[i] > prefetchLocIdxs[i - 1] && prefetchLocIdxs[i] < count);
  for (size_t i = 0, place = 0; i < count; i++) {
    if (place + 1 < numPrefetchLocs && prefetchLocIdxs[place + 1] == i) place++;
    TRY(prefetch(dptrs[i], sizes[i], prefetchLocs[place], hStream));
  }
  return CUDA_SUCCESS;
}

// What is discarded may keep its contents: the manual leaves them open.
CUresult cuMemDiscardBatchAsync(CUdeviceptr* dptrs, size_t* sizes, size_t count, unsigned long long flags, CUstream hStream) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(dptrs && sizes && count && flags == 0 && hStream && hStream != CU_STREAM_LEGACY);
  StreamRef stream;
  TRY(find_stream(hStream, context, &stream));
  Range range;
  for (size_t i = 0; i < count; i++) TRY(find_managed(dptrs[i], sizes[i], &range));
  return CUDA_SUCCESS;
}
CUresult cuMemDiscardAndPrefetchBatchAsync(CUdeviceptr* dptrs, size_t* sizes, size_t count, CUmemLocation* prefetchLocs, size_t* prefetchLocIdxs,
                                           size_t numPrefetchLocs, unsigned long long flags, CUstream hStream) {
  TRY(cuMemDiscardBatchAsync(dptrs, sizes, count, flags, hStream));
  return cuMemPrefetchBatchAsync(dptrs, sizes, count, prefetchLocs, prefetchLocIdxs, numPrefetchLocs, flags, hStream);
}

// All managed memory is visible to both sides at all times, whatever stream it is attached to.
CUresult cuStreamAttachMemAsync(CUstream hStream, CUdeviceptr dptr, size_t length, unsigned int flags) {
  ContextRef context;
  TRY(enter(&context));
  StreamRef stream;
  TRY(find_stream(hStream, context, &stream));
  Allocation a;
  REQUIRE(flags == CU_MEM_ATTACH_GLOBAL || flags == CU_MEM_ATTACH_HOST || flags == CU_MEM_ATTACH_SINGLE);
  REQUIRE(find_allocation(dptr, &a) && a.managed && a.base == dptr && (length == 0 || length == a.bytes));
  REQUIRE(flags != CU_MEM_ATTACH_SINGLE || hStream);
  return CUDA_SUCCESS;
}

}  // extern "C"
