// The interval map behind client/memory_map.h: one sorted map under a lock that is held for nanoseconds.
#include "client/memory_map.h"

#include <map>

#include "client/context.h"
#include "client/mirror.h"
#include "client/remote.h"
#include "teleport/session.h"

namespace client {

static teleport::Lock g_lock;
static uint64_t g_next_id = 1;
static std::map<uint64_t, Range>& ranges() {
  static auto* m = new std::map<uint64_t, Range>;   // never destroyed: other threads may still run at exit
  return *m;
}

static std::atomic<uint64_t> g_low[2]{~0ull, ~0ull}, g_high[2]{0, 0};   // of the arena; of other page-locked memory
HostBounds host_bounds() {
  auto span = [](int i) { uint64_t low = g_low[i].load(std::memory_order_relaxed), high = g_high[i].load(std::memory_order_relaxed); return high > low ? high - low : 0; };
  return {g_low[0].load(std::memory_order_relaxed), span(0), g_low[1].load(std::memory_order_relaxed), span(1)};
}
bool any_host_ranges() { return g_high[0].load(std::memory_order_relaxed) | g_high[1].load(std::memory_order_relaxed); }

void add_range(uint64_t base, uint64_t bytes, Place place, unsigned flags) {
  Context* c = current();
  g_lock.lock();
  if (is_host(place)) {
    const int i = base >= kArena && base < kArenaEnd ? 0 : 1;
    if (base < g_low[i]) g_low[i] = base;
    if (base + bytes > g_high[i]) g_high[i] = base + bytes;
  }
  ranges()[base] = Range{base, bytes, place, flags, c ? c->device : 0, c ? c->handle : 0, g_next_id++};
  g_lock.unlock();
}

bool find_range(uint64_t address, Range* range) {
  g_lock.lock();
  auto& m = ranges();
  auto it = m.upper_bound(address);
  bool found = it != m.begin() && address - (--it)->first < it->second.bytes;
  if (found) *range = it->second;
  g_lock.unlock();
  return found;
}

bool device_known(uint64_t address) {
  Range r;
  return address % 4 == 0 && find_range(address, &r);
}

bool remove_range(uint64_t base, Range* range) {
  g_lock.lock();
  auto it = ranges().find(base);
  bool found = it != ranges().end();
  if (found) {
    *range = it->second;
    ranges().erase(it);
  }
  g_lock.unlock();
  return found;
}

void remove_mapped(uint64_t base, uint64_t bytes) {
  g_lock.lock();
  auto& m = ranges();
  for (auto it = m.lower_bound(base); it != m.end() && it->first - base < bytes;)
    if (it->second.place == Place::mapped) it = m.erase(it);
    else ++it;
  g_lock.unlock();
}

uint64_t known_bytes(uint64_t address) {
  g_lock.lock();
  auto& m = ranges();
  auto it = m.upper_bound(address);
  uint64_t end = address;
  if (it != m.begin() && address - (--it)->first < it->second.bytes) {
    end = it->first + it->second.bytes;
    for (bool mapped = it->second.place == Place::mapped; mapped && ++it != m.end() && it->first == end && it->second.place == Place::mapped;) end += it->second.bytes;
  }
  g_lock.unlock();
  return end - address;
}

void remove_ranges_of(uint64_t context) {
  g_lock.lock();
  auto& m = ranges();
  for (auto it = m.begin(); it != m.end();)
    if (it->second.context == context && !is_host(it->second.place) && it->second.place != Place::mapped) it = m.erase(it);
    else ++it;
  g_lock.unlock();
}

}  // namespace client
