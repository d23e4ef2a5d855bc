// The linkers that the client has open: their options must live as long as they do, says the manual. Any thread.
#pragma once
#include <memory>
#include <mutex>
#include <unordered_map>

#include "worker/jit_options.h"

namespace worker {

struct Link {
  explicit Link(JitOptions options) : jit(std::move(options)) {}
  JitOptions jit;
  CUlinkState state = nullptr;
};

class Links {
 public:
  void add(uint64_t handle, std::shared_ptr<Link> link) {
    std::lock_guard lock(lock_);
    links_[handle] = std::move(link);
  }
  std::shared_ptr<Link> find(uint64_t handle);   // null: none such
  std::shared_ptr<Link> take(uint64_t handle) {
    std::lock_guard lock(lock_);
    auto node = links_.extract(handle);
    return node.empty() ? nullptr : std::move(node.mapped());
  }

 private:
  std::mutex lock_;
  std::unordered_map<uint64_t, std::shared_ptr<Link>> links_;
};

}  // namespace worker
