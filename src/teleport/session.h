// A client process's conversation with one worker: the queue of calls that goes out, the messages that come back.
// Owned by the process (one object, never destroyed: the worker sees the connection close). Any thread may call anything here.
//
// Order: calls leave in the order in which Call objects were begun, over all threads; that order is the program's order.
// Who sends: a caller that waits, a caller that finds TF_MAX_CACHE_REQUEST_COUNT calls queued, else the pump thread.
// Who receives: one of the threads that wait for a reply; if none waits but data may come unasked (host_writes, callbacks), the listener thread,
// which sleeps until something is there to be read, so that it is in no waiting thread's way.
#pragma once
#include <stdint.h>

#include <atomic>
#include <vector>

#include "base/futex.h"
#include "teleport/config.h"
#include "teleport/host_destination.h"
#include "teleport/lock.h"
#include "teleport/stripes.h"
#include "transport/connection.h"
#include "wire/codec.h"
#include "wire/frame.h"

namespace teleport {

// CUresult values that this layer gives by itself.
inline constexpr int kNotInitialized = 3, kNoDevice = 100, kWorkerLost = 46, kNotPermitted = 800;   // 46: CUDA_ERROR_DEVICE_UNAVAILABLE

extern TF_API std::atomic<uint64_t> g_calls, g_waits, g_image_bytes;   // calls sent to the worker; those that waited; bytes of module images (TF_STATISTICS)
// The same of each op, and how long its waits took. Null unless TF_STATISTICS is set.
struct OpCounts { std::atomic<uint64_t> calls{0}, waits{0}, waited_ns{0}; };
extern OpCounts* g_op_counts;

struct Reply {
  int result = 0;
  uint64_t call = 0;
  wire::Buffer body;
  // Where bulk data of the reply goes (set before waiting); what does not fit is dropped.
  void* bulk = nullptr;
  uint64_t bulk_bytes = 0;
  wire::Reader reader() const { return wire::Reader(body.data(), body.size()); }
};

class TF_API Session {
 public:
  // The session of this process, connecting at the first call. Null: *error says why (kNoDevice after one line on stderr, kNotInitialized in a forked child).
  static Session* open(int* error);
  // The session if open() has succeeded before in this process, else null. Hot.
  static Session* current() { return g_current_.load(std::memory_order_acquire); }
  // NVML's: the same one, unless the program has changed what the driver shall see of its environment between nvmlInit and cuInit.
  static Session* open_for_nvml(int* error);
  static Session* current_for_nvml() { return g_nvml_.load(std::memory_order_acquire); }
  static bool forked();                                   // this process is a child of one that had a session

