// A session's beginning and end: connecting, the hello, forks, death.
#include "teleport/session.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <sys/socket.h>
#include <unistd.h>

#include <new>

#include "base/log.h"
#include "teleport/runtime.h"
#include "teleport/statistics.h"

namespace teleport {

std::atomic<uint64_t> g_calls{0}, g_waits{0}, g_image_bytes{0};
constinit std::atomic<Session*> Session::g_current_{nullptr}, Session::g_nvml_{nullptr};
static constinit Lock g_open_lock;
static constinit std::atomic<bool> g_forked{false};
static constexpr int kConnectTimeoutMs = 4000;   // an unreachable worker is an error within 5 s

bool Session::forked() { return g_forked.load(std::memory_order_acquire); }

Session* Session::connect(std::string environment, int* error) {
  *error = kNotInitialized;
  if (forked()) return nullptr;
  Endpoint endpoint{};
  const char* why = "";
  *error = kNoDevice;
  if (!resolve_endpoint(&endpoint, &why)) return nullptr;
  int fd = transport::connect_tcp(endpoint.host, endpoint.port, kConnectTimeoutMs, &why);
  if (fd < 0) {
    base::complain("cannot reach the worker at %s port %u: %s. Is tensor-fusion-worker running there?", endpoint.host, endpoint.port, why);
    return nullptr;
  }
  auto* s = new Session(fd, endpoint, static_cast<std::string&&>(environment));
  if (s->hello(endpoint) != 0) return nullptr;
  if (!current() && !current_for_nvml()) {
    pthread_atfork(before_fork, after_fork_parent, after_fork_child);
    start_statistics();
  }
  start_thread(pump_main, s);
  base::log(base::Level::info, "connected to the worker at %s port %u, session %llu", endpoint.host, endpoint.port, (unsigned long long)s->session_id_);
  return s;
}

Session* Session::open(int* error) {
  if (Session* s = current()) return s;
  g_open_lock.lock();
  Session* s = current();
  if (!s) {
    std::string environment = driver_environment();
    Session* nvml = current_for_nvml();
    s = nvml && nvml->environment_ == environment ? nvml : connect(static_cast<std::string&&>(environment), error);
    if (s) g_current_.store(s, std::memory_order_release);
  }
  g_open_lock.unlock();
  return s;
}

Session* Session::open_for_nvml(int* error) {
  if (Session* s = current_for_nvml()) return s;
  g_open_lock.lock();
  Session* s = current_for_nvml();
  if (!s) {
    s = current() ? current() : connect(driver_environment(), error);
    if (s) g_nvml_.store(s, std::memory_order_release);
  }
  g_open_lock.unlock();
  return s;
}

Session::Session(int fd, const Endpoint& endpoint, std::string environment)
    : connection_(fd), receiver_(connection_), endpoint_(endpoint), environment_(static_cast<std::string&&>(environment)) {
  max_queued_ = max_cache_request_count();
  if (sysconf(_SC_NPROCESSORS_ONLN) >= 4) {   // on a small machine the other side needs the core
    spin_ns_ = 50000;
    Lock::g_lock_spins = 1000;
  }
}

// A number for this machine's boot and PID namespace: processes with the same one mean the same process by a number. 0: cannot be told.
static uint32_t process_host() {
  char text[256] = "";
  int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
  ssize_t n = fd < 0 ? -1 : read(fd, text, 64);
  if (fd >= 0) close(fd);
  ssize_t m = n <= 0 ? -1 : readlink("/proc/self/ns/pid", text + n, sizeof text - size_t(n));
  if (m <= 0) return 0;
  uint32_t hash = 2166136261u;   // FNV-1a
  for (ssize_t i = 0; i < n + m; i++) hash = (hash ^ uint8_t(text[i])) * 16777619u;
  return hash ? hash : 1;
}

int Session::hello(const Endpoint& endpoint) {
  wire::Hello hello;
  hello.token_bytes = uint32_t(strlen(endpoint.version));
  hello.pid = uint32_t(getpid());
  hello.host = process_host();
  hello.environment_bytes = uint32_t(environment_.size());
  char zeros[8] = {};
  iovec parts[] = {{&hello, sizeof hello}, {const_cast<char*>(endpoint.version), hello.token_bytes}, {zeros, (8 - hello.token_bytes % 8) % 8},
                   {const_cast<char*>(environment_.data()), environment_.size()}, {zeros, (8 - environment_.size() % 8) % 8}};
  const char* trouble = nullptr;
  bool timed_out = false;
  wire::HelloReply answer{};
  char text[512] = "";
  if (connection_.send(parts, 5)) {
    // A worker that has no warm session process needs a moment to initialise the driver.
    const uint8_t* p = receiver_.take_within(sizeof answer, 30000, &timed_out);
    if (p) {
      memcpy(&answer, p, sizeof answer);
      if (answer.magic != wire::kMagic) trouble = "what answers there is not a tensor-fusion-worker";
      else if (answer.text_bytes > wire::kMaxHelloText) trouble = "it sent nonsense";
      else if (answer.status != wire::HelloStatus::ok) {
        uint32_t n = answer.text_bytes;
        p = receiver_.take_within((n + 7) & ~7u, 5000, &timed_out);
        if (p) snprintf(text, sizeof text, "%.*s", int(n), reinterpret_cast<const char*>(p));
        trouble = *text ? text : "it refused the session";
      } else if (answer.version < wire::kOldestVersion || answer.version > wire::kVersion) {
        trouble = "it speaks another protocol version: use a client and a worker of the same release";
      }
    } else {
      trouble = timed_out ? "it did not answer within 30 s" : "it closed the connection";
    }
  } else {
    trouble = "it closed the connection";
  }
  if (trouble) {
    base::complain("no session with the worker at %s port %u: %s", endpoint.host, endpoint.port, trouble);
    return kNoDevice;
  }
  session_id_ = answer.session;
  return 0;
}

void Session::die(const char* why) {
  if (dead_.exchange(true, std::memory_order_acq_rel)) return;
  connection_.shut_down();
  stripes_.shut_down();
  base::complain("lost the worker at %s port %u (%s); CUDA calls fail from now on. Start the program again once the worker is back.", endpoint_.host,
                 endpoint_.port, why);
  receive_lock_.lock();
  for (Waiter *w = waiters_, *next; w; w = next) {
    next = w->next;
    tell(w, 3);
  }
  waiters_ = nullptr;
  receive_lock_.unlock();
  sent_.store(~0ull, std::memory_order_release);
}

// A child has the connection's descriptor but not its threads, and must not speak on it: every call answers NOT_INITIALIZED there, as with
// NVIDIA's driver. The locks are taken so that the child does not inherit one in mid-change.
void Session::before_fork() {
  g_open_lock.lock();
}
void Session::after_fork_parent() { g_open_lock.unlock(); }
void Session::after_fork_child() {
  Session* s = g_current_.exchange(nullptr, std::memory_order_acq_rel);
  Session* nvml = g_nvml_.exchange(nullptr, std::memory_order_acq_rel);
  g_forked.store(true, std::memory_order_release);
  g_open_lock.unlock();
  if (nvml == s) nvml = nullptr;
  for (Session* one : {s, nvml})
    if (one) {
      close(one->connection_.fd());
      one->stripes_.close_in_child();
    }
}

}  // namespace teleport
