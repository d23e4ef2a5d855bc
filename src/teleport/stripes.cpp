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

static constexpr uint64_t kFrom = 2 * wire::kStripe;   // less is sent sooner than it is dealt out
static constexpr int kConnectMs = 4000, kHelloMs = 30000;

Stripes::Stripes(Session& session) : session_(session), most_(bulk_connections()) {}

unsigned Stripes::connections(uint64_t bytes) {
  if (bytes < kFrom || most_ < 2) return 1;
  if (!begun_.exchange(true, std::memory_order_relaxed)) begin(1);
  return 1 + ready_.load(std::memory_order_acquire);
}

void Stripes::begin(unsigned index) {
  if (index >= most_) return;
  stripes_[index].owner = this;
  stripes_[index].index = index;
  start_thread(main, &stripes_[index]);
}

// The worker's answer to a Hello comes from a session process that waits for a client: where none is ready, it takes a while.
bool Stripes::connect(Stripe& stripe) {
  const char* why = "";
  const int fd = transport::connect_tcp(session_.endpoint_.host, session_.endpoint_.port, kConnectMs, &why);
  if (fd < 0) return false;
  auto* connection = new transport::Connection(fd);
  wire::Hello hello;
  wire::HelloReply answer{};
  unsigned long long name[2];
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
  if (good) {
    wire::tfStripe::Args a;
    a.index = stripe.index;
    a.name = name;
    Reply reply;
    Call call(session_, wire::op::tfStripe, 0);
    a.put(call.in());
    good = call.wait(&reply, false) == 0;
  }
  if (good) stripe.connection.store(connection, std::memory_order_release);
  else delete connection;
  return good;
}

void* Stripes::main(void* argument) {
  auto& stripe = *static_cast<Stripe*>(argument);
  Stripes& all = *stripe.owner;
  if (!all.connect(stripe)) {
    base::log(base::Level::info, "large copies go over %u connection%s: the worker at %s gives no more", stripe.index, stripe.index > 1 ? "s" : "", all.session_.endpoint_.host);
    return nullptr;
  }
  all.ready_.store(stripe.index, std::memory_order_release);
  all.begin(stripe.index + 1);
  while (!all.session_.dead()) {
    const uint32_t seen = stripe.posted.count();
    all.lock_.lock();
    const bool any = !stripe.jobs.empty();
    const Job job = any ? stripe.jobs.front() : Job{};
    if (any) stripe.jobs.erase(stripe.jobs.begin());
    all.lock_.unlock();
    if (!any) {
      for (const uint64_t until = base::now_ns() + all.session_.spin_ns_; stripe.posted.count() == seen && base::now_ns() < until;) base::pause();
      stripe.posted.wait(seen);
      continue;
    }
    if (!all.send(stripe, job)) all.session_.die("a connection for bulk data was closed");
    stripe.jobs_sent.fetch_add(1, std::memory_order_release);
    stripe.sent.signal_all();
  }
  stripe.sent.signal_all();
  return nullptr;
}

bool Stripes::send(Stripe& stripe, const Job& job) {
  constexpr int kAtOnce = 16;
  iovec parts[kAtOnce];
  const uint64_t step = wire::kStripe * job.connections;
  for (uint64_t at = wire::kStripe * stripe.index; at < job.bytes;) {
    int n = 0;
    for (; n < kAtOnce && at < job.bytes; n++, at += step) parts[n] = {const_cast<uint8_t*>(job.p) + at, wire::kStripe < job.bytes - at ? wire::kStripe : job.bytes - at};
    if (!stripe.connection.load(std::memory_order_relaxed)->send(parts, n)) return false;
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
      for (const uint64_t until = base::now_ns() + session_.spin_ns_; s.sent.count() == seen && base::now_ns() < until;) base::pause();
      if (s.jobs_sent.load(std::memory_order_acquire) < all) s.sent.wait(seen, 1000);
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
