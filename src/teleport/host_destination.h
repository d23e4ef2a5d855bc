// The destination of a device-to-host copy under way: slices × rows × row_bytes, row_pitch and slice_pitch apart; filled by host_write messages.
#pragma once
#include <stdint.h>

namespace teleport {

struct HostDestination {
  void* to = nullptr;
  uint64_t row_bytes = 0, row_pitch = 0, rows = 1, slice_pitch = 0, slices = 1;   // row_bytes 0: none, what comes is dropped
  uint64_t bytes() const { return row_bytes * rows * slices; }
  uint64_t extent() const { return (slices - 1) * slice_pitch + (rows - 1) * row_pitch + row_bytes; }
  bool overlaps(const void* p, uint64_t n) const {
    const auto at = reinterpret_cast<uintptr_t>(p), mine = reinterpret_cast<uintptr_t>(to);
    return row_bytes && at < mine + extent() && mine < (n > ~0ull - at ? ~0ull : at + n);
  }
  // each(p, n): where so many bytes from `offset` on belong, piece by piece; false as soon as it says so.
  template <class F>
  bool for_each_piece(uint64_t offset, uint64_t bytes, F each) const {
    while (bytes) {
      const uint64_t row = offset / row_bytes, column = offset % row_bytes, n = row_bytes - column < bytes ? row_bytes - column : bytes;
      if (!each(static_cast<uint8_t*>(to) + row / rows * slice_pitch + row % rows * row_pitch + column, n)) return false;
      offset += n;
      bytes -= n;
    }
    return true;
  }
};

}  // namespace teleport
