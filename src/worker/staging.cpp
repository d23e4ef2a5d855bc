// See staging.h.
#include "worker/staging.h"

#include <sys/mman.h>

#include <algorithm>

#include "base/futex.h"
#include "base/log.h"
#include "worker/callback.h"
#include "wire/opcodes.h"
#include "worker/graph_part.h"
#include "worker/session.h"

namespace worker {

static constexpr size_t kSlabBytes[3] = {1u << 20, 4u << 20, 16u << 20};
static constexpr uint64_t kReturnAtOnce = 4u << 20;   // so that a reply gets in between

Staging::Staging(Session& session) : session_(session) {}

Staging::~Staging() {
  {
    std::lock_guard lock(lock_);
    stop_ = true;
    wake_.notify_all();
  }
  if (returner_.joinable()) returner_.join();
  for (auto& slab : slabs_) munmap(slab->p, slab->bytes);
}

Block* Staging::acquire(uint64_t bytes, CUcontext context) {
  const int kind = kind_of(bytes);
  Block* b = nullptr;
  std::unique_lock lock(lock_);
  if (free_[kind].empty() || kind == 2) reclaim(kind);   // a large block that was used just now is still in the CPU's cache
  if (free_[kind].empty() && total_[kind] < kLimits[kind]) add_slab(kind, context);
  for (uint64_t until = 0; free_[kind].empty();) {
    uint64_t now = base::now_ns();
    if (!until) until = now + kPatience;
    if (now >= until || session_.over()) {
      if (!add_slab(kind, context)) return nullptr;
      break;
    }
    lock.unlock();
    if (!session_.send_finished_reads(kReturnAtOnce)) {   // it may be reads that hold the blocks
      timespec nap{0, 20'000};
      nanosleep(&nap, nullptr);
    }
    lock.lock();
    reclaim(kind);
  }
  b = free_[kind].back();
  free_[kind].pop_back();
  if (!b->slab->registered) pin(*b->slab, context);
  lock.unlock();
  if (b->context != context || !b->event) {
    if (b->event) call(session_.driver.cuEventDestroy_v2, b->event);
    b->event = nullptr;
    b->context = context;
    call(session_.driver.cuEventCreate, &b->event, unsigned(CU_EVENT_DISABLE_TIMING | CU_EVENT_BLOCKING_SYNC));
  }
  return b;
}

bool Staging::add_slab(int kind, CUcontext context) {
  auto slab = std::make_unique<Slab>();
  slab->bytes = kSlabBytes[kind];
  void* p = mmap(nullptr, slab->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (p == MAP_FAILED) return false;
  slab->p = static_cast<uint8_t*>(p);
  const size_t n = slab->bytes / kSizes[kind];
  slab->blocks = std::make_unique<Block[]>(n);
  for (size_t i = n; i-- > 0;) {
    slab->blocks[i].p = slab->p + i * kSizes[kind];
    slab->blocks[i].bytes = kSizes[kind];
    slab->blocks[i].slab = slab.get();
    free_[kind].push_back(&slab->blocks[i]);
  }
  total_[kind] += slab->bytes;
  pin(*slab, context);
  slabs_.push_back(std::move(slab));
  return true;
}

// Without registration the copies still work; the driver then takes its own way through pinned memory.
void Staging::pin(Slab& slab, CUcontext context) {
  if (call(session_.driver.cuMemHostRegister_v2, slab.p, slab.bytes, unsigned(CU_MEMHOSTREGISTER_PORTABLE)) == 0) slab.registered = context;
}

bool Staging::passed(Block* block, int* rc) {
  *rc = block->event ? call(session_.driver.cuEventQuery, block->event) : 0;
  return *rc != CUDA_ERROR_NOT_READY;
}

bool Staging::reclaim(int kind) {
  auto& writes = writes_[kind];
  bool any = false;
  for (int rc; !writes.empty() && passed(writes.front(), &rc); any = true) {
    free_[kind].push_back(writes.front());
    writes.pop_front();
  }
  return any;
}

void Staging::make_free(Block* b) {
  if (b->slab) return free_[kind_of(b->bytes)].push_back(b);
  if (b->event) call(session_.driver.cuEventDestroy_v2, b->event);
  delete b;
}

void Staging::give_back(Block* block) {
  std::lock_guard lock(lock_);
  make_free(block);
}

// A block whose event cannot be recorded is free when the stream is idle.
static int record(const Driver& driver, Block* b, CUstream stream) {
  int rc = b->event ? call(driver.cuEventRecord, b->event, stream) : int(CUDA_ERROR_NOT_SUPPORTED);
  if (rc == 0) return 0;
  if (b->event) call(driver.cuEventDestroy_v2, b->event);
  b->event = nullptr;
  return call(driver.cuStreamSynchronize, stream);
}

int Staging::written(Block* block, CUstream stream) {
  int rc = record(session_.driver, block, stream);
  std::lock_guard lock(lock_);
  if (block->event) writes_[kind_of(block->bytes)].push_back(block);
  else make_free(block);
  return rc;
}

int Staging::reading(Block* block, CUstream stream, uint64_t call, uint64_t offset, uint32_t bytes, bool large) {
  return add_read({block, call, offset, bytes, large, call, wire::op::tfRead}, stream);
}

int Staging::reading(const std::shared_ptr<Part>& part, CUstream stream, uint64_t call_number, CUcontext context, bool send) {
  constexpr uint64_t kMost = 8u << 20;   // in one message
  uint64_t at = 0;
  do {
    const uint64_t bytes = send ? std::min<uint64_t>(part->bytes - at, kMost) : 0;
    auto* b = new Block;
    b->p = part->p + at;
    b->bytes = uint32_t(bytes);
    b->context = context;
    b->keeps = part;
    call(session_.driver.cuEventCreate, &b->event, unsigned(CU_EVENT_DISABLE_TIMING | CU_EVENT_BLOCKING_SYNC));
    if (int rc = add_read({b, call_number, at, uint32_t(bytes), bytes && part->bytes >= kSizes[2], wire::kHostPart | part->number, wire::op::tfGraphLaunch}, stream)) return rc;
    at += bytes;
  } while (send && at < part->bytes);
  return 0;
}

int Staging::add_read(const Read& read, CUstream stream) {
  int rc = record(session_.driver, read.block, stream);
  std::lock_guard lock(lock_);
  if (rc) {
    make_free(read.block);
    return rc;
  }
  reads_.push_back(read);
  reads_now_.fetch_add(1, std::memory_order_release);
  if (read.large) {
    large_now_++;
    if (!returner_runs_) {
      returner_runs_ = true;
      returner_ = std::thread(&Staging::returner, this);
    }
    wake_.notify_all();
  }
  return 0;
}

void Staging::collect(std::vector<Read>* finished, uint64_t most) {
  std::lock_guard lock(lock_);
  uint64_t bytes = 0;
  size_t kept = 0;
  for (size_t i = 0; i < reads_.size(); i++) {
    Read& r = reads_[i];
    int rc = 0;
    // In this order: who finds that a read has finished knows of the host functions before it.
    if (bytes >= most || !passed(r.block, &rc) || r.call > session_.callbacks().oldest_running()) {
      reads_[kept++] = r;
      continue;
    }
    if (r.large) large_now_--;
    reads_now_.fetch_sub(1, std::memory_order_release);
    if (rc) {
      make_free(r.block);   // the copy failed: the program learns it from the call that waits
      continue;
    }
    bytes += r.bytes;
    finished->push_back(r);
    sending_.push_back(r.block);
  }
  reads_.resize(kept);
}

bool Staging::any_reads_between(uint64_t after, uint64_t before) {
  std::lock_guard lock(lock_);
  for (const Read& r : reads_)
    if (r.call > after && r.call < before) return true;
  return false;
}

void Staging::sent(const std::vector<Read>& reads) {
  std::lock_guard lock(lock_);
  for (const Read& r : reads) {
    sending_.erase(std::find(sending_.begin(), sending_.end(), r.block));
    make_free(r.block);
  }
}

// Sends large reads as they finish.
void Staging::returner() {
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  call(session_.driver.cuThreadExchangeStreamCaptureMode, &mode);
  CUcontext current = nullptr;
  std::unique_lock lock(lock_);
  for (;;) {
    wake_.wait(lock, [this] { return stop_ || large_now_; });
    if (stop_) return;
    CUevent event = nullptr;
    for (const Read& r : reads_)
      if (r.large) {
        event = r.block->event;
        waiting_in_ = r.block->context;
        break;
      }
    const CUcontext context = waiting_in_;
    lock.unlock();
    if (context != current && call(session_.driver.cuCtxSetCurrent, context) == 0) current = context;
    if (event) call(session_.driver.cuEventSynchronize, event);
    if (!session_.send_finished_reads(kReturnAtOnce)) {   // held back by a host function
      timespec nap{0, 20'000};
      nanosleep(&nap, nullptr);
    }
    lock.lock();
    waiting_in_ = nullptr;
    wake_.notify_all();
  }
}

void Staging::context_going(CUcontext context) {
  std::unique_lock lock(lock_);
  auto leave = [&](auto& list, auto block_of) {
    size_t kept = 0;
    for (size_t i = 0; i < list.size(); i++)
      if (block_of(list[i])->context == context) limbo_.push_back(block_of(list[i]));
      else list[kept++] = list[i];
    list.resize(kept);
  };
  for (auto& writes : writes_) leave(writes, [](Block* b) { return b; });
  for (auto& free : free_) leave(free, [](Block* b) { return b; });
  for (const Read& r : reads_)
    if (r.block->context == context) {
      reads_now_.fetch_sub(1, std::memory_order_release);
      if (r.large) large_now_--;
    }
  leave(reads_, [](const Read& r) { return r.block; });
  wake_.wait(lock, [&] { return waiting_in_ != context; });
}

void Staging::context_gone(CUcontext context) {
  std::lock_guard lock(lock_);
  for (auto& slab : slabs_)
    if (slab->registered == context) slab->registered = nullptr;
  for (Block* b : sending_)
    if (b->context == context) {
      b->event = nullptr;
      b->context = nullptr;
    }
  size_t kept = 0;
  for (Block* b : limbo_) {
    if (b->context != context) {
      limbo_[kept++] = b;
      continue;
    }
    b->event = nullptr;
    b->context = nullptr;
    make_free(b);
  }
  limbo_.resize(kept);
}

}  // namespace worker
