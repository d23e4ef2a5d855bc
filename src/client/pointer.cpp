// Pointer attributes, answered from the memory map: Triton's launcher asks for every pointer of every launch.
#include "client/context.h"
#include "client/memory_map.h"
#include "client/mirror.h"
#include "client/remote.h"

namespace client {

// What only the driver knows of memory that is not simply its context's: of pools, of VMM mappings, of module globals.
static CUresult ask(CUpointer_attribute which, CUdeviceptr ptr, void* to) {
  unsigned long long value = 0;
  CUmemoryPool pool{};
  CUcontext context{};
  if (CUresult rc = remote::tfPointerAttribute(unsigned(which), ptr, &value, &pool, &context)) return rc;
  switch (which) {
    case CU_POINTER_ATTRIBUTE_CONTEXT: memcpy(to, &context, sizeof context); break;
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE: memcpy(to, &pool, sizeof pool); break;
    case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES: value &= CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR; memcpy(to, &value, sizeof value); break;
    default: memcpy(to, &value, sizeof(int)); break;
  }
  return CUDA_SUCCESS;
}

static CUresult attribute(const Range& r, CUpointer_attribute which, CUdeviceptr ptr, void* to) {
  bool host = is_host(r.place), managed = r.place == Place::managed;
  if (r.place == Place::mapped || (r.place == Place::device && r.flags & kPooled)) switch (which) {
    case CU_POINTER_ATTRIBUTE_CONTEXT:
      if (!r.id) return ask(which, ptr, to);
      memset(to, 0, sizeof(CUcontext));        // it is a device's, not a context's
      return CUDA_SUCCESS;
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL:
      if (device_count() == 1) break;
      return ask(which, ptr, to);
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE:
    case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES: case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE: case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS:
      return ask(which, ptr, to);
    default: break;
  }
  auto put = [to](auto value) { memcpy(to, &value, sizeof value); return CUDA_SUCCESS; };
  switch (which) {
    case CU_POINTER_ATTRIBUTE_CONTEXT: return put(r.context);
    case CU_POINTER_ATTRIBUTE_MEMORY_TYPE: return put(host ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE);
    case CU_POINTER_ATTRIBUTE_DEVICE_POINTER: {
      CUdeviceptr seen = ptr;
      if (host) mirrored(reinterpret_cast<void*>(ptr), 1, &seen);
      return put(seen);
    }
    case CU_POINTER_ATTRIBUTE_HOST_POINTER: return host || managed ? put(ptr) : CUDA_ERROR_INVALID_VALUE;
    case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS: return put(0);
    case CU_POINTER_ATTRIBUTE_BUFFER_ID: return put(r.id);
    case CU_POINTER_ATTRIBUTE_IS_MANAGED: return put(unsigned(managed));   // booleans are ints here: cudart reads four bytes
    case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: return put(r.device);
    case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE: return put(unsigned(r.place == Place::device));
    case CU_POINTER_ATTRIBUTE_RANGE_START_ADDR: return put(r.base);
    case CU_POINTER_ATTRIBUTE_RANGE_SIZE: return put(size_t(r.bytes));
    case CU_POINTER_ATTRIBUTE_MAPPED: return put(1u);
    case CU_POINTER_ATTRIBUTE_ALLOWED_HANDLE_TYPES: return put(0);
    case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE: return put(0u);
    case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS: return put(CU_POINTER_ATTRIBUTE_ACCESS_FLAG_READWRITE);
    case CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE: return put(CUmemoryPool{});
    case CU_POINTER_ATTRIBUTE_MAPPING_SIZE: return put(size_t(r.bytes));
    case CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR: return put(r.base);
    case CU_POINTER_ATTRIBUTE_MEMORY_BLOCK_ID: return put(r.id);
    default: return CUDA_ERROR_INVALID_VALUE;
  }
}

static bool asks_extent(CUpointer_attribute which) {
  return which == CU_POINTER_ATTRIBUTE_RANGE_START_ADDR || which == CU_POINTER_ATTRIBUTE_RANGE_SIZE || which == CU_POINTER_ATTRIBUTE_MAPPING_SIZE ||
         which == CU_POINTER_ATTRIBUTE_MAPPING_BASE_ADDR;
}

// What is not in the map (module globals that nobody asked for), and how far a mapping of VMM memory reaches, the worker knows.
static bool find(CUdeviceptr ptr, Range* r, CUpointer_attribute which) {
  if (find_range(ptr, r) && (r->place != Place::mapped || !asks_extent(which))) return true;
  CUdeviceptr base = 0;
  size_t bytes = 0;
  if (ptr == 0 || remote::cuMemGetAddressRange_v2(&base, &bytes, ptr) != CUDA_SUCCESS) return false;
  *r = Range{base, bytes};
  r->flags = kPooled;
  return true;
}

}  // namespace client

using namespace client;

EXPORT CUresult cuPointerGetAttribute(void* data, CUpointer_attribute which, CUdeviceptr ptr) {
  if (int error = caller().error) return CUresult(error);
  Range r;
  if (!data || !find(ptr, &r, which)) return CUDA_ERROR_INVALID_VALUE;
  return attribute(r, which, ptr, data);
}

// Unknown addresses are no error here: every attribute gets its "nothing" value.
EXPORT CUresult cuPointerGetAttributes(unsigned int numAttributes, CUpointer_attribute* attributes, void** data, CUdeviceptr ptr) {
  if (int error = caller().error) return CUresult(error);
  if (!numAttributes || !attributes || !data) return CUDA_ERROR_INVALID_VALUE;
  Range r;
  CUpointer_attribute widest = attributes[0];
  for (unsigned i = 0; i < numAttributes; i++)
    if (asks_extent(attributes[i])) widest = attributes[i];
  bool found = find(ptr, &r, widest);
  for (unsigned i = 0; i < numAttributes; i++) {
    if (found && attribute(r, attributes[i], ptr, data[i]) == CUDA_SUCCESS) continue;
    switch (attributes[i]) {
      case CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL: *static_cast<int*>(data[i]) = found ? r.device : -2; break;   // CU_DEVICE_INVALID
      case CU_POINTER_ATTRIBUTE_MEMORY_TYPE: case CU_POINTER_ATTRIBUTE_SYNC_MEMOPS: case CU_POINTER_ATTRIBUTE_ACCESS_FLAGS:
      case CU_POINTER_ATTRIBUTE_IS_MANAGED: case CU_POINTER_ATTRIBUTE_IS_LEGACY_CUDA_IPC_CAPABLE: case CU_POINTER_ATTRIBUTE_MAPPED:
      case CU_POINTER_ATTRIBUTE_IS_GPU_DIRECT_RDMA_CAPABLE: *static_cast<unsigned*>(data[i]) = 0; break;
      case CU_POINTER_ATTRIBUTE_P2P_TOKENS: return CUDA_ERROR_INVALID_VALUE;
      default: *static_cast<uint64_t*>(data[i]) = 0;
    }
  }
  return CUDA_SUCCESS;
}
