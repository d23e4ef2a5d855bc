// See mirror.h; and tfMirrorMap, tfMirrorUnmap, tfMirrorWrite, tfMirrorRead, tfManagedVariable, cuLibraryGetManaged.
#include "worker/mirror.h"

#include <sys/mman.h>

#include <chrono>
#include <vector>

#include "wire/patch.h"
#include "worker/handlers.h"

namespace worker {

static constexpr uint64_t kPage = 4096, kMostAddress = 1ull << 47;
static uint64_t down(uint64_t v) { return v & ~(kPage - 1); }
static uint64_t up(uint64_t v) { return down(v + kPage - 1); }

void PageCounts::change(uint64_t from, uint64_t to, int by) {
  from = down(from);
  to = up(to);
  auto split = [this](uint64_t at) {
    auto it = pieces_.upper_bound(at);
    return pieces_.emplace(at, it == pieces_.begin() ? 0 : std::prev(it)->second).first;
  };
  split(to);
  for (auto it = split(from); it->first < to; ++it) it->second += by;
  for (auto it = pieces_.lower_bound(from); it != pieces_.end() && it->first <= to;) {   // pieces that became alike are one
    const int before = it == pieces_.begin() ? 0 : std::prev(it)->second;
    it = it->second == before ? pieces_.erase(it) : std::next(it);
  }
}

bool PageCounts::covers(uint64_t from, uint64_t bytes) const {
  if (!bytes || from >= kMostAddress || bytes > kMostAddress) return false;
  auto it = pieces_.upper_bound(from);
  if (it == pieces_.begin()) return false;
  for (--it; it != pieces_.end() && it->first < from + bytes; ++it)
    if (it->second == 0) return false;
  return it != pieces_.end();   // the last piece has count 0: it ends what is covered
}

Mirror::~Mirror() {
  {
    std::lock_guard lock(wait_lock_);
    over_ = true;
    wake_.notify_all();
  }
  if (waiter_.joinable()) waiter_.join();
  for (auto& [address, area] : areas_)
    if (!area.managed) munmap(reinterpret_cast<void*>(address), area.bytes);
}

int Mirror::map(uint64_t address, uint64_t bytes, uint32_t context, uint64_t* place, CUdeviceptr* device) {
  if (!bytes || address >= kMostAddress || bytes > kMostAddress - address) return CUDA_ERROR_INVALID_VALUE;
  const uint64_t from = down(address), n = up(address + bytes) - from;
  const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
  void* p = mmap(reinterpret_cast<void*>(from), n, PROT_READ | PROT_WRITE, flags | MAP_FIXED_NOREPLACE, -1, 0);
  if (p == MAP_FAILED) p = mmap(nullptr, n, PROT_READ | PROT_WRITE, flags, -1, 0);
  if (p == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  CUdeviceptr seen = 0;
  int rc = call(session_.driver.cuMemHostRegister_v2, p, size_t(n), unsigned(CU_MEMHOSTREGISTER_PORTABLE | CU_MEMHOSTREGISTER_DEVICEMAP));
  if (!rc && (rc = call(session_.driver.cuMemHostGetDevicePointer_v2, &seen, p, 0u))) call(session_.driver.cuMemHostUnregister, p);
  if (rc) {
    munmap(p, n);
    return rc;
  }
  std::unique_lock lock(lock_);
  *place = reinterpret_cast<uint64_t>(p) + (address - from);
  *device = seen + (address - from);
  areas_[down(*place)] = {n, context, false};
  pages_.change(down(*place), down(*place) + n, 1);
  return 0;
}

int Mirror::unmap(uint64_t place) {
  Area area;
  {
    std::unique_lock lock(lock_);
    auto it = areas_.find(down(place));
    if (it == areas_.end() || it->second.managed) return CUDA_ERROR_INVALID_VALUE;
    area = it->second;
    areas_.erase(it);
    pages_.change(down(place), down(place) + area.bytes, -1);
  }
  auto* p = reinterpret_cast<void*>(down(place));
  int rc = call(session_.driver.cuMemHostUnregister, p);   // waits for the GPU
  munmap(p, area.bytes);
  return rc;
}

void Mirror::add_managed(uint64_t address, uint64_t bytes, uint32_t context) {
  std::unique_lock lock(lock_);
  if (bytes && areas_.emplace(address, Area{bytes, context, true}).second) pages_.change(address, address + bytes, 1);
}

bool Mirror::remove_managed(uint64_t address, uint64_t* bytes) {
  std::unique_lock lock(lock_);
  auto it = areas_.find(address);
  if (it == areas_.end() || !it->second.managed) return false;
  *bytes = it->second.bytes;
  pages_.change(address, address + *bytes, -1);
  areas_.erase(it);
  return true;
}

void Mirror::context_gone(uint32_t context) {
  std::unique_lock lock(lock_);
  for (auto it = areas_.begin(); it != areas_.end();) {
    if (it->second.context != context) {
      ++it;
      continue;
    }
    pages_.change(it->first, it->first + it->second.bytes, -1);
    if (!it->second.managed) munmap(reinterpret_cast<void*>(it->first), it->second.bytes);
    it = areas_.erase(it);
  }
}

bool Mirror::wait_done(CUcontext context, unsigned ms) {
  std::unique_lock lock(wait_lock_);
  if (!waiter_.joinable()) waiter_ = std::thread(&Mirror::wait_main, this);
  waits_for_ = context;
  const uint64_t mine = ++asked_;
  wake_.notify_one();
  return done_.wait_for(lock, std::chrono::milliseconds(ms), [&] { return finished_ >= mine; });
}

void Mirror::wait_main() {
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  call(session_.driver.cuThreadExchangeStreamCaptureMode, &mode);
  std::unique_lock lock(wait_lock_);
  for (;;) {
    wake_.wait(lock, [this] { return over_ || asked_ != finished_; });
    if (over_) return;
    const uint64_t serves = asked_;
    const CUcontext context = waits_for_;
    lock.unlock();
    if (call(session_.driver.cuCtxSetCurrent, context) == 0) call(session_.driver.cuCtxSynchronize);
    lock.lock();
    finished_ = serves;
    done_.notify_all();
  }
}

namespace serve {

int tfMirrorMap(Session& s, Request& q, wire::tfMirrorMap::Args& a, wire::tfMirrorMap::Outs& o) {
  uint64_t place = 0;
  CUdeviceptr device = 0;
  int rc = s.mirror().map(a.address, a.bytes, q.header.context, &place, &device);
  if (!rc && o.place) *o.place = place;
  if (!rc && o.device) *o.device = device;
  return rc;
}

int tfMirrorUnmap(Session& s, Request& q, wire::tfMirrorUnmap::Args& a, wire::tfMirrorUnmap::Outs&) {
  const uint64_t place = a.place;
  s.let_others_lead(q);
  return s.mirror().unmap(place);
}

int tfMirrorWrite(Session& s, Request& q, wire::tfMirrorWrite::Args& a, wire::tfMirrorWrite::Outs&) {
  constexpr uint64_t kMostPatches = 64u << 20;
  auto reading = s.mirror().reading();
  if (a.bytes) {
    if (a.bytes != q.bulk_left || !s.mirror().covers(a.address, a.bytes)) s.malformed(q);
    else if (!s.read_bulk(q, reinterpret_cast<void*>(a.address), a.bytes)) q.answered = true;
    return 0;
  }
  const size_t n = q.bulk_left;
  std::vector<uint8_t> patches(n <= kMostPatches ? n : 0);
  if (patches.size() != n) s.malformed(q);
  else if (!s.read_bulk(q, patches.data(), n)) q.answered = true;   // the leader finds the connection as it is
  else if (!wire::apply_patches(patches.data(), n, [&](uint64_t at, uint64_t bytes) { return s.mirror().covers(at, bytes); })) s.malformed(q);
  return 0;
}

int tfMirrorRead(Session& s, Request& q, wire::tfMirrorRead::Args& a, wire::tfMirrorRead::Outs&) {
  constexpr uint64_t kMost = 64u << 20;
  uint64_t total = 0;
  const size_t count = a.addresses && a.sizes ? a.count : 0;
  for (size_t i = 0; i < count; i++) total += a.sizes[i];
  if (!count || total > kMost) return CUDA_ERROR_INVALID_VALUE;
  const std::vector<unsigned long long> addresses(a.addresses, a.addresses + count);
  const std::vector<unsigned> sizes(a.sizes, a.sizes + count);
  int rc = 0;
  if (a.patience) {
    const unsigned patience = a.patience;
    const CUcontext context = s.use_context(q.header.context);
    s.let_others_lead(q);
    if (context && !s.mirror().wait_done(context, patience)) rc = CUDA_ERROR_NOT_READY;   // with the bytes as they are now
  }
  std::vector<uint8_t> copied;
  auto reading = s.mirror().reading();
  for (size_t i = 0; i < count; i++)
    if (!s.mirror().covers(addresses[i], sizes[i])) return CUDA_ERROR_INVALID_ADDRESS_SPACE;
  const void* bulk = reinterpret_cast<const void*>(addresses[0]);
  if (count > 1) {
    copied.reserve(total);
    for (size_t i = 0; i < count; i++) {
      auto* from = reinterpret_cast<const uint8_t*>(addresses[i]);
      copied.insert(copied.end(), from, from + sizes[i]);
    }
    bulk = copied.data();
  }
  q.answered = true;
  s.send({0, wire::Kind::reply, q.header.op, rc, 0, q.call, 0, total}, nullptr, bulk);
  return 0;
}

int tfManagedVariable(Session& s, Request& q, wire::tfManagedVariable::Args& a, wire::tfManagedVariable::Outs& o) {
  int managed = 0;
  if (call(s.driver.cuPointerGetAttribute, static_cast<void*>(&managed), CU_POINTER_ATTRIBUTE_IS_MANAGED, a.address)) managed = 0;
  CUdeviceptr base = 0;
  size_t bytes = 0;
  if (managed && call(s.driver.cuMemGetAddressRange_v2, &base, &bytes, a.address)) managed = 0;
  if (managed && (a.address < base || a.address - base > bytes || a.bytes > bytes - (a.address - base))) managed = 0;
  if (managed) s.mirror().add_managed(a.address, a.bytes, q.header.context);
  if (o.managed) *o.managed = unsigned(managed);
  return 0;
}

int cuLibraryGetManaged(Session& s, Request&, wire::cuLibraryGetManaged::Args& a, wire::cuLibraryGetManaged::Outs& o) {
  CUlibrary library;
  CUdeviceptr address = 0;
  size_t bytes = 0;
  if (!s.real(a.library, wire::kCUlibrary, &library)) return CUDA_ERROR_INVALID_HANDLE;
  int rc = call(s.driver.cuLibraryGetManaged, &address, &bytes, library, a.name);
  if (rc) return rc;
  s.mirror().add_managed(address, bytes, 0);
  if (o.dptr) *o.dptr = address;
  if (o.bytes) *o.bytes = bytes;
  return 0;
}

}  // namespace serve
}  // namespace worker
