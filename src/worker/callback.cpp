// See callback.h; and tfCallback, tfCallbackDone, tfUserObject.
#include "worker/callback.h"

#include <algorithm>

#include "base/futex.h"
#include "wire/opcodes.h"
#include "worker/graph_part.h"
#include "worker/handlers.h"
#include "worker/staging.h"

namespace worker {

static constexpr size_t kFew = 3;
static constexpr uint64_t kExpected = 1'000'000;   // ns after one when another is likely

Callbacks::~Callbacks() {
  end();
  if (announcer_.joinable()) announcer_.join();
  std::unique_lock lock(lock_);
  wake_.wait(lock, [this] { return inside_ == 0; });
}

void Callbacks::end() {
  std::lock_guard lock(lock_);
  over_ = true;
  wake_.notify_all();
}

bool Callbacks::expected() const { return base::now_ns() - queued_ns_.load(std::memory_order_relaxed) < kExpected; }

void Callbacks::start() {
  if (!announcer_.joinable()) announcer_ = std::thread(&Callbacks::announce, this);
}

int Callbacks::queue(uint64_t number, uint64_t call_number, CUstream stream, CUcontext context) {
  Callback* c;
  {
    std::lock_guard lock(lock_);
    auto& slot = callbacks_[number];
    if (slot) return CUDA_ERROR_INVALID_VALUE;
    slot = std::make_unique<Callback>(Callback{this, number, call_number, context, false});
    queued_ns_.store(base::now_ns(), std::memory_order_relaxed);
    c = slot.get();
    start();
  }
  int rc = call(session_.driver.cuLaunchHostFunc, stream, CUhostFn(host_function), static_cast<void*>(c));
  if (rc) forget(c);
  return rc;
}

std::unique_ptr<Callbacks::Callback> Callbacks::for_graph(uint64_t number, CUcontext context) {
  std::lock_guard lock(lock_);
  auto& slot = in_graphs_[number];
  if (slot) return nullptr;
  auto c = std::make_unique<Callback>(Callback{this, number, 0, context, true});
  slot = c.get();
  start();
  return c;
}

void Callbacks::follows(Callback& c, std::vector<PartRef> copies) {
  std::lock_guard lock(lock_);
  for (auto& part : copies) c.runs = std::max(c.runs, part->sent);
  c.follows.swap(copies);
}
void Callbacks::follows_as(Callback& c, const Callback& other) {
  std::lock_guard lock(lock_);
  c.follows = other.follows;
  c.runs = other.runs;
}
void Callbacks::renews(Callback& c, std::vector<uint64_t> parts) {
  std::lock_guard lock(lock_);
  c.renews.swap(parts);
}
void Callbacks::end(Callback& c) {
  std::lock_guard lock(lock_);
  in_graphs_.erase(c.number);
}

Callbacks::Callback* Callbacks::for_object(uint64_t number, CUcontext context) {
  std::lock_guard lock(lock_);
  auto& slot = callbacks_[number];
  if (slot) return nullptr;
  slot = std::make_unique<Callback>(Callback{this, number, 0, context, false, true});
  start();
  return slot.get();
}
void Callbacks::forget(Callback* c) {
  std::lock_guard lock(lock_);
  callbacks_.erase(c->number);
}
void Callbacks::destroyed(void* callback) {
  auto* c = static_cast<Callback*>(callback);
  std::lock_guard lock(c->owner->lock_);
  c->owner->to_announce_.push_back(c);
  c->owner->wake_.notify_all();
}

void Callbacks::done(uint64_t number) {
  std::lock_guard lock(lock_);
  if (auto it = in_graphs_.find(number); it != in_graphs_.end()) {
    it->second->finished++;
    wake_.notify_all();
    return;
  }
  auto it = callbacks_.find(number);
  if (it == callbacks_.end()) return;
  if (it->second->announced) {   // else it makes no sense
    running_.erase(it->second->call);
    callbacks_.erase(it);
    note_oldest();
  }
  wake_.notify_all();
}

void Callbacks::note_oldest() { oldest_.store(running_.empty() ? ~0ull : *running_.begin(), std::memory_order_release); }

void Callbacks::settle(uint64_t call) {
  std::unique_lock lock(lock_);
  wake_.wait(lock, [&] { return over_ || oldest_running() > call; });
}

void Callbacks::host_function(void* callback) {
  auto* c = static_cast<Callback*>(callback);
  c->owner->run(*c);
}

void Callbacks::run(Callback& c) {
  std::unique_lock lock(lock_);
  if (!c.repeats) {
    running_.insert(c.call);
    note_oldest();
    // With nothing to be sent before it the word goes at once: to wake the announcer would take longer than the client needs to run the function.
    // With many under way it is their number a second that counts, and this thread is the driver's only one; on few cores always.
    c.announced = session_.spin_ns(1) && callbacks_.size() <= kFew && to_announce_.empty() && !announcing_ && !over_ && !session_.staging().any_reads();
    if (c.announced && session_.try_send({0, wire::Kind::callback, 0, 0, 0, 0, c.number, 0})) return;
    c.announced = false;
    to_announce_.push_back(&c);
    wake_.notify_all();
    return;
  }
  to_announce_.push_back(&c);
  inside_++;
  wake_.notify_all();
  wake_.wait(lock, [&] { return over_ || c.finished; });
  if (!over_) c.finished--;
  inside_--;
  wake_.notify_all();
}

// The oldest call first. Null: all is over.
Callbacks::Callback* Callbacks::next_to_announce(std::unique_lock<std::mutex>& lock) {
  wake_.wait(lock, [this] { return over_ || !to_announce_.empty(); });
  if (over_) return nullptr;
  return *std::min_element(to_announce_.begin(), to_announce_.end(), [](const Callback* a, const Callback* b) { return a->call < b->call; });
}

static void send_bytes(Session& s, const Part& part) {
  constexpr uint64_t kMost = 16u << 20;
  for (uint64_t at = 0; at < part.bytes; at += kMost) {
    const uint64_t n = part.bytes - at < kMost ? part.bytes - at : kMost;
    s.send({0, wire::Kind::host_write, wire::op::tfGraphLaunch, 0, 0, wire::kHostPart | part.number, at, n}, nullptr, part.p + at);
  }
}

// What has not been sent in this launch.
std::vector<PartRef> Callbacks::to_send(Callback& c) {
  std::vector<PartRef> copies;
  c.runs++;
  for (auto& part : c.follows)
    if (part->sent < c.runs) {
      part->sent = c.runs;
      copies.push_back(part);
    }
  return copies;
}

void Callbacks::announce() {
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  call(session_.driver.cuThreadExchangeStreamCaptureMode, &mode);
  CUcontext current = nullptr;
  std::unique_lock lock(lock_);
  while (Callback* c = next_to_announce(lock)) {
    const uint64_t oldest = oldest_running();
    const bool in_order = !c->repeats && !c->destructor;
    if (in_order && oldest < c->call && session_.staging().any_reads_between(oldest, c->call)) {
      wake_.wait(lock, [&] { return over_ || oldest_running() != oldest; });   // what it may look at is held back until the one before has run
      continue;
    }
    lock.unlock();
    if (c->context != current && call(session_.driver.cuCtxSetCurrent, c->context) == 0) current = c->context;
    session_.send_finished_reads();
    lock.lock();
    if (over_) return;
    if (in_order && oldest_running() < oldest && session_.staging().any_reads_between(oldest_running(), c->call)) continue;   // an older one came meanwhile
    to_announce_.erase(std::find(to_announce_.begin(), to_announce_.end(), c));
    c->announced = !c->repeats;
    const uint64_t number = c->number;
    const std::vector<PartRef> copies = to_send(*c);
    announcing_ = true;
    wire::Buffer body;
    if (!c->renews.empty()) {
      wire::Writer w(body);
      w.put_array(c->renews.data(), c->renews.size());
      w.align();
    }
    lock.unlock();
    for (auto& part : copies) send_bytes(session_, *part);
    session_.send({uint32_t(body.size()), wire::Kind::callback, 0, 0, 0, 0, number, 0}, body.data(), nullptr);
    lock.lock();
    announcing_ = false;
  }
}

namespace serve {

// Into a stream that captures it becomes a node.
int tfCallback(Session& s, Request& q, wire::tfCallback::Args& a, wire::tfCallback::Outs&) {
  CUstream stream;
  if (!s.real(a.hStream, wire::kCUstream, &stream)) return CUDA_ERROR_INVALID_HANDLE;
  const CUcontext context = s.use_context(q.header.context);
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  CUgraph graph = nullptr;
  if (int rc = captured_graph(s, stream, &status, &graph); rc || status == CU_STREAM_CAPTURE_STATUS_INVALIDATED) return rc ? rc : int(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  if (!graph) return s.callbacks().queue(a.number, q.call, stream, context);
  PartRef part = s.graph_parts().function(a.number, context);
  if (!part) return CUDA_ERROR_INVALID_VALUE;
  int rc = call(s.driver.cuLaunchHostFunc, stream, CUhostFn(Callbacks::host_function), static_cast<void*>(part->function.get()));
  if (!rc) s.graph_parts().held_by(part, graph);
  return rc;
}

int tfCallbackDone(Session& s, Request&, wire::tfCallbackDone::Args& a, wire::tfCallbackDone::Outs&) {
  s.callbacks().done(a.number);
  return 0;
}

int tfUserObject(Session& s, Request& q, wire::tfUserObject::Args& a, wire::tfUserObject::Outs&) {
  Callbacks::Callback* c = s.callbacks().for_object(a.number, s.use_context(q.header.context));
  if (!c) return CUDA_ERROR_INVALID_VALUE;
  CUuserObject object = nullptr;
  int rc = call(s.driver.cuUserObjectCreate, &object, static_cast<void*>(c), CUhostFn(Callbacks::destroyed), a.references, a.flags);
  if (rc) s.callbacks().forget(c);
  else s.bind(a.object, wire::kCUuserObject, object);
  return rc;
}

}  // namespace serve
}  // namespace worker
