// The table behind teleport/handles.h: handle index -> the client's object.
#include "teleport/handles.h"

#include <atomic>

#include "base/paged_table.h"
#include "teleport/session.h"

namespace teleport {

namespace {
struct Entry { void* object; };
char g_no_object;      // stands for "alive, without an object"
char g_forgotten;      // a worker-named handle that was destroyed
base::PagedTable<Entry>& table() {
  static auto* t = new base::PagedTable<Entry>;   // never destroyed: other threads may still run at exit
  return *t;
}
constinit std::atomic<uint32_t> g_next{1};
constinit Lock g_lock;
}  // namespace

uint64_t mint_handle(unsigned kind, void* object) {
  uint32_t index = g_next.fetch_add(1, std::memory_order_relaxed);
  g_lock.lock();
  table().insert(index, {object ? object : &g_no_object});
  g_lock.unlock();
  return wire::make_handle(kind, 0, index);
}

void adopt_handle(uint64_t handle, void* object) {
  g_lock.lock();
  table().insert(wire::handle_index(handle), {object ? object : &g_no_object});
  g_lock.unlock();
}

bool handle_alive(uint64_t handle) {
  uint32_t index = wire::handle_index(handle);
  Entry* e = table().find(index);
  if (e && e->object) return e->object != &g_forgotten;
  return index >= wire::kWorkerNamed;
}

void* handle_object(uint64_t handle) {
  Entry* e = table().find(wire::handle_index(handle));
  return !e || e->object == &g_no_object || e->object == &g_forgotten ? nullptr : e->object;
}

void forget_handle(uint64_t handle) {
  uint32_t index = wire::handle_index(handle);
  g_lock.lock();
  if (index >= wire::kWorkerNamed) table().insert(index, {&g_forgotten});
  else if (table().find(index)) table().erase(index);
  g_lock.unlock();
}

}  // namespace teleport
