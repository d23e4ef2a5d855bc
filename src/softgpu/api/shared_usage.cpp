// The table of use. Its sums are taken and changed under one robust mutex inside it: a process that dies while it holds the mutex leaves
// nothing half done, since a change is one word. Compiled into libcuda and libnvidia-ml. Any thread may call.
#include "softgpu/api/shared_usage.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <mutex>

namespace softgpu::api {

namespace {

constexpr uint64_t kReady = 0x3265736167537466;  // changes with the layout

struct Table {
  std::atomic<uint64_t> ready;
  pthread_mutex_t mutex;
  UsageSlot slots[kUsageSlots];
};

std::string table_path() {
  if (const char* path = getenv("TF_SOFTGPU_SHARE"); path && *path) return path;
  uint64_t hash = 0xcbf29ce484222325ull;
  auto mix = [&](const void* p, size_t n) {
    for (size_t i = 0; i < n; i++) hash = (hash ^ static_cast<const uint8_t*>(p)[i]) * 0x100000001b3ull;
  };
  mix(&kReady, sizeof kReady);
  for (auto& d : profile().devices) mix(d.uuid, sizeof d.uuid), mix(&d.memory_bytes, sizeof d.memory_bytes);
  char path[96];
  snprintf(path, sizeof path, "/dev/shm/tensor-fusion-softgpu-%u-%016lx", unsigned(geteuid()), static_cast<unsigned long>(hash));
  return path;
}

void prepare(Table* t) {
  if (t->ready == kReady) return;
  pthread_mutexattr_t attributes;
  pthread_mutexattr_init(&attributes);
  pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED);
  pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST);
  pthread_mutex_init(&t->mutex, &attributes);
  t->ready = kReady;
}

// Where /dev/shm cannot be used the table is this process's own.
Table* open_table() {
  void* p = MAP_FAILED;
  int fd = open(table_path().c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  struct stat st;
  if (fd >= 0 && flock(fd, LOCK_EX) == 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && ftruncate(fd, sizeof(Table)) == 0) {
    p = mmap(nullptr, sizeof(Table), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED) prepare(static_cast<Table*>(p));
  }
  if (fd >= 0) {
    flock(fd, LOCK_UN);                          // the mapping would keep it beyond close()
    close(fd);
  }
  if (p == MAP_FAILED) {
    p = mmap(nullptr, sizeof(Table), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p != MAP_FAILED) prepare(static_cast<Table*>(p));
  }
  return p == MAP_FAILED ? nullptr : static_cast<Table*>(p);
}

Table* table() {
  static Table* t = open_table();
  return t;
}

struct Locked {
  explicit Locked(Table* t_) : t(t_) {
    if (pthread_mutex_lock(&t->mutex) == EOWNERDEAD) pthread_mutex_consistent(&t->mutex);
  }
  ~Locked() { pthread_mutex_unlock(&t->mutex); }
  Table* t;
};

// The 22nd field of /proc/PID/stat; 0: there is no such process, or it has ended and waits for its parent.
uint64_t born(int pid) {
  char path[32], text[512] = {};
  snprintf(path, sizeof path, "/proc/%d/stat", pid);
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return 0;
  ssize_t n = read(fd, text, sizeof text - 1);
  close(fd);
  const char* p = n > 0 ? strrchr(text, ')') : nullptr;      // the name before it may hold anything
  char state = 0;
  unsigned long long start = 0;
  if (!p || sscanf(p, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &state, &start) != 2) return 0;
  return state == 'Z' || state == 'X' ? 0 : start | 1;
}

bool lives(const UsageSlot& slot, int own) {
  int pid = slot.pid.load();
  return pid != 0 && (pid == own || born(pid) == slot.born.load());
}

// Under the lock: this process's slot, made if need be; null: all are taken.
UsageSlot* own_slot(Table* t) {
  static UsageSlot* mine = nullptr;
  int pid = getpid();
  if (mine && mine->pid == pid) return mine;
  uint64_t now = born(pid);
  for (auto& s : t->slots) {                    // one left by this process before an exec, or by one that has ended
    if (!(s.pid == pid && s.born == now) && lives(s, 0)) continue;
    for (auto& d : s.device) {
      d.bytes = 0, d.running_since = 0;
      for (auto& b : d.busy) b = 0;
    }
    s.born = now;
    s.pid = pid;
    return mine = &s;
  }
  return nullptr;
}

uint64_t sum(Table* t, int device, bool also_dead) {
  uint64_t bytes = 0;
  int own = getpid();
  for (auto& s : t->slots) {
    uint64_t used = s.device[device].bytes.load();
    if (used && (also_dead || lives(s, own))) bytes += used;
  }
  return bytes;
}

}  // namespace

