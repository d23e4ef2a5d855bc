// The numbers that the client uses for the driver's objects. Looking one up takes no lock (session.h); changing does.
#include "base/log.h"
#include "worker/session.h"

namespace worker {

// What a context takes along when it goes.
static bool in_context(unsigned kind) {
  switch (kind) {
    case wire::kCUmodule: case wire::kCUfunction: case wire::kCUarray: case wire::kCUmipmappedArray: case wire::kCUtexref:
    case wire::kCUsurfref: case wire::kCUevent: case wire::kCUstream: return true;
    default: return false;
  }
}

void Session::bind(uint64_t id, unsigned kind, void* real) {
  uint32_t index = wire::handle_index(id);
  if (!wire::is_handle(id, kind) || index >= wire::kWorkerNamed || !real) {
    base::log(base::Level::warn, "the client names an object %#llx", static_cast<unsigned long long>(id));
    return;
  }
  std::lock_guard lock(table_lock_);
  table_.insert(index, Entry{real, kind, in_context(kind) ? t_context_ : 0});
  names_[real] = id;
  if (index > highest_bound_) highest_bound_ = index;
}

uint64_t Session::name(unsigned kind, void* real) {
  if (uintptr_t(real) < wire::kReserved[kind]) return uintptr_t(real);
  std::lock_guard lock(table_lock_);
  uint64_t& id = names_[real];
  if (const Entry* e = id ? table_.find(wire::handle_index(id)) : nullptr; e && e->real == real && e->kind == kind) return id;
  uint32_t index = next_name_++;
  table_.insert(index, Entry{real, kind, in_context(kind) ? t_context_ : 0});
  return id = wire::make_handle(kind, 0, index);
}

uint64_t Session::known_name(void* real) {
  std::lock_guard lock(table_lock_);
  auto it = names_.find(real);
  return it == names_.end() ? 0 : it->second;
}

void Session::unbind(uint64_t id) {
  uint32_t index = wire::handle_index(id);
  std::lock_guard lock(table_lock_);
  Entry* e = table_.find(index);
  if (!e || !e->real) return;
  if (auto it = names_.find(e->real); it != names_.end() && it->second == id) names_.erase(it);
  table_.erase(index);
}

void Session::unbind_context(uint32_t index) {
  std::lock_guard lock(table_lock_);
  auto drop = [&](uint32_t i) {
    Entry* e = table_.find(i);
    if (!e || !e->real || (i != index && e->context != index)) return;
    if (auto it = names_.find(e->real); it != names_.end() && wire::handle_index(it->second) == i) names_.erase(it);
    table_.erase(i);
  };
  for (uint32_t i = 1; i <= highest_bound_; i++) drop(i);
  for (uint32_t i = wire::kWorkerNamed; i < next_name_; i++) drop(i);
  contexts_.fetch_add(1, std::memory_order_release);
}

}  // namespace worker
