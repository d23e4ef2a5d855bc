// What a Memory keeps. Owner: Memory (exec/memory.cpp); nobody else looks inside. Guarded by mutex, except generation.
#pragma once
#include <atomic>
#include <cstdint>
#include <map>
#include <shared_mutex>
#include <vector>

#include "softgpu/engine.h"
#include "softgpu/texture.h"

namespace softgpu {

struct Memory::State {
  struct Range {
    uint64_t bytes = 0;   // as asked for
    uint64_t size = 0;    // rounded up to the alignment, which is at least 256 bytes
    bool host = false;
  };
  mutable std::shared_mutex mutex;
  Budget* budget = nullptr;
  uint64_t base = 0, window = 0, capacity = 0, used = 0;
  std::vector<bool> committed;            // per 2 MiB step of the window
  std::map<uint64_t, uint64_t> holes;     // free address ranges: start -> bytes
  std::map<uint64_t, Range> live;         // allocations and host ranges: start -> range
  std::atomic<uint64_t> generation{1};    // goes up whenever a range may have become invalid
  Textures textures;                      // has a lock of its own
};

}  // namespace softgpu
