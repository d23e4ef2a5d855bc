// What the program has advised about managed memory, page by page. Nothing ever moves here (device and host share their memory), so advice
// and prefetches are kept to be told again and have no other effect. Any thread may call.
#pragma once
#include <map>
#include <mutex>
#include <utility>

#include "softgpu/api/memory.h"

namespace softgpu::api {

constexpr CUmemLocation kNoPlace = {CU_MEM_LOCATION_TYPE_INVALID, CU_DEVICE_INVALID};

struct Advice {
  bool read_mostly = false;
  CUmemLocation preferred = kNoPlace, prefetched = kNoPlace;
  unsigned accessed_by = 0;                 // a bit per device
  bool accessed_by_host = false;
};

class ManagedRange {
 public:
  // Calls change(Advice&) for the pages that [from, to) touches; offsets from the allocation's start.
  template <class F> void change(uint64_t from, uint64_t to, F change) {
    std::lock_guard lock(m_);
    split(from &= ~(kPage - 1));
    split(to = (to + kPage - 1) & ~(kPage - 1));
    for (auto it = parts_.lower_bound(from); it != parts_.end() && it->first < to; ++it) change(it->second);
  }
  template <class F> void each(uint64_t from, uint64_t to, F look) {
    std::lock_guard lock(m_);
    for (auto it = std::prev(parts_.upper_bound(from)); it != parts_.end() && it->first < to; ++it) look(std::as_const(it->second));
  }
 private:
  void split(uint64_t at) { parts_.emplace(at, std::prev(parts_.upper_bound(at))->second); }
  std::mutex m_;
  std::map<uint64_t, Advice> parts_{{0, {}}};   // each up to the next
};

// Managed memory is host memory that every device sees: it does not count as a device's, so a program may have more of it than any device.
CUresult allocate_managed(const ContextRef& context, size_t bytes, unsigned flags, CUdeviceptr* out);

}  // namespace softgpu::api
