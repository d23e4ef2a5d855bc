// Two copies of one memory that meet by patches: what each side changed arrives, whatever the other one changed beside it.
#include "wire/patch.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace {

struct Copy {
  alignas(64) uint8_t bytes[4096] = {};
  uint32_t& word(size_t i) { return reinterpret_cast<uint32_t*>(bytes)[i]; }
};

// One side with its twin, the other side that only holds memory: as client and worker.
struct Pair {
  Copy near, twin, far;
  size_t push() {
    wire::Buffer b;
    wire::diff(uint64_t(far.bytes), near.bytes, twin.bytes, sizeof near.bytes, b);
    EXPECT_TRUE(wire::apply_patches(b.data(), b.size(), [this](uint64_t at, uint64_t n) { return at >= uint64_t(far.bytes) && at + n <= uint64_t(far.bytes) + 4096; }));
    return b.size();
  }
  bool pull() { return wire::merge(near.bytes, twin.bytes, far.bytes, sizeof near.bytes); }
};

TEST(Patch, NothingChangedIsNothingSent) {
  Pair p;
  EXPECT_EQ(0u, p.push());
  EXPECT_FALSE(p.pull());
}

TEST(Patch, BothSidesWriteDifferentWordsForManyRounds) {
  auto p = std::make_unique<Pair>();
  std::mt19937 random(7);
  std::vector<uint32_t> wanted(1024);
  for (int round = 0; round < 2000; round++) {
    for (int n = int(random() % 40); n > 0; n--) {
      size_t i = random() % 1024;
      wanted[i] = uint32_t(random());
      (i % 3 ? p->near : p->far).word(i) = wanted[i];   // whose word it is never changes
    }
    if (random() % 4) p->push();
    p->pull();
    p->push();
    for (size_t i = 0; i < 1024; i++) {
      ASSERT_EQ(wanted[i], p->near.word(i)) << "round " << round << " word " << i;
      ASSERT_EQ(wanted[i], p->far.word(i)) << "round " << round << " word " << i;
    }
  }
}

TEST(Patch, OwnChangesSurviveAPull) {
  Pair p;
  p.near.word(5) = 1;      // both changed one word: the one that is not sent yet stays
  p.far.word(5) = 2;
  p.far.word(4) = 3;       // its aligned neighbour
  EXPECT_TRUE(p.pull());
  EXPECT_EQ(1u, p.near.word(5));
  EXPECT_EQ(3u, p.near.word(4));
  p.push();
  EXPECT_EQ(1u, p.far.word(5));
}

TEST(Patch, ChangesOfEveryWordAreHardlyMoreThanTheBytes) {
  Pair p;
  memset(p.near.bytes, 1, sizeof p.near.bytes);
  EXPECT_LE(p.push(), 4096u + 4096 / 16);
  EXPECT_EQ(0, memcmp(p.near.bytes, p.far.bytes, 4096));
}

TEST(Patch, NonsenseIsRefused) {
  Copy to;
  auto all = [](uint64_t, uint64_t) { return true; };
  auto none = [](uint64_t, uint64_t) { return false; };
  struct { wire::Patch patch; uint64_t words[2]; } one{{uint64_t(to.bytes), 7}, {1, 2}};
  auto* p = reinterpret_cast<const uint8_t*>(&one);
  EXPECT_TRUE(wire::apply_patches(p, sizeof one, all));
  EXPECT_FALSE(wire::apply_patches(p, sizeof one, none));
  for (size_t n = 1; n < sizeof one; n++) EXPECT_FALSE(wire::apply_patches(p, n, all)) << n;
  one.patch.words = 0;
  EXPECT_FALSE(wire::apply_patches(p, sizeof one, all));
  one.patch = {uint64_t(to.bytes) + 2, 7};
  EXPECT_FALSE(wire::apply_patches(p, sizeof one, all));
}

}  // namespace
