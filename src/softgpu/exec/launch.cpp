// Runs a grid: blocks are handed out in order to the calling thread and, when there is enough to do, to a pool of one thread a core.
// A block whose time is over goes to the end of a queue and blocks that have not started get their turn, so that blocks may wait for
// each other. run() may be called from any number of threads at once.
#include <sched.h>
#include <unistd.h>

#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>
#include <thread>

#include "softgpu/exec/cta.h"

namespace softgpu {
namespace {

constexpr uint32_t kMostResident = 512;   // blocks started and not ended, unless the launch is cooperative
constexpr auto kWorthHelp = std::chrono::microseconds(20);

}  // namespace

struct LaunchState::Shared {
  std::mutex mutex;
  std::condition_variable changed;
  uint64_t next = 0, done = 0;         // blocks handed out, ended
  uint32_t working = 0;                // threads inside work()
  uint32_t numbered = 0;
  std::deque<std::unique_ptr<Cta>> parked;
  std::mutex print_mutex;
};

LaunchState::LaunchState() : shared(std::make_unique<Shared>()) {}
LaunchState::~LaunchState() = default;

void LaunchState::fail(int result, const std::string& text) {
  std::lock_guard lock(shared->mutex);
  if (outcome.result == 0) outcome = {result, text};
  failed.store(true);
  shared->changed.notify_all();
}

void LaunchState::print(const char* text, size_t n) {
  std::lock_guard lock(shared->print_mutex);
  if (launch.print) launch.print(launch.print_user, text, n);
}

namespace {

bool find_range(Warp& w, uint64_t address, Site* out) {
  Worker& k = *static_cast<Worker*>(w.worker);
  for (const Site& s : k.recent)
    if (address >= s.lo && address < s.hi) return *out = s, true;
  const Memory& memory = *static_cast<const WarpState&>(w).memory;
  uint64_t base, size;
  if (!memory.find(address, &base, &size)) return false;
  *out = Site{base, base + size};
  if (k.recent.size() < 8) k.recent.push_back(*out);
  else k.recent[k.next_recent++ % 8] = *out;
  return true;
}

// None, and the launch failed: the host is out of memory.
std::unique_ptr<Cta> make_block(LaunchState& l) {
  try {
    auto c = std::make_unique<Cta>(l);
    c->bind(find_range);
    return c;
  } catch (const std::bad_alloc&) {
    l.fail(2, "no host memory for the blocks of kernel " + l.kernel->info->name);
    return nullptr;
  }
}

// Takes blocks until none is left for this thread. wait: stay until the whole grid has ended.
void work(LaunchState& l, bool wait) {
  LaunchState::Shared& s = *l.shared;
  Worker worker;
  worker.sites.resize(l.program->sites());
  std::unique_ptr<Cta> idle, now;
  std::unique_lock lock(s.mutex);
  worker.number = s.numbered++;
  s.working++;
  bool rotate = l.launch.cooperative;
  for (;;) {
    if (l.failed.load() || s.done == l.blocks) break;
    if (l.stopped()) {
      lock.unlock();
      l.fail(719, "kernel " + l.kernel->info->name + ": stopped");
      lock.lock();
      break;
    }
    bool fresh = s.next < l.blocks, room = l.launch.cooperative || s.next - s.done < kMostResident;
    if (!s.parked.empty() && !(rotate && fresh && room)) {
      now = std::move(s.parked.front());
      s.parked.pop_front();
    } else if (fresh) {
      uint64_t index = s.next++;
      lock.unlock();
      now = idle ? std::move(idle) : make_block(l);
      if (now) now->start(index);
      lock.lock();
      if (!now) continue;
    } else {
      if (!wait) break;
      s.changed.wait(lock);
      continue;
    }
    rotate = l.launch.cooperative;
    lock.unlock();
    Cta::Status status = now->run(worker);
    lock.lock();
    if (status == Cta::Done) {
      idle = std::move(now);
      if (++s.done == l.blocks) s.changed.notify_all();
    } else if (status == Cta::Paused) {
      bool alone = s.parked.empty() && s.next == l.blocks;
      s.parked.push_back(std::move(now));
      rotate = true;
      s.changed.notify_one();
      if (alone) {
        lock.unlock();
        sched_yield();
        lock.lock();
      }
    }
  }
  s.working--;
  s.changed.notify_all();
  if (wait) s.changed.wait(lock, [&] { return s.working == 0; });
}

// Threads that help with launches; made at the first launch that is worth it, for the life of the process.
class Pool {
 public:
  static Pool& get() {
    static Pool* pool = new Pool;
    return *pool;
  }
  static unsigned helpers() {
    static const unsigned n = [] {
      const char* e = std::getenv("SOFTGPU_THREADS");
      int v = e ? std::atoi(e) : 0;
      unsigned cores = v > 0 ? static_cast<unsigned>(v) : std::thread::hardware_concurrency();
      return cores > 1 ? cores - 1 : 0;
    }();
    return n;
  }
  void offer(const std::shared_ptr<LaunchState>& l, unsigned threads) {
    std::lock_guard lock(mutex_);
    if (pid_ != getpid()) started_ = 0, pid_ = getpid();   // a forked child has none of the threads
    for (; started_ < helpers(); started_++) std::thread([this] { loop(); }).detach();
    for (unsigned i = 0; i < threads; i++) queue_.push_back(l);
    if (threads == 1) ready_.notify_one();
    else ready_.notify_all();
  }

