// See stripes.h; and tfStripe.
#include "worker/stripes.h"

#include "worker/handlers.h"
#include "worker/shared_handles.h"

namespace worker {

static constexpr uint64_t kSpin = 50'000;   // ns before a thread sleeps

Stripes::~Stripes() {
  end();
  for (auto& s : stripes_)
    if (s && s->thread.joinable()) s->thread.join();
}

void Stripes::end() {
  std::lock_guard lock(lock_);
  over_.store(true, std::memory_order_release);
  for (auto& s : stripes_)
    if (s) {
      s->connection.shut_down();
      s->wake.signal_all();
      s->done.signal_all();
    }
}

bool Stripes::add(unsigned index, int socket) {
  auto stripe = std::make_unique<Stripe>(socket);
  std::lock_guard lock(lock_);
  if (over() || index != count_ + 1 || index >= wire::kMostConnections) return false;
  stripes_[index] = std::move(stripe);
  stripes_[index]->thread = std::thread(&Stripes::run, this, std::ref(*stripes_[index]));
  count_ = index;
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

void Stripes::run(Stripe& s) {
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

namespace serve {

int tfStripe(Session& s, Request&, wire::tfStripe::Args& a, wire::tfStripe::Outs&) {
  if (!a.name) return CUDA_ERROR_INVALID_VALUE;
  base::Fd connection = s.handle_exchange().fetch({a.name[0], a.name[1]});
  if (!connection) return CUDA_ERROR_INVALID_HANDLE;
  return s.stripes().add(a.index, connection.release()) ? 0 : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace serve
}  // namespace worker
