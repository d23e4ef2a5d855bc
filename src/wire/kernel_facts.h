// What the driver told of a kernel's attributes, as it goes with a module's listing and with the reply to a launch that waited: a mask of those that
// are known (by CUfunction_attribute), then the values of these.
#pragma once
#include "wire/codec.h"

namespace wire {

struct KernelFacts {
  static constexpr unsigned kAttributes = 16;
  uint32_t known = 0;
  int32_t values[kAttributes] = {};
  bool has(unsigned attribute) const { return attribute < kAttributes && known >> attribute & 1; }
  void put(Writer& w) const {
    w.put(known);
    for (unsigned i = 0; i < kAttributes; i++)
      if (has(i)) w.put(values[i]);
  }
  void get(Reader& r) {
    known = r.get<uint32_t>() & ((1u << kAttributes) - 1);
    for (unsigned i = 0; i < kAttributes; i++)
      if (has(i)) values[i] = r.get<int32_t>();
    if (!r.ok()) known = 0;
  }
};

}  // namespace wire
