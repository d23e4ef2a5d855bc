// See mirror.h: when mirrored memory is made alike. Before work begins, after waits, and every now and then while work is under way.
#include <sys/mman.h>

#include "client/context.h"
#include "client/mirror.h"
#include "client/stream.h"
#include "teleport/runtime.h"
#include "wire/opcodes.h"

namespace client {

using namespace mirror_detail;

static std::atomic<uint64_t> g_queued{0};                 // of g_work
static std::atomic<bool> g_watching{false}, g_watcher_sleeps{false};
static base::Signal g_wake;

// For programs that only look: a word that a kernel sets while the host spins on it, and the other way round. A look is one small request; when
// nothing comes of many, they become rarer.
static void* watch(void*) {
  static constexpr size_t kMostLook = 128 << 10;
  auto* bytes = static_cast<uint8_t*>(mmap(nullptr, kMostFetch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
  int quiet = 0;
  uint64_t work = 0;
  for (teleport::Session* s; bytes != MAP_FAILED && (s = teleport::Session::current()) && !s->dead();) {
    uint32_t seen = g_wake.count();
    auto idle = [] { return g_work.load() == g_work_done.load() || !present(); };
    if (idle()) {
      g_watcher_sleeps.store(true);
      if (idle()) g_wake.wait(seen);
      g_watcher_sleeps.store(false);
      quiet = 0;
      continue;
    }
    if (g_work.load() != work && quiet > 50) quiet = 30;
    work = g_work.load();
    g_wake.wait(seen, quiet < 50 ? 1 : quiet < 200 ? 5 : 50);
    Batch batch;
    {
      Hold hold;
      for (Region* r : touched()) {
        flush(*r, true);
        hide_cold(*r);
      }
      batch.take(true, kMostLook);
    }
    bool news = false;
    if (batch.ask(bytes)) {
      Hold hold;
      news = batch.merge(bytes);
    }
    quiet = news ? 0 : quiet + 1;
  }
  return nullptr;
}

// What is protected counts on our handler, which the program may have replaced.
static void check_handler() {
  if (faults_are_ours()) return;
  Hold hold;
  guard_faults();
}

static constexpr unsigned kPatience = 2000;   // ms

void begin_work(uint64_t stream) {
  // The GPU does not stop for host functions (worker/callback.h), but the work behind one may be meant to see what it writes.
  if (teleport::Session* s = teleport::Session::current()) s->wait_callbacks(one_out, stream, kPatience);
  if (Context* c = current()) {
    uint64_t before = g_work_context.load(std::memory_order_relaxed);
    if (before != c->handle && before != ~0ull) g_work_context.store(before ? ~0ull : c->handle, std::memory_order_relaxed);
  }
  g_work.fetch_add(1);
  if (due()) {
    Hold hold;
    auto& regions = touched();
    for (size_t i = 0; i < regions.size(); i++) {
      flush(*regions[i], false);
      if (regions[i]->managed) make_stale(*regions[i]);
    }
    forget_untouched();
  }
  if (!g_watching.load(std::memory_order_relaxed) && !g_watching.exchange(true)) teleport::start_thread(watch, nullptr);
  if (present()) watch_on();
}
void watch_on() {
  if (g_watcher_sleeps.load()) g_wake.signal_one();
}
void work_queued() { g_queued.fetch_add(1); }
uint64_t count_work() {
  const uint64_t queued = g_queued.load(), work = g_work.load();
  return queued == work ? work : 0;
}

void device_wrote() {
  Hold hold;
  auto& regions = touched();
  for (size_t i = 0; i < regions.size(); i++) {
    flush(*regions[i], false);
    make_stale(*regions[i]);
  }
  forget_untouched();
  Batch batch;
  batch.take(false, kMostFetch);
  if (batch.ask(bounce())) batch.merge(bounce());
}

void host_function(bool runs) {
  if (runs && g_mirrors.load(std::memory_order_acquire)) device_wrote();
  host_function_runs(runs);
  if (!runs) Working working(0);                          // what it wrote is for the work behind it
}

void end_wait(uint16_t op, uint64_t work) {
  check_handler();
  if (g_work.load() == g_work_done.load()) return;
  const bool all = (op == wire::op::cuCtxSynchronize || op == wire::op::cuCtxSynchronize_v2) && g_work_context.load(std::memory_order_relaxed) != ~0ull;
  if (all && work > g_work_done.load()) g_work_done.store(work);
  device_wrote();
}

}  // namespace client