bool take_shared(int device, uint64_t bytes, uint64_t capacity) {
  Table* t = table();
  if (!t || bytes > capacity) return false;
  Locked lock(t);
  UsageSlot* mine = own_slot(t);
  if (!mine) return false;
  // Who has ended is looked for only when it matters.
  if (sum(t, device, true) > capacity - bytes && sum(t, device, false) > capacity - bytes) return false;
  mine->device[device].bytes += bytes;
  return true;
}

void give_shared(int device, uint64_t bytes) {
  Table* t = table();
  if (!t) return;
  Locked lock(t);
  UsageSlot* mine = own_slot(t);
  if (!mine) return;
  uint64_t now = mine->device[device].bytes.load();           // smaller: in a fork, the memory is the parent's
  mine->device[device].bytes = now > bytes ? now - bytes : 0;
}

uint64_t used_of_device(int device) {
  Table* t = table();
  if (!t) return 0;
  Locked lock(t);
  return sum(t, device, false);
}

std::vector<User> users_of(int device) {
  std::vector<User> users;
  Table* t = table();
  int own = getpid();
  for (int i = 0; t && i < kUsageSlots; i++) {
    const DeviceUse& use = t->slots[i].device[device];
    bool used = use.bytes != 0 || use.running_since != 0;
    for (auto& b : use.busy) used = used || b != 0;
    if (used && lives(t->slots[i], own)) users.push_back({t->slots[i].pid, &use});
  }
  return users;
}

int64_t monotonic_ns() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return int64_t(now.tv_sec) * 1'000'000'000 + now.tv_nsec;
}

namespace {
// What of [a, b) lies in the period.
int64_t overlap(int64_t period, int64_t a, int64_t b) {
  int64_t from = period * kBucketNs, to = from + kBucketNs;
  if (a > from) from = a;
  if (b < to) to = b;
  return to > from ? to - from : 0;
}
}  // namespace

int64_t busy_between(const DeviceUse& use, int64_t from, int64_t to) {
  int64_t total = 0, since = use.running_since.load(std::memory_order_acquire);
  for (int64_t period = from / kBucketNs; period <= to / kBucketNs; period++) {
    int64_t length = overlap(period, from, to);
    uint64_t bucket = use.busy[period % kBuckets].load(std::memory_order_relaxed);
    int64_t busy = bucket >> 32 == uint64_t(period & 0xffffffff) ? int64_t(bucket & 0xffffffff) : 0;
    busy = busy * length / kBucketNs;            // of a period asked for in part: its share
    if (since) busy += overlap(period, since > from ? since : from, to);
    total += busy < length ? busy : length;
  }
  return total;
}

namespace {
struct Running {
  std::mutex m;
  int kernels = 0;
  int64_t since = 0;
} g_running[kMaxDevices];

DeviceUse* own_use(int device) {
  static std::atomic<UsageSlot*> mine{nullptr};
  UsageSlot* slot = mine.load(std::memory_order_acquire);
  if (!slot) {
    Table* t = table();
    if (!t) return nullptr;
    Locked lock(t);
    mine = slot = own_slot(t);
  }
  return slot ? &slot->device[device] : nullptr;
}
}  // namespace

Busy::Busy(int device) : device_(device) {
  Running& r = g_running[device];
  std::lock_guard lock(r.m);
  if (r.kernels++ > 0) return;
  r.since = monotonic_ns();
  if (DeviceUse* use = own_use(device)) use->running_since.store(r.since, std::memory_order_release);
}

Busy::~Busy() {
  Running& r = g_running[device_];
  std::lock_guard lock(r.m);
  if (--r.kernels > 0) return;
  DeviceUse* use = own_use(device_);
  if (!use) return;
  int64_t now = monotonic_ns(), last = now / kBucketNs, first = r.since / kBucketNs;
  if (first <= last - kBuckets) first = last - kBuckets + 1;
  for (int64_t period = first; period <= last; period++) {
    auto& bucket = use->busy[period % kBuckets];
    uint64_t tag = uint64_t(period & 0xffffffff) << 32, old = bucket.load(std::memory_order_relaxed);
    uint64_t busy = (old & ~0xffffffffull) == tag ? old & 0xffffffff : 0;
    bucket.store(tag | (busy + uint64_t(overlap(period, r.since, now))), std::memory_order_relaxed);
  }
  use->running_since.store(0, std::memory_order_release);
}

}  // namespace softgpu::api
