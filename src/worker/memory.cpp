// See memory.h; and the calls of api/cuda/memory.api.
#include "worker/memory.h"

#include "worker/handlers.h"
#include "worker/mirror.h"

namespace worker {

int Memory::host_index(int device) {
  if (device < 0 || device >= limiter::MemoryQuota::kMaxDevices) return device;
  int known = host_index_[device].load(std::memory_order_relaxed);
  if (known) return known - 1;
  int domain = 0, bus = 0, slot = 0;
  uint64_t key = 1;   // no PCI address: there is one such device
  if (!call(driver_.cuDeviceGetAttribute, &domain, CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID, device) &&
      !call(driver_.cuDeviceGetAttribute, &bus, CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, device) &&
      !call(driver_.cuDeviceGetAttribute, &slot, CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID, device))
    key = uint64_t(unsigned(domain)) << 16 | uint64_t(bus & 255) << 8 | uint64_t(slot & 255) | 1ull << 63;
  int index = quota_.device_index(key);
  host_index_[device].store(index + 1, std::memory_order_relaxed);
  return index;
}

uint64_t Memory::total_of(uint64_t total) const { return limit() && limit() < total ? limit() : total; }

uint64_t Memory::free_of(int device, uint64_t free) {
  if (!limit()) return free;
  uint64_t used = quota_.used(host_index(device)), left = used < limit() ? limit() - used : 0;
  return left < free ? left : free;
}

void Memory::keep(Family family, uint64_t key, const Held& held) {
  std::lock_guard lock(lock_);
  held_[family][key] = held;
}

bool Memory::take(Family family, uint64_t key, Held* held) {
  std::lock_guard lock(lock_);
  auto it = held_[family].find(key);
  if (it == held_[family].end()) return false;
  *held = it->second;
  held_[family].erase(it);
  return true;
}

void Memory::context_gone(uint32_t context) {
  std::lock_guard lock(lock_);
  for (auto& family : held_)
    for (auto it = family.begin(); it != family.end();)
      if (it->second.context == context) {
        refund(it->second.device, it->second.bytes);
        it = family.erase(it);
      } else {
        ++it;
      }
}

void Memory::chunk_created(uint64_t handle, int device, uint64_t bytes) {
  std::lock_guard lock(lock_);
  chunks_[handle] = std::make_shared<Chunk>(*this, device, bytes);
}

void Memory::chunk_released(uint64_t handle) {
  std::lock_guard lock(lock_);
  auto it = chunks_.find(handle);
  if (it != chunks_.end() && --it->second->handles == 0) chunks_.erase(it);
}

void Memory::chunk_mapped(uint64_t address, uint64_t bytes, uint64_t handle) {
  std::lock_guard lock(lock_);
  auto it = chunks_.find(handle);
  if (it != chunks_.end()) mappings_[address] = Mapping{bytes, it->second};
}

void Memory::chunk_unmapped(uint64_t address, uint64_t bytes) {   // one range may cover several mappings
  std::lock_guard lock(lock_);
  auto first = mappings_.lower_bound(address), last = first;
  while (last != mappings_.end() && last->first - address < bytes) ++last;
  mappings_.erase(first, last);
}

void Memory::chunk_retained(uint64_t handle, uint64_t address) {
  std::lock_guard lock(lock_);
  auto it = mappings_.upper_bound(address);
  const bool ours = it != mappings_.begin() && address - (--it)->first < it->second.bytes;
  auto [entry, fresh] = chunks_.try_emplace(handle, ours ? it->second.chunk : nullptr);
  if (!entry->second) entry->second = std::make_shared<Chunk>(*this, -1, 0);
  entry->second->handles = fresh ? 1 : entry->second->handles + 1;
}

void Memory::chunk_imported(uint64_t handle) {
  std::lock_guard lock(lock_);
  auto [entry, fresh] = chunks_.try_emplace(handle, nullptr);
  if (fresh) entry->second = std::make_shared<Chunk>(*this, -1, 0);
  else entry->second->handles++;
}

bool Memory::chunk_known(uint64_t handle) {
  std::lock_guard lock(lock_);
  return chunks_.count(handle) != 0;
}

int current_device(Session& s) {
  CUdevice device = -1;
  return call(s.driver.cuCtxGetDevice, &device) ? -1 : device;
}

bool managed_remotely(Session& s, int device) {
  int managed = 0, concurrent = 0;
  return !call(s.driver.cuDeviceGetAttribute, &managed, CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY, device) && managed &&
         !call(s.driver.cuDeviceGetAttribute, &concurrent, CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS, device) && concurrent;
}

namespace serve {

int tfPointerAttribute(Session& s, Request&, wire::tfPointerAttribute::Args& a, wire::tfPointerAttribute::Outs& o) {
  const auto which = CUpointer_attribute(a.attribute);
  alignas(16) uint64_t room[8] = {};   // P2P tokens are the largest answer
  int rc = call(s.driver.cuPointerGetAttribute, static_cast<void*>(room), which, a.ptr);
  if (rc) return rc;
  if (which == CU_POINTER_ATTRIBUTE_MEMPOOL_HANDLE) {
    if (o.pool) *o.pool = s.name(wire::kCUmemoryPool, reinterpret_cast<void*>(room[0]));
  } else if (which == CU_POINTER_ATTRIBUTE_CONTEXT) {
    if (o.context) *o.context = s.known_name(reinterpret_cast<void*>(room[0]));
  } else if (which == CU_POINTER_ATTRIBUTE_HOST_POINTER) {
    return CUDA_ERROR_INVALID_VALUE;   // an address of this process
  } else if (o.value) {
    *o.value = room[0];
  }
  return 0;
}

int cuMemGetInfo_v2(Session& s, Request&, wire::cuMemGetInfo_v2::Args&, wire::cuMemGetInfo_v2::Outs& o) {
  size_t free = 0, total = 0;
  int rc = call(s.driver.cuMemGetInfo_v2, &free, &total);
  if (rc) return rc;
  if (o.free) *o.free = s.memory().free_of(current_device(s), free);
  if (o.total) *o.total = s.memory().total_of(total);
  return 0;
}

int cuMemAlloc_v2(Session& s, Request& q, wire::cuMemAlloc_v2::Args& a, wire::cuMemAlloc_v2::Outs& o) {
  const int device = current_device(s);
  CUdeviceptr p = 0;
  int rc = charged(s.memory(), device, a.bytesize, [&] { return call(s.driver.cuMemAlloc_v2, &p, a.bytesize); });
  if (rc) return rc;
  s.memory().keep(Memory::address, p, {a.bytesize, device, q.header.context});
  if (o.dptr) *o.dptr = p;
  return 0;
}

int cuMemAllocManaged(Session& s, Request& q, wire::cuMemAllocManaged::Args& a, wire::cuMemAllocManaged::Outs& o) {
  const int device = current_device(s);
  if (!managed_remotely(s, device)) return CUDA_ERROR_NOT_SUPPORTED;
  CUdeviceptr p = 0;
  int rc = charged(s.memory(), device, a.bytesize, [&] { return call(s.driver.cuMemAllocManaged, &p, a.bytesize, a.flags); });
  if (rc) return rc;
  s.memory().keep(Memory::address, p, {a.bytesize, device, q.header.context});
  s.mirror().add_managed(p, a.bytesize, q.header.context);
  if (o.dptr) *o.dptr = p;
  return 0;
}

// The driver chooses the pitch: rows are charged as it is known to round them up, and what it really chose is charged after.
int cuMemAllocPitch_v2(Session& s, Request& q, wire::cuMemAllocPitch_v2::Args& a, wire::cuMemAllocPitch_v2::Outs& o) {
  constexpr size_t kPitchStep = 512;
  const int device = current_device(s);
  Memory& memory = s.memory();
  CUdeviceptr p = 0;
  size_t pitch = 0, expected, row;
  if (__builtin_add_overflow(a.WidthInBytes, kPitchStep - 1, &row) || __builtin_mul_overflow(row / kPitchStep * kPitchStep, a.Height, &expected))
    return CUDA_ERROR_OUT_OF_MEMORY;
  int rc = charged(memory, device, expected, [&] {
    return call(s.driver.cuMemAllocPitch_v2, &p, &pitch, a.WidthInBytes, a.Height, a.ElementSizeBytes);
  });
  if (rc) return rc;
  const uint64_t bytes = uint64_t(pitch) * a.Height;
  if (bytes < expected) memory.refund(device, expected - bytes);
  if (bytes > expected && !memory.charge(device, bytes - expected)) {
    call(s.driver.cuMemFree_v2, p);
    memory.refund(device, expected);
    return CUDA_ERROR_OUT_OF_MEMORY;
  }
  memory.keep(Memory::address, p, {bytes, device, q.header.context});
  if (o.dptr) *o.dptr = p;
  if (o.pPitch) *o.pPitch = pitch;
  return 0;
}

int cuMemFree_v2(Session& s, Request& q, wire::cuMemFree_v2::Args& a, wire::cuMemFree_v2::Outs&) {
  Memory::Held held;
  const CUdeviceptr p = a.dptr;
  uint64_t managed_bytes = 0;
  const bool known = s.memory().take(Memory::address, p, &held);   // first: after the driver's call the address may be given out again
  const bool managed = s.mirror().remove_managed(p, &managed_bytes);
  s.let_others_lead(q);
  int rc = call(s.driver.cuMemFree_v2, p);
  if (managed && rc) s.mirror().add_managed(p, managed_bytes, held.context);
  if (known && rc) s.memory().keep(Memory::address, p, held);
  if (known && !rc) s.memory().refund(held.device, held.bytes);
  return rc;
}

}  // namespace serve
}  // namespace worker
