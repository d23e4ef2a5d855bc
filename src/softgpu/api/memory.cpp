// Device memory: the table of allocations and the calls that make, free and describe it. Any thread may call.
#include "softgpu/api/memory.h"

#include <sys/mman.h>

#include <map>
#include <shared_mutex>

#include "softgpu/api/graph.h"
#include "softgpu/api/ipc_memory.h"
#include "softgpu/api/managed.h"
#include "softgpu/api/pool.h"
#include "softgpu/api/shared_usage.h"

namespace softgpu::api {

namespace {
struct Table {
  std::shared_mutex m;
  std::map<uint64_t, Allocation> by_base;
};
Table& table() {
  static auto* t = new Table;
  return *t;
}
// The allocation that holds address; end(): none. Under the lock.
std::map<uint64_t, Allocation>::iterator holder(uint64_t address) {
  auto& all = table().by_base;
  auto it = all.upper_bound(address);
  if (it == all.begin()) return all.end();
  --it;
  return address - it->first < it->second.bytes ? it : all.end();
}
std::atomic<uint64_t> g_next_id{1};
}  // namespace

void remember(Allocation a) {
  a.id = g_next_id++;
  if (a.context) a.context_id = a.context->id;
  if (a.on_host()) a.seen_by = kAllDevices;
  for (int i = 0; i < device_count(); i++)
    if (a.seen_by >> i & 1) device_of(i)->memory.add_host_range(reinterpret_cast<void*>(a.base), a.bytes);
  if (a.pool && a.kind == MemoryKind::pool) a.pool->add(a.bytes);
  std::unique_lock lock(table().m);
  table().by_base[a.base] = std::move(a);
}

namespace {
void let_see(Allocation& a, int device, bool allowed) {      // under the lock
  if (bool(a.seen_by >> device & 1) == allowed) return;
  a.seen_by ^= 1u << device;
  void* p = reinterpret_cast<void*>(a.base);
  if (allowed) device_of(device)->memory.add_host_range(p, a.bytes);
  else device_of(device)->memory.remove_host_range(p);
}
}  // namespace

void let_see(uint64_t base, int device, bool allowed) {
  std::unique_lock lock(table().m);
  auto it = table().by_base.find(base);
  if (it != table().by_base.end()) let_see(it->second, device, allowed);
}

void let_see_pool(const Pool& pool, int device, bool allowed) {
  std::unique_lock lock(table().m);
  for (auto& [base, a] : table().by_base)
    if (a.pool.get() == &pool) let_see(a, device, allowed);
}

bool find_allocation(uint64_t address, Allocation* out) {
  {
    std::shared_lock lock(table().m);
    auto it = holder(address);
    if (it != table().by_base.end()) {
      *out = it->second;
      return true;
    }
  }
  for (int i = 0; i < device_count(); i++) {      // a module's variable: known to the engine only
    Device* d = device_of(i);
    if (address < d->lowest || address >= d->highest) continue;
    *out = {};
    if (!d->memory.find(address, &out->base, &out->bytes)) continue;
    out->device = d;
    out->context = d->primary;
    return true;
  }
  return false;
}

bool take_allocation(uint64_t base, Allocation* out, bool (*wanted)(const Allocation&)) {
  std::unique_lock lock(table().m);
  auto it = table().by_base.find(base);
  if (it == table().by_base.end() || !wanted(it->second)) return false;
  *out = std::move(it->second);
  table().by_base.erase(it);
  return true;
}

void release_bytes(const Allocation& a) {
  void* p = reinterpret_cast<void*>(a.base);
  for (int i = 0; i < device_count(); i++)
    if (a.seen_by >> i & 1) device_of(i)->memory.remove_host_range(p);
  if (a.kind == MemoryKind::imported) end_import(a);
  if (a.kind == MemoryKind::host || (a.kind == MemoryKind::managed && !a.of_module)) munmap(p, a.bytes);
  if (a.kind != MemoryKind::device && a.kind != MemoryKind::pool) return;
  end_export(a);
  a.device->free(a.base);
  if (a.pool) a.pool->used -= a.bytes;
}

void memory_of_ended_context(const ContextRef& context) {
  std::vector<Allocation> ended;
  {
    std::unique_lock lock(table().m);
    for (auto it = table().by_base.begin(); it != table().by_base.end();) {
      if (it->second.context == context && it->second.context_id == context->id) {
        ended.push_back(std::move(it->second));
        it = table().by_base.erase(it);
      } else {
        ++it;
      }
    }
  }
  for (auto& a : ended) release_bytes(a);
}

bool device_range(const Context& context, uint64_t address, uint64_t bytes) {
  auto covers = [&](const Memory& memory) {        // by one range, or by several mapped side by side
    uint64_t base, size;
    for (uint64_t at = address, end = address + bytes; at < end; at = base + size)
      if (!memory.find(at, &base, &size)) return false;
    return true;
  };
  if (address + bytes < address) return false;
  if (covers(context.device->memory)) return true;
  for (int i = 0; i < device_count(); i++)
    if (device_of(i) != context.device && covers(device_of(i)->memory)) return true;
  return false;
}

bool pinned_range(uint64_t address, uint64_t bytes) {
  std::shared_lock lock(table().m);
  for (uint64_t at = address, end = address + bytes; at < end;) {
    auto it = holder(at);
    if (it == table().by_base.end()) return false;
    at = it->second.base + it->second.bytes;
  }
  return true;
}

namespace {
struct Windows {
  std::shared_mutex m;
  std::map<uint64_t, uint64_t> bytes;        // by start
  std::atomic<size_t> count{0};
};
Windows& windows() {
  static auto* w = new Windows;
  return *w;
}
}  // namespace

bool in_device_window(uint64_t address) {
  for (int i = 0; i < device_count(); i++)
    if (address >= device_of(i)->lowest && address < device_of(i)->highest) return true;
  if (!windows().count) return false;
  std::shared_lock lock(windows().m);
  auto it = windows().bytes.upper_bound(address);
  return it != windows().bytes.begin() && address - std::prev(it)->first < std::prev(it)->second;
}

void add_window(uint64_t base, uint64_t bytes) {
  std::unique_lock lock(windows().m);
  windows().bytes[base] = bytes;
  windows().count = windows().bytes.size();
}

void remove_window(uint64_t base) {
  std::unique_lock lock(windows().m);
  windows().bytes.erase(base);
  windows().count = windows().bytes.size();
}

}  // namespace softgpu::api