  bool dead() const { return dead_.load(std::memory_order_acquire); }
  // An error after which the worker's contexts are lost: calls that do not wait answer it too. 0: none.
  int sticky_error() const { return sticky_error_.load(std::memory_order_relaxed); }
  void note_error(int result);
  // How many answers and messages were errors so far: whoever remembers what the worker said may ask again when there were more since.
  uint32_t failures() const { return failures_.load(std::memory_order_relaxed); }
  // The first error that an async call met since this was last asked; 0: none.
  int take_async_error() { return async_error_.exchange(0, std::memory_order_acq_rel); }
  void push();                                            // sends all that is queued
  void push_borrowed();                                   // and waits until nothing more is sent from the program's memory
  uint64_t last_call();                                   // number of the last call made so far, 0: none
  bool try_push();                                        // false: another thread is sending, and will see what is queued now or wake the pump
  void wait_sent(uint64_t call);                          // until that call's bytes have been handed to the kernel
  void expect_host_write(uint64_t call, const HostDestination& to);   // before the call is committed
  void forget_host_write(uint64_t call);                  // all of that name
  bool host_write_pending(const void* p, uint64_t n);     // a read into any of these bytes is still to come; one that is just coming is waited for
  // A question whose answer may be "not yet": if it is, the worker says later when it has become true, and watch_ends() then. Both before and after
  // the question is asked, the second with whether it was to be watched.
  void watch(uint64_t call);
  void watched(uint64_t call, bool pending);
  bool watch_ends(uint64_t call);                         // true: the worker has said so (or the session is over)
  // run() is called on a thread of its own when the worker asks for callback `number`; then tfCallbackDone is sent. renew: host parts to be sent before.
  using CallbackRunner = void (*)(uint64_t number, const std::vector<uint64_t>& renew);
  void start_callbacks(CallbackRunner run);
  // Called, by whoever receives, when the worker has let go of a host part. It may not make calls.
  void on_gone(void (*gone)(uint64_t number)) { gone_.store(gone, std::memory_order_release); }
  // A callback is on its way to the worker (once for each, before it is sent) / has run, or never will.
  void callback_sent() { callbacks_out_.fetch_add(1, std::memory_order_acq_rel); }
  void callback_ran();
  // The same for a host function of a graph that is launched. The worker's stream waits for it, so only so many calls may queue behind it: the driver's own
  // queue would fill up, with the word that the function has run stuck behind it.
  void function_sent() {
    if (functions_out_.fetch_add(1, std::memory_order_acq_rel) == 0) calls_behind_.store(0, std::memory_order_relaxed);
    callback_sent();
  }
  void function_ran();
  bool any_callback() const { return callbacks_out_.load(std::memory_order_acquire) != 0; }
  static bool in_callback();                              // the calling thread runs one: calls that wait are refused there
  void wait_callbacks(bool (*one_of)(uint64_t stream), uint64_t stream, unsigned most_ms = ~0u);   // while one_of() says that some of these are out

  // Answers of `cached` calls. The key is the op, the context and the encoded arguments.
  bool find_cached(uint16_t op, uint32_t context, const wire::Buffer& key, Reply* reply);
  void keep_cached(uint16_t op, uint32_t context, const wire::Buffer& key, const Reply& reply);
  void drop_cached(uint16_t op);                          // after a call that changes what that one answers

  uint64_t session_id() const { return session_id_; }
  Stripes& stripes() { return stripes_; }

 private:
  friend class Call;
  friend class Stripes;
  struct Segment { const void* p; size_t n; wire::Buffer owned; };
  struct Waiter { uint64_t call; Reply* reply; std::atomic<uint32_t> state; Waiter* next; bool ready = false; };   // ready: has sent all, and may be made the reader
  static void tell(Waiter* w, uint32_t state);
  struct PendingHostWrite { uint64_t call; HostDestination to; uint64_t left; };
  struct CacheEntry;

  Session(int fd, const Endpoint& endpoint, std::string environment);
  int hello(const Endpoint& endpoint);
  static Session* connect(std::string environment, int* error);   // g_open_lock held
  void send_queue();                                      // send_lock_ held
  bool enlist(Waiter* own);                               // before the call is sent: its reply may come at once
  int await(Waiter* own);
  void read_until(Waiter* own);                           // the reader's loop
  bool read_message(uint64_t spin_ns);
  bool take_host_write(const wire::MessageHeader& m);
  bool take_text(const wire::MessageHeader& m);
  Waiter* ready_waiter() const;                           // receive_lock_ held; null: none
  void pass_on_reading();                                 // receive_lock_ held
  void wake_listener();
  void await_message();                                   // the listener's
  bool expects_callbacks() const;                         // threads spin for longer then
  void die(const char* why);
  void hold_back();
  static void* pump_main(void* self);
  static void* listener_main(void* self);
  static void* callback_main(void* self);
  static void before_fork();
  static void after_fork_parent();
  static void after_fork_child();

  static std::atomic<Session*> g_current_, g_nvml_;

