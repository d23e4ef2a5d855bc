// See mirror.h: which ranges are mirrored, from when and until when.
#include "client/mirror.h"

#include <sys/mman.h>

#include <map>

#include "base/log.h"
#include "client/context.h"

namespace client {

using namespace mirror_detail;

static constexpr uint64_t kPage = 4096;
static teleport::Lock g_arming;                            // one range at a time; taken before the lock of mirror_state.cpp

struct Managed { uint64_t bytes, context; };
static std::map<uint64_t, Managed>& managed() {            // by address, under Hold
  static auto* m = new std::map<uint64_t, Managed>;        // never destroyed: other threads may still run at exit
  return *m;
}
static uint64_t down(uint64_t v) { return v & ~(kPage - 1); }
static uint64_t up(uint64_t v) { return down(v + kPage - 1); }
static uint64_t context_handle() {
  Context* c = current();
  return c ? c->handle : 0;
}

static Region* make_region(uint64_t base, uint64_t end, bool is_managed) {
  void* twin = mmap(nullptr, end - base, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (twin == MAP_FAILED) return nullptr;
  auto* r = new Region;
  r->base = r->first = r->place = r->device = base;
  r->end = r->last = end;
  r->context = context_handle();
  r->managed = is_managed;
  r->own = r->fresh = true;
  r->users = 0;
  r->shift = end - base <= 1 << 20 ? 12 : end - base <= 64 << 20 ? 14 : 16;
  r->twin = static_cast<uint8_t*>(twin);
  r->state.resize((end - base + (1ull << r->shift) - 1) >> r->shift);
  r->heat.resize(r->state.size());
  return r;
}

// Allocations of less than a page may share one: then they share its region.
bool mirror_managed(uint64_t address, uint64_t bytes, bool zeroed) {
  const uint64_t from = down(address), to = up(address + bytes);
  std::vector<Region*> made;
  Hold hold;
  if (managed().count(address)) return true;               // a variable that was asked for before
  bool good = true;
  for (uint64_t at = from, end; good && at < to; at = end) {
    if (Region* r = region_of(at)) {
      end = r->end;
      good = r->managed;
      continue;
    }
    Region* next = next_region(at);
    end = next && next->base < to ? next->base : to;
    void* p = mmap(reinterpret_cast<void*>(at), end - at, zeroed ? PROT_READ | PROT_WRITE : PROT_NONE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED_NOREPLACE, -1, 0);
    good = p == reinterpret_cast<void*>(at);
    if (!good && p != MAP_FAILED) munmap(p, end - at);
    Region* r = good ? make_region(at, end, true) : nullptr;
    if (good && !r) munmap(p, end - at);
    good = r;
    if (r) made.push_back(r);
  }
  if (!good) {
    for (Region* r : made) {
      munmap(reinterpret_cast<void*>(r->base), r->end - r->base);
      munmap(r->twin, r->end - r->base);
      delete r;
    }
    return false;
  }
  for (Region* r : made) {
    r->fresh = zeroed;
    add_region(r);
    for (size_t b = 0; zeroed && b < r->blocks(); b++) set_state(*r, b, dirty);
  }
  guard_faults();
  for (uint64_t at = from; at < to; at = region_of(at)->end) region_of(at)->users++;
  managed()[address] = {bytes, context_handle()};
  return true;
}

static void drop(std::map<uint64_t, Managed>::iterator it) {
  const uint64_t from = down(it->first), to = up(it->first + it->second.bytes);
  managed().erase(it);
  for (uint64_t at = from, end; at < to; at = end) {
    Region* r = region_of(at);
    if (!r) return;
    end = r->end;
    if (--r->users > 0) continue;
    munmap(reinterpret_cast<void*>(r->base), r->end - r->base);
    remove_region(r);
  }
}
void drop_managed(uint64_t address) {
  Hold hold;
  auto it = managed().find(address);
  if (it != managed().end()) drop(it);
}

bool mirror(const Range& range) {
  g_arming.lock();
  auto done = [](bool good) { g_arming.unlock(); return good; };
  {
    Hold hold;
    if (region_of(range.base)) return done(true);
  }
  // What is on its way from or to this memory is so without regard to protections.
  teleport::Session* s = teleport::Session::current();
  if (!s || s->dead()) return done(false);
  s->push_borrowed();
  if (s->host_write_pending(reinterpret_cast<void*>(range.base), range.bytes)) remote::cuCtxSynchronize();
  unsigned long long place = 0;
  CUdeviceptr device = 0;
  if (CUresult rc = remote::tfMirrorMap(range.base, range.bytes, &place, &device)) {
    base::log(base::Level::warn, "kernels cannot reach host memory at %#llx: error %d", (unsigned long long)range.base, int(rc));
    return done(false);
  }
  const uint64_t base = down(range.base), end = up(range.base + range.bytes);
  Hold hold;
  Region* r = make_region(base, end, false);
  if (!r) return done(false);
  r->own = range.place == Place::pinned;
  if (!r->own) {
    r->first = range.base & ~3ull;
    r->last = (range.base + range.bytes + 3) & ~3ull;
    if (r->first != base || r->last != end) r->shift = 12;   // only the pages that it shares stay open
    r->state.assign((end - base + (1ull << r->shift) - 1) >> r->shift, stale);
    r->heat.assign(r->state.size(), 0);
  }
  r->place = place - (range.base - base);
  r->device = device - (range.base - base);
  add_region(r);
  for (size_t b = 0; b < r->blocks(); b++) {
    const bool shared = r->from(b) != r->at(b) || (r->at(b + 1) > r->last && r->last != end);
    if (shared) r->heat[b] = kAlways;
    set_state(*r, b, shared ? open : dirty);
  }
  if (place != range.base) base::log(base::Level::info, "host memory at %#llx is at %#llx for kernels", (unsigned long long)range.base, (unsigned long long)device);
  return done(true);
}

static CUresult take_home(uint64_t base, bool keep) {
  uint64_t place;
  if (keep) remote::cuCtxSynchronize();
  {
    Hold hold;
    Region* r = region_of(base);
    if (!r || r->managed) return CUDA_SUCCESS;
    place = r->place + (base - r->base);
    flush(*r, false);
    for (size_t b = 0; keep && b < r->blocks(); b++)
      if (r->state[b] == stale && !fetch(*r, b, r->blocks())) break;
    if (keep) {
      Batch batch;
      batch.take(false, kMostFetch);
      if (batch.ask(bounce())) batch.merge(bounce());
    }
    protect(r->base, r->end, PROT_READ | PROT_WRITE);
    remove_region(r);
  }
  return remote::tfMirrorUnmap(place);
}
CUresult unmirror(uint64_t base, bool keep) {
  if (!g_mirrors.load(std::memory_order_acquire)) return CUDA_SUCCESS;
  return take_home(base, keep);
}

void unmirror_all(uint64_t context) {
  if (!g_mirrors.load(std::memory_order_acquire)) return;
  std::vector<uint64_t> pinned;
  {
    Hold hold;
    for (auto it = managed().begin(); it != managed().end();) {
      auto next = std::next(it);
      if (it->second.context == context) drop(it);
      it = next;
    }
    pinned = host_regions(context);
    if (g_work_context.load() == context) g_work_context.store(0);
  }
  for (uint64_t base : pinned) take_home(base, true);
}

Mirrored mirrored(const void* p, uint64_t n, CUdeviceptr* device) {
  if (!g_mirrors.load(std::memory_order_acquire) || !n) return Mirrored::no;
  const auto from = reinterpret_cast<uint64_t>(p), to = from + n;
  Hold hold;
  Region* r = next_region(from);
  if (!r || r->base >= to) return Mirrored::no;
  *device = r->device + (from - r->base);
  for (uint64_t at = from; at < to; at = r->end) {
    r = region_of(at);
    if (!r || at < r->first || (to < r->end ? to : r->end) > r->last || r->device + (from - r->base) != *device) return Mirrored::partly;
  }
  return Mirrored::all;
}

void mirror_parameters(const unsigned char* p, size_t n) {
  const HostBounds bounds = host_bounds();
  auto candidate = [&bounds](uint64_t v) { return v - bounds.arena_low < bounds.arena_span || v - bounds.low < bounds.span; };
  bool any = false;
  for (size_t i = 0; i + 8 <= n; i += 8) {
    uint64_t v;
    memcpy(&v, p + i, 8);
    any |= candidate(v);
  }
  for (size_t i = 0; any && i + 8 <= n; i += 8) {
    uint64_t v;
    Range r;
    memcpy(&v, p + i, 8);
    if (candidate(v) && find_range(v, &r) && is_host(r.place)) mirror(r);
  }
}

bool device_reaches(uint64_t address) {
  Range r;
  if (!find_range(address, &r)) return false;
  return address % 4 == 0 && (!is_host(r.place) || mirror(r));
}

bool host_sees(uint64_t address) {
  Range r;
  return g_mirrors.load(std::memory_order_acquire) && find_range(address, &r) && (is_host(r.place) || r.place == Place::managed);
}

}  // namespace client
