// See callback.h; and tfCallback, tfCallbackDone.
#include "worker/callback.h"

#include <algorithm>

#include "worker/handlers.h"
#include "worker/staging.h"

namespace worker {

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

int Callbacks::queue(uint64_t number, uint64_t call_number, CUstream stream, CUcontext context) {
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  call(session_.driver.cuStreamIsCapturing, stream, &status);
  Callback* c;
  {
    std::lock_guard lock(lock_);
    auto& slot = callbacks_[number];
    if (slot) return CUDA_ERROR_INVALID_VALUE;
    slot = std::make_unique<Callback>(Callback{this, number, call_number, context, status != CU_STREAM_CAPTURE_STATUS_NONE});
    c = slot.get();
    if (!announcer_.joinable()) announcer_ = std::thread(&Callbacks::announce, this);
  }
  int rc = call(session_.driver.cuLaunchHostFunc, stream, CUhostFn(host_function), static_cast<void*>(c));
  if (rc) {
    std::lock_guard lock(lock_);
    callbacks_.erase(number);
  }
  return rc;
}

void Callbacks::done(uint64_t number) {
  std::lock_guard lock(lock_);
  auto it = callbacks_.find(number);
  if (it == callbacks_.end()) return;
  if (it->second->repeats) {
    it->second->finished++;
  } else if (it->second->announced) {   // else it makes no sense
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
  to_announce_.push_back(&c);
  if (!c.repeats) {
    running_.insert(c.call);
    note_oldest();
    wake_.notify_all();
    return;
  }
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

void Callbacks::announce() {
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  call(session_.driver.cuThreadExchangeStreamCaptureMode, &mode);
  CUcontext current = nullptr;
  std::unique_lock lock(lock_);
  while (Callback* c = next_to_announce(lock)) {
    const uint64_t oldest = oldest_running();
    if (!c->repeats && oldest < c->call && session_.staging().any_reads_between(oldest, c->call)) {
      wake_.wait(lock, [&] { return over_ || oldest_running() != oldest; });   // what it may look at is held back until the one before has run
      continue;
    }
    lock.unlock();
    if (c->context != current && call(session_.driver.cuCtxSetCurrent, c->context) == 0) current = c->context;
    session_.send_finished_reads();
    lock.lock();
    if (over_) return;
    if (!c->repeats && oldest_running() < oldest && session_.staging().any_reads_between(oldest_running(), c->call)) continue;   // an older one came meanwhile
    to_announce_.erase(std::find(to_announce_.begin(), to_announce_.end(), c));
    c->announced = !c->repeats;
    const uint64_t number = c->number;
    lock.unlock();
    session_.send({0, wire::Kind::callback, 0, 0, 0, 0, number, 0}, nullptr, nullptr);
    lock.lock();
  }
}

namespace serve {

int tfCallback(Session& s, Request& q, wire::tfCallback::Args& a, wire::tfCallback::Outs&) {
  CUstream stream;
  if (!s.real(a.hStream, wire::kCUstream, &stream)) return CUDA_ERROR_INVALID_HANDLE;
  return s.callbacks().queue(a.number, q.call, stream, s.use_context(q.header.context));
}

int tfCallbackDone(Session& s, Request&, wire::tfCallbackDone::Args& a, wire::tfCallbackDone::Outs&) {
  s.callbacks().done(a.number);
  return 0;
}

}  // namespace serve
}  // namespace worker
