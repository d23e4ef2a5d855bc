// Memory pools of other processes: the pool travels as a descriptor, each allocation as 64 bytes of data. Any thread may call.
#include <unistd.h>

#include <cstring>

#include "softgpu/api/ipc_memory.h"
#include "softgpu/api/pool.h"

using namespace softgpu::api;

namespace {
uint32_t pool_detail(const SharedFile& file) { return uint32_t(file.token[0]) | 1; }
}  // namespace

extern "C" {

CUresult cuMemPoolExportToShareableHandle(void* handle_out, CUmemoryPool pool, CUmemAllocationHandleType handleType, unsigned long long flags) {
  TRY(initialized());
  auto p = pools().find(pool);
  REQUIRE(handle_out && p && flags == 0 && handleType == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR && p->fd >= 0);
  int fd = dup(p->fd);
  if (fd < 0) return CUDA_ERROR_OPERATING_SYSTEM;
  *static_cast<int*>(handle_out) = fd;
  return CUDA_SUCCESS;
}

CUresult cuMemPoolImportFromShareableHandle(CUmemoryPool* pool_out, void* handle, CUmemAllocationHandleType handleType, unsigned long long flags) {
  TRY(initialized());
  SharedFile file;
  REQUIRE(pool_out && flags == 0);
  if (handleType != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  if (!describe_shared_file(int(reinterpret_cast<intptr_t>(handle)), &file) || file.kind != 'p') return CUDA_ERROR_UNKNOWN;
  Device* device = device_of(device_with(file.device));
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  auto made = std::make_shared<Pool>();
  made->device = device;
  made->imported = true;
  made->file = file;
  *pool_out = pools().add(made);
  return CUDA_SUCCESS;
}

CUresult cuMemPoolExportPointer(CUmemPoolPtrExportData* shareData_out, CUdeviceptr ptr) {
  ContextRef context;
  TRY(enter(&context));
  Allocation a;
  REQUIRE(shareData_out && find_allocation(ptr, &a) && a.base == ptr && a.kind == MemoryKind::pool && a.pool->file.kind);
  SharedHandle handle;
  TRY(export_memory(a, &handle));
  handle.detail = pool_detail(a.pool->file);
  memcpy(shareData_out, &handle, sizeof handle);
  return CUDA_SUCCESS;
}

CUresult cuMemPoolImportPointer(CUdeviceptr* ptr_out, CUmemoryPool pool, CUmemPoolPtrExportData* shareData) {
  ContextRef context;
  TRY(enter(&context));
  auto p = pools().find(pool);
  REQUIRE(ptr_out && p && p->imported && shareData);
  SharedHandle handle;
  memcpy(&handle, shareData, sizeof handle);
  REQUIRE(handle.magic == kSharedMagic && handle.detail == pool_detail(p->file));
  uint64_t address;
  TRY(import_memory(context, handle, p, &address));
  *ptr_out = address;
  return CUDA_SUCCESS;
}

}  // extern "C"
