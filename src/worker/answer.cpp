// What goes back to the client. send_lock_ makes one order of it: data of finished reads, the device's text and the reply that lets the
// program look at them leave together.
#include <stdio.h>

#include "base/log.h"
#include "wire/opcodes.h"
#include "worker/callback.h"
#include "worker/session.h"
#include "worker/staging.h"
#include "worker/stdout_capture.h"
#include "worker/stripes.h"

namespace worker {

static constexpr uint8_t kPadding[8] = {};
static constexpr uint32_t kWorthDealing = 256 << 10;   // bytes of a read that another connection carries

wire::Buffer& Session::scratch() {
  static thread_local wire::Buffer buffer;
  buffer.clear();
  return buffer;
}

bool Session::send(wire::MessageHeader m, const void* body, const void* bulk) {
  iovec parts[] = {{&m, sizeof m}, {const_cast<void*>(body), m.bytes}, {const_cast<void*>(bulk), m.bulk_bytes},
                   {const_cast<uint8_t*>(kPadding), (8 - m.bulk_bytes % 8) % 8}};
  std::lock_guard lock(send_lock_);
  return connection_.send(parts, 4);
}

bool Session::try_send(wire::MessageHeader m) {
  std::unique_lock lock(send_lock_, std::try_to_lock);
  return lock && connection_.try_send(&m, sizeof m);
}

// Collects the parts of one sendmsg.
namespace {
struct Outbox {
  std::vector<Staging::Read> reads;   // that go with these parts
  std::vector<wire::MessageHeader> headers;
  std::vector<iovec> parts;
  // Large ones are dealt out over the session's connections.
  bool collect(Session& s, uint64_t most) {
    reads.clear();
    headers.clear();
    parts.clear();
    s.staging().collect(&reads, most);
    headers.reserve(reads.size());
    const size_t all = reads.size();
    size_t here = 0;
    for (size_t i = 0; i < all; i++) {
      const Staging::Read r = reads[i];
      const auto connection = r.op == wire::op::tfRead && r.bytes >= kWorthDealing ? unsigned(r.offset / wire::kStripe % s.stripes().connections()) : 0u;
      if (r.bytes) {   // else it only kept something alive
        headers.push_back({0, wire::Kind::host_write, r.op, 0, connection, r.name, r.offset, r.bytes});
        parts.push_back({&headers.back(), sizeof(wire::MessageHeader)});
      }
      if (connection) {
        s.stripes().send(connection, r);
        continue;
      }
      reads[here++] = r;
      if (r.bytes) parts.push_back({r.block->p, r.bytes});
      if (r.bytes % 8) parts.push_back({const_cast<uint8_t*>(kPadding), 8 - r.bytes % 8});
    }
    reads.resize(here);
    return all != 0;
  }
};
thread_local Outbox t_out;
}  // namespace

void Session::reply(Request& q, int rc, const wire::Buffer& body) {
  if (q.answered) return;
  q.answered = true;
  if (q.waited && callbacks_->oldest_running() < q.call) {
    let_others_lead(q);   // the word that it has run comes as a call
    callbacks_->settle(q.call);
  }
  if (q.waited) send_text();
  wire::MessageHeader m{uint32_t(body.size()), wire::Kind::reply, q.header.op, rc, 0, q.call, 0, 0};
  iovec parts[] = {{&m, sizeof m}, {const_cast<uint8_t*>(body.data()), body.size()}};
  std::lock_guard lock(send_lock_);
  error_told_.store(false, std::memory_order_relaxed);   // the client asks for late errors with this reply
  if (!staging_->any_reads() || !t_context_ || t_context_ == kNoIdea) {   // without a context the driver cannot be asked
    connection_.send(parts, 2);
    return;
  }
  Outbox& out = t_out;
  out.collect(*this, ~0ull);
  out.parts.push_back(parts[0]);
  out.parts.push_back(parts[1]);
  connection_.send(out.parts.data(), int(out.parts.size()));
  staging_->sent(out.reads);
}

bool Session::send_finished_reads(uint64_t most) {
  if (!staging_->any_reads()) return false;
  std::lock_guard lock(send_lock_);
  Outbox& out = t_out;
  const bool any = out.collect(*this, most);
  connection_.send(out.parts.data(), int(out.parts.size()));
  staging_->sent(out.reads);
  return any;
}

void Session::fail(Request& q, int rc) {
  if (q.header.flags & wire::kWantsReply) reply(q, rc, scratch());
  else note_async(q, rc);
}

void Session::note_async(Request& q, int rc) {
  if (q.answered) return;
  q.answered = true;
  // The client keeps the first error until a reply hands it to the program: more would only fill the connection of one that does not read.
  if (!rc || error_told_.exchange(true, std::memory_order_relaxed)) return;
  base::log(base::Level::info, "call %llu, %s: error %d", static_cast<unsigned long long>(q.call), wire::op_name(q.header.op), rc);
  send({0, wire::Kind::async_error, q.header.op, rc, 0, q.call, 0, 0}, nullptr, nullptr);
}

void Session::malformed(Request& q) {
  q.answered = true;
  char why[120];
  snprintf(why, sizeof why, "call %llu, %s, makes no sense", static_cast<unsigned long long>(q.call), wire::op_name(q.header.op));
  end(1, why);
}

void Session::send_text() {
  if (!capture_) return;
  std::lock_guard lock(text_lock_);
  if (!capture_->pending()) return;
  static char text[16384];   // guarded by text_lock_; there is one capture in a process
  for (int which : {1, 2})
    while (size_t n = capture_->take(which, text, sizeof text))
      send({0, wire::Kind::text, 0, which, 0, 0, 0, n}, nullptr, text);
}

}  // namespace worker
