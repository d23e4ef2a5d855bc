// One client's session: reads its calls in order, runs them on the driver, answers. Generated handlers (gen/worker/<file>.cpp) and
// hand-written ones (src/worker/<file>.cpp, namespace serve) run on its threads, which the session starts and counts.
//
// Threads: exactly one thread at a time is the leader, which reads the next call and runs its handler. A handler that must wait for the GPU
// calls let_others_lead() first: another thread reads on, so that no call of another client thread is held up; the waiting thread answers
// by itself when it is done. Before that point a handler may use the request's arguments in place; after it, only what it owns.
#pragma once
#include <stdint.h>
#include <string.h>

#include <atomic>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "base/paged_table.h"
#include "transport/connection.h"
#include "wire/codec.h"
#include "wire/frame.h"
#include "wire/handle.h"
#include "wire/kinds.h"
#include "worker/driver.h"
#include "worker/launch_lanes.h"
#include "worker/serve.h"

namespace worker {

class Session;
class Staging;
class StdoutCapture;
class Memory;
class Modules;
class Links;
class Callbacks;
class HandleExchange;
class ImageStore;
class Mirror;
class Stripes;
class EventWatch;
class GraphParts;

// One call as it came. Valid on the thread that runs its handler.
class Request {
 public:
  Request(uint64_t call, const wire::CallHeader& header, const uint8_t* arguments)
      : reader(arguments, header.bytes), call(call), header(header), bulk_left(header.bulk_bytes), arguments_(arguments) {}
  wire::Reader reader;
  uint64_t call;
  wire::CallHeader header;
  uint64_t bulk_left;        // bulk data not yet read by the handler; the leader skips the rest
  bool answered = false;     // the handler has sent its own answer, or none is due
  bool leads = true;         // this thread still is the leader
  bool waited = false;       // for the GPU: what its code printed may have come
  // n zeroed elements that live as long as the request; *count = n. Null: more than a call may have.
  template <class T>
  T* array(uint64_t n, uint64_t* count) {
    *count = n;
    return n > wire::kMaxArguments / sizeof(T) ? nullptr : static_cast<T*>(allocate(n * sizeof(T)));
  }
  void own_arguments();      // copies them, so that they outlive leadership. Before anything was read
 private:
  void* allocate(size_t bytes);
  const uint8_t* arguments_;
  alignas(16) uint8_t small_[512];
  size_t small_used_ = 0;
  std::vector<std::unique_ptr<uint8_t[]>> large_;
};

using Handler = void (*)(Session&, Request&);
struct HandlerEntry { uint16_t op; Handler handler; };
Handler handler_of(uint16_t op);   // null: no such call

// A kernel's parameters as the driver told them when its module was loaded.
struct KernelLayout { std::vector<uint32_t> offsets, sizes; uint32_t bytes = 0; };

// The result of a driver function, or NOT_SUPPORTED where this driver has none of that name.
template <class F, class... A>
int call(F* function, A... arguments) {
  return function ? int(function(arguments...)) : int(CUDA_ERROR_NOT_SUPPORTED);
}

class Session {
 public:
  Session(int socket, const ServeOptions& options);   // takes over the socket
  ~Session();                                    // waits for its threads: none may be left inside the driver
  int run();                                     // to the client's end; the process's exit status. Threads may still be inside the driver
  void capture_output();                         // what device code prints goes to the client. Before run(); once per process

  const Driver& driver;
  const ServeOptions& options;

  // ---- handles (any thread)
  template <class H>
  bool real(uint64_t id, unsigned kind, H* out) {
    if (id < wire::kReserved[kind]) { *out = reinterpret_cast<H>(uintptr_t(id)); return true; }
    void* p = find(id, kind);
    *out = static_cast<H>(p);
    return p != nullptr;
  }
  template <class H>
  bool take(uint64_t id, unsigned kind, H* out) {   // and the number is dead
    if (!real(id, kind, out)) return false;
    if (id >= wire::kReserved[kind]) unbind(id);
    return true;
  }
  void bind(uint64_t id, unsigned kind, void* real);
  uint64_t name(unsigned kind, void* real);      // the number of an object that the driver made; null stays 0
  uint64_t known_name(void* real);               // 0: it has none
  void unbind(uint64_t id);

  // ---- answers (any thread)
  template <class Outs>
  void answer(Request& q, int rc, const Outs& o) {
    if (q.answered) return;
    if (!(q.header.flags & wire::kWantsReply)) return note_async(q, rc);
    wire::Buffer& body = scratch();
    wire::Writer w(body);
    o.put(w, rc == 0);
    w.align();
    reply(q, rc, body);
  }
  void reply(Request& q, int rc, const wire::Buffer& body);   // with text that the device printed and finished reads before it
  void fail(Request& q, int rc);                 // an answer without a body
  void note_async(Request& q, int rc);           // rc != 0: async_error
  void malformed(Request& q);                    // logs, ends the session
  bool send(wire::MessageHeader m, const void* body, const void* bulk);
  bool try_send(wire::MessageHeader m);           // false: it would have to wait; nothing was sent
  // Sends reads that have come from the GPU, all or up to `most` bytes. Needs a current context; false: nothing was there.
  bool send_finished_reads(uint64_t most = ~0ull);
  void send_text();
  static wire::Buffer& scratch();                // this thread's, empty

