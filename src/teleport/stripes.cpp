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

Stripes::Stripes(Session& session) : session_(session), most_(bulk_connections()) {}

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
  {
    Call call(session_, wire::op::tfStripe, 0);
    a.put(call.in());
    if (call.wait(&reply, false) != 0) index = 0;
  }
  if (index) {
    stripes_[index].connection.store(connection, std::memory_order_release);
    ready_.store(index, std::memory_order_release);
  }
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
