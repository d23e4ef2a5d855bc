// cuPointer*: what kind of memory an address is. Any thread may call.
#include <cstring>

#include "softgpu/api/memory.h"
#include "softgpu/api/pool.h"

using namespace softgpu::api;

namespace {

template <class T>
CUresult put(void* data, T value) {
  memcpy(data, &value, sizeof value);
  return CUDA_SUCCESS;
}

CUresult answer(const Allocation& a, CUpointer_attribute attribute, CUdeviceptr ptr, void* data) {
  const bool host_reachable = a.on_host() || a.kind == MemoryKind::managed;
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_CONTEXT: return put(data, a.context && !a.pool ? a.context->handle : nullptr);     // a pool is of a device
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE: return put(data, unsigned(a.on_host() ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE));
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: return put(data, ptr);
    case CU_POINTER_ATTRIBUTE_HOST_POINTER:
      put<void*>(data, host_reachable ? reinterpret_cast<void*>(ptr) : nullptr);
      return host_reachable ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS: return put(data, unsigned(a.kind == MemoryKind::managed));
    case CU_POINTER_ATTRIBUTE_BUFFER_ID: return put(data, a.id);
    case CU_POINTER_ATTRIBUTE_IS_MANAGED: return put(data, unsigned(a.kind == MemoryKind::managed));
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: return put(data, a.device ? a.device->ordinal : -2);
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE: return put(data, unsigned(a.kind == MemoryKind::device && a.id));
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR: return put(data, CUdeviceptr(a.base));
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE: return put(data, size_t(a.bytes));
    case CU_POINTER_ATTRIBUTE_MAPPED: return put(data, 1u);
    case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES: return put(data, uint64_t(a.pool && a.pool->fd >= 0 ? CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR : 0));
    case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE: return put(data, 0u);
    case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS: return put(data, unsigned(CU_POINTER_ATTRIBUTE_ACCESS_FLAG_READWRITE));
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE: return put(data, a.pool ? a.pool->handle : nullptr);
    case CU_POINTER_ATTRIBUTE_MAPPING_SIZE: return put(data, size_t(a.bytes));
    case CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR: return put(data, CUdeviceptr(a.base));
    case CU_POINTER_ATTRIBUTE_MEMORY_BLOCK_ID: return put(data, a.id);
    case CU_POINTER_ATTRIBUTE_IS_HW_DECOMPRESS_CAPABLE: return put(data, 0u);
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

// What the manual promises for an address that CUDA does not know.
CUresult answer_unknown(CUpointer_attribute attribute, CUdeviceptr ptr, void* data) {
  switch (attribute) {
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: return put(data, -2);
    case CU_POINTER_ATTRIBUTE_HOST_POINTER: return put(data, ptr);
    case CU_POINTER_ATTRIBUTE_CONTEXT:
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER:
    case CU_POINTER_ATTRIBUTE_BUFFER_ID:
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR:
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE:
    case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES:
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
    case CU_POINTER_ATTRIBUTE_MAPPING_SIZE:
    case CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR:
    case CU_POINTER_ATTRIBUTE_MEMORY_BLOCK_ID: return put(data, uint64_t(0));
    default: return put(data, 0u);
  }
}

bool known_attribute(CUpointer_attribute a) {
  return a >= CU_POINTER_ATTRIBUTE_CONTEXT && a <= CU_POINTER_ATTRIBUTE_IS_HW_DECOMPRESS_CAPABLE && a != CU_POINTER_ATTRIBUTE_P2P_TOKENS;
}

}  // namespace

extern "C" {

CUresult cuPointerGetAttribute(void* data, CUpointer_attribute attribute, CUdeviceptr ptr) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(data && known_attribute(attribute));
  Allocation a;
  if (!find_allocation(ptr, &a)) return CUDA_ERROR_INVALID_VALUE;
  return answer(a, attribute, ptr, data);
}

CUresult cuPointerGetAttributes(unsigned int numAttributes, CUpointer_attribute* attributes, void** data, CUdeviceptr ptr) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(attributes && data && numAttributes);
  Allocation a;
  bool known = find_allocation(ptr, &a);
  for (unsigned i = 0; i < numAttributes; i++) {
    REQUIRE(data[i] && known_attribute(attributes[i]));
    if (known) answer(a, attributes[i], ptr, data[i]);
    else answer_unknown(attributes[i], ptr, data[i]);
  }
  return CUDA_SUCCESS;
}

CUresult cuPointerSetAttribute(const void* value, CUpointer_attribute attribute, CUdeviceptr ptr) {
  ContextRef context;
  TRY(enter(&context));
  Allocation a;
  REQUIRE(value && attribute == CU_POINTER_ATTRIBUTE_SYNC_MEMOPS && find_allocation(ptr, &a) && !a.on_host());
  return CUDA_SUCCESS;
}

}  // extern "C"
