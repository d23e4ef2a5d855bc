// Further connections of a session, which carry a part of large copies (wire/stripe.h): what one TCP connection carries is bounded by what one core can copy.
// They are made when the first large copy is seen, which waits a moment for them if it is very large; until they are there, and where the worker gives none,
// everything goes over the session's own connection. Each is sent to by a thread of its own, and received from by another. Owned by the session.
#pragma once
#include <stdint.h>

#include <atomic>
#include <vector>

#include "base/futex.h"
#include "teleport/host_destination.h"
#include "teleport/lock.h"
#include "transport/connection.h"
#include "wire/stripe.h"

namespace teleport {

class Session;

class Stripes {
 public:
  explicit Stripes(Session& session);
  // How many connections, the session's own included, shall carry so many bytes. Any thread.
  unsigned connections(uint64_t bytes);
  // The worker will read the other connections' part of these bytes when it comes to the call: in the order of the calls, so with the queue locked.
  void deal(const void* p, uint64_t bytes, unsigned connections);
  void wait_sent();      // until all that was dealt has been handed to the kernel
  // The next bytes of connection i belong there. For who reads the session's messages. False: there is no such connection.
  bool expect(unsigned i, const HostDestination& to, uint64_t offset, uint64_t bytes);
  // Until all that was expected before has come, or the session is over: nothing of it is written any more. Any thread.
  void wait_received() { if (expecting()) wait_each(); }
  void wait_received(const void* p, uint64_t n) { if (expecting()) wait_overlapping(p, n); }   // if any of it belongs into this memory
  void shut_down();      // the session is over
  void close_in_child();

 private:
  struct Job { const uint8_t* p; uint64_t bytes; unsigned connections; };
  struct Arrival { HostDestination to; uint64_t offset, bytes; };
  struct Stripe {
    Stripes* all = nullptr;
    std::atomic<transport::Connection*> connection{nullptr};
    base::Signal posted, sent;
    std::atomic<uint64_t> jobs_posted{0}, jobs_sent{0};
    std::vector<Job> jobs;           // lock_
    base::Signal announced;
    std::vector<Arrival> arrivals;   // lock_; the first is being received
    std::atomic<uint64_t> expected{0}, received{0};
    bool receives = false;           // its thread runs; the reader's
  };
  void begin();
  transport::Connection* connect(unsigned long long (&name)[2]);
  unsigned enter(transport::Connection* connection, const unsigned long long (&name)[2]);   // its index; 0: the worker does not take it
  bool send(unsigned index, const Job& job);
  bool receive(Stripe& stripe, const Arrival& a);
  bool expecting() const { return received_.load(std::memory_order_acquire) != expected_.load(std::memory_order_relaxed); }
  void wait_each();
  void wait_overlapping(const void* p, uint64_t n);
  static void* main(void* self);
  static void* receiver_main(void* stripe);
  Session& session_;
  const unsigned most_;
  std::atomic<unsigned> ready_{0}, pending_{0};   // connections that carry; that are being made
  std::atomic<bool> begun_{false};
  std::atomic<uint64_t> expected_{0}, received_{0};   // of all of them together
  base::Signal made_, came_;
  Lock entering_;        // one after the other, as the worker counts them; held over a call, by these threads alone
  Lock lock_;            // jobs and arrivals, for nanoseconds
  Stripe stripes_[wire::kMostConnections];   // by index; 0 is unused: the session's own
};

}  // namespace teleport
