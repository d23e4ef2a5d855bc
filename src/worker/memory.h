// What device memory this session holds, and the limit that it shares with the other sessions: every allocation is charged before the driver
// is asked and refunded when it is gone. Sizes are what the program asked for. Any thread.
#pragma once
#include <stdint.h>

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "limiter/memory_quota.h"

namespace worker {

class Session;
struct Driver;

class Memory {
 public:
  struct Held { uint64_t bytes; int device; uint32_t context; };   // context: index of the one it goes with
  enum Family { address, object };     // keys are device addresses, or the driver's pointers (arrays)
  Memory(limiter::MemoryQuota& quota, const Driver& driver) : quota_(quota), driver_(driver) {}

  uint64_t limit() const { return quota_.limit(); }         // bytes per device, 0: none
  bool charge(int device, uint64_t bytes) { return device < 0 || quota_.charge(host_index(device), bytes); }
  void refund(int device, uint64_t bytes) { if (device >= 0) quota_.refund(host_index(device), bytes); }
  // What a program may be told of a device that has so much.
  uint64_t total_of(uint64_t total) const;
  uint64_t free_of(int device, uint64_t free);

  // Charged memory has got its key. take: and is not held any more, but stays charged; false: unknown.
  void keep(Family family, uint64_t key, const Held& held);
  bool take(Family family, uint64_t key, Held* held);
  void context_gone(uint32_t context);                      // all that went with it is refunded

  // Chunks of cuMemCreate live as long as a handle or a mapping does.
  void chunk_created(uint64_t handle, int device, uint64_t bytes);
  void chunk_released(uint64_t handle);
  void chunk_mapped(uint64_t address, uint64_t bytes, uint64_t handle);
  void chunk_unmapped(uint64_t address, uint64_t bytes);
  void chunk_retained(uint64_t handle, uint64_t address);
  void chunk_imported(uint64_t handle);                     // another's: charged there
  bool chunk_known(uint64_t handle);                        // else the driver, which takes it for a pointer, must not see it

 private:
  struct Chunk {
    Chunk(Memory& memory, int device, uint64_t bytes) : memory(memory), device(device), bytes(bytes) {}
    ~Chunk() { memory.refund(device, bytes); }
    Memory& memory;
    int device;
    uint64_t bytes;
    uint32_t handles = 1;
  };
  struct Mapping { uint64_t bytes; std::shared_ptr<Chunk> chunk; };
  int host_index(int device);          // the limit is a device's, whatever its number in this process (CUDA_VISIBLE_DEVICES)
  limiter::MemoryQuota& quota_;
  const Driver& driver_;
  std::atomic<int> host_index_[limiter::MemoryQuota::kMaxDevices] = {};   // + 1; 0: not asked yet
  std::mutex lock_;
  std::unordered_map<uint64_t, Held> held_[2];
  std::unordered_map<uint64_t, std::shared_ptr<Chunk>> chunks_;
  std::map<uint64_t, Mapping> mappings_;
};

// The device has managed memory that this process may touch while kernels run: the client's accesses are made here.
bool managed_remotely(Session& s, int device);

int current_device(Session& s);   // of this thread's current context; -1: none

// Runs allocate() -> CUresult with the bytes charged; keeps the charge when it succeeds.
template <class F>
int charged(Memory& memory, int device, uint64_t bytes, F allocate) {
  if (!memory.charge(device, bytes)) return 2;   // CUDA_ERROR_OUT_OF_MEMORY
  int rc = allocate();
  if (rc) memory.refund(device, bytes);
  return rc;
}

}  // namespace worker
