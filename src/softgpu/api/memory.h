// What is known of each allocation beside its address: owner, kind, flags. The bytes themselves are kept by softgpu::Memory.
// Any thread may call.
#pragma once
#include "softgpu/api/context.h"

namespace softgpu::api {

enum class MemoryKind { device, managed, pool, host, registered, mapped };   // mapped: by cuMemMap

struct Allocation {
  uint64_t base = 0, bytes = 0;
  MemoryKind kind = MemoryKind::device;
  ContextRef context;
  uint64_t context_id = 0;          // the life of the context that made it
  Device* device = nullptr;
  unsigned flags = 0;               // of cuMemHostAlloc, cuMemHostRegister, cuMemAllocManaged
  std::shared_ptr<Pool> pool;
  uint64_t id = 0;                  // CU_POINTER_ATTRIBUTE_BUFFER_ID
  bool freeable() const { return kind == MemoryKind::device || kind == MemoryKind::managed || kind == MemoryKind::pool; }
  bool on_host() const { return kind == MemoryKind::host || kind == MemoryKind::registered; }
};

void remember(Allocation a);
bool find_allocation(uint64_t address, Allocation* out);              // the one that holds address
bool take_allocation(uint64_t base, Allocation* out, bool (*wanted)(const Allocation&));   // the one that starts there, if wanted
void release_bytes(const Allocation& a);                              // gives the memory back; a is already taken
// The whole range lies in device memory, or in host memory that the GPU may touch.
bool device_range(const Context& context, uint64_t address, uint64_t bytes);
bool pinned_range(uint64_t address, uint64_t bytes);                  // page-locked or managed: a copy need not be staged
bool in_device_window(uint64_t address);                              // an address of device memory, live or not

}  // namespace softgpu::api
