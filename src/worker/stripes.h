// The further connections of a session that carry a part of large copies (wire/stripe.h). Each has a thread that receives what the leader asks for, in that
// order, and one that sends finished reads.
#pragma once
#include <stdint.h>

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>

#include "base/futex.h"
#include "transport/connection.h"
#include "wire/stripe.h"
#include "worker/staging.h"

namespace worker {

class Session;

class Stripes {
 public:
  explicit Stripes(Session& session) : session_(session) {}
  ~Stripes();
  bool add(unsigned index, int socket);   // takes the socket over; false: not the next index. The leader's
  unsigned connections() const { return 1 + count_.load(std::memory_order_acquire); }
  // Connection i, from 1, receives the next n bytes to p. No more than kMostAsked are under way on each. The leader's, as wait() is.
  static constexpr uint32_t kMostAsked = 4;
  void ask(unsigned i, void* p, uint32_t n);
  bool wait(unsigned i);                  // for the oldest that was asked for and not waited for; false: the connection is broken
  // Connection i sends the bytes of a read, then gives its block back. In the order of the messages that announce them: for who holds the session's send lock.
  void send(unsigned i, const Staging::Read& read);
  void end();                             // the session is over; any thread

 private:
  struct Stripe {
    explicit Stripe(int socket) : connection(socket) {}
    transport::Connection connection;
    struct { void* p; uint32_t n; } asked[kMostAsked];
    std::atomic<uint64_t> head{0}, tail{0};   // asked for by the leader; received by the thread
    uint64_t waited = 0;
    base::Signal wake, done;
    std::atomic<bool> broken{false};
    std::mutex lock;                          // reads
    std::deque<Staging::Read> reads;
    base::Signal finished;                    // there is one
    std::thread receiver, sender;
  };
  void receive(Stripe& stripe);
  void send_reads(Stripe& stripe);
  bool over() const { return over_.load(std::memory_order_acquire); }
  Session& session_;
  std::mutex lock_;                       // stripes_ and their threads, against end()
  std::atomic<unsigned> count_{0};
  std::unique_ptr<Stripe> stripes_[wire::kMostConnections];   // by index
  std::atomic<bool> over_{false};
};

}  // namespace worker
