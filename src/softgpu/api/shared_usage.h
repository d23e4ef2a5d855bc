// What the processes of this host use of the virtual devices: memory, which they share up to each device's size, and busy time. A table in
// /dev/shm, one slot per process, for each user and set of devices: processes with the same profile share its devices, as they would a card.
// libcuda writes its own slot, libnvidia-ml reads all; slots of processes that have ended count for nothing. Any thread may call.
//   TF_SOFTGPU_SHARE=PATH: a table of their own for those who name it (tests)
#pragma once
#include <pthread.h>

#include <atomic>
#include <cstdint>
#include <vector>

#include "softgpu/api/profile.h"

namespace softgpu::api {

// Busy time is kept for the last kBuckets × kBucketNs, in buckets that carry the number of their period.
constexpr int kUsageSlots = 256, kBuckets = 64;
constexpr int64_t kBucketNs = 50'000'000;

struct DeviceUse {
  std::atomic<uint64_t> bytes;
  std::atomic<int64_t> running_since;           // CLOCK_MONOTONIC; 0: no kernel runs
  std::atomic<uint64_t> busy[kBuckets];         // period << 32 | nanoseconds of it in which a kernel ran
};
struct UsageSlot {
  std::atomic<int> pid;
  std::atomic<uint64_t> born;                   // start time of the process: another one may get its number
  DeviceUse device[kMaxDevices];
};

bool take_shared(int device, uint64_t bytes, uint64_t capacity);   // false: the processes together would use more than capacity
void give_shared(int device, uint64_t bytes);
uint64_t used_of_device(int device);            // by all living processes

struct User {
  int pid;
  const DeviceUse* use;
};
std::vector<User> users_of(int device);         // living processes that have used the device
int64_t monotonic_ns();
// Part of [from, to) during which a kernel of this process ran, at most kBuckets periods back; nanoseconds.
int64_t busy_between(const DeviceUse& use, int64_t from, int64_t to);

// Marks this process as busy on the device while it lives.
class Busy {
 public:
  explicit Busy(int device);
  ~Busy();
  Busy(const Busy&) = delete;
 private:
  int device_;
};

}  // namespace softgpu::api
