// See stripes.h; and tfStripe.
#include "worker/stripes.h"

#include "worker/handlers.h"
#include "worker/shared_handles.h"

namespace worker {

static constexpr uint64_t kSpin = 50'000;   // ns before a thread sleeps

Stripes::~Stripes() {
  end();
  for (auto& s : stripes_)
    for (std::thread* t : {s ? &s->receiver : nullptr, s ? &s->sender : nullptr})
      if (t && t->joinable()) t->join();
}

void Stripes::end() {
  std::lock_guard lock(lock_);
  over_.store(true, std::memory_order_release);
  for (auto& s : stripes_)
    if (s) {
      s->connection.shut_down();
      s->wake.signal_all();
      s->done.signal_all();
      s->finished.signal_all();
    }
}

bool Stripes::add(unsigned index, int socket) {
  auto stripe = std::make_unique<Stripe>(socket);
  std::lock_guard lock(lock_);
  if (over() || index != connections() || index >= wire::kMostConnections) return false;
  stripes_[index] = std::move(stripe);
  stripes_[index]->receiver = std::thread(&Stripes::receive, this, std::ref(*stripes_[index]));
  count_.store(index, std::memory_order_release);
  return true;
}

void Stripes::ask(unsigned i, void* p, uint32_t n) {
  Stripe& s = *stripes_[i];
  const uint64_t head = s.head.load(std::memory_order_relaxed);
  s.asked[head % kMostAsked] = {p, n};
  s.head.store(head + 1, std::memory_order_release);
  s.wake.signal_one();
}

template <class F>
static void until(Session& session, base::Signal& signal, F ready) {
  for (;;) {
    const uint32_t seen = signal.count();
    if (ready()) return;
    signal.spin_wait(seen, session.spin_ns(kSpin));
  }
}

bool Stripes::wait(unsigned i) {
  Stripe& s = *stripes_[i];
  until(session_, s.done, [&] { return s.tail.load(std::memory_order_acquire) > s.waited || s.broken.load() || over(); });
  if (s.tail.load(std::memory_order_acquire) <= s.waited) return false;
  s.waited++;
  return true;
}

void Stripes::receive(Stripe& s) {
  for (uint64_t tail = 0;; tail++) {
    until(session_, s.wake, [&] { return s.head.load(std::memory_order_acquire) > tail || over(); });
    if (over()) return;
    auto* to = static_cast<uint8_t*>(s.asked[tail % kMostAsked].p);
    for (uint32_t left = s.asked[tail % kMostAsked].n; left;) {
      const long got = s.connection.receive(to, left, session_.spin_ns(kSpin));
      if (got <= 0) {
        s.broken.store(true);
        s.done.signal_all();
        return;
      }
      to += got;
      left -= uint32_t(got);
    }
    s.tail.store(tail + 1, std::memory_order_release);
    s.done.signal_all();
  }
}

void Stripes::send(unsigned i, const Staging::Read& read) {
  Stripe& s = *stripes_[i];
  {
    std::lock_guard lock(s.lock);
    s.reads.push_back(read);
  }
  s.finished.signal_one();
  if (s.sender.joinable()) return;
  std::lock_guard lock(lock_);
  if (!over()) s.sender = std::thread(&Stripes::send_reads, this, std::ref(s));
}

void Stripes::send_reads(Stripe& s) {
  std::vector<Staging::Read> reads;
  std::vector<iovec> parts;
  for (;;) {
    reads.clear();
    parts.clear();
    until(session_, s.finished, [&] {
      std::lock_guard lock(s.lock);
      for (; !s.reads.empty() && reads.size() < kMostAsked; s.reads.pop_front()) reads.push_back(s.reads.front());
      return !reads.empty() || over();
    });
    if (over()) return;
    for (const Staging::Read& r : reads) parts.push_back({r.block->p, r.bytes});
    s.connection.send(parts.data(), int(parts.size()));   // the client ends a session whose connection breaks
    session_.staging().sent(reads);
  }
}

namespace serve {

int tfStripe(Session& s, Request&, wire::tfStripe::Args& a, wire::tfStripe::Outs&) {
  if (!a.name) return CUDA_ERROR_INVALID_VALUE;
  base::Fd connection = s.handle_exchange().fetch({a.name[0], a.name[1]});
  if (!connection) return CUDA_ERROR_INVALID_HANDLE;
  return s.stripes().add(a.index, connection.release()) ? 0 : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace serve
}  // namespace worker
