// Stream-ordered allocation. Memory is taken when the call is made and given back when the stream reaches the free. Any thread may call.
#include "softgpu/api/pool.h"

#include <unistd.h>

#include <algorithm>

#include "softgpu/api/graph.h"
#include "softgpu/api/memory.h"
#include "softgpu/api/work.h"

namespace softgpu::api {

Registry<CUmemoryPool, Pool>& pools() {
  static auto* all = new Registry<CUmemoryPool, Pool>;
  return *all;
}

Pool::~Pool() {
  if (fd >= 0) close(fd);
}

void Pool::add(uint64_t bytes) {
  uint64_t now = used += bytes;
  for (uint64_t high = used_high; now > high && !used_high.compare_exchange_weak(high, now);) {}
}

std::shared_ptr<Pool> make_default_pool(Device* device) {
  auto pool = std::make_shared<Pool>();
  pool->device = device;
  pool->is_default = true;
  pools().add(pool);
  return pool;
}

}  // namespace softgpu::api

using namespace softgpu::api;

namespace {

std::shared_ptr<Pool> current_pool(Device& device) {
  std::lock_guard lock(device.primary_mutex);
  return device.current_pool;
}

CUresult allocate_from(const std::shared_ptr<Pool>& pool, const ContextRef& context, size_t bytes, CUstream h, CUdeviceptr* out) {
  StreamRef stream;
  REQUIRE(!pool->imported);
  TRY(find_stream(h, context, &stream));
  if (is_capturing(stream)) {                     // an allocation node
    AllocWork work;
    TRY(make_graph_memory(context, pool->device, bytes, &work.memory));
    work.props.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    work.props.location = {CU_MEM_LOCATION_TYPE_DEVICE, pool->device->ordinal};
    *out = work.memory->address;
    CUresult result;
    if (captured(stream, std::move(work), &result)) return result;
  }
  const uint64_t alignment = pool->file.kind ? kPage : 256;
  if (pool->max_bytes && pool->used + bytes > pool->max_bytes) return CUDA_ERROR_OUT_OF_MEMORY;
  uint64_t address = pool->device->allocate(bytes, alignment);
  if (!address && !is_capturing(stream)) {        // frees that streams have still to reach
    context->synchronize();
    address = pool->device->allocate(bytes, alignment);
  }
  if (!address) return CUDA_ERROR_OUT_OF_MEMORY;
  remember({.base = address, .bytes = bytes, .kind = MemoryKind::pool, .context = context, .device = pool->device, .pool = pool,
            .seen_by = pool->seen_by});
  *out = address;
  return CUDA_SUCCESS;
}

}  // namespace

extern "C" {

CUresult cuMemAllocAsync(CUdeviceptr* dptr, size_t bytesize, CUstream hStream) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(dptr && bytesize);
  return allocate_from(current_pool(*context->device), context, bytesize, hStream, dptr);
}

CUresult cuMemAllocFromPoolAsync(CUdeviceptr* dptr, size_t bytesize, CUmemoryPool pool, CUstream hStream) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(dptr && bytesize);
  auto from = pools().find(pool);
  if (!from) return CUDA_ERROR_INVALID_VALUE;
  return allocate_from(from, context, bytesize, hStream, dptr);
}

CUresult cuMemFreeAsync(CUdeviceptr dptr, CUstream hStream) {
  ContextRef context;
  TRY(enter(&context));
  if (!dptr) return CUDA_SUCCESS;
  StreamRef stream;
  TRY(find_stream(hStream, context, &stream));
  Allocation a;
  REQUIRE(find_allocation(dptr, &a) && a.base == dptr && a.id && a.freeable() && a.kind != MemoryKind::managed);
  CUresult result;
  if (is_capturing(stream) && captured(stream, FreeWork{dptr, {}}, &result)) return result;
  if (auto memory = find_graph_memory(dptr)) return free_graph_memory(*memory);
  TRY(refuse_implicit(stream));
  // The address is dead to the program from here on, so a second free of it fails; the bytes go when the stream gets there.
  REQUIRE(take_allocation(dptr, &a, [](const Allocation& x) { return x.freeable(); }));
  Task task;
  task.always = true;
  task.run = [a] {
    release_bytes(a);
    return CUDA_SUCCESS;
  };
  submit(stream, std::move(task));
  return CUDA_SUCCESS;
}

