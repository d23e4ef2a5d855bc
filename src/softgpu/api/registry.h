// Handle <-> object. A handle is a number that is used once per process and never dereferenced, so a stale or foreign handle is found
// and not followed. Objects are shared: work that is still running keeps what it uses alive after the handle is destroyed.
// Any thread may call.
#pragma once
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <unordered_map>
#include <vector>

namespace softgpu::api {

inline uint64_t next_handle_number() {
  static std::atomic<uint64_t> next{0x5f0000001000};
  return next.fetch_add(64, std::memory_order_relaxed);
}

template <class Handle, class T>
class Registry {
 public:
  Handle add(std::shared_ptr<T> object) {
    Handle h = (Handle)(next_handle_number());   // a pointer type, or for VMM an integer
    object->handle = h;
    std::unique_lock lock(m_);
    live_.emplace(h, std::move(object));
    return h;
  }
  // Makes a handle that was taken valid again (the primary context keeps its handle over a reset).
  void add_again(std::shared_ptr<T> object) {
    std::unique_lock lock(m_);
    live_.emplace(object->handle, std::move(object));
  }
  std::shared_ptr<T> find(Handle h) const {
    std::shared_lock lock(m_);
    auto it = live_.find(h);
    return it == live_.end() ? nullptr : it->second;
  }
  std::shared_ptr<T> take(Handle h) {
    std::unique_lock lock(m_);
    auto it = live_.find(h);
    if (it == live_.end()) return nullptr;
    std::shared_ptr<T> object = std::move(it->second);
    live_.erase(it);
    return object;
  }
  // Takes every object that `which` accepts.
  template <class F>
  std::vector<std::shared_ptr<T>> take_if(F which) {
    std::vector<std::shared_ptr<T>> taken;
    std::unique_lock lock(m_);
    for (auto it = live_.begin(); it != live_.end();) {
      if (which(*it->second)) {
        taken.push_back(std::move(it->second));
        it = live_.erase(it);
      } else {
        ++it;
      }
    }
    return taken;
  }

 private:
  mutable std::shared_mutex m_;
  std::unordered_map<Handle, std::shared_ptr<T>> live_;
};

}  // namespace softgpu::api
