// What goes over a connection. Changelog (protocol version: what changed):
//   1: first version.
//   2: environment variables in the Hello.
//   3: several connections for bulk data (stripe).
//   4: and for host_writes (MessageHeader::connection).
// A client sends a Hello, then calls; a worker answers a HelloReply, then sends messages. All integers little-endian.
// Calls are numbered 1, 2, 3 … by their place in the stream, on both sides; a message names the call that it belongs to.
// The order of calls is the order in which the program made them, over all its threads: there is one stream per session.
#pragma once
#include <stdint.h>

namespace wire {

inline constexpr uint64_t kMagic = 0x314e4f4953554654ull;   // "TFUSION1"
inline constexpr uint16_t kVersion = 4, kOldestVersion = 4;
inline constexpr uint32_t kMaxArguments = 64u << 20;        // of one call or message, without its bulk data
inline constexpr uint64_t kMaxBulk = 1ull << 40;
inline constexpr uint32_t kMaxHelloText = 64u << 10;

// Feature bits that both sides must have before they are used.
enum Feature : uint32_t { kFeatureNone = 0 };

// Followed by auth_bytes of credentials (opaque to this layer, none defined yet), then token_bytes: the version field of the connection
// string; then environment_bytes of variables (wire/environment.h); each padded to a multiple of 8.
// stripe 1: no session, but a further connection of one (wire/stripe.h). The token is then its name, two random words of 64 bits; the session takes it by that
// (tfStripe). There are no variables.
struct Hello {
  uint64_t magic = kMagic;
  uint16_t version = kVersion, oldest_version = kOldestVersion;
  uint32_t features = 0;
  uint32_t auth_bytes = 0, token_bytes = 0;
  uint32_t pid = 0, host = 0;   // host: the same for processes that know each other by number (one machine, one PID namespace); 0: unknown
  uint32_t environment_bytes = 0, stripe = 0;
};
static_assert(sizeof(Hello) == 40);

enum class HelloStatus : uint32_t { ok = 0, bad_magic = 1, bad_version = 2, refused = 3, driver_failed = 4 };
// Followed by text_bytes of explanation when status is not ok, padded to a multiple of 8.
struct HelloReply {
  uint64_t magic = kMagic;
  uint16_t version = kVersion, reserved = 0;
  uint32_t features = 0;
  HelloStatus status = HelloStatus::ok;
  uint32_t text_bytes = 0;
  uint64_t session = 0;
};
static_assert(sizeof(HelloReply) == 32);

enum CallFlag : uint16_t {
  kWantsReply = 1,         // else an error is reported with an AsyncError message
  kPerThread = 2,          // made through a _ptsz/_ptds name
  kTellWhenDone = 4,       // cuEventQuery: if the answer is NOT_READY, an event_done message shall follow
};
// Followed by `bytes` of encoded arguments (a multiple of 8), then bulk_bytes of raw data, padded with up to 7 bytes to a multiple of 8.
struct CallHeader {
  uint32_t bytes;
  uint16_t op;
  uint16_t flags;
  uint32_t context;        // index of the calling thread's current context, 0: none
  uint32_t reserved;
  uint64_t bulk_bytes;
};
static_assert(sizeof(CallHeader) == 24);

inline constexpr uint64_t kHostPart = 1ull << 63;
enum class Kind : uint16_t {
  reply = 1,        // answer to `call`
  host_write = 2,   // bulk data of a device-to-host copy: belongs at `offset` of the destination named by `call`; of a host part: kHostPart | its number
  async_error = 3,  // `call`, which wanted no reply, failed with `result`; sent before the reply to any later call
  callback = 4,     // run host function `offset`, then send tfCallbackDone; of a graph's the worker's stream waits for that. Arguments: an array of numbers of host parts whose
                    // present bytes (tfPartWrite) go before that
  text = 5,         // what device code printed: bulk data for fd `result` (1 or 2)
  gone = 6,         // no graph holds host part `offset` any more (api/session.api, tfNode)
  event_done = 7,   // the event of the question `call` (cuEventQuery, answered NOT_READY) has finished, with `result`; what it covers came before
};
// Followed by `bytes` of encoded results (a multiple of 8), then bulk_bytes of raw data, padded to a multiple of 8. A host_write with a `connection` is not followed by
// its data: they are the next bytes of that further connection (wire/stripe.h), unpadded, and must have come before a message of another kind is looked at.
struct MessageHeader {
  uint32_t bytes;
  Kind kind;
  uint16_t op;
  int32_t result;
  uint32_t connection;
  uint64_t call;
  uint64_t offset;
  uint64_t bulk_bytes;
};
static_assert(sizeof(MessageHeader) == 40);

}  // namespace wire
