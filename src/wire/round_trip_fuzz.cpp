// libFuzzer: the first two bytes choose the call, the rest is its arguments or results.
#include <string.h>

#include "wire/round_trip.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  static const auto cases = [] {
    std::vector<const wire_test::Case*> all;
    for (auto list = wire_test::kAllCases; *list; list++)
      for (auto c = *list; c->name; c++) all.push_back(c);
    return all;
  }();
  uint16_t which;
  memcpy(&which, data, 2);
  cases[which % cases.size()]->decode(data + 2, size - 2);
  return 0;
}
