// Runs a grid: its blocks (or clusters of blocks) are handed out in order, some at a time, to the calling thread and, when there is
// enough to do, to a pool of one thread a core. One whose time is over goes to the end of a queue and those that have not started get
// their turn, so that blocks may wait for each other. run() may be called from any number of threads at once.
#include <sched.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <deque>
#include <mutex>
#include <new>
#include <thread>

#include "softgpu/exec/cta.h"
#include "softgpu/peers.h"

namespace softgpu {
namespace {

using Clock = std::chrono::steady_clock;
constexpr uint64_t kMostResident = 512;   // started and not ended, unless the launch is cooperative
constexpr uint64_t kMostAtOnce = 32;      // handed out to a thread at once
constexpr auto kHelperSlice = std::chrono::milliseconds(4);   // then a helper goes where else help is wanted
constexpr uint32_t kMostShared = 16u << 20;   // the rest of a 32-bit shared address names the block of the cluster

}  // namespace

struct LaunchState::Shared {
  std::atomic<uint64_t> next{0}, done{0};   // handed out, ended
  std::atomic<uint32_t> parked_count{0};
  std::mutex mutex;                         // of what follows
  std::condition_variable changed;
  uint32_t working = 0;                     // helpers inside work()
  bool closed = false;                      // the caller is leaving: helpers that come late go away
  std::deque<std::unique_ptr<Cluster>> parked;
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

bool LaunchState::stopped() {
  if (failed.load(std::memory_order_relaxed)) return true;
  if (launch.stop && launch.stop->load(std::memory_order_relaxed)) {
    fail(719, "kernel " + kernel->info->name + ": stopped");
  } else if (end != Clock::time_point::max() && Clock::now() > end) {
    fail(702, "kernel " + kernel->info->name + ": still running after " + std::to_string(launch.time_limit_ms) + " ms");
  } else {
    return false;
  }
  return true;
}

void LaunchState::print(const char* text, size_t n) {
  std::lock_guard lock(shared->print_mutex);
  if (launch.print) launch.print(launch.print_user, text, n);
}

namespace {

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
    wanted_.store(queue_.size(), std::memory_order_relaxed);
    if (threads == 1) ready_.notify_one();
    else ready_.notify_all();
  }
  bool wanted() const { return wanted_.load(std::memory_order_relaxed) != 0; }   // some launch waits for help

 private:
  void loop();
  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::shared_ptr<LaunchState>> queue_;
  std::atomic<size_t> wanted_{0};
  unsigned started_ = 0;
  pid_t pid_ = getpid();
};

bool find_range(Warp& w, uint64_t address, Site* out) {
  Worker& k = *static_cast<Worker*>(w.worker);
  for (const Site& s : k.recent)
    if (address >= s.lo && address < s.hi) return *out = s, true;
  const WarpState& warp = static_cast<const WarpState&>(w);
  uint64_t base, size;
  if (!warp.memory->find(address, &base, &size) &&
      std::none_of(warp.peers.begin(), warp.peers.end(), [&](const Memory* peer) { return peer->find(address, &base, &size); }))
    return false;
  *out = Site{base, base + size};
  if (k.recent.size() < 8) k.recent.push_back(*out);
  else k.recent[k.next_recent++ % 8] = *out;
  return true;
}

// None, and the launch failed: the host is out of memory.
std::unique_ptr<Cluster> make_cluster(LaunchState& l) {
  try {
    auto c = std::make_unique<Cluster>(l);
    c->bind(find_range);
    return c;
  } catch (const std::bad_alloc&) {
    l.fail(2, "no host memory for the blocks of kernel " + l.kernel->info->name);
    return nullptr;
  }
}

// One thread's part in a launch.
class Work {
 public:
  Work(LaunchState& l, bool helper) : l_(l), s_(*l.shared), helper_(helper) { worker_.sites.resize(l.program->sites()); }
  ~Work() { count_done(); }

  // Until nothing is left for this thread; the caller's own stays until the whole grid has ended. False: a helper is wanted elsewhere.
  bool run() {
    auto since = helper_ ? Clock::now() : Clock::time_point();
    bool rotate = l_.launch.cooperative;   // those that have not started come first
    std::unique_ptr<Cluster> now;
    while (!l_.stopped()) {
      if (helper_ && first_ == end_ && Pool::get().wanted() && Clock::now() - since > kHelperSlice) return false;
      if (s_.parked_count.load(std::memory_order_acquire) && !(rotate && may_start())) now = take_parked();
      if (!now) now = take_fresh();
      if (!now) {
        count_done();
        std::unique_lock lock(s_.mutex);
        if (s_.done.load() == l_.units || l_.failed.load()) return true;
        if (!s_.parked.empty()) continue;
        if (helper_) return true;
        s_.changed.wait(lock);
        continue;
      }
      rotate = l_.launch.cooperative;
      Cta::Status status = now->run(worker_);
      if (status == Cta::Failed) return true;
      if (status == Cta::Done) {
        ended_++;
        idle_ = std::move(now);
      } else {
        park(std::move(now));
        rotate = true;
      }
    }
    return true;
  }

 private:
  bool may_start() const {
    uint64_t next = s_.next.load(std::memory_order_relaxed);
    if (first_ == end_ && next >= l_.units) return false;
    return l_.launch.cooperative || next - s_.done.load(std::memory_order_relaxed) < kMostResident + kMostAtOnce;
  }

