// Host functions of the program in the order of a stream: the stream waits in a function of ours until the program's has run in the client.
// The driver's thread runs ours and may not call the driver, so a thread of this object sends what the program's function may look at.
#pragma once
#include <stdint.h>

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <unordered_map>

#include "abi/cuda_abi.h"

namespace worker {

class Session;

class Callbacks {
 public:
  explicit Callbacks(Session& session) : session_(session) {}
  ~Callbacks();
  int queue(uint64_t number, CUstream stream, CUcontext context);   // leader
  void done(uint64_t number);                                       // any thread
  void end();                                                       // nobody waits any more

 private:
  struct Callback {
    Callbacks* owner;
    uint64_t number;
    CUcontext context;
    bool repeats;          // part of a graph: runs at each launch of it
    uint32_t finished = 0; // runs in the client that nobody waited for yet
  };
  static void host_function(void* callback);
  void run(Callback& callback);
  void announce();
  Session& session_;
  std::mutex lock_;        // all below
  std::condition_variable wake_;
  std::unordered_map<uint64_t, std::unique_ptr<Callback>> callbacks_;
  std::deque<Callback*> to_announce_;
  bool over_ = false;
  int inside_ = 0;         // host functions that have not returned
  std::thread announcer_;
};

}  // namespace worker
