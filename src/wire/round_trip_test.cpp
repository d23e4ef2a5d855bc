// The encoding of every call (gen/test), and what the codec promises by itself.
#include "wire/round_trip.h"

#include <gtest/gtest.h>

#include "wire/frame.h"
#include "wire/handle.h"

TEST(Wire, EveryCallSurvivesRoundTripTruncationAndCorruption) {
  int calls = 0;
  for (auto list = wire_test::kAllCases; *list; list++)
    for (auto c = *list; c->name; c++, calls++)
      for (uint32_t seed = 1; seed <= 8; seed++) EXPECT_EQ(c->round_trip(seed), "") << c->name << " seed " << seed;
  EXPECT_GT(calls, 500);
  RecordProperty("calls", calls);
}

TEST(Wire, ReaderFailsOnceAndSticks) {
  alignas(8) uint8_t bytes[16] = {1};
  wire::Reader r(bytes, sizeof bytes);
  EXPECT_EQ(r.get<uint64_t>(), 1u);
  size_t n = 7;
  EXPECT_EQ(r.get_array<uint32_t>(&n), nullptr);   // a count of zero
  EXPECT_EQ(n, 0u);
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(r.get<uint64_t>(), 0u);
  EXPECT_FALSE(r.ok());
  EXPECT_STREQ(r.get_string(), "");
}

TEST(Wire, HostileLengthsAreRefused) {
  for (uint64_t length : {~0ull, 1ull << 63, 1ull << 61, 3ull}) {
    wire::Buffer b;
    wire::Writer w(b);
    w.put(length);
    w.put(uint64_t(0));
    wire::Reader r(b.data(), b.size());
    size_t n;
    EXPECT_EQ(r.get_array<uint64_t>(&n), nullptr);
    EXPECT_FALSE(r.ok());
  }
}

TEST(Wire, HandlesKeepTheirParts) {
  uint64_t h = wire::make_handle(13, 2, 0xfffffff0u);
  EXPECT_TRUE(wire::is_handle(h, 13));
  EXPECT_FALSE(wire::is_handle(h, 12));
  EXPECT_FALSE(wire::is_handle(h + 8, 13));
  EXPECT_EQ(wire::handle_index(h), 0xfffffff0u);
  EXPECT_EQ(wire::handle_host(h), 2u);
}
