// Which addresses the program may hand to CUDA: the worker's device memory (its addresses, unchanged) and this process's pinned memory.
// Everything that is in neither is pageable host memory. Any thread.
#pragma once
#include <stddef.h>
#include <stdint.h>

namespace client {

enum class Place : uint8_t { device, pinned, registered, managed, mapped };   // mapped: device memory of cuMemMap, perhaps in several pieces

inline constexpr unsigned kVariable = 1u << 31;   // Range::flags: a module's variable
inline constexpr unsigned kPooled = 1;   // from a pool: of the pool's device, whatever context was current

struct Range {
  uint64_t base = 0, bytes = 0;
  Place place = Place::device;
  unsigned flags = 0;            // of cuMemHostAlloc or cuMemHostRegister; of device memory kPooled
  int device = 0;
  uint64_t context = 0;          // handle of the context that it was made in
  uint64_t id = 0;               // CU_POINTER_ATTRIBUTE_BUFFER_ID
};

inline constexpr unsigned kOfGraph = 1u << 30;   // flag of memory that comes and goes with a graph's launches: what frees it does not end it
void add_range(uint64_t base, uint64_t bytes, Place place, unsigned flags = 0);   // in the current context
bool find_range(uint64_t address, Range* range);       // the range that holds address
bool remove_range(uint64_t base, Range* range);        // false: nothing begins there
void remove_mapped(uint64_t base, uint64_t bytes);     // the mapped ones within
uint64_t known_bytes(uint64_t address);                // from there to the end of its range, or of mapped ones side by side; 0: in none
void remove_ranges_of(uint64_t context);               // device memory that went with its context

// Bounds of all page-locked ranges there ever were, those of our arena (client/mirror.h) apart: span 0 if there were none.
struct HostBounds { uint64_t arena_low, arena_span, low, span; };
HostBounds host_bounds();
bool any_host_ranges();

inline bool is_host(Place p) { return p == Place::pinned || p == Place::registered; }

}  // namespace client
