// Waiting on a 32-bit word, between threads of one process or (shared) between processes. std::atomic::wait would not wake another process.
#pragma once
#include <errno.h>
#include <linux/futex.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <atomic>

namespace base {

// Sleeps while word == expected; returns on wake, change, signal or after timeout_ms (negative: no limit).
inline void futex_wait(std::atomic<uint32_t>& word, uint32_t expected, int timeout_ms = -1, bool shared = false) {
  timespec limit{timeout_ms / 1000, (timeout_ms % 1000) * 1000000L};
  syscall(SYS_futex, &word, shared ? FUTEX_WAIT : FUTEX_WAIT_PRIVATE, expected, timeout_ms < 0 ? nullptr : &limit, nullptr, 0);
}
inline void futex_wake(std::atomic<uint32_t>& word, int how_many = 1, bool shared = false) {
  syscall(SYS_futex, &word, shared ? FUTEX_WAKE : FUTEX_WAKE_PRIVATE, how_many, nullptr, nullptr, 0);
}

inline uint64_t now_ns() {
  timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return uint64_t(t.tv_sec) * 1000000000ull + uint64_t(t.tv_nsec);
}
inline void pause() { __builtin_ia32_pause(); }
// About a microsecond that costs the core's other hyperthread little: between two looks at a socket, each of which is a system call. The program's
// own thread may be that other one.
inline void rest() {
  for (int i = 0; i < 24; i++) pause();
}

// A counter that threads wait on: signal() after the state they look at has changed. wait(seen) returns once the count differs from seen.
// A signal that nobody sleeps for is no system call.
class Signal {
 public:
  uint32_t count() const { return word_.load(std::memory_order_acquire); }
  void signal_all() { signal(1 << 30); }
  void signal_one() { signal(1); }
  void wait(uint32_t seen, int timeout_ms = -1) {
    sleepers_.fetch_add(1, std::memory_order_seq_cst);   // before the word is looked at again, as signal() does it the other way round
    futex_wait(word_, seen, timeout_ms);
    sleepers_.fetch_sub(1, std::memory_order_relaxed);
  }
  // The same, but looks for so long before it sleeps: where the signal mostly comes soon, a sleep would take longer than the wait.
  void spin_wait(uint32_t seen, uint64_t spin_ns, int timeout_ms = -1) {
    for (const uint64_t until = now_ns() + spin_ns; count() == seen && now_ns() < until;) pause();
    wait(seen, timeout_ms);
  }

 private:
  void signal(int how_many) {
    word_.fetch_add(1, std::memory_order_seq_cst);
    if (sleepers_.load(std::memory_order_seq_cst)) futex_wake(word_, how_many);
  }
  std::atomic<uint32_t> word_{0}, sleepers_{0};
};

}  // namespace base
