// What is known of each allocation beside its address: owner, kind, flags. The bytes themselves are kept by softgpu::Memory.
// Any thread may call.
#pragma once
#include "softgpu/api/context.h"

namespace softgpu::api {

class ManagedRange;

enum class MemoryKind { device, managed, pool, host, registered, mapped, imported };   // mapped: by cuMemMap; imported: of another process

constexpr uint64_t kPage = 4096;      // device memory that can be given to another process has pages of its own
constexpr unsigned kAllDevices = ~0u;

struct Allocation {
  uint64_t base = 0, bytes = 0;
  MemoryKind kind = MemoryKind::device;
  ContextRef context;
  uint64_t context_id = 0;          // the life of the context that made it
  Device* device = nullptr;
  unsigned flags = 0;               // of cuMemHostAlloc, cuMemHostRegister, cuMemAllocManaged
  std::shared_ptr<Pool> pool = {};
  std::shared_ptr<ManagedRange> managed = {};
  unsigned seen_by = 0;             // a bit per device: those that may touch it although it is not in their memory
  bool of_module = false;           // a __managed__ variable: its memory is the module's
  uint64_t id = 0;                  // CU_POINTER_ATTRIBUTE_BUFFER_ID
  bool freeable() const { return !of_module && (kind == MemoryKind::device || kind == MemoryKind::managed || kind == MemoryKind::pool || (kind == MemoryKind::imported && pool)); }
  bool on_host() const { return kind == MemoryKind::host || kind == MemoryKind::registered; }
};

void remember(Allocation a);
void let_see(uint64_t base, int device, bool allowed);                // changes seen_by of the allocation that starts there
void let_see_pool(const Pool& pool, int device, bool allowed);        // the same for all memory of a pool
bool find_allocation(uint64_t address, Allocation* out);              // the one that holds address
bool take_allocation(uint64_t base, Allocation* out, bool (*wanted)(const Allocation&));   // the one that starts there, if wanted
void release_bytes(const Allocation& a);                              // gives the memory back; a is already taken
// The whole range lies in device memory, or in host memory that the GPU may touch.
bool device_range(const Context& context, uint64_t address, uint64_t bytes);
bool pinned_range(uint64_t address, uint64_t bytes);                  // page-locked or managed: a copy need not be staged
bool in_device_window(uint64_t address);                              // an address of device memory, live or not
void add_window(uint64_t base, uint64_t bytes);                       // addresses outside the devices' own that are device memory's all the same
void remove_window(uint64_t base);

}  // namespace softgpu::api
