// Pinned host memory between the socket and the GPU. Blocks come in three sizes, out of slabs that are registered with the driver when first
// used; a block is free again when its event has passed. Reads (device to host) are sent to the client as host_write messages: large ones as
// they finish, the rest not later than the next reply.
// The leader acquires and queues. collect() is called by whoever holds the session's send lock; sent() by any thread.
#pragma once
#include <stdint.h>

#include <atomic>
#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "abi/cuda_abi.h"

namespace worker {

class Session;
struct Slab;
struct Part;

struct Block {
  uint8_t* p = nullptr;
  uint32_t bytes = 0;
  CUevent event = nullptr;          // recorded after the copy that uses the block; of context. Null: could not be made
  CUcontext context = nullptr;
  Slab* slab = nullptr;             // null: of no slab, p belongs to keeps; the block ends when it is free
  std::shared_ptr<Part> keeps;
};
struct Slab {
  uint8_t* p = nullptr;
  size_t bytes = 0;
  CUcontext registered = nullptr;   // the context whose end unregisters it; null: pageable
  std::unique_ptr<Block[]> blocks;
};

class Staging {
 public:
  static constexpr uint32_t kSizes[3] = {4u << 10, 64u << 10, 1u << 20};
  // Bytes in blocks of each size. Exceeded only when no block comes back for kPatience: the GPU may be waiting for what the client sends next.
  static constexpr uint64_t kLimits[3] = {4u << 20, 12u << 20, 48u << 20};
  static constexpr uint64_t kPatience = 200'000'000;   // ns
  struct Read { Block* block; uint64_t call, offset; uint32_t bytes; bool large; uint64_t name; uint16_t op; };   // call: its place in the order; name, op: as the message says them

  explicit Staging(Session& session);
  ~Staging();
  // A block of at least min(bytes, 1 MiB), its event belonging to the current context. Null: no memory.
  Block* acquire(uint64_t bytes, CUcontext context);
  // Queued by the handler: the copy out of block (write) or into it (read) is in `stream`; records the block's event there.
  int written(Block* block, CUstream stream);
  int reading(Block* block, CUstream stream, uint64_t call, uint64_t offset, uint32_t bytes, bool large);
  // The launch of a graph with this part is in `stream`: when the stream has come there its bytes are sent, if so wanted; the part lives until then.
  int reading(const std::shared_ptr<Part>& part, CUstream stream, uint64_t call, CUcontext context, bool send);
  void give_back(Block* block);     // unused

  bool any_reads() const { return reads_now_.load(std::memory_order_acquire) != 0; }
  bool any_reads_between(uint64_t after, uint64_t before);    // of calls with numbers between these
  void collect(std::vector<Read>* finished, uint64_t most);   // up to `most` bytes, but at least one if there is one; needs a current context
  void sent(const std::vector<Read>& reads);

  // Before and after a context is destroyed: its events and registrations die with it, copies under way in it are given up.
  void context_going(CUcontext context);
  void context_gone(CUcontext context);

 private:
  static int kind_of(uint64_t bytes) { return bytes <= kSizes[0] ? 0 : bytes <= kSizes[1] ? 1 : 2; }
  bool reclaim(int kind);
  bool add_slab(int kind, CUcontext context);
  void pin(Slab& slab, CUcontext context);
  bool passed(Block* block, int* rc);
  void make_free(Block* block);
  int add_read(const Read& read, CUstream stream);
  void returner();
  Session& session_;
  std::mutex lock_;                 // everything below
  std::vector<Block*> free_[3];
  std::deque<Block*> writes_[3];
  std::deque<Read> reads_;
  std::vector<Block*> sending_;     // collected, not yet sent
  std::vector<Block*> limbo_;       // of a context that is going
  std::vector<std::unique_ptr<Slab>> slabs_;
  uint64_t total_[3] = {};
  std::atomic<uint32_t> reads_now_{0};
  uint32_t large_now_ = 0;
  std::condition_variable wake_;    // large_now_, stop_, waiting_in_
  CUcontext waiting_in_ = nullptr;  // the returner waits for an event of this context
  bool returner_runs_ = false, stop_ = false;
  std::thread returner_;
};

}  // namespace worker