 private:
  void loop() {
    for (;;) {
      std::shared_ptr<LaunchState> l;
      {
        std::unique_lock lock(mutex_);
        ready_.wait(lock, [&] { return !queue_.empty(); });
        l = std::move(queue_.front());
        queue_.pop_front();
      }
      bool over;
      {
        std::lock_guard lock(l->shared->mutex);
        over = l->closed || l->failed.load() || l->shared->done == l->blocks;
        if (!over) l->shared->working++;
      }
      if (over) continue;
      work(*l, false);
      std::lock_guard lock(l->shared->mutex);
      l->shared->working--;
      l->shared->changed.notify_all();
    }
  }
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::shared_ptr<LaunchState>> queue_;
  unsigned started_ = 0;
  pid_t pid_ = getpid();
};

}  // namespace

Outcome run(const Kernel& kernel, const Launch& launch, Memory& memory) {
  uint64_t threads = uint64_t{launch.block[0]} * launch.block[1] * launch.block[2];
  if (!launch.grid[0] || !launch.grid[1] || !launch.grid[2] || !threads || launch.block[0] > 1024 || launch.block[1] > 1024 || launch.block[2] > 64 || threads > 1024)
    return {1, "grid or block dimensions out of range"};
  if (uint64_t{kernel.shared_bytes} + launch.dynamic_shared_bytes > (256u << 20)) return {1, "too much shared memory"};
  if (kernel.info->param_bytes && !launch.params) return {1, "no parameters"};
  auto l = std::make_shared<LaunchState>();
  l->kernel = &kernel;
  l->program = kernel.program;
  l->memory = &memory;
  l->launch = launch;
  const uint8_t* p = static_cast<const uint8_t*>(launch.params);
  if (p) l->params.assign(p, p + kernel.info->param_bytes);
  l->blocks = uint64_t{launch.grid[0]} * launch.grid[1] * launch.grid[2];
  if (launch.cooperative) {
    l->workspace = memory.allocate(256);
    if (!l->workspace) return {2, "no memory for the grid barrier"};
    std::memset(reinterpret_cast<void*>(l->workspace), 0, 256);
  }
  if (l->blocks == 1) {
    work(*l, true);
  } else {
    unsigned helpers = Pool::helpers();
    if (helpers > l->blocks - 1) helpers = static_cast<unsigned>(l->blocks - 1);
    if (helpers) Pool::get().offer(l, helpers);
    work(*l, true);
  }
  {
    std::unique_lock lock(l->shared->mutex);
    l->closed = true;
    l->shared->changed.wait(lock, [&] { return l->shared->working == 0; });
  }
  if (l->workspace) memory.free(l->workspace);
  return l->outcome;
}

}  // namespace softgpu