CUresult cuMemPoolCreate(CUmemoryPool* pool, const CUmemPoolProps* poolProps) {
  TRY(initialized());
  REQUIRE(pool && poolProps && poolProps->allocType == CU_MEM_ALLOCATION_TYPE_PINNED);
  if (poolProps->location.type == CU_MEM_LOCATION_TYPE_HOST_NUMA) return CUDA_ERROR_NOT_SUPPORTED;
  REQUIRE(poolProps->handleTypes == CU_MEM_HANDLE_TYPE_NONE || poolProps->handleTypes == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
  Device* device = poolProps->location.type == CU_MEM_LOCATION_TYPE_DEVICE ? device_of(poolProps->location.id) : nullptr;
  REQUIRE(device);
  auto made = std::make_shared<Pool>();
  made->device = device;
  made->max_bytes = poolProps->maxSize;
  if (poolProps->handleTypes) {
    made->fd = make_shared_file('p', kPage, device->profile.uuid, &made->file);
    if (made->fd < 0) return CUDA_ERROR_OPERATING_SYSTEM;
  }
  *pool = pools().add(made);
  return CUDA_SUCCESS;
}

CUresult cuMemPoolDestroy(CUmemoryPool pool) {
  TRY(initialized());
  auto dead = pools().find(pool);
  REQUIRE(dead && !dead->is_default);
  pools().take(pool);
  std::lock_guard lock(dead->device->primary_mutex);
  if (dead->device->current_pool == dead) dead->device->current_pool = dead->device->default_pool;
  return CUDA_SUCCESS;
}

CUresult cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attr, void* value) {
  TRY(initialized());
  auto p = pools().find(pool);
  REQUIRE(p && value && !p->imported);
  auto* number = static_cast<int*>(value);
  auto* bytes = static_cast<cuuint64_t*>(value);
  switch (attr) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES: *number = p->follow_events; break;
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC: *number = p->opportunistic; break;
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES: *number = p->internal_dependencies; break;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: *bytes = p->release_threshold; break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT: *bytes = p->used; break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH: *bytes = p->used_high; break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

CUresult cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attr, void* value) {
  TRY(initialized());
  auto p = pools().find(pool);
  REQUIRE(p && value && !p->imported);
  switch (attr) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES: p->follow_events = *static_cast<int*>(value); break;
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC: p->opportunistic = *static_cast<int*>(value); break;
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES: p->internal_dependencies = *static_cast<int*>(value); break;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD: p->release_threshold = *static_cast<cuuint64_t*>(value); break;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
      REQUIRE(*static_cast<cuuint64_t*>(value) == 0);
      p->used_high = p->used.load();
      break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

CUresult cuMemPoolTrimTo(CUmemoryPool pool, size_t) {
  TRY(initialized());
  return pools().find(pool) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemPoolSetAccess(CUmemoryPool pool, const CUmemAccessDesc* map, size_t count) {
  TRY(initialized());
  auto p = pools().find(pool);
  REQUIRE(p && (map || !count));
  for (size_t i = 0; i < count; i++) {
    if (map[i].location.type != CU_MEM_LOCATION_TYPE_DEVICE) return CUDA_ERROR_NOT_SUPPORTED;
    Device* device = device_of(map[i].location.id);
    if (!device) return CUDA_ERROR_INVALID_DEVICE;
    if (device != p->device && profile().peers == PeerLink::none && map[i].flags != CU_MEM_ACCESS_FLAGS_PROT_NONE)
      return CUDA_ERROR_PEER_ACCESS_UNSUPPORTED;
    if (device == p->device && map[i].flags == CU_MEM_ACCESS_FLAGS_PROT_NONE) return CUDA_ERROR_INVALID_DEVICE;
    if (map[i].flags == CU_MEM_ACCESS_FLAGS_PROT_READ) return CUDA_ERROR_NOT_SUPPORTED;
  }
  for (size_t i = 0; i < count; i++) {
    if (map[i].location.id == p->device->ordinal) continue;
    const unsigned device = 1u << map[i].location.id;
    const bool allowed = map[i].flags != CU_MEM_ACCESS_FLAGS_PROT_NONE;
    p->seen_by = allowed ? p->seen_by | device : p->seen_by & ~device;
    let_see_pool(*p, map[i].location.id, allowed);
  }
  return CUDA_SUCCESS;
}

CUresult cuMemPoolGetAccess(CUmemAccess_flags* flags, CUmemoryPool memPool, CUmemLocation* location) {
  TRY(initialized());
  auto p = pools().find(memPool);
  REQUIRE(flags && p && location);
  if (location->type == CU_MEM_LOCATION_TYPE_HOST) {
    *flags = CU_MEM_ACCESS_FLAGS_PROT_NONE;
    return CUDA_SUCCESS;
  }
  REQUIRE(location->type == CU_MEM_LOCATION_TYPE_DEVICE && device_of(location->id));
  *flags = device_of(location->id) == p->device || p->seen_by >> location->id & 1 ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE : CU_MEM_ACCESS_FLAGS_PROT_NONE;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetDefaultMemPool(CUmemoryPool* pool_out, CUdevice dev) {
  TRY(initialized());
  REQUIRE(pool_out);
  Device* device = device_of(dev);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  *pool_out = device->default_pool->handle;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetMemPool(CUmemoryPool* pool, CUdevice dev) {
  TRY(initialized());
  REQUIRE(pool);
  Device* device = device_of(dev);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  *pool = current_pool(*device)->handle;
  return CUDA_SUCCESS;
}

CUresult cuDeviceSetMemPool(CUdevice dev, CUmemoryPool pool) {
  TRY(initialized());
  Device* device = device_of(dev);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  auto p = pools().find(pool);
  REQUIRE(p && p->device == device && !p->imported);
  std::lock_guard lock(device->primary_mutex);
  device->current_pool = p;
  return CUDA_SUCCESS;
}

// The forms that name the pool's place instead of a device.
CUresult cuMemGetDefaultMemPool(CUmemoryPool* pool_out, CUmemLocation* location, CUmemAllocationType type) {
  REQUIRE(location && type == CU_MEM_ALLOCATION_TYPE_PINNED);
  return location->type == CU_MEM_LOCATION_TYPE_DEVICE ? cuDeviceGetDefaultMemPool(pool_out, location->id) : CUDA_ERROR_NOT_SUPPORTED;
}
CUresult cuMemGetMemPool(CUmemoryPool* pool, CUmemLocation* location, CUmemAllocationType type) {
  REQUIRE(location && type == CU_MEM_ALLOCATION_TYPE_PINNED);
  return location->type == CU_MEM_LOCATION_TYPE_DEVICE ? cuDeviceGetMemPool(pool, location->id) : CUDA_ERROR_NOT_SUPPORTED;
}
CUresult cuMemSetMemPool(CUmemLocation* location, CUmemAllocationType type, CUmemoryPool pool) {
  REQUIRE(location && type == CU_MEM_ALLOCATION_TYPE_PINNED);
  return location->type == CU_MEM_LOCATION_TYPE_DEVICE ? cuDeviceSetMemPool(location->id, pool) : CUDA_ERROR_NOT_SUPPORTED;
}

}  // extern "C"
