// Memory pools: accounts over the device's memory. A pool keeps nothing back: what is freed is free at once. Any thread may call.
#pragma once
#include "softgpu/api/context.h"
#include "softgpu/api/shared_file.h"

namespace softgpu::api {

class Pool {
 public:
  CUmemoryPool handle = nullptr;
  Device* device = nullptr;
  bool is_default = false;
  bool imported = false;                        // of another process: it only gives names to that process's memory
  SharedFile file{};                            // what others know an exportable pool by; kind 0: it is not
  int fd = -1;                                  // of the owner of such a pool
  unsigned seen_by = 0;                         // other devices that may touch its memory, a bit each
  ~Pool();
  uint64_t max_bytes = 0;                       // 0: no limit
  std::atomic<uint64_t> used{0}, used_high{0}, release_threshold{0};
  std::atomic<int> follow_events{1}, opportunistic{1}, internal_dependencies{1};
  void add(uint64_t bytes);
};

Registry<CUmemoryPool, Pool>& pools();
std::shared_ptr<Pool> make_default_pool(Device* device);

}  // namespace softgpu::api
