// The word of an mbarrier (see ops_mbarrier.cpp), for the instructions that complete one. Included only by exec/ops_*.cpp.
#pragma once
#include "softgpu/exec/ops.h"

namespace softgpu::SOFTGPU_ISA {
namespace {
namespace mbarrier {

constexpr uint64_t kCount = 0xfffff;
inline uint64_t make(uint64_t expected, uint64_t missing, uint64_t phase, int64_t bytes) {
  return (expected & kCount) | (missing & kCount) << 20 | (phase & 7) << 40 | static_cast<uint64_t>(bytes) << 43;
}
inline uint64_t expected(uint64_t v) { return v & kCount; }
inline uint64_t missing(uint64_t v) { return v >> 20 & kCount; }
inline uint64_t phase(uint64_t v) { return v >> 40 & 7; }
inline int64_t transactions(uint64_t v) { return static_cast<int64_t>(v) >> 43; }
// The phase is over when all have arrived and all bytes have come.
inline uint64_t settled(uint64_t v) { return missing(v) == 0 && transactions(v) == 0 ? make(expected(v), expected(v), phase(v) + 1, 0) : v; }
inline uint64_t with_bytes(uint64_t v, int64_t more) { return settled(make(expected(v), missing(v), phase(v), transactions(v) + more)); }

}  // namespace mbarrier
}  // namespace
}  // namespace softgpu::SOFTGPU_ISA
