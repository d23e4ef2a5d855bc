// Handles as the program sees them. They are numbers that look like aligned pointers and are never dereferenced; the client mints them, so
// creating a stream or an event needs no reply. The worker keeps the driver's own pointer behind each number.
//   bit 46: set in every handle · bits 40-45: kind · bits 36-39: host, when one client uses several · bits 4-35: index
// Indexes are never used again within a session, so a handle used after its destruction is recognised. Indexes from kWorkerNamed on were
// given by the worker to objects that the driver made by itself (graph nodes of a captured graph, NVML devices).
#pragma once
#include <stdint.h>

namespace wire {

inline constexpr uint64_t kHandleBit = 1ull << 46;
inline constexpr uint32_t kWorkerNamed = 1u << 31;

constexpr uint64_t make_handle(unsigned kind, unsigned host, uint32_t index) {
  return kHandleBit | uint64_t(kind & 63) << 40 | uint64_t(host & 15) << 36 | uint64_t(index) << 4;
}
constexpr bool is_handle(uint64_t h, unsigned kind) {
  return (h >> 46) == 1 && ((h >> 40) & 63) == kind && (h & 15) == 0;
}
constexpr unsigned handle_kind(uint64_t h) { return unsigned(h >> 40) & 63; }
constexpr unsigned handle_host(uint64_t h) { return unsigned(h >> 36) & 15; }
constexpr uint32_t handle_index(uint64_t h) { return uint32_t(h >> 4); }

}  // namespace wire
