// Connections that have just come. Their first bytes tell what they are: a further connection of a session (wire/stripe.h) is kept for that session under its
// name and answered; what closes without a word is forgotten; everything else is a client, also what says nothing for a while. Nothing of a client's bytes is
// consumed. The listener's only thread.
#pragma once
#include <poll.h>
#include <stdint.h>

#include <functional>
#include <list>
#include <vector>

#include "base/fd.h"
#include "worker/shared_handles.h"

namespace worker {

class Arrivals {
 public:
  void add(base::Fd socket);
  void add_to(std::vector<pollfd>* fds) const;
  void sort(SharedHandles& handles, const std::function<void(base::Fd client)>& admit);   // after poll
  uint64_t next_look_ns() const;   // when sort() has to be called though nothing came; ~0: never

 private:
  struct Arrival {
    base::Fd socket;
    uint64_t until_ns;
    bool begun = false;            // a part of its Hello is there: poll would not wait for the rest
  };
  std::list<Arrival> all_;
};

}  // namespace worker