  // ---- for LaunchLanes: a call that wants no reply, on a thread that does not lead
  void issue(uint64_t call, const wire::CallHeader& header, const uint8_t* arguments);

  // ---- for handlers
  void let_others_lead(Request& q);
  bool read_bulk(Request& q, void* to, uint64_t n);          // leader only; the next n bytes of the call's bulk data
  bool more_calls() const { return receiver_.buffered(sizeof(wire::CallHeader)); }   // leader only; what has been received already
  // Waits for everything queued in the stream so far (wait.cpp): polls for a moment, then lets others lead.
  int wait_stream(Request& q, CUstream stream);
  bool pool_memory_freed() const { return pool_memory_freed_.load(std::memory_order_relaxed); }   // ever, in stream order
  void note_pool_memory_freed() { pool_memory_freed_.store(true, std::memory_order_relaxed); }
  CUcontext use_context(uint32_t index);         // makes it this thread's current one; null: none or destroyed
  void forget_context();                         // this thread's current one was changed behind use_context()
  // The context is about to go: numbers of what belongs to it are dead. (The caller drops it from staging() and memory().)
  void unbind_context(uint32_t index);
  uint64_t spin_ns(uint64_t ns) const { return spins_ ? ns : 0; }
  bool over() const { return over_.load(std::memory_order_acquire); }
  bool load_function(CUfunction f) { return call(driver.cuFuncLoad, f) == 0; }   // one that lazy loading has not read in yet
  Staging& staging() { return *staging_; }
  Memory& memory() { return *memory_; }
  Modules& modules() { return *modules_; }
  Links& links() { return *links_; }
  ImageStore& images() { return *images_; }
  EventWatch& event_watch() { return *event_watch_; }
  Callbacks& callbacks() { return *callbacks_; }
  HandleExchange& handle_exchange() { return *handle_exchange_; }
  uint32_t client_host() const { return client_host_; }   // Hello::host
  Mirror& mirror() { return *mirror_; }
  Stripes& stripes() { return *stripes_; }
  GraphParts& graph_parts() { return *graph_parts_; }

  // By device: primary contexts that the client retains. Leader only.
  struct Primary { CUcontext real = nullptr; uint32_t index = 0; int retained = 0; };
  std::unordered_map<CUdevice, Primary> primaries;
  // By index of the kernel's or function's handle; written under lock_table().
  base::PagedTable<KernelLayout*> layouts;
  std::unique_lock<std::mutex> lock_table() { return std::unique_lock(table_lock_); }

 private:
  struct Entry { void* real; uint32_t kind, context; };   // context: index of the one it was made in
  enum class Next { lead, follow, end };
  void* find(uint64_t id, unsigned kind) const {
    const Entry* e = table_.find(wire::handle_index(id));
    if (!e || !e->real) return nullptr;
    // The driver takes a kernel where a function is asked for.
    return e->kind == kind || (kind == wire::kCUfunction && e->kind == wire::kCUkernel) ? e->real : nullptr;
  }
  bool enter(uint32_t context);
  void handle(Request& q, Handler handler);
  bool hello();
  bool refuse(wire::HelloStatus status, const char* text);
  void start_thread();
  void thread_main();
  Next serve_one();
  bool skip_bulk(Request& q);
  void end(int status, const char* why);

  static constinit thread_local uint32_t t_context_;       // index of this thread's current context, kNoIdea after a failure
  static constinit thread_local uint32_t t_contexts_;     // contexts_ when that was so
  static constexpr uint32_t kNoIdea = ~0u;

  transport::Connection connection_;
  transport::Receiver receiver_;
  bool spins_;
  uint32_t client_host_ = 0;                     // Hello::host
  LaunchLanes lanes_{*this};                     // leader only
  uint64_t next_call_ = 1;                       // leader only
  std::mutex leader_;                            // held by the leader
  std::atomic<int> followers_{0};                // threads waiting to lead
  std::atomic<bool> over_{false}, pool_memory_freed_{false};
  std::atomic<uint32_t> contexts_{0};            // counts destroyed contexts: a thread's idea of its current one may be stale
  std::mutex end_lock_;                          // greeted_, threads_, status_
  std::condition_variable end_;
  bool greeted_ = false;
  int threads_ = 0, status_ = 0;
  std::mutex send_lock_, table_lock_, text_lock_;
  std::atomic<bool> error_told_{false};          // an async_error went out after the last reply; the client keeps only the first
  base::PagedTable<Entry> table_;                // writers hold table_lock_
  std::unordered_map<void*, uint64_t> names_;    // guarded by table_lock_
  uint32_t highest_bound_ = 0, next_name_ = wire::kWorkerNamed;
  std::unique_ptr<GraphParts> graph_parts_;      // ends after staging_, which holds parts
  std::unique_ptr<Staging> staging_;
  std::unique_ptr<Stripes> stripes_;             // ends before staging_, whose blocks it fills
  std::unique_ptr<Memory> memory_;
  std::unique_ptr<Modules> modules_;
  std::unique_ptr<ImageStore> images_;
  std::unique_ptr<Links> links_;
  std::unique_ptr<Callbacks> callbacks_;
  std::unique_ptr<HandleExchange> handle_exchange_;
  std::unique_ptr<Mirror> mirror_;
  std::unique_ptr<StdoutCapture> capture_;
  std::unique_ptr<EventWatch> event_watch_;      // last: its thread uses the others
};

}  // namespace worker
