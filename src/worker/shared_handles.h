// Descriptors of device memory (exported chunks and pools) on their way from one session process to another, and further connections of a session
// (arrivals.h) on their way to it. The listener keeps each under a
// random name: until its session says that nobody can ask for it any more, or for a few seconds after that session has ended.
//   session -> listener  keep_handle  (name, with the descriptor)  answered by handle, as all that asks
//   session -> listener  fetch_handle (name)                       answered by handle, with the descriptor if there is one
//   session -> listener  drop_handle  (name)                       not answered
// SharedHandles belongs to the listener's one thread; HandleExchange is a session's end, and any of its threads may call.
#pragma once
#include <stdint.h>

#include <map>
#include <mutex>
#include <utility>

#include "base/fd.h"

namespace worker {

using HandleName = std::pair<uint64_t, uint64_t>;   // random: who knows it was given it

class SharedHandles {
 public:
  // False: the session has too many, or all together. brief: it goes by itself after a few seconds.
  bool keep(const HandleName& name, base::Fd descriptor, uint64_t session, bool brief = false);
  int find(const HandleName& name) const;                                     // stays ours; -1: unknown
  void drop(const HandleName& name, uint64_t session);                        // of another session: nothing happens
  void session_ended(uint64_t session);
  void expire();
  uint64_t next_expiry_ns() const;                                            // ~0: nothing expires by itself

 private:
  struct Kept { base::Fd descriptor; uint64_t session, until_ns; };
  std::map<HandleName, Kept> kept_;
};

class HandleExchange {
 public:
  explicit HandleExchange(int control) : control_(control) {}   // the socket to the listener, owned by the caller; -1: there is none
  bool keep(int descriptor, HandleName* name);                  // false: no listener, or it does not want more
  base::Fd fetch(const HandleName& name);                       // empty: unknown
  void drop(const HandleName& name);

 private:
  bool ask(uint32_t word, const HandleName& name, int descriptor, base::Fd* answer, bool* done);
  std::mutex lock_;
  const int control_;
};

}  // namespace worker
