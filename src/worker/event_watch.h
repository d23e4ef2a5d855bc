// Events that the client asked for before they had finished: it is told when they have, so that a program which polls asks its own memory and not the
// network. A thread looks at them, at first every few microseconds, then more seldom. Any thread calls.
#pragma once
#include <stdint.h>

#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "abi/cuda_abi.h"

namespace worker {

class Session;

class EventWatch {
 public:
  explicit EventWatch(Session& session) : session_(session) {}
  ~EventWatch();
  void add(uint64_t call, CUevent event, CUcontext context);   // call: that of the question
  void forget(CUevent event);                                  // before it is destroyed: afterwards nobody looks at it
  void context_going(CUcontext context);

 private:
  struct Watched { CUevent event; CUcontext context; std::vector<uint64_t> calls; };
  void run();
  Session& session_;
  std::mutex lock_;        // all below; held while the driver is asked about an event
  std::condition_variable wake_;
  std::vector<Watched> watched_;
  bool stop_ = false, fresh_ = false;
  std::thread thread_;
};

}  // namespace worker