  std::unique_ptr<Cluster> take_parked() {
    std::lock_guard lock(s_.mutex);
    if (s_.parked.empty()) return nullptr;
    auto c = std::move(s_.parked.front());
    s_.parked.pop_front();
    s_.parked_count.store(static_cast<uint32_t>(s_.parked.size()), std::memory_order_release);
    return c;
  }

  std::unique_ptr<Cluster> take_fresh() {
    if (first_ == end_) {
      count_done();
      uint64_t next = s_.next.load(std::memory_order_relaxed), n;
      do {
        if (next >= l_.units) return nullptr;
        n = (l_.units - next) / (16 * (Pool::helpers() + 1));   // fewer towards the end, so that all end at the same time
        n = n < 1 ? 1 : n > kMostAtOnce ? kMostAtOnce : n;
      } while (!s_.next.compare_exchange_weak(next, next + n, std::memory_order_relaxed));
      first_ = next, end_ = next + n;
    }
    auto c = idle_ ? std::move(idle_) : make_cluster(l_);
    if (c) c->start(first_++);
    return c;
  }

  void park(std::unique_ptr<Cluster> c) {
    bool alone;
    {
      std::lock_guard lock(s_.mutex);
      alone = s_.parked.empty() && !may_start();
      s_.parked.push_back(std::move(c));
      s_.parked_count.store(static_cast<uint32_t>(s_.parked.size()), std::memory_order_release);
      s_.changed.notify_one();
    }
    if (alone) sched_yield();
  }

  void count_done() {
    if (!ended_) return;
    uint64_t done = s_.done.fetch_add(ended_) + ended_;
    ended_ = 0;
    if (done != l_.units) return;
    std::lock_guard lock(s_.mutex);
    s_.changed.notify_all();
  }

  LaunchState& l_;
  LaunchState::Shared& s_;
  bool helper_;
  Worker worker_;
  std::unique_ptr<Cluster> idle_;        // ended: its memory serves the next
  uint64_t first_ = 0, end_ = 0;         // handed out to this thread and not started
  uint64_t ended_ = 0;                   // and not yet counted in done
};

void Pool::loop() {
  for (;;) {
    std::shared_ptr<LaunchState> l;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [&] { return !queue_.empty(); });
      l = std::move(queue_.front());
      queue_.pop_front();
      wanted_.store(queue_.size(), std::memory_order_relaxed);
    }
    LaunchState::Shared& s = *l->shared;
    {
      std::lock_guard lock(s.mutex);
      if (s.closed || l->failed.load() || s.done.load() == l->units) continue;
      s.working++;
    }
    bool ended = Work(*l, true).run();
    {
      std::lock_guard lock(s.mutex);
      s.working--;
      s.changed.notify_all();
    }
    if (!ended) offer(l, 1);
  }
}

}  // namespace

Outcome run(const Kernel& kernel, const Launch& launch, Memory& memory) { return run(kernel, launch, memory, {}); }

Outcome run(const Kernel& kernel, const Launch& launch, Memory& memory, std::span<const Memory* const> peers) {
  uint64_t threads = uint64_t{launch.block[0]} * launch.block[1] * launch.block[2];
  if (!launch.grid[0] || !launch.grid[1] || !launch.grid[2] || !threads || launch.block[0] > 1024 || launch.block[1] > 1024 || launch.block[2] > 64 || threads > 1024)
    return {1, "grid or block dimensions out of range"};
  uint64_t cluster = uint64_t{launch.cluster[0]} * launch.cluster[1] * launch.cluster[2];
  if (!cluster || cluster > kMostClusterBlocks || launch.grid[0] % launch.cluster[0] || launch.grid[1] % launch.cluster[1] || launch.grid[2] % launch.cluster[2])
    return {1, "cluster dimensions out of range"};
  if (uint64_t{kernel.shared_bytes} + launch.dynamic_shared_bytes + kernel.shared_align > kMostShared) return {1, "too much shared memory"};
  if (kernel.info->param_bytes && !launch.params) return {1, "no parameters"};
  auto l = std::make_shared<LaunchState>();
  l->kernel = &kernel;
  l->program = kernel.program;
  l->memory = &memory;
  l->peers = peers;
  l->launch = launch;
  const uint8_t* p = static_cast<const uint8_t*>(launch.params);
  if (p) l->params.assign(p, p + kernel.info->param_bytes);
  l->cluster_blocks = static_cast<uint32_t>(cluster);
  l->units = uint64_t{launch.grid[0]} * launch.grid[1] * launch.grid[2] / cluster;
  l->local_bytes = kernel.local_bytes_with(launch.stack_bytes);
  if (launch.time_limit_ms) l->end = Clock::now() + std::chrono::milliseconds(launch.time_limit_ms);
  if (launch.cooperative) {
    l->workspace = memory.allocate(256);
    if (!l->workspace) return {2, "no memory for the grid barrier"};
    std::memset(reinterpret_cast<void*>(l->workspace), 0, 256);
  }
  uint64_t helpers = Pool::helpers();
  if (helpers > l->units - 1) helpers = l->units - 1;
  if (helpers) Pool::get().offer(l, static_cast<unsigned>(helpers));
  Work(*l, false).run();
  if (helpers) {
    std::unique_lock lock(l->shared->mutex);
    l->shared->closed = true;
    l->shared->changed.wait(lock, [&] { return l->shared->working == 0; });
  }
  if (l->workspace) memory.free(l->workspace);
  return l->outcome;
}

}  // namespace softgpu
