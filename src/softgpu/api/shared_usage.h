// Device memory in use by every process of this user on this host, so that libnvidia-ml can tell it: a table in /dev/shm, one slot per
// process. libcuda writes its own slot, libnvidia-ml reads all and skips processes that have ended. Any thread may call.
#pragma once
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdio>

namespace softgpu::api {

struct UsageSlot {
  std::atomic<int> pid;
  std::atomic<uint64_t> used[16];               // bytes by device
};
constexpr int kUsageSlots = 256;

// Null when /dev/shm cannot be used: then nothing is shared.
inline UsageSlot* usage_table() {
  static UsageSlot* table = [] () -> UsageSlot* {
    char path[64];
    snprintf(path, sizeof path, "/dev/shm/tensor-fusion-softgpu-%u", unsigned(geteuid()));
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return nullptr;
    struct stat st;
    void* p = MAP_FAILED;
    if (fstat(fd, &st) == 0 && st.st_uid == geteuid() && ftruncate(fd, sizeof(UsageSlot) * kUsageSlots) == 0)
      p = mmap(nullptr, sizeof(UsageSlot) * kUsageSlots, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    return p == MAP_FAILED ? nullptr : static_cast<UsageSlot*>(p);
  }();
  return table;
}

inline bool process_lives(int pid) { return kill(pid, 0) == 0 || errno == EPERM; }

inline void publish_used(int device, uint64_t bytes) {
  static std::atomic<UsageSlot*> mine{nullptr};
  UsageSlot* table = usage_table();
  UsageSlot* slot = mine.load();
  int pid = getpid();
  if (!slot && table) {
    for (int i = 0; i < kUsageSlots && !slot; i++) {
      int owner = table[i].pid.load();
      if (owner != pid && owner != 0 && process_lives(owner)) continue;
      if (owner != pid && !table[i].pid.compare_exchange_strong(owner, pid)) continue;
      for (auto& used : table[i].used) used = 0;
      slot = &table[i];
    }
    mine = slot;
  }
  if (slot && device < 16) slot->used[device] = bytes;
}

}  // namespace softgpu::api
