// How bulk data is dealt out over several connections: pieces of kStripe bytes in turn, the session's own connection first. To the device as the call says (tfWrite);
// from it each piece is a message of its own (MessageHeader::connection).
#pragma once
#include <stdint.h>

namespace wire {

inline constexpr uint64_t kStripe = 1u << 20;
inline constexpr unsigned kMostConnections = 8;

// The bytes of `bytes` that connection i of n carries.
constexpr uint64_t stripe_bytes(uint64_t bytes, unsigned i, unsigned n) {
  const uint64_t round = kStripe * n, rest = bytes % round, before = kStripe * i;
  return bytes / round * kStripe + (rest <= before ? 0 : rest - before < kStripe ? rest - before : kStripe);
}

}  // namespace wire
