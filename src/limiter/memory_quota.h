// How much device memory the sessions of one worker hold together, and the limit that they share: one block of shared memory.
// The worker creates it and owns the lines ("slots"); each session process attaches to it by fd and charges on its own slot.
// charge, refund and the readers may be called by any thread of any process; take_slot, free_slot and settle only by the worker.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "base/fd.h"

namespace limiter {

class MemoryQuota {
 public:
  static constexpr int kMaxDevices = 16, kMaxSlots = 512;

  MemoryQuota() = default;
  MemoryQuota(const MemoryQuota&) = delete;
  ~MemoryQuota();

  // limit: bytes per device, 0 for none. False: errno says why. fd() is close-on-exec; whoever execs a session clears that.
  bool create(uint64_t limit);
  // fd: one that came from another process's fd(); a copy is not made and it stays the caller's. False: it is no such block.
  bool attach(int fd, int slot);

  // Takes bytes of the device's limit; false (and nothing is taken) when less is left. Exact: the sum never exceeds the limit.
  // A device number outside 0..kMaxDevices-1 is not counted: it is granted only where there is no limit.
  bool charge(int device, uint64_t bytes);
  // Gives back at most what this slot holds on the device.
  void refund(int device, uint64_t bytes);

  // The place of a device in the counts: the same for all sessions that name it by the same key (not 0), whatever number it has with them.
  // -1: more devices than are counted.
  int device_index(uint64_t key);

  uint64_t limit() const { return block_->limit; }      // bytes per device, 0: none
  uint64_t used(int device) const;                      // bytes, over all slots
  uint64_t slot_used(int slot, int device) const;       // bytes

  int take_slot();                // a slot that nobody has and that holds nothing; -1: none left
  void refund_slot(int slot);     // gives back all that the slot holds: its process is dead
  void free_slot(int slot);       // refund_slot, and the slot may be taken again
  // Sets the totals to the sum of the slots. Only while no process charges: it clears what a process lost that was killed between
  // the two stores of a charge or refund (such bytes count as used until then, so the limit is never exceeded).
  void settle();

  // This slot's process works for the process `client` of the machine `host` (wire::Hello). For lists of processes, which tell numbers.
  void tell_client(uint32_t process, uint32_t host, uint32_t client);
  // The client's number of a session's process, seen from `host`; 0: it is no session's, or its client is elsewhere. host 0: unknown.
  uint32_t client_of(uint32_t process, uint32_t host) const;

  int fd() const { return fd_.get(); }
  int slot() const { return slot_; }

 private:
  using Bytes = std::atomic<uint64_t>;
  struct Slot {
    Bytes used[kMaxDevices];
    std::atomic<uint32_t> taken;
    std::atomic<uint32_t> process, host, client;   // process is written last and cleared first
    uint32_t reserved[12];
  };
  struct Block {
    uint64_t magic, limit, reserved[6];
    Bytes keys[kMaxDevices];
    Bytes used[kMaxDevices];
    Slot slots[kMaxSlots];
  };
  static_assert(Bytes::is_always_lock_free && sizeof(Bytes) == 8);
  static_assert(sizeof(Slot) == 192 && offsetof(Slot, taken) == 128);
  static_assert(offsetof(Block, used) == 192 && offsetof(Block, slots) == 320 && sizeof(Block) == 320 + 512 * 192);

  bool map(int fd);
  Bytes& slot_bytes(int device) { return block_->slots[slot_].used[device]; }

  base::Fd fd_;
  Block* block_ = nullptr;
  int slot_ = 0;
};

}  // namespace limiter
