// The outgoing half of a session: calls are written into the queue's open buffer under its lock and leave in large sends.
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

#include "base/log.h"
#include "teleport/session.h"
#include "wire/opcodes.h"

namespace teleport {

static constexpr size_t kMaxQueuedBytes = 8u << 20;   // a program that outruns the connection waits here, as it would for the driver's own queue

Call::Call(Session& session, uint16_t op, uint32_t context, uint16_t flags)
    : s_((session.queue_lock_.lock(), session)), header_at_(s_.open_.size()), writer_((s_.open_.extend(sizeof(wire::CallHeader)), s_.open_)), number_(s_.next_call_++) {
  *header() = wire::CallHeader{0, op, flags, context, 0, 0};
}

void Call::abandon() {
  s_.open_.shrink(header_at_);
  s_.next_call_--;
  s_.queue_lock_.unlock();
  open_ = false;
}

void Call::bulk_copy(const void* p, uint64_t n) { bulk_slices(p, n, n, 1, n, 1); }

void Call::bulk_slices(const void* p, uint64_t row_bytes, uint64_t row_pitch, uint64_t rows, uint64_t slice_pitch, uint64_t slices) {
  writer_.align();
  uint64_t n = row_bytes * rows * slices;
  header()->bytes = uint32_t(writer_.written());
  uint8_t* to = writer_.raw(n);
  header()->bulk_bytes = n;
  for (uint64_t z = 0; z < slices; z++)
    for (uint64_t r = 0; r < rows; r++, to += row_bytes) memcpy(to, static_cast<const uint8_t*>(p) + z * slice_pitch + r * row_pitch, row_bytes);
  writer_.align();
}

void Call::bulk_borrow(const void* p, uint64_t n, unsigned connections) {
  borrowed_ = p;
  borrowed_bytes_ = n;
  connections_ = connections;
}

void Call::finish(bool wants_reply) {
  if (g_op_counts) g_op_counts[header()->op].calls.fetch_add(1, std::memory_order_relaxed);
  writer_.align();
  if (header()->bulk_bytes == 0) header()->bytes = uint32_t(writer_.written());
  if (wants_reply) header()->flags |= wire::kWantsReply;
  if (borrowed_bytes_) {
    const uint64_t own = wire::stripe_bytes(borrowed_bytes_, 0, connections_), step = connections_ == 1 ? own : wire::kStripe;
    header()->bulk_bytes = own;
    s_.queued_bytes_ += s_.open_.size() + borrowed_bytes_;
    wire::Buffer next = static_cast<wire::Buffer&&>(s_.spare_);
    next.clear();
    size_t n = s_.open_.size();
    s_.ready_.push_back({nullptr, n, static_cast<wire::Buffer&&>(s_.open_)});
    for (uint64_t at = 0; at < borrowed_bytes_; at += step * connections_)
      s_.ready_.push_back({static_cast<const uint8_t*>(borrowed_) + at, step < borrowed_bytes_ - at ? step : borrowed_bytes_ - at, {}});
    if (connections_ > 1) s_.stripes_.deal(borrowed_, borrowed_bytes_, connections_);
    s_.open_ = static_cast<wire::Buffer&&>(next);
    static constexpr uint8_t kPadding[8] = {};
    if (size_t pad = (8 - own % 8) % 8) s_.ready_.push_back({kPadding, pad, {}});   // not in open_: headers there are aligned
  }
  s_.queued_calls_++;
  s_.held_ = false;
}

int Call::send() {
  bool held = s_.functions_out_.load(std::memory_order_relaxed) && header()->op != wire::op::tfCallbackDone && header()->op != wire::op::tfPartWrite;
  finish(false);
  bool many = s_.queued_calls_ >= s_.max_queued_, full = s_.open_.size() + s_.queued_bytes_ > kMaxQueuedBytes;
  s_.queue_lock_.unlock();
  open_ = false;
  g_calls.fetch_add(1, std::memory_order_relaxed);
  if (full) s_.push();
  else if ((!many || !s_.try_push()) && s_.pump_sleeps_.load(std::memory_order_seq_cst)) {   // pairs with pump_main: it looks at the queue after the store
    s_.pump_signal_.signal_one();
    if (s_.spin_ns_) s_.try_push();   // the first call after a pause need not wait until the pump is awake
  }
  if (held) s_.hold_back();
  return s_.dead() ? kWorkerLost : s_.sticky_error();
}

int Call::send_with_next() {
  finish(false);
  s_.held_ = true;
  s_.queue_lock_.unlock();
  open_ = false;
  g_calls.fetch_add(1, std::memory_order_relaxed);
  return s_.dead() ? kWorkerLost : s_.sticky_error();
}

// The codes of the driver manual that say "the process must be terminated and relaunched".
void Session::note_error(int result) {
  failures_.fetch_add(1, std::memory_order_relaxed);
  if ((result >= 714 && result <= 719) || result == 700 || result == 702 || result == 710 || result == 214 || result == 220) {
    int none = 0;
    sticky_error_.compare_exchange_strong(none, result, std::memory_order_relaxed);
  }
}

static constexpr uint32_t kCallsBehindFunction = 400;   // the driver's launch queue holds about 1000

void Session::hold_back() {
  if (calls_behind_.fetch_add(1, std::memory_order_relaxed) < kCallsBehindFunction || in_callback()) return;
  push();
  while (!dead()) {
    uint32_t seen = callback_ran_signal_.count();
    if (functions_out_.load(std::memory_order_acquire) == 0) break;
    callback_ran_signal_.wait(seen, 1000);
  }
  calls_behind_.store(0, std::memory_order_relaxed);
}

void Session::function_ran() {
  functions_out_.fetch_sub(1, std::memory_order_acq_rel);
  callback_ran();
}

void Session::wait_callbacks(bool (*one_of)(uint64_t), uint64_t stream, unsigned most_ms) {
  if (callbacks_out_.load(std::memory_order_acquire) == 0) return;
  const uint64_t until = base::now_ns() + uint64_t(most_ms) * 1'000'000;
  while (!dead() && !in_callback()) {
    uint32_t seen = callback_ran_signal_.count();
    if (callbacks_out_.load(std::memory_order_acquire) == 0 || !one_of(stream) || base::now_ns() >= until) break;
    push();
    callback_ran_signal_.wait(seen, most_ms < 1000 ? int(most_ms) : 1000);
  }
}

void Session::callback_ran() {
  for (int out = callbacks_out_.load(std::memory_order_relaxed); out > 0 && !callbacks_out_.compare_exchange_weak(out, out - 1, std::memory_order_acq_rel);) {}
  callback_ran_signal_.signal_all();
}

int Call::wait(Reply* reply, bool cuda) {
  if (cuda && Session::in_callback()) {   // what it waits for may wait for the host function that makes it
    abandon();
    return kNotPermitted;
  }
  Session::Waiter own{number_, reply, {0}, nullptr, false};
  const uint16_t op = header()->op;
  reply->call = number_;
  bool alive = s_.enlist(&own);
  finish(true);
  s_.queue_lock_.unlock();
  open_ = false;
  if (!alive) return kWorkerLost;
  g_calls.fetch_add(1, std::memory_order_relaxed);
  g_waits.fetch_add(1, std::memory_order_relaxed);
  base::log(base::Level::trace, "%s waits", wire::op_name(op));
  const uint64_t start = g_op_counts ? base::now_ns() : 0;
  s_.push();
  int rc = s_.await(&own);
  if (g_op_counts) {
    g_op_counts[op].waits.fetch_add(1, std::memory_order_relaxed);
    g_op_counts[op].waited_ns.fetch_add(base::now_ns() - start, std::memory_order_relaxed);
  }
  if (rc) return rc;
  if (reply->result) base::log(base::Level::debug, "%s answers CUDA error %d", wire::op_name(op), reply->result);
  if (!cuda) return reply->result;
  int late = s_.take_async_error();
  if (reply->result) s_.note_error(reply->result);
  return reply->result ? reply->result : late;
}

int Lock::g_lock_spins = 0;

void Session::push() {
  send_lock_.lock();
  send_queue();
  send_lock_.unlock();
}

void Session::push_borrowed() {
  push();
  stripes_.wait_sent();
}

uint64_t Session::last_call() {
  queue_lock_.lock();
  uint64_t last = next_call_ - 1;
  queue_lock_.unlock();
  return last;
}

bool Session::try_push() {
  if (!send_lock_.try_lock()) return false;
  send_queue();
  send_lock_.unlock();
  return true;
}

void Session::send_queue() {
  for (;;) {
    queue_lock_.lock();
    uint64_t last = next_call_ - 1;
    sending_.swap(ready_);
    if (open_.size()) {
      size_t n = open_.size();
      wire::Buffer next = static_cast<wire::Buffer&&>(spare_);
      next.clear();
      sending_.push_back({nullptr, n, static_cast<wire::Buffer&&>(open_)});
      open_ = static_cast<wire::Buffer&&>(next);
    }
    queued_calls_ = 0;
    queued_bytes_ = 0;
    queue_lock_.unlock();
    if (sending_.empty()) break;
    parts_.clear();
    for (Segment& segment : sending_) parts_.push_back({const_cast<void*>(segment.p ? segment.p : segment.owned.data()), segment.n});
    if (!dead() && !connection_.send(parts_.data(), int(parts_.size()))) die("sending failed");
    queue_lock_.lock();
    if (!spare_.capacity()) {
      wire::Buffer& used = sending_.back().owned;
      if (used.capacity() <= 2u << 20) spare_ = static_cast<wire::Buffer&&>(used);
    }
    queue_lock_.unlock();
    sending_.clear();
    if (!dead()) sent_.store(last, std::memory_order_release);
  }
}

void Session::wait_sent(uint64_t call) {
  while (sent_.load(std::memory_order_acquire) < call) push();   // whoever sends now, push() returns after it
  stripes_.wait_sent();
}

// Sends what async calls queue, so that the GPU starts at once though the program makes no further call.
// While the program makes calls the pump naps between two looks at the queue: to wake a thread costs the caller some 5 us, on a virtual machine more, and a
// Python program would pay that for most of its launches. Only after kAwake without a call does it sleep until it is woken. What is queued leaves a nap
// later at most; a call that waits sends at once.
static constexpr uint64_t kAwake = 2'000'000;   // ns
static constexpr long kNap = 30'000;            // ns

void* Session::pump_main(void* self) {
  auto& s = *static_cast<Session*>(self);
  prctl(PR_SET_TIMERSLACK, 1000);               // ns, of this thread: else each nap takes 50 us longer
  auto has_work = [&s] {
    s.queue_lock_.lock();
    bool any = !s.held_ && (s.open_.size() || !s.ready_.empty());
    s.queue_lock_.unlock();
    return any;
  };
  while (!s.dead()) {
    s.push();
    const uint64_t since = base::now_ns();
    uint64_t idle;
    while ((idle = base::now_ns() - since) < kAwake && !has_work() && !s.dead()) {
      if (idle < 4 * s.spin_ns_ && s.expects_callbacks()) {   // the program may wait for what it calls when a host function has run
        base::rest();
      } else if (idle < s.spin_ns_) {
        for (int i = 0; i < 64; i++) base::pause();   // each look takes the lock that the program's calls take
      } else {
        timespec nap{0, kNap};
        nanosleep(&nap, nullptr);
      }
    }
    if (has_work()) continue;
    uint32_t seen = s.pump_signal_.count();
    s.pump_sleeps_.store(true, std::memory_order_seq_cst);
    if (!has_work()) s.pump_signal_.wait(seen);
    s.pump_sleeps_.store(false, std::memory_order_relaxed);
  }
  return nullptr;
}

}  // namespace teleport
