// How streams work: the executor thread, the order between streams, and the lookup of stream handles. Any thread may call.
#include "softgpu/api/stream.h"

#include <pthread.h>

#include <chrono>
#include <thread>

namespace softgpu::api {

thread_local CUstream t_default_stream = nullptr;

namespace {
std::atomic<uint64_t> g_next_stream{1};
constexpr auto kIdleThreadLife = std::chrono::seconds(20);
}  // namespace

bool Point::done() const { return !stream || stream->done(number); }
void Point::wait() const {
  if (stream) stream->wait(number);
}

Stream::Stream(ContextRef context_, unsigned flags_, int priority_, bool legacy_)
    : context(std::move(context_)), flags(flags_), priority(priority_), legacy(legacy_), id(g_next_stream++) {}

Point Stream::tail() { return {shared_from_this(), submitted_.load(std::memory_order_acquire)}; }

uint64_t Stream::push(Task task) {
  std::lock_guard lock(m_);
  queue_.push_back(std::move(task));
  uint64_t number = submitted_.load(std::memory_order_relaxed) + 1;
  submitted_.store(number, std::memory_order_release);
  if (running_) {
    work_.notify_one();
  } else {
    running_ = true;
    std::thread([self = shared_from_this()] { self->execute(); }).detach();
  }
  return number;
}

void Stream::execute() {
  pthread_setname_np(pthread_self(), "softgpu-stream");
  std::unique_lock lock(m_);
  for (;;) {
    if (queue_.empty()) {
      bool woken = !destroyed && work_.wait_for(lock, kIdleThreadLife, [&] { return !queue_.empty(); });
      if (!woken && queue_.empty()) {
        running_ = false;
        return;
      }
    }
    Task task = std::move(queue_.front());
    queue_.pop_front();
    lock.unlock();
    for (auto& p : task.before) p.wait();
    if (task.run && (task.always || context->error() == CUDA_SUCCESS))
      if (CUresult error = task.run(); error != CUDA_SUCCESS) context->fail(error);
    task = {};
    completed_.fetch_add(1, std::memory_order_seq_cst);
    lock.lock();
    if (waiters_.load(std::memory_order_seq_cst)) done_.notify_all();
  }
}

void Stream::wait(uint64_t number) {
  for (int i = 0; i < 200; i++) {
    if (done(number)) return;
    std::this_thread::yield();
  }
  std::unique_lock lock(m_);
  waiters_++;
  done_.wait(lock, [&] { return done(number); });
  waiters_--;
}

Registry<CUstream, Stream>& streams() {
  static auto* all = new Registry<CUstream, Stream>;
  return *all;
}

CUresult find_stream(CUstream h, const ContextRef& current, StreamRef* out) {
  if (h == nullptr) h = t_default_stream;
  if (h == nullptr || h == CU_STREAM_LEGACY) {
    std::lock_guard lock(current->submit);
    *out = current->legacy;
    return *out ? CUDA_SUCCESS : CUDA_ERROR_CONTEXT_IS_DESTROYED;
  }
  if (h == CU_STREAM_PER_THREAD) {
    *out = current->per_thread_stream();
    return CUDA_SUCCESS;
  }
  *out = streams().find(h);
  if (!*out) return CUDA_ERROR_INVALID_HANDLE;
  return (*out)->context->error();
}

namespace {
// Under Context::submit: what the next task of this stream has to wait for outside its own stream.
void add_dependencies(Stream& stream, std::vector<Point>* before) {
  if (stream.legacy) {
    for (auto& other : stream.context->streams)
      if (other->blocking() && !other->idle()) before->push_back(other->tail());
  } else if (stream.blocking() && stream.context->legacy && !stream.context->legacy->idle()) {
    before->push_back(stream.context->legacy->tail());
  }
}
}  // namespace

Point submit(const StreamRef& stream, Task task) {
  std::lock_guard lock(stream->context->submit);
  add_dependencies(*stream, &task.before);
  return {stream, stream->push(std::move(task))};
}

bool run_now(const StreamRef& stream, const std::function<CUresult()>& run) {
  std::lock_guard lock(stream->context->submit);   // nothing can be submitted before the task has ended
  if (!stream->idle()) return false;
  std::vector<Point> before;
  add_dependencies(*stream, &before);
  if (!before.empty()) return false;
  if (stream->context->error() == CUDA_SUCCESS)
    if (CUresult error = run(); error != CUDA_SUCCESS) stream->context->fail(error);
  return true;
}

}  // namespace softgpu::api
