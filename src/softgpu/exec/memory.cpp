// Global memory of one device: an address window reserved with PROT_NONE, made usable in 2 MiB steps as allocations reach into it.
// Owner: api/ (one Memory per device). Threads: every member may be called from any thread at any time.
#include <sys/mman.h>
#include <unistd.h>

#include <atomic>
#include <map>
#include <mutex>
#include <shared_mutex>

#include "softgpu/engine.h"
#include "softgpu/exec/memory_state.h"

#if defined(__SANITIZE_ADDRESS__)
#define SOFTGPU_ADDRESS_CHECKS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SOFTGPU_ADDRESS_CHECKS 1
#endif
#endif
#ifdef SOFTGPU_ADDRESS_CHECKS
#include <sanitizer/asan_interface.h>
#endif

namespace softgpu {
namespace {

// In a build with address checks every byte of the window that is not allocated is one that nothing here may touch.
void forbid([[maybe_unused]] uint64_t at, [[maybe_unused]] uint64_t bytes) {
#ifdef SOFTGPU_ADDRESS_CHECKS
  __asan_poison_memory_region(reinterpret_cast<void*>(at), bytes);
#endif
}
void allow([[maybe_unused]] uint64_t at, [[maybe_unused]] uint64_t bytes) {
#ifdef SOFTGPU_ADDRESS_CHECKS
  __asan_unpoison_memory_region(reinterpret_cast<void*>(at), bytes);
#endif
}

constexpr uint64_t kStep = 2u << 20;           // commit granularity
constexpr uint64_t kGranule = 256;             // smallest allocation and alignment
constexpr uint64_t kReturnToHost = 1u << 20;   // freed ranges of at least this size give their pages back
constexpr uint64_t kFirstHint = 0x200000000000;   // where the first window is asked for: easy to recognise, far from heap and stacks

std::atomic<uint64_t> next_hint{kFirstHint};

uint64_t round_up(uint64_t v, uint64_t to) { return (v + to - 1) / to * to; }

}  // namespace

Memory::Memory(uint64_t capacity_bytes, Budget* budget) : s_(std::make_unique<State>()) {
  s_->budget = budget;
  s_->capacity = capacity_bytes;
  // Twice the capacity of addresses, so that fragmentation of addresses never refuses what the byte count allows.
  s_->window = round_up(capacity_bytes < kStep ? kStep : capacity_bytes, kStep) * 2;
  void* hint = reinterpret_cast<void*>(next_hint.fetch_add(s_->window + (1ull << 36)));
  void* p = mmap(hint, s_->window, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) {
    s_->window = 0;
    return;
  }
  s_->base = reinterpret_cast<uint64_t>(p);
  s_->committed.assign(s_->window / kStep, false);
  s_->holes[s_->base] = s_->window;
}

Memory::~Memory() {
  for (size_t c = 0; c < s_->committed.size(); c++) if (s_->committed[c]) allow(s_->base + c * kStep, kStep);
  if (s_->window) munmap(reinterpret_cast<void*>(s_->base), s_->window);
}

uint64_t Memory::allocate(uint64_t bytes, uint64_t alignment) {
  if (bytes == 0 || bytes > s_->capacity) return 0;
  if (alignment < kGranule) alignment = kGranule;
  if (alignment & (alignment - 1)) return 0;
  uint64_t size = round_up(bytes, alignment);
  std::unique_lock lock(s_->mutex);
  auto refuse = [&]() -> uint64_t {
    if (s_->budget) s_->budget->give(size);
    return 0;
  };
  if (size > s_->capacity - s_->used) return 0;
  if (s_->budget && !s_->budget->take(size)) return 0;
  for (auto it = s_->holes.begin(); it != s_->holes.end(); ++it) {
    uint64_t lo = it->first, hi = lo + it->second, start = round_up(lo, alignment);
    if (start < lo || start >= hi || hi - start < size) continue;
    for (uint64_t c = (start - s_->base) / kStep; c <= (start + size - 1 - s_->base) / kStep; c++) {
      if (s_->committed[c]) continue;
      if (mprotect(reinterpret_cast<void*>(s_->base + c * kStep), kStep, PROT_READ | PROT_WRITE) != 0) return refuse();
      s_->committed[c] = true;
      forbid(s_->base + c * kStep, kStep);
    }
    s_->holes.erase(it);
    if (start > lo) s_->holes[lo] = start - lo;
    if (start + size < hi) s_->holes[start + size] = hi - start - size;
    s_->live[start] = {bytes, size, false};
    s_->used += size;
    allow(start, bytes);
    return start;
  }
  return refuse();
}

bool Memory::free(uint64_t address) {
  std::unique_lock lock(s_->mutex);
  auto it = s_->live.find(address);
  if (it == s_->live.end() || it->second.host) return false;
  uint64_t size = it->second.size;
  s_->live.erase(it);
  s_->used -= size;
  if (s_->budget) s_->budget->give(size);
  s_->generation.fetch_add(1, std::memory_order_release);
  forbid(address, size);
  if (size >= kReturnToHost) {
    uint64_t page = static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
    uint64_t lo = round_up(address, page), hi = (address + size) / page * page;
    if (hi > lo) madvise(reinterpret_cast<void*>(lo), hi - lo, MADV_DONTNEED);
  }
  auto next = s_->holes.lower_bound(address);
  uint64_t lo = address, len = size;
  if (next != s_->holes.end() && next->first == lo + len) {
    len += next->second;
    next = s_->holes.erase(next);
  }
  if (next != s_->holes.begin()) {
    auto before = std::prev(next);
    if (before->first + before->second == lo) {
      before->second += len;
      return true;
    }
  }
  s_->holes[lo] = len;
  return true;
}

bool Memory::find(uint64_t address, uint64_t* base, uint64_t* size) const {
  std::shared_lock lock(s_->mutex);
  auto it = s_->live.upper_bound(address);
  if (it == s_->live.begin()) return false;
  --it;
  if (address - it->first >= it->second.bytes) return false;
  if (base) *base = it->first;
  if (size) *size = it->second.bytes;
  return true;
}

bool Memory::valid(uint64_t address, uint64_t bytes) const {
  uint64_t base, size;
  if (!find(address, &base, &size)) return false;
  return bytes <= size - (address - base);
}

bool Memory::nearest(uint64_t address, uint64_t* base, uint64_t* size) const {
  std::shared_lock lock(s_->mutex);
  if (s_->live.empty()) return false;
  auto above = s_->live.upper_bound(address), best = above;
  if (above != s_->live.begin()) {
    auto below = std::prev(above);
    uint64_t behind = address - below->first, distance = behind < below->second.bytes ? 0 : behind - below->second.bytes;
    if (above == s_->live.end() || distance <= above->first - address) best = below;
  }
  *base = best->first;
  *size = best->second.bytes;
  return true;
}

void Memory::add_host_range(const void* p, uint64_t bytes) {
  if (!bytes) return;
  std::unique_lock lock(s_->mutex);
  s_->live[reinterpret_cast<uint64_t>(p)] = {bytes, bytes, true};
  s_->generation.fetch_add(1, std::memory_order_release);
}

void Memory::remove_host_range(const void* p) {
  std::unique_lock lock(s_->mutex);
  auto it = s_->live.find(reinterpret_cast<uint64_t>(p));
  if (it == s_->live.end() || !it->second.host) return;
  s_->live.erase(it);
  s_->generation.fetch_add(1, std::memory_order_release);
}

uint64_t Memory::capacity() const { return s_->capacity; }

uint64_t Memory::used() const {
  std::shared_lock lock(s_->mutex);
  return s_->used;
}

Textures& Memory::textures() const { return s_->textures; }

uint64_t Memory::generation() const { return s_->generation.load(std::memory_order_acquire); }

}  // namespace softgpu
