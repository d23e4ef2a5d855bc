// The receiving side's buffer: one recv for many small records, none for the rest of a bulk transfer.
#include <stdlib.h>
#include <string.h>

#include "transport/connection.h"

namespace transport {

static constexpr size_t kBuffer = 256 << 10;   // cache-sized; grows only for a larger record

Receiver::Receiver(Connection& c) : c_(c), data_(static_cast<uint8_t*>(malloc(kBuffer))), capacity_(kBuffer) {
  if (!data_) abort();
}
Receiver::~Receiver() { free(data_); }

bool Receiver::fill(size_t n, uint64_t spin_ns, int timeout_ms, bool* timed_out) {
  const size_t phase = at_ % 8;   // a byte's place in the buffer and in the stream are the same modulo 8, so records stay aligned
  if (at_ == filled_) at_ = filled_ = phase;
  if (at_ + n > capacity_) {
    memmove(data_ + phase, data_ + at_, filled_ - at_);
    filled_ -= at_ - phase;
    at_ = phase;
    if (at_ + n > capacity_) {
      auto* p = static_cast<uint8_t*>(realloc(data_, at_ + n));
      if (!p) return false;
      data_ = p;
      capacity_ = at_ + n;
    }
  }
  while (filled_ - at_ < n) {
    long got = c_.receive(data_ + filled_, capacity_ - filled_, spin_ns, timeout_ms);
    if (got < 0) *timed_out = true;
    if (got <= 0) return false;
    filled_ += size_t(got);
  }
  return true;
}

const uint8_t* Receiver::take(size_t n, uint64_t spin_ns) {
  bool unused;
  return take_within(n, -1, &unused, spin_ns);
}

const uint8_t* Receiver::take_within(size_t n, int timeout_ms, bool* timed_out, uint64_t spin_ns) {
  if (filled_ - at_ < n && !fill(n, spin_ns, timeout_ms, timed_out)) return nullptr;
  const uint8_t* p = data_ + at_;
  at_ += n;
  return p;
}

bool Receiver::read(void* to, size_t n) {
  auto* p = static_cast<uint8_t*>(to);
  size_t have = filled_ - at_ < n ? filled_ - at_ : n;
  memcpy(p, data_ + at_, have);
  at_ += have;
  if (have == n) return true;
  at_ = filled_ = (at_ + n - have) % 8;
  while (have < n) {
    long got = c_.receive(p + have, n - have);
    if (got <= 0) return false;
    have += size_t(got);
  }
  return true;
}

bool Receiver::skip(uint64_t n) {
  while (n) {
    size_t step = n < 65536 ? size_t(n) : 65536;
    if (!take(step)) return false;
    n -= step;
  }
  return true;
}

}  // namespace transport
