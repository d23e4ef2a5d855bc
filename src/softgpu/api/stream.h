// Streams: each has one executor thread, started when it first has work. A task waits for the points it depends on, then runs.
// The legacy stream waits for all blocking streams and they for it, by such points taken under Context::submit.
// Any thread may call.
#pragma once
#include <condition_variable>
#include <deque>
#include <functional>

#include "softgpu/api/context.h"

namespace softgpu::api {

struct Capture;
struct GraphNode;

// A place in a stream: everything submitted before it and the task itself.
struct Point {
  StreamRef stream;
  uint64_t number = 0;
  bool done() const;
  void wait() const;
};

struct Task {
  std::vector<Point> before;
  std::function<CUresult()> run;
  bool always = false;          // runs also when the context already has an error (events, frees, callbacks)
};

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(ContextRef context_, unsigned flags_, int priority_, bool legacy_);
  bool blocking() const { return !legacy && !(flags & CU_STREAM_NON_BLOCKING); }
  uint64_t push(Task task);     // only under Context::submit; the number of the task
  bool done(uint64_t number) const { return completed_.load(std::memory_order_acquire) >= number; }
  void wait(uint64_t number);
  bool idle() const { return done(submitted_.load(std::memory_order_acquire)); }
  Point tail();

  CUstream handle = nullptr;
  const ContextRef context;
  const unsigned flags;
  const int priority;
  const bool legacy;
  const uint64_t id;
  std::atomic<bool> destroyed{false};
  std::shared_ptr<Capture> capture;          // guarded by the capture lock (graph.h)
  std::vector<GraphNode*> capture_tail;      // the nodes that the next captured node depends on; same lock
  CUstreamAttrValue attributes[4] = {};      // access window, synchronisation policy, priority, memory domain: kept, without effect

 private:
  void execute();
  std::mutex m_;
  std::condition_variable work_, done_;
  std::deque<Task> queue_;
  std::atomic<uint64_t> submitted_{0}, completed_{0};
  std::atomic<int> waiters_{0};
  bool running_ = false;                     // an executor thread exists
};

extern thread_local CUstream t_default_stream;   // what the stream NULL means to this thread: the legacy stream, or in a _ptsz call its own
Registry<CUstream, Stream>& streams();
// The stream that a handle names for a caller with `current`: NULL and CU_STREAM_LEGACY, CU_STREAM_PER_THREAD, or a created one.
CUresult find_stream(CUstream h, const ContextRef& current, StreamRef* out);
Point submit(const StreamRef& stream, Task task);
// Runs a short task in the calling thread when the stream and all it would wait for are idle; false: not idle, nothing done.
bool run_now(const StreamRef& stream, const std::function<CUresult()>& run);

}  // namespace softgpu::api
