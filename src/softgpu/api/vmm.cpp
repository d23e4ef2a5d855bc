// Virtual memory management: reserved addresses, physical chunks, and chunks mapped at addresses. A chunk is a memfd, so it can be
// mapped anywhere, twice, and in another process; its bytes count against the device's memory. Any thread may call.
#include <sys/mman.h>
#include <unistd.h>

#include <map>

#include "softgpu/api/memory.h"
#include "softgpu/api/shared_file.h"

namespace softgpu::api {
namespace {

constexpr size_t kGranularity = 2 << 20;

struct Chunk {
  CUmemGenericAllocationHandle handle = 0;
  CUmemAllocationProp prop = {};
  size_t bytes = 0;
  Device* device = nullptr;
  int fd = -1;
  uint64_t account = 0;         // an allocation that is never touched: it keeps the bytes from others
  unsigned references = 1;      // guarded by g.m: handles given out; mappings hold the object itself
  ~Chunk() {
    if (fd >= 0) close(fd);
    if (account) device->free(account);
  }
};
using ChunkRef = std::shared_ptr<Chunk>;

struct Mapping {
  size_t bytes = 0;
  ChunkRef chunk;
  unsigned readers = 0, writers = 0;         // a bit per device
};

struct State {
  std::mutex m;
  std::map<uint64_t, size_t> reserved;       // address -> bytes
  std::map<uint64_t, Mapping> mappings;      // by address
  Registry<CUmemGenericAllocationHandle, Chunk> chunks;
};
State& g() {
  static auto* state = new State;
  return *state;
}

bool multiple(uint64_t n) { return n % kGranularity == 0; }
void* pointer(uint64_t address) { return reinterpret_cast<void*>(address); }

// Under g().m: [address, address + bytes) lies in one reservation.
bool is_reserved(uint64_t address, size_t bytes) {
  auto it = g().reserved.upper_bound(address);
  if (it == g().reserved.begin()) return false;
  --it;
  return address - it->first < it->second && bytes <= it->first + it->second - address;
}

// Under g().m: the mappings that make up the range exactly, or none.
std::vector<std::map<uint64_t, Mapping>::iterator> mappings_of(uint64_t address, size_t bytes) {
  std::vector<std::map<uint64_t, Mapping>::iterator> found;
  uint64_t at = address;
  for (auto it = g().mappings.find(address); it != g().mappings.end() && it->first == at && at < address + bytes; ++it) {
    found.push_back(it);
    at += it->second.bytes;
  }
  if (at != address + bytes) found.clear();
  return found;
}

CUresult check(const CUmemAllocationProp* prop, Device** device) {
  REQUIRE(prop && prop->type == CU_MEM_ALLOCATION_TYPE_PINNED);
  if (prop->location.type == CU_MEM_LOCATION_TYPE_HOST_NUMA) return CUDA_ERROR_NOT_SUPPORTED;
  REQUIRE(prop->location.type == CU_MEM_LOCATION_TYPE_DEVICE);
  REQUIRE(!(prop->requestedHandleTypes & (CU_MEM_HANDLE_TYPE_WIN32 | CU_MEM_HANDLE_TYPE_WIN32_KMT)));
  if (prop->requestedHandleTypes & CU_MEM_HANDLE_TYPE_FABRIC) return CUDA_ERROR_NOT_PERMITTED;
  *device = device_of(prop->location.id);
  return *device ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

void withdraw(uint64_t address) {            // the GPU's access to one mapping
  Allocation a;
  if (take_allocation(address, &a, [](const Allocation& x) { return x.kind == MemoryKind::mapped; })) release_bytes(a);
}

// Under g().m: what one device may do with one mapping. The bytes are reachable as long as any device may.
CUresult set_access(uint64_t address, Mapping& m, int ordinal, CUmemAccess_flags flags) {
  const unsigned device = 1u << ordinal, before = m.readers;
  m.readers = flags == CU_MEM_ACCESS_FLAGS_PROT_NONE ? m.readers & ~device : m.readers | device;
  m.writers = flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE ? m.writers | device : m.writers & ~device;
  if (before && !m.readers) withdraw(address);
  if (mprotect(pointer(address), m.bytes, m.readers ? PROT_READ | PROT_WRITE : PROT_NONE) != 0) return CUDA_ERROR_OUT_OF_MEMORY;
  if (before && m.readers) let_see(address, ordinal, m.readers & device);
  if (!before && m.readers)
    remember({.base = address, .bytes = m.bytes, .kind = MemoryKind::mapped, .context = nullptr, .device = m.chunk->device, .pool = nullptr,
              .seen_by = m.readers});
  return CUDA_SUCCESS;
}

}  // namespace
}  // namespace softgpu::api

using namespace softgpu::api;

extern "C" {

CUresult cuMemGetAllocationGranularity(size_t* granularity, const CUmemAllocationProp* prop, CUmemAllocationGranularity_flags option) {
  TRY(initialized());
  REQUIRE(granularity && prop && (option == CU_MEM_ALLOC_GRANULARITY_MINIMUM || option == CU_MEM_ALLOC_GRANULARITY_RECOMMENDED));
  *granularity = kGranularity;
  return CUDA_SUCCESS;
}

CUresult cuMemAddressReserve(CUdeviceptr* ptr, size_t size, size_t alignment, CUdeviceptr addr, unsigned long long flags) {
  TRY(initialized());
  REQUIRE(ptr && size && multiple(size) && multiple(addr) && flags == 0 && (alignment & (alignment - 1)) == 0);
  if (alignment < kGranularity) alignment = kGranularity;
  constexpr int kFlags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* p = MAP_FAILED;
  if (addr && addr % alignment == 0) p = mmap(pointer(addr), size, PROT_NONE, kFlags | MAP_FIXED_NOREPLACE, -1, 0);
  if (p == MAP_FAILED) {                     // anywhere: a little more than asked, cut to the alignment
    size_t room = size + alignment;
    p = mmap(nullptr, room, PROT_NONE, kFlags, -1, 0);
    if (p == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
    auto first = reinterpret_cast<uint64_t>(p), start = (first + alignment - 1) & ~(alignment - 1);
    if (start > first) munmap(p, start - first);
    if (uint64_t rest = first + room - (start + size)) munmap(pointer(start + size), rest);
    p = pointer(start);
  }
  std::lock_guard lock(g().m);
  g().reserved[reinterpret_cast<uint64_t>(p)] = size;
  add_window(reinterpret_cast<uint64_t>(p), size);
  *ptr = reinterpret_cast<CUdeviceptr>(p);
  return CUDA_SUCCESS;
}

CUresult cuMemAddressFree(CUdeviceptr ptr, size_t size) {
  TRY(initialized());
  std::lock_guard lock(g().m);
  auto it = g().reserved.find(ptr);
  REQUIRE(it != g().reserved.end() && it->second == size);
  auto inside = g().mappings.lower_bound(ptr);
  REQUIRE(inside == g().mappings.end() || inside->first >= ptr + size);
  g().reserved.erase(it);
  remove_window(ptr);
  munmap(pointer(ptr), size);
  return CUDA_SUCCESS;
}

CUresult cuMemCreate(CUmemGenericAllocationHandle* handle, size_t size, const CUmemAllocationProp* prop, unsigned long long flags) {
  TRY(initialized());
  Device* device;
  REQUIRE(handle && flags == 0);
  TRY(check(prop, &device));
  REQUIRE(size && multiple(size));
  auto chunk = std::make_shared<Chunk>();
  chunk->prop = *prop;
  chunk->bytes = size;
  chunk->device = device;
  chunk->account = device->allocate(size);
  if (!chunk->account) return CUDA_ERROR_OUT_OF_MEMORY;
  SharedFile file;
  chunk->fd = make_shared_file('c', size, device->profile.uuid, &file);
  if (chunk->fd < 0) return CUDA_ERROR_OUT_OF_MEMORY;
  *handle = g().chunks.add(chunk);
  return CUDA_SUCCESS;
}

CUresult cuMemRelease(CUmemGenericAllocationHandle handle) {
  TRY(initialized());
  std::lock_guard lock(g().m);
  ChunkRef chunk = g().chunks.find(handle);
  REQUIRE(chunk);
  if (--chunk->references == 0) g().chunks.take(handle);
  return CUDA_SUCCESS;
}

CUresult cuMemRetainAllocationHandle(CUmemGenericAllocationHandle* handle, CUdeviceptr addr) {
  TRY(initialized());
  REQUIRE(handle);
  std::lock_guard lock(g().m);
  const uint64_t at = addr;
  auto it = g().mappings.upper_bound(at);
  REQUIRE(it != g().mappings.begin());
  --it;
  REQUIRE(at - it->first < it->second.bytes);
  ChunkRef chunk = it->second.chunk;
  if (chunk->references++ == 0) g().chunks.add_again(chunk);     // only the mapping had kept it
  *handle = chunk->handle;
  return CUDA_SUCCESS;
}

CUresult cuMemGetAllocationPropertiesFromHandle(CUmemAllocationProp* prop, CUmemGenericAllocationHandle handle) {
  TRY(initialized());
  ChunkRef chunk = g().chunks.find(handle);
  REQUIRE(prop && chunk);
  *prop = chunk->prop;
  return CUDA_SUCCESS;
}

CUresult cuMemMap(CUdeviceptr ptr, size_t size, size_t offset, CUmemGenericAllocationHandle handle, unsigned long long flags) {
  TRY(initialized());
  ChunkRef chunk = g().chunks.find(handle);
  REQUIRE(chunk && flags == 0 && size && multiple(ptr) && multiple(size));
  std::lock_guard lock(g().m);
  REQUIRE(is_reserved(ptr, size));
  auto next = g().mappings.lower_bound(ptr);
  REQUIRE(next == g().mappings.end() || next->first >= ptr + size);
  REQUIRE(next == g().mappings.begin() || std::prev(next)->first + std::prev(next)->second.bytes <= ptr);
  if (offset || size != chunk->bytes) return CUDA_ERROR_NOT_SUPPORTED;         // measured on driver 580: whole chunks only
  if (mmap(pointer(ptr), size, PROT_NONE, MAP_SHARED | MAP_FIXED, chunk->fd, 0) == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  g().mappings[ptr] = {size, chunk};
  return CUDA_SUCCESS;
}

CUresult cuMemUnmap(CUdeviceptr ptr, size_t size) {
  TRY(initialized());
  for (int i = 0; i < device_count(); i++) synchronize_device(device_of(i));    // work that may still use it
  std::lock_guard lock(g().m);
  REQUIRE(size && multiple(ptr) && multiple(size) && is_reserved(ptr, size));
  const uint64_t end = ptr + size;
  auto first = g().mappings.lower_bound(ptr), last = g().mappings.lower_bound(end);
  auto cut = [](auto it, uint64_t at) { return it != g().mappings.begin() && std::prev(it)->first + std::prev(it)->second.bytes > at; };
  REQUIRE(!cut(first, ptr) && !cut(last, end));           // whole mappings; places between them may be empty
  for (auto it = first; it != last; it = g().mappings.erase(it)) {
    withdraw(it->first);
    mmap(pointer(it->first), it->second.bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  }
  return CUDA_SUCCESS;
}

CUresult cuMemSetAccess(CUdeviceptr ptr, size_t size, const CUmemAccessDesc* desc, size_t count) {
  TRY(initialized());
  REQUIRE(desc && count);
  std::lock_guard lock(g().m);
  auto found = mappings_of(ptr, size);
  REQUIRE(!found.empty());
  for (size_t i = 0; i < count; i++) {
    if (desc[i].location.type != CU_MEM_LOCATION_TYPE_DEVICE) return CUDA_ERROR_NOT_SUPPORTED;
    REQUIRE(device_of(desc[i].location.id));
    REQUIRE(desc[i].flags == CU_MEM_ACCESS_FLAGS_PROT_NONE || desc[i].flags == CU_MEM_ACCESS_FLAGS_PROT_READ ||
            desc[i].flags == CU_MEM_ACCESS_FLAGS_PROT_READWRITE);
    for (auto& it : found)
      if (it->second.chunk->device->ordinal != desc[i].location.id && profile().peers == PeerLink::none) return CUDA_ERROR_INVALID_DEVICE;
  }
  for (size_t i = 0; i < count; i++)
    for (auto& it : found) TRY(set_access(it->first, it->second, desc[i].location.id, desc[i].flags));
  return CUDA_SUCCESS;
}

CUresult cuMemGetAccess(unsigned long long* flags, const CUmemLocation* location, CUdeviceptr ptr) {
  TRY(initialized());
  REQUIRE(flags && location && (location->type == CU_MEM_LOCATION_TYPE_DEVICE || location->type == CU_MEM_LOCATION_TYPE_HOST));
  const bool host = location->type == CU_MEM_LOCATION_TYPE_HOST;
  if (!host && !device_of(location->id)) return CUDA_ERROR_INVALID_DEVICE;
  std::lock_guard lock(g().m);
  auto it = g().mappings.upper_bound(ptr);
  REQUIRE(it != g().mappings.begin());
  --it;
  REQUIRE(ptr - it->first < it->second.bytes);
  const unsigned device = host ? 0 : 1u << location->id;
  *flags = it->second.writers & device ? CU_MEM_ACCESS_FLAGS_PROT_READWRITE
           : it->second.readers & device ? CU_MEM_ACCESS_FLAGS_PROT_READ : CU_MEM_ACCESS_FLAGS_PROT_NONE;
  return CUDA_SUCCESS;
}

CUresult cuMemExportToShareableHandle(void* shareableHandle, CUmemGenericAllocationHandle handle, CUmemAllocationHandleType handleType,
                                      unsigned long long flags) {
  TRY(initialized());
  ChunkRef chunk = g().chunks.find(handle);
  REQUIRE(shareableHandle && chunk && flags == 0 && handleType == CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
  REQUIRE(chunk->prop.requestedHandleTypes & CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR);
  int fd = dup(chunk->fd);
  if (fd < 0) return CUDA_ERROR_OPERATING_SYSTEM;
  *static_cast<int*>(shareableHandle) = fd;
  return CUDA_SUCCESS;
}

// The bytes stay on the account of the process that made them.
CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle* handle, void* osHandle, CUmemAllocationHandleType shHandleType) {
  TRY(initialized());
  REQUIRE(handle && shHandleType != CU_MEM_HANDLE_TYPE_NONE);
  if (shHandleType != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return CUDA_ERROR_NOT_SUPPORTED;
  SharedFile file;
  const int given = int(reinterpret_cast<intptr_t>(osHandle));
  if (!describe_shared_file(given, &file) || file.kind != 'c' || !multiple(file.bytes)) return CUDA_ERROR_UNKNOWN;
  auto chunk = std::make_shared<Chunk>();
  chunk->device = device_of(device_with(file.device));
  if (!chunk->device) return CUDA_ERROR_INVALID_DEVICE;
  if ((chunk->fd = dup(given)) < 0) return CUDA_ERROR_OPERATING_SYSTEM;
  chunk->bytes = file.bytes;
  chunk->prop.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  chunk->prop.location = {CU_MEM_LOCATION_TYPE_DEVICE, chunk->device->ordinal};
  *handle = g().chunks.add(chunk);
  return CUDA_SUCCESS;
}

}  // extern "C"
