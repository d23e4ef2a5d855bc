// The client libraries' mutex. Any thread; not held over anything that waits.
#pragma once
#include <stdint.h>

#include <atomic>

#include "base/futex.h"

#define TF_API __attribute__((visibility("default")))

namespace teleport {

// A mutex for what is held for some 100 ns by several threads at once: it spins for that long before it sleeps, where a sleep would cost a
// hundred times more. On a machine with few cores it sleeps at once.
class Lock {
 public:
  void lock() {
    uint32_t free = 0;
    if (state_.compare_exchange_strong(free, 1, std::memory_order_acquire)) return;
    for (int spins = g_lock_spins; spins > 0; spins--) {
      if (state_.load(std::memory_order_relaxed) == 0 && try_lock()) return;
      base::pause();
    }
    while (state_.exchange(2, std::memory_order_acquire) != 0) base::futex_wait(state_, 2);
  }
  bool try_lock() {
    uint32_t free = 0;
    return state_.compare_exchange_strong(free, 1, std::memory_order_acquire);
  }
  void unlock() {
    if (state_.exchange(0, std::memory_order_release) == 2) base::futex_wake(state_, 1);
  }
  static TF_API int g_lock_spins;   // set once, when the session opens

 private:
  std::atomic<uint32_t> state_{0};  // 0 free, 1 held, 2 held and somebody sleeps
};

}  // namespace teleport
