// The incoming half of a session: replies go to the threads that wait for them, copied data to its place, callbacks to their thread.
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/log.h"
#include "teleport/runtime.h"
#include "teleport/session.h"
#include "wire/opcodes.h"

namespace teleport {

// Waiter::state
enum : uint32_t { kWaiting = 0, kDone = 1, kBecomeReader = 2, kDead = 3, kAsleep = 4 };   // kAsleep: waiting, and a wake-up is needed
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

// The waiter's memory may be gone as soon as the state is set.
void Session::tell(Waiter* w, uint32_t state) {
  if (w->state.exchange(state, std::memory_order_acq_rel) == kAsleep) base::futex_wake(w->state);
}

int Session::await(Waiter* own) {
  receive_lock_.lock();
  own->ready = true;
  uint32_t state = own->state.load(std::memory_order_relaxed);
  bool read = !reading_ && state == kWaiting;
  if (read) reading_ = true;
  receive_lock_.unlock();
  if (!read) {
    for (uint64_t until = base::now_ns() + spin_ns_; (state = own->state.load(std::memory_order_acquire)) == kWaiting && base::now_ns() < until;) base::pause();
    uint32_t expected = kWaiting;
    if (state == kWaiting) own->state.compare_exchange_strong(expected, kAsleep, std::memory_order_acq_rel);
    while ((state = own->state.load(std::memory_order_acquire)) == kAsleep) base::futex_wait(own->state, kAsleep);
    read = state == kBecomeReader;
  }
  if (read) read_until(own);
  if (own->state.load(std::memory_order_acquire) == kDone) return 0;
  stripes_.wait_received();   // nobody writes to memory that the program takes back now
  return kWorkerLost;
}

void Session::read_until(Waiter* own) {
  for (uint32_t state; (state = own->state.load(std::memory_order_acquire)) != kDone && state != kDead;)
    if (!read_message(spin_ns_)) {
      die("the connection was closed");
      break;
    }
  receive_lock_.lock();
  pass_on_reading();
  receive_lock_.unlock();
}

// One that still sends must not be it: the worker may not take what it sends before somebody has read what the worker sends.
Session::Waiter* Session::ready_waiter() const {
  Waiter* w = waiters_;
  for (; w; w = w->next)
    if (uint32_t state = w->state.load(std::memory_order_relaxed); w->ready && (state == kWaiting || state == kAsleep)) break;   // only the reader changes it otherwise
  return w;
}

void Session::pass_on_reading() {
  if (Waiter* w = ready_waiter()) return tell(w, kBecomeReader);   // reading_ stays true: it is the reader now
  reading_ = false;
  if (!wants_listener() || dead()) return;
  listener_signal_.signal_all();
  if (receiver_.buffered(1) && listener_event_ >= 0) eventfd_write(listener_event_, 1);
}

bool Session::read_message(uint64_t spin_ns) {
  const uint8_t* p = receiver_.take(sizeof(wire::MessageHeader), spin_ns);
  if (!p) return false;
  wire::MessageHeader m;
  memcpy(&m, p, sizeof m);
  if (m.bytes > wire::kMaxArguments || m.bytes % 8 || m.bulk_bytes > wire::kMaxBulk) return false;
  if (m.kind != wire::Kind::host_write) stripes_.wait_received();   // it may let the program look at what was copied
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
    case wire::Kind::event_done:
      if (m.result) {
        int none = 0;
        async_error_.compare_exchange_strong(none, m.result, std::memory_order_acq_rel);
        note_error(m.result);
      }
      watched(m.call, false);
      return receiver_.skip(m.bytes);
    case wire::Kind::callback: {
      CallbackRequest request{m.offset, {}};
      if (m.bytes) {
        const uint8_t* body = receiver_.take(m.bytes);
        if (!body) return false;
        wire::Reader r(body, m.bytes);
        size_t n;
        if (const uint64_t* numbers = r.get_array<uint64_t>(&n)) request.renew.assign(numbers, numbers + n);
      }
      callback_came_ns_.store(base::now_ns(), std::memory_order_relaxed);
      receive_lock_.lock();
      callbacks_.push_back(static_cast<CallbackRequest&&>(request));
      receive_lock_.unlock();
      callback_signal_.signal_one();
      return true;
    }
    case wire::Kind::gone:
      forget_host_write(wire::kHostPart | m.offset);
      if (auto gone = gone_.load(std::memory_order_acquire)) gone(m.offset);
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
  tell(w, good ? kDone : kDead);
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
  for (size_t i = 0; i < host_writes_.size();)
    if (host_writes_[i].call == call) {
      unasked_bytes_ -= host_writes_[i].left;
      host_writes_.erase(host_writes_.begin() + long(i));
    } else {
      i++;
    }
  receive_lock_.unlock();
}

bool Session::host_write_pending(const void* p, uint64_t n) {
  bool found = false;
  receive_lock_.lock();
  for (const PendingHostWrite& w : host_writes_) found |= w.to.overlaps(p, n);
  receive_lock_.unlock();
  if (!found) stripes_.wait_received(p, n);
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
  const bool good = !m.connection || stripes_.expect(m.connection, to, m.offset, m.bulk_bytes);   // who does not find it in host_writes_ finds it there
  receive_lock_.unlock();
  if (!good || !receiver_.skip(m.bytes)) return false;
  if (m.connection) return true;
  if (!to.row_bytes) return receiver_.skip((m.bulk_bytes + 7) & ~7ull);   // a copy that failed meanwhile
  return to.for_each_piece(m.offset, m.bulk_bytes, [&](uint8_t* place, uint64_t n) { return receiver_.read(place, n); }) && receiver_.skip((8 - m.bulk_bytes % 8) % 8);
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

void Session::watch(uint64_t call) {
  receive_lock_.lock();
  watches_.push_back(call);
  receive_lock_.unlock();
}

void Session::watched(uint64_t call, bool pending) {
  receive_lock_.lock();
  auto it = watches_.begin();
  while (it != watches_.end() && *it != call) ++it;
  if (it != watches_.end()) {
    if (pending) wake_listener();
    else watches_.erase(it);
  }
  receive_lock_.unlock();
}

bool Session::watch_ends(uint64_t call) {
  receive_lock_.lock();
  bool pending = false;
  for (uint64_t w : watches_) pending |= w == call;
  receive_lock_.unlock();
  return !pending || dead();
}

void Session::wake_listener() {
  if (listener_event_ < 0) listener_event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (!listener_started_) listener_started_ = start_thread(listener_main, this);
  listener_signal_.signal_all();
}

void* Session::listener_main(void* self) {
  auto& s = *static_cast<Session*>(self);
  while (!s.dead()) {
    uint32_t seen = s.listener_signal_.count();
    s.receive_lock_.lock();
    bool read = s.wants_listener() && !s.reading_;
    if (read) s.reading_ = true;
    s.receive_lock_.unlock();
    if (!read) {
      s.listener_signal_.wait(seen);
      continue;
    }
    eventfd_t told;
    eventfd_read(s.listener_event_, &told);
    bool alive = true, any = false, waiters = false;
    while (alive && !waiters && (s.receiver_.buffered(sizeof(wire::MessageHeader)) || s.connection_.readable(0))) {
      any = true;
      alive = s.read_message(0);
      s.receive_lock_.lock();
      waiters = s.ready_waiter() != nullptr;   // they read for themselves
      s.receive_lock_.unlock();
    }
    if (!alive) s.die("the connection was closed");
    s.receive_lock_.lock();
    s.pass_on_reading();
    s.receive_lock_.unlock();
    if (alive && !any) s.await_message();
  }
  return nullptr;
}

// Host functions come one after the other, and some programs (JAX) go on only when the last one has run: to wake a thread for each would take longer than
// they do. kExpected: so long after one the next is expected soon.
static constexpr uint64_t kExpected = 1'000'000;   // ns
static constexpr int kLonger = 4;

bool Session::expects_callbacks() const {
  return callbacks_out_.load(std::memory_order_relaxed) || base::now_ns() - callback_came_ns_.load(std::memory_order_relaxed) < kExpected;
}

void Session::await_message() {
  if (expects_callbacks())
    for (const uint64_t until = base::now_ns() + kLonger * spin_ns_; base::now_ns() < until; base::rest())
      if (connection_.readable(0)) return;
  connection_.readable(-1, listener_event_);
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

static thread_local bool t_in_callback = false;
bool Session::in_callback() { return t_in_callback; }

void* Session::callback_main(void* self) {
  t_in_callback = true;
  auto& s = *static_cast<Session*>(self);
  while (!s.dead()) {
    uint32_t seen = s.callback_signal_.count();
    s.receive_lock_.lock();
    bool any = !s.callbacks_.empty();
    CallbackRequest request = any ? static_cast<CallbackRequest&&>(s.callbacks_.front()) : CallbackRequest{0, {}};
    if (any) s.callbacks_.erase(s.callbacks_.begin());
    bool more = !s.callbacks_.empty();
    s.receive_lock_.unlock();
    if (!any) {
      s.callback_signal_.spin_wait(seen, kLonger * s.spin_ns_);
      continue;
    }
    s.callback_runner_(request.number, request.renew);
    Call call(s, wire::op::tfCallbackDone, 0);
    call.in().put(request.number);
    call.send();
    if (!more) s.push();   // with what the program has called since, if it waited for the function
  }
  return nullptr;
}

}  // namespace teleport
