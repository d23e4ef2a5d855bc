// Moves bytes between a client and its worker: an ordered, reliable stream each way. The one implementation is a socket (TCP or Unix);
// shared memory comes as another. Sending and receiving may go on at once in two threads; two threads must not both send or both receive.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

namespace transport {

class Connection {
 public:
  explicit Connection(int fd) : fd_(fd) {}          // takes over the descriptor
  ~Connection();
  Connection(const Connection&) = delete;

  // Sends all of it; false: the connection is dead. Waits while the other side does not read. parts is used up.
  bool send(iovec* parts, int count);
  // Up to n bytes, at least one. Spins for spin_ns before it sleeps. 0: closed or dead; -1: nothing within timeout_ms (negative: no limit).
  long receive(void* to, size_t n, uint64_t spin_ns = 0, int timeout_ms = -1);
  // Something to be received (or the end) is there, within timeout_ms (negative: no limit). Beside a receive under way, too.
  bool readable(int timeout_ms, int other_fd = -1);   // or other_fd is readable
  bool try_send(const void* p, size_t n);             // of something small; false: it would have to wait, nothing was sent
  // From any thread: sends and receives under way and to come fail.
  void shut_down();
  int fd() const { return fd_; }

 private:
  int fd_;
};

// Reads records out of a connection: small things through a buffer, bulk data straight to its place. One thread at a time.
class Receiver {
 public:
  explicit Receiver(Connection& c);
  ~Receiver();
  // The next n bytes (n ≤ kMaxArguments), 8-aligned, valid until the next call; null: the connection is dead.
  const uint8_t* take(size_t n, uint64_t spin_ns = 0);
  // Like take(), but gives up after timeout_ms with null and *timed_out set; nothing is consumed then.
  const uint8_t* take_within(size_t n, int timeout_ms, bool* timed_out, uint64_t spin_ns = 0);
  bool read(void* to, size_t n);                    // the next n bytes to a place of the caller's
  bool skip(uint64_t n);
  bool buffered(size_t n) const { return filled_ - at_ >= n; }   // take(n) would not wait

 private:
  bool fill(size_t n, uint64_t spin_ns, int timeout_ms, bool* timed_out);
  Connection& c_;
  uint8_t* data_;
  size_t capacity_, at_ = 0, filled_ = 0;
};

// Connects to host:port (name, IPv4 or IPv6) within timeout_ms; -1 and *why on failure.
int connect_tcp(const char* host, uint16_t port, int timeout_ms, const char** why);
// No delay for small sends; keep-alive, so that a host that vanished is an error within 5 s.
void tune_socket(int fd);

}  // namespace transport
