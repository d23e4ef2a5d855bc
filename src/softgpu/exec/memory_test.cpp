// Tests of the device memory window: placement, reuse, exact bounds, host ranges.
#include <gtest/gtest.h>

#include <cstring>
#include <thread>

#include "softgpu/engine.h"

namespace softgpu {

TEST(Memory, AllocatesUsableZeroedRanges) {
  Memory m(1 << 30);
  uint64_t a = m.allocate(1000), b = m.allocate(5 << 20);
  ASSERT_NE(a, 0u);
  ASSERT_NE(b, 0u);
  EXPECT_EQ(a % 256, 0u);
  EXPECT_TRUE(a + 1000 <= b || b + (5 << 20) <= a);
  EXPECT_EQ(reinterpret_cast<char*>(b)[(5 << 20) - 1], 0);
  std::memset(reinterpret_cast<void*>(a), 7, 1000);
  std::memset(reinterpret_cast<void*>(b), 7, 5 << 20);
  EXPECT_EQ(m.used(), 1024u + (5 << 20));
}

TEST(Memory, BoundsAreExact) {
  Memory m(1 << 20);
  uint64_t a = m.allocate(1000), base = 0, size = 0;
  EXPECT_TRUE(m.valid(a, 1000));
  EXPECT_FALSE(m.valid(a, 1001));
  EXPECT_TRUE(m.valid(a + 999, 1));
  EXPECT_FALSE(m.valid(a + 1000, 1));
  EXPECT_FALSE(m.valid(a - 1, 1));
  EXPECT_FALSE(m.valid(a, ~0ull));
  ASSERT_TRUE(m.find(a + 500, &base, &size));
  EXPECT_EQ(base, a);
  EXPECT_EQ(size, 1000u);
}

TEST(Memory, RefusesMoreThanItsCapacity) {
  Memory m(1 << 20);
  EXPECT_EQ(m.allocate((1 << 20) + 1), 0u);
  EXPECT_EQ(m.allocate(0), 0u);
  EXPECT_EQ(m.allocate(~0ull), 0u);
  uint64_t a = m.allocate(1 << 20);
  ASSERT_NE(a, 0u);
  EXPECT_EQ(m.allocate(1), 0u);
  EXPECT_TRUE(m.free(a));
  EXPECT_FALSE(m.free(a));
  EXPECT_NE(m.allocate(1 << 20), 0u);
}

TEST(Memory, FreedNeighboursMerge) {
  Memory m(8 << 20);
  uint64_t a = m.allocate(2 << 20), b = m.allocate(2 << 20), c = m.allocate(4 << 20);
  ASSERT_TRUE(a && b && c);
  EXPECT_TRUE(m.free(a));
  EXPECT_TRUE(m.free(c));
  EXPECT_TRUE(m.free(b));
  EXPECT_EQ(m.used(), 0u);
  EXPECT_EQ(m.allocate(8 << 20), a);
}

TEST(Memory, KeepsAlignment) {
  Memory m(16 << 20);
  m.allocate(1);
  EXPECT_EQ(m.allocate(100, 1 << 20) % (1 << 20), 0u);
  EXPECT_EQ(m.allocate(100, 300), 0u);   // not a power of two
}

TEST(Memory, HostRangesComeAndGo) {
  Memory m(1 << 20);
  char host[64];
  uint64_t p = reinterpret_cast<uint64_t>(host), before = m.generation();
  EXPECT_FALSE(m.valid(p, 64));
  m.add_host_range(host, 64);
  EXPECT_TRUE(m.valid(p, 64));
  EXPECT_FALSE(m.free(p));
  m.remove_host_range(host);
  EXPECT_FALSE(m.valid(p, 1));
  EXPECT_NE(m.generation(), before);
}

TEST(Memory, ThreadsShareOneWindow) {
  Memory m(64 << 20);
  std::vector<std::thread> t;
  for (int i = 0; i < 4; i++)
    t.emplace_back([&, i] {
      for (int k = 1; k < 500; k++) {
        uint64_t a = m.allocate(k * 16);
        ASSERT_NE(a, 0u);
        std::memset(reinterpret_cast<void*>(a), i, k * 16);
        EXPECT_EQ(*reinterpret_cast<unsigned char*>(a + k * 16 - 1), i);
        EXPECT_TRUE(m.free(a));
      }
    });
  for (auto& x : t) x.join();
  EXPECT_EQ(m.used(), 0u);
}

}  // namespace softgpu
