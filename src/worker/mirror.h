// The worker's half of host memory that kernels reach (client/mirror.h): the pages that stand here for a client's page-locked ones, and what of
// managed memory the client may read and write directly. Any thread; whoever touches such memory holds reading() meanwhile.
#pragma once
#include <stdint.h>

#include <condition_variable>
#include <map>
#include <mutex>
#include <shared_mutex>
#include <thread>

#include "abi/cuda_abi.h"

namespace worker {

class Session;

// Pages of the address space, each counted: ranges that share a page may come and go in any order.
class PageCounts {
 public:
  void change(uint64_t from, uint64_t to, int by);             // rounded outwards to pages
  bool covers(uint64_t from, uint64_t bytes) const;
 private:
  std::map<uint64_t, int> pieces_;                             // start → count, up to the next start; 0 at both ends
};

class Mirror {
 public:
  explicit Mirror(Session& session) : session_(session) {}
  ~Mirror();
  std::shared_lock<std::shared_mutex> reading() { return std::shared_lock(lock_); }
  bool covers(uint64_t address, uint64_t bytes) const { return pages_.covers(address, bytes); }   // under reading()

  int map(uint64_t address, uint64_t bytes, uint32_t context, uint64_t* place, CUdeviceptr* device);
  int unmap(uint64_t place);
  void add_managed(uint64_t address, uint64_t bytes, uint32_t context);   // context 0: a variable, which stays
  bool remove_managed(uint64_t address, uint64_t* bytes);      // false: nothing begins there
  void context_gone(uint32_t context);                         // with the driver's registrations of it

  // Waits until the context has done its work, at most so long. False: it has not.
  bool wait_done(CUcontext context, unsigned ms);

 private:
  struct Area { uint64_t bytes; uint32_t context; bool managed; };   // not managed: pages of ours, registered
  void wait_main();
  Session& session_;
  mutable std::shared_mutex lock_;                             // areas_, pages_
  std::map<uint64_t, Area> areas_;
  PageCounts pages_;
  std::mutex wait_lock_;                                       // what follows
  std::condition_variable wake_, done_;
  std::thread waiter_;
  CUcontext waits_for_ = nullptr;
  uint64_t asked_ = 0, finished_ = 0;
  bool over_ = false;
};

}  // namespace worker
