// See callback.h; and tfCallback, tfCallbackDone.
#include "worker/callback.h"

#include "worker/handlers.h"

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

int Callbacks::queue(uint64_t number, CUstream stream, CUcontext context) {
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  call(session_.driver.cuStreamIsCapturing, stream, &status);
  Callback* c;
  {
    std::lock_guard lock(lock_);
    auto& slot = callbacks_[number];
    if (slot) return CUDA_ERROR_INVALID_VALUE;
    slot = std::make_unique<Callback>(Callback{this, number, context, status != CU_STREAM_CAPTURE_STATUS_NONE});
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
  it->second->finished++;
  wake_.notify_all();
}

void Callbacks::host_function(void* callback) {
  auto* c = static_cast<Callback*>(callback);
  c->owner->run(*c);
}

void Callbacks::run(Callback& c) {
  std::unique_lock lock(lock_);
  inside_++;
  to_announce_.push_back(&c);
  wake_.notify_all();
  wake_.wait(lock, [&] { return over_ || c.finished; });
  if (!over_) {   // else what is left goes with this object
    c.finished--;
    if (!c.repeats) callbacks_.erase(c.number);
  }
  inside_--;
  wake_.notify_all();
}

void Callbacks::announce() {
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  call(session_.driver.cuThreadExchangeStreamCaptureMode, &mode);
  CUcontext current = nullptr;
  std::unique_lock lock(lock_);
  for (;;) {
    wake_.wait(lock, [this] { return over_ || !to_announce_.empty(); });
    if (over_) return;
    const uint64_t number = to_announce_.front()->number;
    const CUcontext context = to_announce_.front()->context;
    to_announce_.pop_front();
    lock.unlock();
    if (context != current && call(session_.driver.cuCtxSetCurrent, context) == 0) current = context;
    session_.send_finished_reads();
    session_.send({0, wire::Kind::callback, 0, 0, 0, 0, number, 0}, nullptr, nullptr);
    lock.lock();
  }
}

namespace serve {

int tfCallback(Session& s, Request& q, wire::tfCallback::Args& a, wire::tfCallback::Outs&) {
  CUstream stream;
  if (!s.real(a.hStream, wire::kCUstream, &stream)) return CUDA_ERROR_INVALID_HANDLE;
  return s.callbacks().queue(a.number, stream, s.use_context(q.header.context));
}

int tfCallbackDone(Session& s, Request&, wire::tfCallbackDone::Args& a, wire::tfCallbackDone::Outs&) {
  s.callbacks().done(a.number);
  return 0;
}

}  // namespace serve
}  // namespace worker
