// The incoming half of a session: replies go to the threads that wait for them, copied data to its place, callbacks to their thread.
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "teleport/runtime.h"
#include "teleport/session.h"
#include "wire/opcodes.h"

namespace teleport {

// Waiter::state
enum : uint32_t { kWaiting = 0, kDone = 1, kBecomeReader = 2, kDead = 3 };
static constexpr uint64_t kListenFrom = 256 << 10;   // with more unasked bytes than this on their way, the listener reads them as they come

bool Session::enlist(Waiter* own) {
  receive_lock_.lock();
  bool alive = !dead();
  if (alive) {
    own->next = waiters_;
    waiters_ = own;
  }
  receive_lock_.unlock();
  return alive;
}

int Session::await(Waiter* own) {
  receive_lock_.lock();
  bool read = !reading_ && own->state.load(std::memory_order_relaxed) == kWaiting;
  if (read) reading_ = true;
  receive_lock_.unlock();
  if (!read) {
    uint32_t state;
    while ((state = own->state.load(std::memory_order_acquire)) == kWaiting) base::futex_wait(own->state, kWaiting);
    read = state == kBecomeReader;
  }
  if (read) read_until(own);
  return own->state.load(std::memory_order_acquire) == kDone ? 0 : kWorkerLost;
}

void Session::read_until(Waiter* own) {
  auto finished = [&] {
    if (own) {
      uint32_t state = own->state.load(std::memory_order_acquire);
      return state == kDone || state == kDead;
    }
    receive_lock_.lock();
    bool idle = waiters_ != nullptr || (unasked_bytes_ == 0 && !callbacks_started_);   // a waiting thread reads for itself
    receive_lock_.unlock();
    return idle;
  };
  while (!finished())
    if (!read_message(own ? spin_ns_ : 0)) {
      die("the connection was closed");
      break;
    }
  receive_lock_.lock();
  pass_on_reading();
  receive_lock_.unlock();
}

void Session::pass_on_reading() {
  for (Waiter* w = waiters_; w; w = w->next) {
    uint32_t expected = kWaiting;
    if (w->state.compare_exchange_strong(expected, kBecomeReader, std::memory_order_acq_rel)) {
      base::futex_wake(w->state);
      return;   // reading_ stays true: it is the reader now
    }
  }
  reading_ = false;
  if ((unasked_bytes_ || callbacks_started_) && !dead()) listener_signal_.signal_all();
}

bool Session::read_message(uint64_t spin_ns) {
  const uint8_t* p = receiver_.take(sizeof(wire::MessageHeader), spin_ns);
  if (!p) return false;
  wire::MessageHeader m;
  memcpy(&m, p, sizeof m);
  if (m.bytes > wire::kMaxArguments || m.bytes % 8 || m.bulk_bytes > wire::kMaxBulk) return false;
  switch (m.kind) {
    case wire::Kind::reply: break;
    case wire::Kind::host_write: return take_host_write(m);
    case wire::Kind::text: return take_text(m);
    case wire::Kind::async_error: {
      int none = 0;
      async_error_.compare_exchange_strong(none, m.result, std::memory_order_acq_rel);
      note_error(m.result);
      if (m.op == wire::op::tfCallback) callback_ran();   // it never will
      base::log(base::Level::error, "call %llu (%s) failed with CUDA error %d", (unsigned long long)m.call, wire::op_name(m.op), m.result);
      return receiver_.skip(m.bytes);
    }
    case wire::Kind::callback:
      receive_lock_.lock();
      callbacks_.push_back(m.offset);
      receive_lock_.unlock();
      callback_signal_.signal_one();
      return receiver_.skip(m.bytes);
    default: return false;
  }
  receive_lock_.lock();
  Waiter** link = &waiters_;
  while (*link && (*link)->call != m.call) link = &(*link)->next;
  Waiter* w = *link;
  if (w) *link = w->next;
  receive_lock_.unlock();
  if (!w) return false;   // a reply that nobody asked for
  const uint8_t* body = receiver_.take(m.bytes);
  if (m.bytes && !body) return false;
  w->reply->result = m.result;
  w->reply->body.clear();
  if (m.bytes) memcpy(w->reply->body.extend(m.bytes), body, m.bytes);
  uint64_t fits = m.bulk_bytes < w->reply->bulk_bytes ? m.bulk_bytes : w->reply->bulk_bytes;
  uint64_t padded = (m.bulk_bytes + 7) & ~7ull;
  bool good = (!fits || receiver_.read(w->reply->bulk, fits)) && receiver_.skip(padded - fits);
  w->state.exchange(good ? kDone : kDead, std::memory_order_acq_rel);
  base::futex_wake(w->state);
  return good;
}

void Session::expect_host_write(uint64_t call, const HostDestination& to) {
  receive_lock_.lock();
  host_writes_.push_back({call, to, to.bytes()});
  unasked_bytes_ += to.bytes();
  if (unasked_bytes_ >= kListenFrom) wake_listener();
  receive_lock_.unlock();
}

void Session::forget_host_write(uint64_t call) {
  receive_lock_.lock();
  for (size_t i = 0; i < host_writes_.size(); i++)
    if (host_writes_[i].call == call) {
      unasked_bytes_ -= host_writes_[i].left;
      host_writes_.erase(host_writes_.begin() + long(i));
      break;
    }
  receive_lock_.unlock();
}

bool Session::host_write_pending(const void* p, uint64_t n) {
  auto at = reinterpret_cast<uintptr_t>(p);
  bool found = false;
  receive_lock_.lock();
  for (PendingHostWrite& w : host_writes_) {
    auto to = reinterpret_cast<uintptr_t>(w.to.to);
    uint64_t extent = (w.to.rows - 1) * w.to.row_pitch + w.to.row_bytes;
    found |= at < to + extent && to < (n > ~0ull - at ? ~0ull : at + n);
  }
  receive_lock_.unlock();
  return found;
}

bool Session::take_host_write(const wire::MessageHeader& m) {
  HostDestination to{};
  receive_lock_.lock();
  for (size_t i = 0; i < host_writes_.size(); i++) {
    PendingHostWrite& w = host_writes_[i];
    if (w.call != m.call) continue;
    if (m.bulk_bytes <= w.left && m.offset <= w.to.bytes() && m.bulk_bytes <= w.to.bytes() - m.offset) {
      to = w.to;
      unasked_bytes_ -= m.bulk_bytes;
      w.left -= m.bulk_bytes;
      if (w.left == 0) host_writes_.erase(host_writes_.begin() + long(i));
    }
    break;
  }
  receive_lock_.unlock();
  if (!receiver_.skip(m.bytes)) return false;
  uint64_t left = m.bulk_bytes, at = m.offset;
  if (!to.row_bytes) return receiver_.skip((left + 7) & ~7ull);   // a copy that failed meanwhile
  while (left) {
    uint64_t row = at / to.row_bytes, column = at % to.row_bytes, n = to.row_bytes - column < left ? to.row_bytes - column : left;
    if (!receiver_.read(static_cast<uint8_t*>(to.to) + row * to.row_pitch + column, n)) return false;
    at += n;
    left -= n;
  }
  return receiver_.skip((8 - m.bulk_bytes % 8) % 8);
}

bool Session::take_text(const wire::MessageHeader& m) {
  if (!receiver_.skip(m.bytes)) return false;
  for (uint64_t left = m.bulk_bytes; left;) {
    char text[4096];
    size_t n = left < sizeof text ? size_t(left) : sizeof text;
    if (!receiver_.read(text, n)) return false;
    if (write(m.result == 2 ? 2 : 1, text, n) < 0) { /* the program closed it */ }
    left -= n;
  }
  return receiver_.skip((8 - m.bulk_bytes % 8) % 8);
}

void Session::wake_listener() {
  if (!listener_started_) listener_started_ = start_thread(listener_main, this);
  listener_signal_.signal_all();
}

void* Session::listener_main(void* self) {
  auto& s = *static_cast<Session*>(self);
  while (!s.dead()) {
    uint32_t seen = s.listener_signal_.count();
    s.receive_lock_.lock();
    bool read = !s.reading_ && (s.unasked_bytes_ || s.callbacks_started_);
    if (read) s.reading_ = true;
    s.receive_lock_.unlock();
    if (read) s.read_until(nullptr);
    else s.listener_signal_.wait(seen);
  }
  return nullptr;
}

void Session::start_callbacks(CallbackRunner run) {
  receive_lock_.lock();
  callback_runner_ = run;
  if (!callbacks_started_) {
    callbacks_started_ = start_thread(callback_main, this);
    wake_listener();
  }
  receive_lock_.unlock();
}

void* Session::callback_main(void* self) {
  auto& s = *static_cast<Session*>(self);
  while (!s.dead()) {
    uint32_t seen = s.callback_signal_.count();
    s.receive_lock_.lock();
    bool any = !s.callbacks_.empty();
    uint64_t number = any ? s.callbacks_.front() : 0;
    if (any) s.callbacks_.erase(s.callbacks_.begin());
    s.receive_lock_.unlock();
    if (!any) {
      s.callback_signal_.wait(seen);
      continue;
    }
    s.callback_runner_(number);
    Call call(s, wire::op::tfCallbackDone, 0);
    call.in().put(number);
    call.send();
    s.push();
  }
  return nullptr;
}

}  // namespace teleport
