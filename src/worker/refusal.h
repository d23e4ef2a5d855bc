// Clients that are told "no": they get a HelloReply with a status and a text. The listener's only thread.
#pragma once
#include <poll.h>
#include <stdint.h>

#include <list>
#include <string>
#include <vector>

#include "base/fd.h"
#include "wire/frame.h"

namespace worker {

// Closing a socket whose incoming bytes were not read makes TCP drop what was sent and not yet read by the other side. So a refused
// client's socket stays here, its bytes are read and forgotten, until the client closes or a deadline passes.
class Refusals {
 public:
  void refuse(base::Fd socket, wire::HelloStatus status, const std::string& text);
  void add_to(std::vector<pollfd>* fds) const;
  void drain();                   // after poll: reads what came, closes what is over
  bool empty() const { return refused_.empty(); }

 private:
  struct Refused {
    base::Fd socket;
    uint64_t until_ns;
  };
  std::list<Refused> refused_;
};

}  // namespace worker
