// See event_watch.h; and cuEventDestroy.
#include "worker/event_watch.h"

#include <algorithm>

#include "wire/opcodes.h"
#include "worker/callback.h"
#include "worker/handlers.h"

namespace worker {

static constexpr auto kShortest = std::chrono::microseconds(10), kLongest = std::chrono::microseconds(500);

EventWatch::~EventWatch() {
  {
    std::lock_guard lock(lock_);
    stop_ = true;
    wake_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

void EventWatch::add(uint64_t call, CUevent event, CUcontext context) {
  std::lock_guard lock(lock_);
  auto it = std::find_if(watched_.begin(), watched_.end(), [&](const Watched& w) { return w.event == event; });
  if (it != watched_.end()) it->calls.push_back(call);
  else watched_.push_back({event, context, {call}});
  fresh_ = true;
  if (!thread_.joinable()) thread_ = std::thread(&EventWatch::run, this);
  wake_.notify_all();
}

void EventWatch::forget(CUevent event) {
  std::lock_guard lock(lock_);
  std::erase_if(watched_, [&](const Watched& w) { return w.event == event; });
}

void EventWatch::context_going(CUcontext context) {
  std::lock_guard lock(lock_);
  std::erase_if(watched_, [&](const Watched& w) { return w.context == context; });
}

void EventWatch::run() {
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  call(session_.driver.cuThreadExchangeStreamCaptureMode, &mode);
  auto pause = kShortest;
  std::vector<std::pair<uint64_t, int>> done;
  std::unique_lock lock(lock_);
  while (!stop_) {
    if (watched_.empty()) {
      wake_.wait(lock, [this] { return stop_ || !watched_.empty(); });
      continue;
    }
    if (fresh_) pause = kShortest;
    fresh_ = false;
    std::erase_if(watched_, [&](const Watched& w) {
      call(session_.driver.cuCtxSetCurrent, w.context);
      const int rc = call(session_.driver.cuEventQuery, w.event);
      // In this order: a host function before the event is known of when the event has finished. It may still run in the client.
      if (rc == CUDA_ERROR_NOT_READY || session_.callbacks().oldest_running() < w.calls.back()) return false;
      for (uint64_t asked : w.calls) done.push_back({asked, rc});
      return true;
    });
    if (!done.empty()) {
      lock.unlock();
      session_.send_finished_reads();   // what the events cover comes first
      session_.send_text();
      for (auto [asked, rc] : done) session_.send({0, wire::Kind::event_done, wire::op::cuEventQuery, rc, 0, asked, 0, 0}, nullptr, nullptr);
      done.clear();
      lock.lock();
      continue;
    }
    wake_.wait_for(lock, pause, [this] { return stop_ || fresh_; });
    pause = std::min(pause + pause / 4 + std::chrono::microseconds(1), kLongest);
  }
}

namespace serve {

static int destroy(Session& s, uint64_t id) {
  CUevent event;
  if (!s.take(id, wire::kCUevent, &event)) return CUDA_ERROR_INVALID_HANDLE;
  s.event_watch().forget(event);
  return call(s.driver.cuEventDestroy_v2, event);
}
int cuEventDestroy(Session& s, Request&, wire::cuEventDestroy::Args& a, wire::cuEventDestroy::Outs&) { return destroy(s, a.hEvent); }
int cuEventDestroy_v2(Session& s, Request&, wire::cuEventDestroy_v2::Args& a, wire::cuEventDestroy_v2::Outs&) { return destroy(s, a.hEvent); }

}  // namespace serve
}  // namespace worker