  transport::Connection connection_;
  transport::Receiver receiver_;
  Endpoint endpoint_;
  const std::string environment_;                         // that the worker's driver sees (wire/environment.h)
  uint64_t session_id_ = 0;
  std::atomic<bool> dead_{false};
  std::atomic<int> async_error_{0}, sticky_error_{0};
  std::atomic<uint32_t> failures_{0};
  std::atomic<uint64_t> callback_came_ns_{0};             // the last one
  uint32_t max_queued_ = 100;
  uint64_t spin_ns_ = 0;

  // The queue. Guarded by queue_lock_.
  Lock queue_lock_;
  wire::Buffer open_;                                     // the segment being written
  std::vector<Segment> ready_;                            // borrowed memory and the segments before it
  uint64_t next_call_ = 1;
  uint32_t queued_calls_ = 0;
  bool held_ = false;                                     // what is queued last goes with the call that follows
  size_t queued_bytes_ = 0;

  Lock send_lock_;                                        // held while sending; taken before queue_lock_
  std::vector<Segment> sending_;
  std::vector<iovec> parts_;
  wire::Buffer spare_;
  std::atomic<uint64_t> sent_{0};
  std::atomic<bool> pump_sleeps_{false};
  base::Signal pump_signal_;

  // Receiving. Guarded by receive_lock_, but for what only the reader touches.
  Lock receive_lock_;
  bool reading_ = false;                                  // some thread is the reader
  Waiter* waiters_ = nullptr;
  std::vector<PendingHostWrite> host_writes_;
  uint64_t unasked_bytes_ = 0;                            // of host_writes_ still to come
  std::vector<uint64_t> watches_;                         // calls whose event_done has not come
  bool wants_listener() const { return unasked_bytes_ || callbacks_started_ || !watches_.empty(); }
  bool listener_started_ = false, callbacks_started_ = false;
  int listener_event_ = -1;                               // wakes the listener for what a reader has left in receiver_
  struct CallbackRequest { uint64_t number; std::vector<uint64_t> renew; };
  std::vector<CallbackRequest> callbacks_;
  CallbackRunner callback_runner_ = nullptr;
  std::atomic<void (*)(uint64_t)> gone_{nullptr};
  base::Signal listener_signal_, callback_signal_, callback_ran_signal_;
  std::atomic<int> callbacks_out_{0}, functions_out_{0};
  std::atomic<uint32_t> calls_behind_{0};

  Stripes stripes_{*this};

  Lock cache_lock_;
  std::vector<CacheEntry*> cache_;
  size_t cached_ = 0;
};

// One call being made: begun (queue locked), filled, then sent or waited for. Destroyed without either, it leaves no trace.
class TF_API Call {
 public:
  Call(Session& session, uint16_t op, uint32_t context, uint16_t flags = 0);
  ~Call() { if (open_) abandon(); }
  Call(const Call&) = delete;
  wire::Writer& in() { return writer_; }
  uint64_t number() const { return number_; }
  // Bulk data, after the arguments: copied now, or borrowed until it has been sent (wait_sent).
  void bulk_copy(const void* p, uint64_t n);
  void bulk_borrow(const void* p, uint64_t n, unsigned connections = 1);   // dealt out over so many (stripes())
  // Slices of rows of a pitched source, copied now.
  void bulk_slices(const void* p, uint64_t row_bytes, uint64_t row_pitch, uint64_t rows, uint64_t slice_pitch, uint64_t slices);
  int send();                    // 0 or kWorkerLost
  int send_with_next();          // as send(), but it need not go out before the call that this thread makes at once
  // The call's result, kWorkerLost, or (unless it is no CUDA call) the error of an async call before it.
  int wait(Reply* reply, bool cuda = true);

 private:
  void finish(bool wants_reply);
  void abandon();
  wire::CallHeader* header() { return reinterpret_cast<wire::CallHeader*>(s_.open_.data() + header_at_); }
  Session& s_;
  size_t header_at_;
  wire::Writer writer_;
  uint64_t number_;
  uint64_t borrowed_bytes_ = 0;
  const void* borrowed_ = nullptr;
  unsigned connections_ = 1;
  bool open_ = true;
};

}  // namespace teleport
