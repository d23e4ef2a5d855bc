// See mirror.h: the blocks of mirrored ranges, how they change and what travels then. Everything here is called with the lock held.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <map>

#include "base/log.h"
#include "client/capture.h"
#include "client/context.h"
#include "client/mirror.h"
#include "client/stream.h"
#include "wire/patch.h"
#include "wire/session.h"

namespace client {

std::atomic<bool> g_mirrors{false};

namespace mirror_detail {

static constexpr uint64_t kPage = 4096, kMostPatches = 1 << 20, kBorrow = 64 << 10;
static constexpr unsigned kPatience = 2000;          // ms that a managed block's fetch waits for the work that may still write it
static constexpr size_t kMostOpen = 32;              // blocks that stay open because they are hot
static constexpr uint8_t kHot = 2 * kWarm, kOpenFor = 16;

std::atomic<uint64_t> g_work{0}, g_work_done{0}, g_work_context{0};
static teleport::Lock g_lock;
static thread_local bool t_inside = false, t_host_function = false;
static uint8_t* g_bounce = nullptr;                  // kMostFetch bytes
static int g_self = -1, g_pagemap = -1;              // /proc/self/mem: writes to pages that the program may not touch meanwhile
static size_t g_hot = 0;                             // open blocks that are not open for good
static std::atomic<uint32_t> g_due{0}, g_present{0};  // sums of the regions'
static uint64_t g_version = 1;                       // counts what was sent and what came, and regions that went
static bool g_impatient = false;                     // the work under way did not end within kPatience

static std::map<uint64_t, Region*>& regions() {
  static auto* m = new std::map<uint64_t, Region*>;  // never destroyed: other threads may still run at exit
  return *m;
}
std::vector<Region*>& touched() {
  static auto* v = new std::vector<Region*>;
  return *v;
}
void forget_untouched() {
  size_t kept = 0;
  for (Region* r : touched())
    if (r->present) touched()[kept++] = r;
    else r->listed = false;
  touched().resize(kept);
}
uint8_t* bounce() { return g_bounce; }

Hold::Hold() {
  g_lock.lock();
  t_inside = true;
}
Hold::~Hold() {
  t_inside = false;
  g_lock.unlock();
}
bool inside() { return t_inside; }
void host_function_runs(bool runs) { t_host_function = runs; }
uint32_t due() { return g_due.load(std::memory_order_acquire); }
uint32_t present() { return g_present.load(); }

Region* region_of(uint64_t address) {
  auto it = regions().upper_bound(address);
  if (it == regions().begin()) return nullptr;
  Region* r = (--it)->second;
  return address < r->end ? r : nullptr;
}

Region* next_region(uint64_t address) {
  if (Region* r = region_of(address)) return r;
  auto it = regions().lower_bound(address);
  return it == regions().end() ? nullptr : it->second;
}
std::vector<uint64_t> host_regions(uint64_t context) {
  std::vector<uint64_t> found;
  for (auto& [base, r] : regions())
    if (!r->managed && r->context == context) found.push_back(r->first);
  return found;
}

void add_region(Region* r) {
  if (!g_bounce) {
    void* p = mmap(nullptr, kMostFetch, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    g_bounce = static_cast<uint8_t*>(p == MAP_FAILED ? nullptr : p);
    g_self = ::open("/proc/self/mem", O_RDWR | O_CLOEXEC);
    g_pagemap = ::open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
  }
  regions()[r->base] = r;
  g_mirrors.store(true, std::memory_order_release);
}

void remove_region(Region* r) {
  for (size_t b = 0; b < r->blocks(); b++) set_state(*r, b, stale);
  g_version++;
  regions().erase(r->base);
  forget_untouched();
  munmap(r->twin, r->end - r->base);
  delete r;
}

static bool is_due(const Region& r, uint8_t state) { return state == dirty || state == open || (state == clean && r.managed); }

void set_state(Region& r, size_t block, Block state) {
  const uint8_t before = r.state[block];
  if (before == state) return;
  const int due = int(is_due(r, state)) - int(is_due(r, before));
  r.due += uint32_t(due);
  g_due.fetch_add(uint32_t(due), std::memory_order_release);
  const int present = int(state != stale) - int(before != stale);
  r.present += uint32_t(present);
  g_present.fetch_add(uint32_t(present));             // the watcher looks at it after it has said that it sleeps: mirror_work.cpp
  if (r.heat[block] != kAlways) g_hot += size_t(int(state == open) - int(before == open));
  r.state[block] = state;
  if (state != stale && !r.listed) {
    touched().push_back(&r);
    r.listed = true;
  }
}

// Too many pieces of different protection in one process are refused: everything stale is one piece.
bool protect(uint64_t from, uint64_t to, int prot) {
  guard_faults();
  if (mprotect(reinterpret_cast<void*>(from), to - from, prot) == 0) return true;
  static bool relieving = false;
  if (relieving) return false;
  relieving = true;
  for (Region* r : touched()) {
    flush(*r, false);
    make_stale(*r);
  }
  relieving = false;
  return mprotect(reinterpret_cast<void*>(from), to - from, prot) == 0;
}

bool make_dirty(Region& r, size_t block) {
  memcpy(r.twin_of(r.from(block)), reinterpret_cast<void*>(r.from(block)), r.to(block) - r.from(block));
  if (!protect(r.at(block), r.at(block + 1) < r.end ? r.at(block + 1) : r.end, PROT_READ | PROT_WRITE)) return false;
  set_state(r, block, dirty);
  return true;
}

static Caller caller_for(const Region& r) {
  Caller at;
  at.session = teleport::Session::current();
  if (!at.session || at.session->dead()) at.error = teleport::kWorkerLost;
  else if (uint64_t c = r.context ? r.context : g_work_context.load(std::memory_order_relaxed); c && c != ~0ull) at.context = wire::handle_index(c);
  return at;
}

static void send_bytes(const Caller& at, const Region& r, uint64_t from, uint64_t n) {
  g_version++;
  wire::tfMirrorWrite::Args a;
  a.address = r.place + (from - r.base);
  a.bytes = n;
  teleport::Call call(*at.session, wire::op::tfMirrorWrite, at.context);
  a.put(call.in());
  if (n < kBorrow) {
    call.bulk_copy(reinterpret_cast<void*>(from), n);
    call.send();
  } else {
    const uint64_t number = call.number();
    call.bulk_borrow(reinterpret_cast<void*>(from), n);
    call.send();
    at.session->wait_sent(number);
  }
}
static void send_patches(const Caller& at, wire::Buffer& patches) {
  if (!patches.size()) return;
  g_version++;
  wire::tfMirrorWrite::Args a;
  teleport::Call call(*at.session, wire::op::tfMirrorWrite, at.context);
  a.put(call.in());
  call.bulk_copy(patches.data(), patches.size());
  call.send();
  patches.clear();
}

// The pages of [from, to) that were ever touched, if the memory is our own; the others are zero on both sides.
static void send_touched(const Caller& at, const Region& r, uint64_t from, uint64_t to) {
  static constexpr uint64_t kStep = 8 << 20, kThere = 3ull << 62;   // in memory, in swap
  uint64_t map[kStep / kPage / 8];                                  // 2 KiB of a stack that may be a signal handler's
  for (uint64_t n; from < to; from += n) {
    n = to - from < sizeof map / 8 * kPage ? to - from : sizeof map / 8 * kPage;
    const size_t pages = (n + kPage - 1) / kPage;
    if (!r.own || pread(g_pagemap, map, pages * 8, off_t(from / kPage * 8)) != ssize_t(pages * 8)) {
      send_bytes(at, r, from, n);
      continue;
    }
    for (size_t p = 0, end; p < pages; p = end) {
      for (end = p; end < pages && map[end] & kThere;) end++;
      if (end > p) send_bytes(at, r, from + p * kPage, (end - p) * kPage);
      else end++;
    }
  }
}

void flush(Region& r, bool keep_writable) {
  if (!r.due) return;
  const Caller at = caller_for(r);
  wire::Buffer patches;
  auto patch = [&](size_t b) {
    if (!at.error) wire::diff(r.place + (r.from(b) - r.base), reinterpret_cast<uint8_t*>(r.from(b)), r.twin_of(r.from(b)), r.to(b) - r.from(b), patches);
    if (patches.size() >= kMostPatches) send_patches(at, patches);
  };
  const uint8_t* states = r.state.data();
  for (size_t b = 0; b < r.blocks();) {
    if (states[b] == open) patch(b++);
    else if (states[b] == dirty) {
      size_t end = b;
      while (end < r.blocks() && states[end] == dirty) end++;
      const uint64_t from = r.at(b), to = r.at(end) < r.end ? r.at(end) : r.end;
      if (keep_writable) {
        if (!r.fresh)
          for (; b < end; b++) patch(b);
        b = end;
        continue;
      }
      protect(from, to, PROT_READ);
      if (r.fresh && !at.error) send_touched(at, r, r.from(b), to < r.last ? to : r.last);
      for (; b < end; b++) {
        if (!r.fresh) patch(b);
        set_state(r, b, clean);
      }
      if (to - from >= kBorrow && !r.fresh) madvise(r.twin_of(from), to - from, MADV_DONTNEED);
    } else {
      auto* next = static_cast<const uint8_t*>(memchr(states + b, dirty, r.blocks() - b));
      auto* next_open = static_cast<const uint8_t*>(memchr(states + b, open, (next ? next - states : r.blocks()) - b));
      if (!next && !next_open) break;
      b = size_t((next_open ? next_open : next) - states);
    }
  }
  if (!keep_writable) r.fresh = false;
  if (!at.error) send_patches(at, patches);
}

// Puts bytes into pages that the program may not write meanwhile.
static void store(uint64_t to, const uint8_t* from, size_t n) {
  size_t done = 0;
  while (g_self >= 0 && done < n) {
    ssize_t w = pwrite(g_self, from + done, n - done, off_t(to + done));
    if (w <= 0) break;
    done += size_t(w);
  }
  if (done == n) return;
  uint64_t page = to & ~(kPage - 1), end = (to + n + kPage - 1) & ~(kPage - 1);
  protect(page, end, PROT_READ | PROT_WRITE);        // such a system lets another thread's write slip by here
  memcpy(reinterpret_cast<void*>(to + done), from + done, n - done);
  protect(page, end, PROT_READ);
}

// Runs of the worker's bytes, one after the other.
static int ask(const Caller& at, unsigned patience, const std::vector<unsigned long long>& addresses, const std::vector<unsigned>& sizes, uint8_t* to) {
  wire::tfMirrorRead::Args a;
  a.patience = patience;
  a.count = unsigned(addresses.size());
  a.addresses = addresses.data();
  a.sizes = sizes.data();
  teleport::Reply reply;
  reply.bulk = to;
  reply.bulk_bytes = kMostFetch;
  teleport::Call call(*at.session, wire::op::tfMirrorRead, at.context);
  a.put(call.in());
  return call.wait(&reply, false);
}

bool fetch(Region& r, size_t block, size_t most) {
  const Caller at = caller_for(r);
  if (at.error || !g_bounce) return false;
  size_t end = block;
  while (end < r.blocks() && end - block < most && (end - block + 1) << r.shift <= kMostFetch && r.state[end] == stale) end++;
  const uint64_t from = r.from(block), to = r.to(end - 1);
  const bool waits = r.managed && !t_host_function && !capturing() && g_work.load() != g_work_done.load();
  const int rc = ask(at, !waits ? 0 : g_impatient ? 1 : kPatience, {r.place + (from - r.base)}, {unsigned(to - from)}, g_bounce);
  if (rc != 0 && rc != CUDA_ERROR_NOT_READY) return false;
  if (waits) g_impatient = rc == CUDA_ERROR_NOT_READY;
  g_version++;
  store(from, g_bounce, to - from);
  if (!protect(r.at(block), r.at(end) < r.end ? r.at(end) : r.end, PROT_READ)) return false;
  for (; block < end; block++) set_state(r, block, clean);
  r.expected = end;
  return true;
}

// A block that both sides touch again and again stays open for a while instead.
static bool stays_open(Region& r, size_t b) {
  if (r.state[b] == open) return r.heat[b] == kAlways || --r.heat[b] > 0;
  if (r.managed || r.shift != 12 || r.heat[b] < kHot || g_hot >= kMostOpen || !make_dirty(r, b)) return false;
  r.heat[b] = kOpenFor;
  set_state(r, b, open);
  return true;
}

void make_stale(Region& r) {
  if (!r.present) return;
  if (r.managed && r.present == r.blocks()) {        // as after a launch: one piece
    bool all = true;
    for (uint8_t s : r.state) all &= s == clean;
    if (all && protect(r.base, r.end, PROT_NONE)) {
      for (size_t b = 0; b < r.blocks(); b++) set_state(r, b, stale);
      return;
    }
  }
  for (size_t b = 0; b < r.blocks();) {
    const bool was_open = r.state[b] == open;
    if (r.state[b] == stale || r.state[b] == dirty || stays_open(r, b)) {
      b++;
      continue;
    }
    size_t end = b;
    if (was_open) {                                   // it has cooled down
      protect(r.at(b), r.at(b + 1), PROT_READ);
      wire::Buffer rest;
      wire::diff(r.place + (r.from(b) - r.base), reinterpret_cast<uint8_t*>(r.from(b)), r.twin_of(r.from(b)), r.to(b) - r.from(b), rest);
      if (const Caller at = caller_for(r); !at.error) send_patches(at, rest);
      set_state(r, b, clean);
      r.heat[b] = kWarm;
    }
    while (end < r.blocks() && r.state[end] == clean && (end == b || r.heat[end] < kHot)) end++;
    protect(r.at(b), r.at(end) < r.end ? r.at(end) : r.end, PROT_NONE);
    for (; b < end; b++) set_state(r, b, stale);
  }
}

void hide_cold(Region& r) {
  for (size_t b = 0; r.present && b < r.blocks(); b++) {
    size_t end = b;
    while (end < r.blocks() && r.state[end] == clean && !r.heat[end]) end++;
    if (end == b || !protect(r.at(b), r.at(end) < r.end ? r.at(end) : r.end, PROT_NONE)) continue;
    for (; b < end; b++) set_state(r, b, stale);
  }
}

void Batch::take(bool clean_too, size_t most) {
  version = g_version;
  for (Region* r : touched()) {
    if (r->fresh) continue;
    for (size_t i = 0; i < r->blocks() && r->present; i++) {
      const size_t b = (r->cursor + i) % r->blocks();
      if (r->state[b] != open && !(clean_too && r->state[b] != stale)) continue;
      const size_t n = r->to(b) - r->from(b);
      if (bytes + n > most) {
        r->cursor = b;
        break;
      }
      parts.push_back({r, b});
      addresses.push_back(r->place + (r->from(b) - r->base));
      sizes.push_back(unsigned(n));
      bytes += n;
    }
  }
  if (!parts.empty()) at = caller_for(*parts[0].r);
}

bool Batch::ask(uint8_t* to) { return !parts.empty() && to && !at.error && mirror_detail::ask(at, 0, addresses, sizes, to) == 0; }

bool Batch::merge(const uint8_t* fresh) {
  if (version != g_version++) return false;          // the program's words have gone out meanwhile, or newer ones have come: these would undo that
  bool news = false;
  for (size_t i = 0; i < parts.size(); fresh += sizes[i++]) {
    Region& r = *parts[i].r;
    const uint64_t from = r.from(parts[i].block);
    switch (r.state[parts[i].block]) {
      case stale: break;
      case clean:
        if (memcmp(reinterpret_cast<void*>(from), fresh, sizes[i]) != 0) store(from, fresh, sizes[i]), news = true;
        break;
      default: news |= wire::merge(reinterpret_cast<uint8_t*>(from), r.twin_of(from), fresh, sizes[i]);
    }
  }
  return news;
}

bool open_up(Region& r) {
  if (!protect(r.base, r.end, PROT_READ | PROT_WRITE)) return false;
  for (size_t b = 0; b < r.blocks(); b++) {
    r.heat[b] = r.heat[b] == kAlways ? kAlways : 0;
    set_state(r, b, dirty);
  }
  return true;
}

}  // namespace mirror_detail
}  // namespace client