using namespace softgpu::api;

namespace {
CUresult allocate(const ContextRef& context, size_t bytes, CUdeviceptr* out) {
  uint64_t address = context->device->allocate(bytes, kPage);
  if (!address) return CUDA_ERROR_OUT_OF_MEMORY;
  remember({.base = address, .bytes = bytes, .kind = MemoryKind::device, .context = context, .device = context->device, .pool = {}, .managed = {}});
  *out = address;
  return CUDA_SUCCESS;
}
}  // namespace

extern "C" {

CUresult cuMemAlloc_v2(CUdeviceptr* dptr, size_t bytesize) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(dptr && bytesize);
  TRY(refuse_unsafe());
  return allocate(context, bytesize, dptr);
}

CUresult cuMemAllocPitch_v2(CUdeviceptr* dptr, size_t* pPitch, size_t WidthInBytes, size_t Height, unsigned int ElementSizeBytes) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(dptr && pPitch && WidthInBytes && Height);
  REQUIRE(ElementSizeBytes == 4 || ElementSizeBytes == 8 || ElementSizeBytes == 16);
  TRY(refuse_unsafe());
  if (WidthInBytes > (size_t(1) << 31) - 512) return CUDA_ERROR_INVALID_VALUE;
  size_t pitch = (WidthInBytes + 511) & ~size_t(511), bytes;
  if (__builtin_mul_overflow(pitch, Height, &bytes)) return CUDA_ERROR_OUT_OF_MEMORY;
  TRY(allocate(context, bytes, dptr));
  *pPitch = pitch;
  return CUDA_SUCCESS;
}

CUresult cuMemAllocManaged(CUdeviceptr* dptr, size_t bytesize, unsigned int flags) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(dptr && bytesize && (flags == CU_MEM_ATTACH_GLOBAL || flags == CU_MEM_ATTACH_HOST));
  TRY(refuse_unsafe());
  return allocate_managed(context, bytesize, flags, dptr);
}

CUresult cuMemFree_v2(CUdeviceptr dptr) {
  ContextRef context;
  TRY(enter(&context));
  if (!dptr) return CUDA_SUCCESS;
  TRY(refuse_unsafe());
  if (auto memory = find_graph_memory(dptr)) {
    memory->context->synchronize();
    return free_graph_memory(*memory);
  }
  Allocation a;
  if (!find_allocation(dptr, &a) || a.base != dptr || !a.freeable() || !a.id) return CUDA_ERROR_INVALID_VALUE;
  a.context->synchronize();      // work that may still use it
  if (!take_allocation(dptr, &a, [](const Allocation& x) { return x.freeable(); })) return CUDA_ERROR_INVALID_VALUE;
  release_bytes(a);
  return context->error();
}

CUresult cuMemGetInfo_v2(size_t* free, size_t* total) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(free && total);
  softgpu::Memory& memory = context->device->memory;
  *total = memory.capacity();
  uint64_t used = used_of_device(context->device->index);
  *free = used < *total ? *total - used : 0;
  return CUDA_SUCCESS;
}

CUresult cuMemGetAddressRange_v2(CUdeviceptr* pbase, size_t* psize, CUdeviceptr dptr) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(pbase || psize);
  Allocation a;
  if (!find_allocation(dptr, &a)) return CUDA_ERROR_NOT_FOUND;
  if (pbase) *pbase = a.base;
  if (psize) *psize = a.bytes;
  return CUDA_SUCCESS;
}

}  // extern "C"
