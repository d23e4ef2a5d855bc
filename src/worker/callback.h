// Host functions of the program in the order of a stream. The driver's thread comes to a function of ours, which may not call the driver. Where nothing
// has to be fetched from it first, the word to run the program's function goes from there; else a thread of this object sends what it may look at, then the word.
//
// The stream does not wait for the client: that would cost the GPU a round trip for each. What the program could notice waits instead: data of
// reads that it called for later than the function, and answers that say that something has finished (settle), until the client has run it.
// A host function may not wait for GPU work, so this cannot go in circles. One that is part of a graph does hold its stream up: it runs again at
// each launch, whose place among the calls it does not know.
#pragma once
#include <stdint.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_map>
#include <vector>

#include "abi/cuda_abi.h"

namespace worker {

class Session;
struct Part;

class Callbacks {
 public:
  struct Callback {
    Callbacks* owner;
    uint64_t number, call;
    CUcontext context;
    bool repeats;             // part of a graph: runs at each launch of it
    bool destructor = false;  // of a user object: nobody waits for it
    bool announced = false;   // and does not repeat: the client may say that it has run
    uint32_t finished = 0;    // runs in the client that nobody waited for yet
    std::vector<std::shared_ptr<Part>> follows = {};   // copies to the client that have been made when it runs: the first function behind one sends it
    uint64_t runs = 0;                                 // begun; tells which launch it is
    std::vector<uint64_t> renews = {};                 // parts that the client sends again when it has run
  };
  explicit Callbacks(Session& session) : session_(session) {}
  ~Callbacks();
  int queue(uint64_t number, uint64_t call, CUstream stream, CUcontext context);   // leader
  void done(uint64_t number);                                       // any thread
  // The oldest call whose function the client was told to run, or will be, and has not run; ~0: none. Later reads must not be sent yet.
  uint64_t oldest_running() const { return oldest_.load(std::memory_order_acquire); }
  bool expected() const;                                            // the client uses them just now: it may wait for one before it makes its next calls
  void settle(uint64_t call);                                       // until it is younger than that call; not on the leader
  void end();                                                       // nobody waits any more


  // ---- for graphs. host_function is the function of the node, the object its argument. Null: the number is in use.
  static void host_function(void* callback);
  std::unique_ptr<Callback> for_graph(uint64_t number, CUcontext context);
  void follows(Callback& c, std::vector<std::shared_ptr<Part>> copies);
  void follows_as(Callback& c, const Callback& other);
  void renews(Callback& c, std::vector<uint64_t> parts);
  void end(Callback& c);
  // The end of a user object: destroyed is its destructor, what this gives the argument.
  static void destroyed(void* callback);
  Callback* for_object(uint64_t number, CUcontext context);
  void forget(Callback* c);                                         // it was not made

 private:
  void run(Callback& callback);
  void announce();
  Callback* next_to_announce(std::unique_lock<std::mutex>& lock);
  void note_oldest();
  void start();            // under the lock
  std::vector<std::shared_ptr<Part>> to_send(Callback& c);
  Session& session_;
  std::mutex lock_;        // all below
  std::condition_variable wake_;
  std::unordered_map<uint64_t, std::unique_ptr<Callback>> callbacks_;   // in streams, and of user objects
  std::unordered_map<uint64_t, Callback*> in_graphs_;
  std::deque<Callback*> to_announce_;
  std::set<uint64_t> running_;              // their calls: reached by the GPU, not done by the client. Not those that repeat
  std::atomic<uint64_t> oldest_{~0ull}, queued_ns_{0};
  bool over_ = false, announcing_ = false;
  int inside_ = 0;         // host functions that have not returned
  std::thread announcer_;
};

}  // namespace worker
