// The life of a session: greeting, threads, and the loop that reads a call and runs its handler. See session.h.
#include "worker/session.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include <exception>
#include <thread>

#include "base/futex.h"
#include "base/log.h"
#include "limiter/memory_quota.h"
#include "wire/environment.h"
#include "wire/opcodes.h"
#include "worker/callback.h"
#include "worker/client_environment.h"
#include "worker/event_watch.h"
#include "worker/image_store.h"
#include "worker/graph_part.h"
#include "worker/memory.h"
#include "worker/link.h"
#include "worker/mirror.h"
#include "worker/module.h"
#include "worker/shared_handles.h"
#include "worker/staging.h"
#include "worker/stdout_capture.h"
#include "worker/stripes.h"

namespace worker {

using base::Level;
static constexpr int kHelloSeconds = 5, kLastCallsSeconds = 3, kSpareFollowers = 2;
static constexpr uint64_t kLeaderSpin = 50'000, kFollowerSpin = 50'000;   // ns on the socket, or for the lead, before a thread sleeps

constinit thread_local uint32_t Session::t_context_ = 0;
constinit thread_local uint32_t Session::t_contexts_ = 0;

// Calls that do not run in the context that comes with them, so it may be gone: all of NVML, devices, making and destroying contexts, memory by
// chunks and addresses. (tfWrite has to take its data from all connections before it may fail.)
static bool needs_context(uint16_t op) {
  static const auto table = [] {
    struct { bool needs[wire::op::kEnd]; } t{};
    for (uint16_t i = 0; i < wire::op::kEnd; i++) {
      const char* n = wire::op_name(i);
      t.needs[i] = true;
      for (const char* free : {"nvml", "cuDevice", "cuCtxCreate", "cuCtxDestroy", "tfPrefetch", "tfCallbackDone", "cuMemAddress", "cuMemCreate",
                               "cuMemRelease", "cuMemMap", "cuMemUnmap", "cuMemSetAccess", "cuMemGetAccess", "cuMemGetAllocation", "cuMemRetain", "cuMemPool", "tfShare", "tfImport", "tfStripe", "tfWrite"})
        if (strncmp(n, free, strlen(free)) == 0) t.needs[i] = false;
    }
    return t;
  }();
  return table.needs[op];
}

Session::Session(int socket, const ServeOptions& options)
    : driver(*options.driver), options(options), connection_(socket), receiver_(connection_),
      spins_((options.cores ? options.cores : std::thread::hardware_concurrency()) >= 4),
      graph_parts_(std::make_unique<GraphParts>(*this)), staging_(std::make_unique<Staging>(*this)), stripes_(std::make_unique<Stripes>(*this)),
      memory_(std::make_unique<Memory>(*options.quota, *options.driver)), modules_(std::make_unique<Modules>()),
      images_(std::make_unique<ImageStore>(options.image_folder)), links_(std::make_unique<Links>()),
      callbacks_(std::make_unique<Callbacks>(*this)), handle_exchange_(std::make_unique<HandleExchange>(options.control)),
      mirror_(std::make_unique<Mirror>(*this)) {
  event_watch_ = std::make_unique<EventWatch>(*this);
  table_.insert(0, Entry{});       // so that readers never meet the table's own first allocation
  layouts.insert(0, nullptr);
}

Session::~Session() {
  end(0, "destroyed");
  std::unique_lock lock(end_lock_);
  end_.wait(lock, [this] { return threads_ == 0; });
}

void Session::capture_output() { capture_ = std::make_unique<StdoutCapture>(); }

int Session::run() {
  start_thread();
  std::unique_lock lock(end_lock_);
  if (!end_.wait_for(lock, std::chrono::seconds(kHelloSeconds), [this] { return greeted_ || over(); })) {
    lock.unlock();
    end(1, "no Hello came in time");
    lock.lock();
  }
  lock.unlock();
  // The leader sees the client go, unless a call of its own does not come back: then nobody would.
  for (pollfd p{connection_.fd(), POLLRDHUP, 0}; !over() && poll(&p, 1, -1) < 0 && errno == EINTR;) {}
  lock.lock();
  if (!end_.wait_for(lock, std::chrono::seconds(kLastCallsSeconds), [this] { return over(); })) {
    lock.unlock();
    end(0, "the client has gone while a call was inside the driver");
    lock.lock();
  }
  return status_;
}

void Session::end(int status, const char* why) {
  {
    std::lock_guard lock(end_lock_);
    if (over()) return;
    base::log(status ? Level::warn : Level::info, "session %llu ends: %s", static_cast<unsigned long long>(options.session_id), why);
    status_ = status;
    over_.store(true, std::memory_order_release);
    end_.notify_all();
  }
  connection_.shut_down();
  stripes_->end();
  callbacks_->end();
}

bool Session::refuse(wire::HelloStatus status, const char* text) {
  char padded[256] = {};
  wire::HelloReply r;
  r.status = status;
  r.session = options.session_id;
  r.text_bytes = uint32_t(snprintf(padded, sizeof padded, "%s", text));
  iovec parts[] = {{&r, sizeof r}, {padded, (r.text_bytes + 7) & ~7u}};
  connection_.send(parts, 2);
  // Closing while bytes of the client are unread would take the answer from it.
  shutdown(connection_.fd(), SHUT_WR);
  char rest[4096];
  for (uint64_t until = base::now_ns() + 1'000'000'000; base::now_ns() < until && connection_.receive(rest, sizeof rest, 0, 200) > 0;) {}
  end(1, text);
  return false;
}

bool Session::hello() {
  const uint8_t* p = receiver_.take(sizeof(wire::Hello));
  wire::Hello h;
  if (!p) {
    end(1, "closed before a Hello came");
    return false;
  }
  memcpy(&h, p, sizeof h);
  char text[200];
  if (h.magic != wire::kMagic)
    return refuse(wire::HelloStatus::bad_magic, "this is a tensor-fusion worker, and that was no tensor-fusion client");
  if (h.version < wire::kOldestVersion || h.oldest_version > wire::kVersion) {
    snprintf(text, sizeof text, "the client speaks protocol versions %u to %u, this worker %u to %u; use the same release on both sides",
             h.oldest_version, h.version, wire::kOldestVersion, wire::kVersion);
    return refuse(wire::HelloStatus::bad_version, text);
  }
  if (h.stripe) return refuse(wire::HelloStatus::refused, "a further connection of a session has a name of 16 bytes and nothing else");
  if (h.auth_bytes > wire::kMaxHelloText || h.token_bytes > wire::kMaxHelloText)
    return refuse(wire::HelloStatus::refused, "the connection string's version field is too long");
  if (!receiver_.skip((uint64_t(h.auth_bytes) + 7) / 8 * 8 + (uint64_t(h.token_bytes) + 7) / 8 * 8)) {
    end(1, "closed within the Hello");
    return false;
  }
  const uint8_t* environment = h.environment_bytes <= wire::kMaxEnvironment ? receiver_.take((h.environment_bytes + 7) / 8 * 8) : nullptr;
  if (h.environment_bytes <= wire::kMaxEnvironment && !environment) {
    end(1, "closed within the Hello");
    return false;
  }
  if (!environment || !valid_environment(reinterpret_cast<const char*>(environment), h.environment_bytes))
    return refuse(wire::HelloStatus::refused, "the client's environment variables are not such as a client sends");
  client_host_ = h.host;
  options.quota->tell_client(uint32_t(getpid()), h.host, h.pid);
  wire::HelloReply r;
  r.session = options.session_id;
  iovec part{&r, sizeof r};
  if (!connection_.send(&part, 1)) {
    end(1, "closed after the Hello");
    return false;
  }
  base::log(Level::info, "session %llu: client process %u", static_cast<unsigned long long>(options.session_id), h.pid);
  std::lock_guard lock(end_lock_);
  greeted_ = true;
  end_.notify_all();
  return true;
}

void Session::start_thread() {
  {
    std::lock_guard lock(end_lock_);
    threads_++;
  }
  try {
    std::thread(&Session::thread_main, this).detach();
  } catch (const std::exception& e) {
    {
      std::lock_guard lock(end_lock_);
      threads_--;
      end_.notify_all();
    }
    end(1, e.what());
  }
}

void Session::thread_main() {
  t_context_ = 0;
  t_contexts_ = contexts_.load();
  // Captures are begun in relaxed mode (stream.cpp); what this thread does beside one must not be forbidden either.
  CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
  call(driver.cuThreadExchangeStreamCaptureMode, &mode);
  followers_++;
  for (;;) {
    // To lead at once when a waiting leader lets go, where waking up would cost more than what it was let go for.
    bool leads = false;
    for (const uint64_t until = base::now_ns() + spin_ns(kFollowerSpin); !leads && base::now_ns() < until; base::pause()) leads = leader_.try_lock();
    if (!leads) leader_.lock();
    followers_--;
    if (!over() && !greeted_ && hello()) start_thread();   // written by the first leader, read by leaders
    Next next = Next::lead;
    while (next == Next::lead && !over()) next = serve_one();
    if (next != Next::follow) {
      leader_.unlock();
      break;
    }
    if (followers_.fetch_add(1) >= kSpareFollowers) {
      followers_--;
      break;
    }
  }
  std::lock_guard lock(end_lock_);
  threads_--;
  end_.notify_all();
}

// Makes the caller's context current on this thread. False: it is dead.
bool Session::enter(uint32_t context) {
  if (context == t_context_ && contexts_.load(std::memory_order_acquire) == t_contexts_) return true;
  return use_context(context) || !context;
}

Session::Next Session::serve_one() {
  wire::CallHeader header;
  const uint64_t spin = receiver_.buffered(sizeof header) ? 0 : spin_ns(callbacks_->expected() ? 4 * kLeaderSpin : kLeaderSpin);
  const uint8_t* p = receiver_.take(sizeof header, spin);
  if (!p) {
    end(0, "the client has closed the connection");
    return Next::end;
  }
  memcpy(&header, p, sizeof header);
  Handler handler = handler_of(header.op);
  if (header.bytes > wire::kMaxArguments || header.bytes % 8 || header.bulk_bytes > wire::kMaxBulk || !handler) {
    char why[100];
    snprintf(why, sizeof why, "nonsense from the client: call %llu, operation %u, %u bytes", static_cast<unsigned long long>(next_call_),
             header.op, header.bytes);
    end(1, why);
    return Next::end;
  }
  const uint8_t* arguments = receiver_.take(header.bytes);
  if (!arguments) {
    end(1, "the connection broke within a call");
    return Next::end;
  }
  Request q(next_call_++, header, arguments);
  if (header.op == wire::op::tfLaunch && !(header.flags & wire::kWantsReply)) {
    if (lanes_.take(q.call, header, arguments)) return q.bulk_left && !skip_bulk(q) ? Next::end : Next::lead;
  } else {
    lanes_.settle();
  }
  handle(q, handler);
  if (!q.leads) return Next::follow;
  if (q.bulk_left && !skip_bulk(q)) {
    end(1, "the connection broke within a call");
    return Next::end;
  }
  return Next::lead;
}

void Session::handle(Request& q, Handler handler) {
  try {
    if (!enter(q.header.context) && needs_context(q.header.op)) fail(q, CUDA_ERROR_CONTEXT_IS_DESTROYED);
    else handler(*this, q);
  } catch (const std::exception& e) {
    end(1, e.what());
  }
}

void Session::issue(uint64_t call, const wire::CallHeader& header, const uint8_t* arguments) {
  Request q(call, header, arguments);
  q.leads = false;
  handle(q, handler_of(header.op));
}

bool Session::skip_bulk(Request& q) {
  uint64_t left = q.bulk_left;
  q.bulk_left = 0;
  return receiver_.skip(left + (8 - q.header.bulk_bytes % 8) % 8);
}

bool Session::read_bulk(Request& q, void* to, uint64_t n) {
  if (n > q.bulk_left || !receiver_.read(to, n)) return false;
  q.bulk_left -= n;
  return q.bulk_left || receiver_.skip((8 - q.header.bulk_bytes % 8) % 8);
}

void Session::let_others_lead(Request& q) {
  q.waited = true;
  if (!q.leads) return;
  if (q.bulk_left) skip_bulk(q);   // a broken connection is the next leader's to find
  q.leads = false;
  if (followers_.load() == 0) start_thread();
  leader_.unlock();
}

CUcontext Session::use_context(uint32_t index) {
  uint32_t contexts = contexts_.load(std::memory_order_acquire);
  const Entry* e = index ? table_.find(index) : nullptr;
  auto real = e && e->kind == wire::kCUcontext ? static_cast<CUcontext>(e->real) : nullptr;
  if (index != t_context_ || contexts != t_contexts_) {
    bool good = call(driver.cuCtxSetCurrent, real) == 0 && (real || !index);
    t_context_ = good ? index : kNoIdea;
    t_contexts_ = contexts;
    if (!good) return nullptr;
  }
  return real;
}

void Session::forget_context() { t_context_ = kNoIdea; }

}  // namespace worker
