// What the fake serve() of the process model's tests says first.
#pragma once
#include <stdint.h>

namespace worker {
struct FakeHello {
  int32_t pid, group;
  uint64_t session, fresh_mapping;
  int32_t slot, descriptors, sigpipe_ignored, signals_open;
};
}  // namespace worker
