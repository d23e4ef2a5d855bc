// See stripes.h.
#include "teleport/stripes.h"

#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/log.h"
#include "teleport/config.h"
#include "teleport/runtime.h"
#include "teleport/session.h"
#include "wire/opcodes.h"
#include "wire/session.h"

namespace teleport {

static constexpr uint64_t kFrom = 2 * wire::kStripe;           // less is sent sooner than it is dealt out
static constexpr uint64_t kWorthWaiting = 16 * wire::kStripe;
static constexpr uint64_t kPatienceNs = 5'000'000;
static constexpr int kConnectMs = 4000, kHelloMs = 5000;

Stripes::Stripes(Session& session) : session_(session), most_(bulk_connections()) {
  for (Stripe& s : stripes_) s.all = this;
}

// The first large copy waits a moment for the connections, if it is so large that they save more.
unsigned Stripes::connections(uint64_t bytes) {
  if (bytes < kFrom || most_ < 2) return 1;
  if (!begun_.exchange(true, std::memory_order_relaxed)) begin();
  if (bytes >= kWorthWaiting)
    for (const uint64_t until = base::now_ns() + kPatienceNs; pending_.load(std::memory_order_acquire) && base::now_ns() < until;) {
      const uint32_t seen = made_.count();
      if (pending_.load(std::memory_order_acquire)) made_.wait(seen, 1);
    }
  return 1 + ready_.load(std::memory_order_acquire);
}

void Stripes::begin() {
  pending_.store(most_ - 1, std::memory_order_release);
  for (unsigned i = 1; i < most_; i++)
    if (!start_thread(main, this)) pending_.fetch_sub(1, std::memory_order_acq_rel);
}

transport::Connection* Stripes::connect(unsigned long long (&name)[2]) {
  const char* why = "";
  const int fd = transport::connect_tcp(session_.endpoint_.host, session_.endpoint_.port, kConnectMs, &why);
  if (fd < 0) return nullptr;
  auto* connection = new transport::Connection(fd);
  wire::Hello hello;
  wire::HelloReply answer{};
  hello.stripe = 1;
  hello.token_bytes = sizeof name;
  bool good = getrandom(name, sizeof name, 0) == ssize_t(sizeof name), timed_out = false;
  iovec parts[] = {{&hello, sizeof hello}, {name, sizeof name}};
  if (good = good && connection->send(parts, 2); good) {
    transport::Receiver receiver(*connection);
    const uint8_t* p = receiver.take_within(sizeof answer, kHelloMs, &timed_out);
    if (p) memcpy(&answer, p, sizeof answer);
    good = p && answer.magic == wire::kMagic && answer.status == wire::HelloStatus::ok;
  }
  if (good) return connection;
  delete connection;
  return nullptr;
}

unsigned Stripes::enter(transport::Connection* connection, const unsigned long long (&name)[2]) {
  entering_.lock();
  unsigned index = ready_.load(std::memory_order_relaxed) + 1;
  wire::tfStripe::Args a;
  a.index = index;
  a.name = name;
  Reply reply;
  stripes_[index].connection.store(connection, std::memory_order_release);   // the worker may use it before it answers
  {
    Call call(session_, wire::op::tfStripe, 0);
    a.put(call.in());
    if (call.wait(&reply, false) != 0) {
      stripes_[index].connection.store(nullptr, std::memory_order_relaxed);
      index = 0;
    }
  }
  if (index) ready_.store(index, std::memory_order_release);
  entering_.unlock();
  return index;
}

void* Stripes::main(void* self) {
  auto& all = *static_cast<Stripes*>(self);
  unsigned long long name[2];
  transport::Connection* connection = all.connect(name);
  const unsigned index = connection ? all.enter(connection, name) : 0;
  all.pending_.fetch_sub(1, std::memory_order_acq_rel);
  all.made_.signal_all();
  if (!index) {
    base::log(base::Level::info, "a further connection for large copies was not to be had from the worker at %s", all.session_.endpoint_.host);
    delete connection;
    return nullptr;
  }
  Stripe& stripe = all.stripes_[index];
  while (!all.session_.dead()) {
    const uint32_t seen = stripe.posted.count();
    all.lock_.lock();
    const bool any = !stripe.jobs.empty();
    const Job job = any ? stripe.jobs.front() : Job{};
    if (any) stripe.jobs.erase(stripe.jobs.begin());
    all.lock_.unlock();
    if (!any) {
      stripe.posted.spin_wait(seen, all.session_.spin_ns_);
      continue;
    }
    if (!all.send(index, job)) all.session_.die("a connection for bulk data was closed");
    stripe.jobs_sent.fetch_add(1, std::memory_order_release);
    stripe.sent.signal_all();
  }
  stripe.sent.signal_all();
  return nullptr;
}

bool Stripes::send(unsigned index, const Job& job) {
  constexpr int kAtOnce = 16;
  iovec parts[kAtOnce];
  const uint64_t step = wire::kStripe * job.connections;
  for (uint64_t at = wire::kStripe * index; at < job.bytes;) {
    int n = 0;
    for (; n < kAtOnce && at < job.bytes; n++, at += step) parts[n] = {const_cast<uint8_t*>(job.p) + at, wire::kStripe < job.bytes - at ? wire::kStripe : job.bytes - at};
    if (!stripes_[index].connection.load(std::memory_order_relaxed)->send(parts, n)) return false;
  }
  return true;
}

void Stripes::deal(const void* p, uint64_t bytes, unsigned connections) {
  lock_.lock();
  for (unsigned i = 1; i < connections; i++) {
    stripes_[i].jobs.push_back({static_cast<const uint8_t*>(p), bytes, connections});
    stripes_[i].jobs_posted.fetch_add(1, std::memory_order_relaxed);
  }
  lock_.unlock();
  for (unsigned i = 1; i < connections; i++) stripes_[i].posted.signal_one();
}

void Stripes::wait_sent() {
  for (unsigned i = 1; i <= ready_.load(std::memory_order_acquire); i++) {
    Stripe& s = stripes_[i];
    const uint64_t all = s.jobs_posted.load(std::memory_order_relaxed);
    while (s.jobs_sent.load(std::memory_order_acquire) < all && !session_.dead()) {
      const uint32_t seen = s.sent.count();
      if (s.jobs_sent.load(std::memory_order_acquire) < all) s.sent.spin_wait(seen, session_.spin_ns_, 1000);
    }
  }
}

bool Stripes::expect(unsigned i, const HostDestination& to, uint64_t offset, uint64_t bytes) {
  if (i >= wire::kMostConnections || !stripes_[i].connection.load(std::memory_order_acquire)) return false;
  Stripe& s = stripes_[i];
  if (!s.receives && !(s.receives = start_thread(receiver_main, &s))) return false;
  lock_.lock();
  s.arrivals.push_back({to, offset, bytes});
  s.expected.fetch_add(1, std::memory_order_relaxed);
  expected_.fetch_add(1, std::memory_order_relaxed);
  lock_.unlock();
  s.announced.signal_one();
  return true;
}

bool Stripes::receive(Stripe& stripe, const Arrival& a) {
  transport::Connection& connection = *stripe.connection.load(std::memory_order_relaxed);
  auto read = [&](uint8_t* to, uint64_t n) {
    while (n) {
      const long got = connection.receive(to, n, session_.spin_ns_);
      if (got <= 0) return false;
      to += got;
      n -= uint64_t(got);
    }
    return true;
  };
  if (a.to.row_bytes) return a.to.for_each_piece(a.offset, a.bytes, read);
  for (uint64_t left = a.bytes; left;) {   // a copy that failed meanwhile
    uint8_t dropped[4096];
    const uint64_t n = left < sizeof dropped ? left : sizeof dropped;
    if (!read(dropped, n)) return false;
    left -= n;
  }
  return true;
}

// Goes on when the session is over: what is expected then will not come, and nobody shall wait for it.
void* Stripes::receiver_main(void* stripe) {
  auto& s = *static_cast<Stripe*>(stripe);
  Stripes& all = *s.all;
  for (;;) {
    const uint32_t seen = s.announced.count();
    all.lock_.lock();
    const bool any = !s.arrivals.empty();
    const Arrival a = any ? s.arrivals.front() : Arrival{};
    all.lock_.unlock();
    if (!any) {
      s.announced.spin_wait(seen, all.session_.spin_ns_);
      continue;
    }
    if (!all.session_.dead() && !all.receive(s, a)) all.session_.die("a connection for bulk data was closed");
    all.lock_.lock();
    s.arrivals.erase(s.arrivals.begin());
    all.lock_.unlock();
    s.received.fetch_add(1, std::memory_order_release);
    all.received_.fetch_add(1, std::memory_order_release);
    all.came_.signal_all();
  }
}

void Stripes::wait_each() {
  for (Stripe& s : stripes_) {
    const uint64_t all = s.expected.load(std::memory_order_relaxed);
    while (s.received.load(std::memory_order_acquire) < all) {
      const uint32_t seen = came_.count();
      if (s.received.load(std::memory_order_acquire) < all) came_.spin_wait(seen, session_.spin_ns_);
    }
  }
}

void Stripes::wait_overlapping(const void* p, uint64_t n) {
  bool any = false;
  lock_.lock();
  for (const Stripe& s : stripes_)
    for (const Arrival& a : s.arrivals) any |= a.to.overlaps(p, n);
  lock_.unlock();
  if (any) wait_each();
}

void Stripes::shut_down() {
  for (Stripe& s : stripes_) {
    if (auto* c = s.connection.load(std::memory_order_acquire)) c->shut_down();
    s.posted.signal_all();
    s.sent.signal_all();
  }
}

void Stripes::close_in_child() {
  for (Stripe& s : stripes_)
    if (auto* c = s.connection.load(std::memory_order_acquire)) close(c->fd());
}

}  // namespace teleport
