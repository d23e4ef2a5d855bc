// A fast keyed 128-bit hash of large blocks of bytes, at about the speed of reading them: blocks of 1 KiB are each folded by sums of products with
// the key's words (NH, as in UMAC), the blocks' sums by two polynomials modulo 2^61 - 1. Who does not know the key cannot make two contents that
// collide, other than with a chance of about 2^-60; who knows it can. Any thread; header-only, without allocation.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <array>

namespace base {

struct Digest {
  uint64_t lo = 0, hi = 0;
  bool operator==(const Digest&) const = default;
};

class ContentHash {
 public:
  explicit ContentHash(Digest key) {
    uint64_t state[2] = {key.lo, key.hi};
    for (uint64_t& w : words_) w = next(state);
    for (uint64_t& p : points_) p = next(state) >> 4;   // below 2^60, so below the prime
  }
  Digest of(const void* data, size_t n) const { return of<1>({this}, data, n)[0]; }
  // Several hashes of one content in one pass over it.
  template <size_t kHashes>
  static std::array<Digest, kHashes> of(const std::array<const ContentHash*, kHashes>& hashes, const void* data, size_t n) {
    std::array<Digest, kHashes> sums;
    for (Digest& s : sums) s = {1, 1};
    auto add_block = [&](const uint8_t* block) {
      for (size_t i = 0; i < kHashes; i++) hashes[i]->add(sums[i], hashes[i]->fold(block));
    };
    auto* p = static_cast<const uint8_t*>(data);
    for (size_t i = 0; i < n / kBlock; i++, p += kBlock) add_block(p);
    if (size_t rest = n % kBlock) {
      alignas(16) uint8_t last[kBlock] = {};
      memcpy(last, p, rest);
      add_block(last);
    }
    for (size_t i = 0; i < kHashes; i++) hashes[i]->add(sums[i], n);
    return sums;
  }

 private:
  static constexpr size_t kBlock = 1024;
  static constexpr uint64_t kPrime = (1ull << 61) - 1;
  using Wide = unsigned __int128;

  static uint64_t next(uint64_t state[2]) {   // two splitmix64 sequences, mixed
    auto mix = [](uint64_t& s) {
      uint64_t z = s += 0x9e3779b97f4a7c15ull;
      z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
      z = (z ^ z >> 27) * 0x94d049bb133111ebull;
      return z ^ z >> 31;
    };
    const uint64_t a = mix(state[0]), b = mix(state[1]);
    return a ^ (b << 23 | b >> 41);
  }
  Wide fold(const uint8_t* p) const {
    Wide sum[2] = {0, 0};
    for (size_t i = 0; i < kBlock / 8; i += 4) {
      uint64_t m[4];
      memcpy(m, p + i * 8, sizeof m);
      sum[0] += Wide(m[0] + words_[i]) * (m[1] + words_[i + 1]);
      sum[1] += Wide(m[2] + words_[i + 2]) * (m[3] + words_[i + 3]);
    }
    return sum[0] + sum[1];
  }
  static uint64_t reduce(Wide v) {   // below 2^122: the result is below 2^61 + 1
    uint64_t r = uint64_t(v & kPrime) + uint64_t(v >> 61);
    return r >= kPrime ? r - kPrime : r;
  }
  void add(Digest& sums, Wide v) const {
    const uint64_t part[3] = {uint64_t(v) & ((1ull << 60) - 1), uint64_t(v >> 60) & ((1ull << 60) - 1), uint64_t(v >> 120)};
    for (uint64_t x : part) {
      sums.lo = reduce(Wide(sums.lo) * points_[0] + x);
      sums.hi = reduce(Wide(sums.hi) * points_[1] + x);
    }
  }
  uint64_t words_[kBlock / 8], points_[2];
};

}  // namespace base
