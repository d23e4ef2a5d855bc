// Patches: the words of memory that one side has changed, on their way to the other side's copy of it. A side keeps a twin of what both agreed on;
// what differs from the twin is its own change. So the two sides may change different words of one page between two meetings and lose none.
// Words are 32 bits; two that changed together in one aligned 64 are stored together, so a counter of either size is never seen half written.
// diff() and merge() are for one thread a block at a time; the memory itself may be written by any thread meanwhile.
#pragma once
#include <stdint.h>
#include <string.h>

#include "wire/codec.h"

namespace wire {

inline constexpr size_t kPatchSpan = 256;   // bytes that one patch covers at most
// Followed by the changed words, padded to a multiple of 8 bytes. Bit i of words: the word at address + 4 * i.
struct Patch { uint64_t address, words; };

// Appends what differs between now and twin, n bytes at address (of the other side); the twin then is what was sent. All are multiples of 4.
inline void diff(uint64_t address, const uint8_t* now, uint8_t* twin, size_t n, Buffer& out) {
  for (size_t at = 0; at < n; at += kPatchSpan) {
    const size_t span = n - at < kPatchSpan ? n - at : kPatchSpan;
    if (memcmp(now + at, twin + at, span) == 0) continue;
    uint32_t changed[kPatchSpan / 4];
    size_t count = 0;
    Patch p{address + at, 0};
    auto* was = reinterpret_cast<uint32_t*>(twin + at);
    auto* is = reinterpret_cast<const uint32_t*>(now + at);
    for (size_t i = 0; i < span / 4; i++) {
      const uint32_t word = __atomic_load_n(is + i, __ATOMIC_RELAXED);
      if (word == was[i]) continue;
      was[i] = changed[count++] = word;
      p.words |= 1ull << i;
    }
    if (!count) continue;
    if (count % 2) changed[count++] = 0;
    memcpy(out.extend(sizeof p), &p, sizeof p);
    memcpy(out.extend(count * 4), changed, count * 4);
  }
}

// Stores the patches; allowed(address, bytes) says whether they may be stored there. False: nonsense, and what follows it was not stored.
template <class Allowed>
bool apply_patches(const uint8_t* p, size_t n, Allowed allowed) {
  while (n) {
    Patch patch;
    if (n < sizeof patch) return false;
    memcpy(&patch, p, sizeof patch);
    const size_t count = size_t(__builtin_popcountll(patch.words)), bytes = sizeof patch + (count + 1) / 2 * 8;
    if (!count || n < bytes || patch.address % 4 || !allowed(patch.address, 4 * (64 - size_t(__builtin_clzll(patch.words))))) return false;
    const uint8_t* from = p + sizeof patch;
    auto* to = reinterpret_cast<uint32_t*>(patch.address);
    for (uint64_t left = patch.words; left;) {
      const int i = __builtin_ctzll(left);
      if (i < 63 && left >> (i + 1) & 1 && (patch.address + 4 * uint64_t(i)) % 8 == 0) {
        uint64_t both;
        memcpy(&both, from, 8);
        __atomic_store_n(reinterpret_cast<uint64_t*>(to + i), both, __ATOMIC_RELAXED);
        left &= left - 1;
        from += 4;
      } else {
        uint32_t word;
        memcpy(&word, from, 4);
        __atomic_store_n(to + i, word, __ATOMIC_RELAXED);
      }
      left &= left - 1;
      from += 4;
    }
    p += bytes;
    n -= bytes;
  }
  return true;
}

// Takes what the other side has (fresh) into now, but for words that were changed here since the twin was made: those stay, and still differ
// from the twin, which becomes `fresh`. True: something that the other side changed has come.
inline bool merge(uint8_t* now, uint8_t* twin, const uint8_t* fresh, size_t n) {
  bool news = false;
  for (size_t at = 0; at < n; at += kPatchSpan) {
    const size_t span = n - at < kPatchSpan ? n - at : kPatchSpan;
    if (memcmp(twin + at, fresh + at, span) == 0) continue;
    for (size_t i = at; i < at + span; i += 4) {
      uint32_t was, is;
      memcpy(&was, twin + i, 4);
      memcpy(&is, fresh + i, 4);
      if (was == is) continue;
      news = true;
      if (i + 8 <= at + span && reinterpret_cast<uintptr_t>(now + i) % 8 == 0 && memcmp(twin + i + 4, fresh + i + 4, 4) != 0) {
        uint64_t wide_was, wide_is;
        memcpy(&wide_was, twin + i, 8);
        memcpy(&wide_is, fresh + i, 8);
        if (__atomic_compare_exchange_n(reinterpret_cast<uint64_t*>(now + i), &wide_was, wide_is, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED)) {
          i += 4;
          continue;
        }
      }
      __atomic_compare_exchange_n(reinterpret_cast<uint32_t*>(now + i), &was, is, false, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
    }
    memcpy(twin + at, fresh + at, span);
  }
  return news;
}

}  // namespace wire
