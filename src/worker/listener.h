// The worker's listening process: accepts clients, keeps a warm spare session process (spare.h) for the next one, hands sockets over,
// buries the dead. One thread, one poll loop; it never initialises CUDA and never reads what clients send.
//   client connects -> waits in waiting_ -> a ready spare gets its socket -> the spare says "taken" -> the process ends -> quota given back
#pragma once
#include <stdint.h>

#include <deque>
#include <list>
#include <string>

#include "base/fd.h"
#include "limiter/memory_quota.h"
#include "wire/frame.h"
#include "worker/arrivals.h"
#include "worker/refusal.h"
#include "worker/shared_handles.h"
#include "worker/spare.h"

namespace worker {

// Listens on all addresses, IPv6 and IPv4 (IPv4 alone where there is no IPv6). *port 0: any free one, put into *port. Empty: errno.
base::Fd listen_on(uint16_t* port);

struct ListenerOptions {
  base::Fd socket;                          // from listen_on
  std::string executable, cuda, nvml;       // for the spares
  limiter::MemoryQuota* quota = nullptr;    // the caller's
  std::string image_folder;                 // ImageFolder::path()
  int max_sessions = 256;                   // clients at once
};

class Listener {
 public:
  explicit Listener(ListenerOptions options) : options_(std::move(options)) {}
  // Serves until SIGTERM or SIGINT. Returns the exit status. Blocks those signals and SIGCHLD, ignores SIGPIPE.
  int run();

 private:
  struct Client {
    base::Fd socket;
    int tries = 0;                          // session processes that died before they took it
  };
  enum class State { starting, ready, handing_over, greeting, serving };   // greeting: what its client asks for is not known yet
  struct Process {
    Spare spare;
    uint64_t id;
    int slot;
    State state = State::starting;
    uint64_t started_ns;
    Client client;                          // while handing_over
    std::string failure;                    // what it said
  };

  void wait_for_events();
  void accept_clients();
  void admit(base::Fd client);
  void read_control(Process& process);
  void answer_handle(Process& process, const SpareMessage& question, base::Fd descriptor);
  void start_spares();
  void start_one();
  void hand_over();
  void reap();
  void bury(Process& process, int status);
  void start_failed(const std::string& why);
  void end_hung_starts();
  int poll_timeout_ms() const;
  void stop();

  int count(State state) const;
  int sessions() const { return count(State::handing_over) + count(State::greeting) + count(State::serving); }
  bool driver_failed() const { return failures_ >= kFailuresInARow; }

  static constexpr int kFailuresInARow = 3;

  ListenerOptions options_;
  base::Fd signals_;
  bool stopping_ = false;
  std::list<Process> processes_;
  std::deque<Client> waiting_;
  Refusals refusals_;
  Arrivals arrivals_;                       // what they are has not been seen yet
  SharedHandles handles_;                   // what sessions show each other
  uint64_t next_id_ = 1;
  int failures_ = 0;                        // starts that failed, in a row
  std::string failure_;                     // the last one's reason
  std::string environment_;                 // that the last client asked for
  uint64_t retry_at_ns_ = 0, accept_at_ns_ = 0;
};

}  // namespace worker
