// See memory_quota.h. A charge adds to the device's total first and to its slot second, a refund subtracts in the other order:
// a process killed in between leaves the total too high, never too low.
#include "limiter/memory_quota.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

namespace limiter {
namespace {
constexpr uint64_t kMagic = 0x3141544f55514654ull;   // "TFQUOTA1"

bool counted(int device) { return device >= 0 && device < MemoryQuota::kMaxDevices; }

// Subtracts bytes, or what is there when that is less; returns what was subtracted.
uint64_t take_off(std::atomic<uint64_t>& from, uint64_t bytes) {
  uint64_t now = from.load(std::memory_order_relaxed), less;
  do less = bytes < now ? bytes : now;
  while (!from.compare_exchange_weak(now, now - less, std::memory_order_acq_rel));
  return less;
}
}  // namespace

MemoryQuota::~MemoryQuota() {
  if (block_) munmap(block_, sizeof(Block));
}

bool MemoryQuota::map(int fd) {
  void* p = mmap(nullptr, sizeof(Block), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (p == MAP_FAILED) return false;
  block_ = static_cast<Block*>(p);
  return true;
}

bool MemoryQuota::create(uint64_t limit) {
  base::Fd fd(memfd_create("tensor-fusion-quota", MFD_CLOEXEC));
  if (!fd || ftruncate(fd.get(), sizeof(Block)) != 0 || !map(fd.get())) return false;
  fd_ = std::move(fd);
  block_->magic = kMagic;   // all else is zero in a new memfd
  block_->limit = limit;
  slot_ = take_slot();
  return true;
}

bool MemoryQuota::attach(int fd, int slot) {
  struct stat info;
  if (slot < 0 || slot >= kMaxSlots || fstat(fd, &info) != 0 || size_t(info.st_size) != sizeof(Block) || !map(fd)) return false;
  slot_ = slot;
  return block_->magic == kMagic;
}

bool MemoryQuota::charge(int device, uint64_t bytes) {
  const uint64_t limit = block_->limit;
  if (!counted(device)) return limit == 0;
  auto& total = block_->used[device];
  uint64_t now = total.load(std::memory_order_relaxed);
  do {
    if (limit && (now > limit || bytes > limit - now)) return false;
  } while (!total.compare_exchange_weak(now, now + bytes, std::memory_order_acq_rel));
  slot_bytes(device).fetch_add(bytes, std::memory_order_acq_rel);
  return true;
}

void MemoryQuota::refund(int device, uint64_t bytes) {
  if (!counted(device)) return;
  take_off(block_->used[device], take_off(slot_bytes(device), bytes));
}

int MemoryQuota::device_index(uint64_t key) {
  for (int i = 0; i < kMaxDevices; i++) {
    uint64_t there = 0;
    if (block_->keys[i].compare_exchange_strong(there, key, std::memory_order_acq_rel) || there == key) return i;
  }
  return -1;
}

uint64_t MemoryQuota::used(int device) const { return counted(device) ? block_->used[device].load(std::memory_order_acquire) : 0; }

uint64_t MemoryQuota::slot_used(int slot, int device) const {
  if (slot < 0 || slot >= kMaxSlots || !counted(device)) return 0;
  return block_->slots[slot].used[device].load(std::memory_order_acquire);
}

int MemoryQuota::take_slot() {
  for (int i = 0; i < kMaxSlots; i++) {
    uint32_t expected = 0;
    if (block_->slots[i].taken.compare_exchange_strong(expected, 1, std::memory_order_acq_rel)) return i;
  }
  return -1;
}

void MemoryQuota::refund_slot(int slot) {
  if (slot < 0 || slot >= kMaxSlots) return;
  for (int device = 0; device < kMaxDevices; device++)
    take_off(block_->used[device], block_->slots[slot].used[device].exchange(0, std::memory_order_acq_rel));
}

void MemoryQuota::free_slot(int slot) {
  if (slot < 0 || slot >= kMaxSlots) return;
  block_->slots[slot].process.store(0, std::memory_order_release);
  refund_slot(slot);
  block_->slots[slot].taken.store(0, std::memory_order_release);
}

void MemoryQuota::tell_client(uint32_t process, uint32_t host, uint32_t client) {
  Slot& s = block_->slots[slot_];
  s.host.store(host, std::memory_order_relaxed);
  s.client.store(client, std::memory_order_relaxed);
  s.process.store(process, std::memory_order_release);
}

uint32_t MemoryQuota::client_of(uint32_t process, uint32_t host) const {
  if (!process || !host) return 0;
  for (const Slot& s : block_->slots)
    if (s.process.load(std::memory_order_acquire) == process) return s.host.load(std::memory_order_relaxed) == host ? s.client.load(std::memory_order_relaxed) : 0;
  return 0;
}

void MemoryQuota::settle() {
  for (int device = 0; device < kMaxDevices; device++) {
    uint64_t sum = 0;
    for (auto& slot : block_->slots) sum += slot.used[device].load(std::memory_order_acquire);
    block_->used[device].store(sum, std::memory_order_release);
  }
}

}  // namespace limiter
