// See listener.h.
#include "worker/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/futex.h"
#include "base/log.h"
#include "base/socket_pass.h"
#include "transport/connection.h"

namespace worker {
namespace {

using base::Level;
using base::now_ns;
constexpr uint64_t kMs = 1000000;                    // in ns
constexpr uint64_t kStartLimitNs = 60000 * kMs;      // a spare must be ready within
constexpr uint64_t kRespawnNs = 100 * kMs;           // after a spare died for no known reason
constexpr uint64_t kLongestBackoffNs = 10000 * kMs;
constexpr uint64_t kStopLimitNs = 3000 * kMs;        // sessions may take so long to end
constexpr int kMostStarting = 8;                     // spares that start at once when many clients come at once
constexpr rlim_t kWantedDescriptors = 65536;
constexpr int kMostTries = 3;                        // session processes that one client may see die before it is refused

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) return "was killed by signal " + std::to_string(WTERMSIG(status));
  return "ended with status " + std::to_string(WEXITSTATUS(status));
}

// For the descriptors that sessions share; session processes inherit it.
void raise_descriptor_limit() {
  rlimit limit;
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = std::max(limit.rlim_cur, std::min<rlim_t>(limit.rlim_max, kWantedDescriptors));
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

base::Fd listen_on(uint16_t* port) {
  const int on = 1, off = 0;
  for (int family : {AF_INET6, AF_INET}) {
    base::Fd fd(socket(family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd) continue;
    setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    sockaddr_in6 six{};
    sockaddr_in four{};
    six.sin6_family = AF_INET6;
    four.sin_family = AF_INET;
    six.sin6_port = four.sin_port = htons(*port);
    sockaddr* address = family == AF_INET6 ? reinterpret_cast<sockaddr*>(&six) : reinterpret_cast<sockaddr*>(&four);
    socklen_t size = family == AF_INET6 ? sizeof six : sizeof four;
    if (family == AF_INET6 && setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) != 0) continue;
    if (bind(fd.get(), address, size) != 0) {
      if (family == AF_INET6 && errno == EADDRNOTAVAIL) continue;   // IPv6 is switched off
      return {};
    }
    if (listen(fd.get(), SOMAXCONN) != 0 || getsockname(fd.get(), address, &size) != 0) return {};
    *port = ntohs(family == AF_INET6 ? six.sin6_port : four.sin_port);
    return fd;
  }
  return {};
}

int Listener::run() {
  sigset_t mask;
  sigemptyset(&mask);
  for (int number : {SIGCHLD, SIGTERM, SIGINT}) sigaddset(&mask, number);
  sigprocmask(SIG_BLOCK, &mask, nullptr);
  signal(SIGPIPE, SIG_IGN);   // session processes inherit this
  raise_descriptor_limit();
  signals_ = base::Fd(signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) {
    base::complain("signalfd: %s", strerror(errno));
    return 1;
  }
  while (!stopping_) {
    start_spares();
    wait_for_events();
    reap();
    end_hung_starts();
    hand_over();
    handles_.expire();
  }
  stop();
  return 0;
}

void Listener::wait_for_events() {
  const bool accepting = now_ns() >= accept_at_ns_;
  std::vector<pollfd> fds{{signals_.get(), POLLIN, 0}, {accepting ? options_.socket.get() : -1, POLLIN, 0}};
  std::vector<Process*> owners;
  for (Process& process : processes_)
    if (process.spare.control) {
      fds.push_back({process.spare.control.get(), POLLIN, 0});
      owners.push_back(&process);
    }
  refusals_.add_to(&fds);
  arrivals_.add_to(&fds);
  if (poll(fds.data(), fds.size(), poll_timeout_ms()) < 0 && errno != EINTR) base::log(Level::error, "poll: %s", strerror(errno));

  signalfd_siginfo info;
  while (read(signals_.get(), &info, sizeof info) == ssize_t(sizeof info))
    if (info.ssi_signo != SIGCHLD) {
      base::log(Level::info, "signal %u: ending", info.ssi_signo);
      stopping_ = true;
    }
  if (stopping_) return;
  for (size_t i = 0; i < owners.size(); i++)
    if (fds[2 + i].revents) read_control(*owners[i]);
  refusals_.drain();
  if (fds[1].revents) accept_clients();
  arrivals_.sort(handles_, [this](base::Fd client) { admit(std::move(client)); });
}

int Listener::poll_timeout_ms() const {
  const uint64_t now = now_ns();
  uint64_t until = ~0ull;
  if (now < retry_at_ns_) until = retry_at_ns_;
  if (now < accept_at_ns_) until = std::min(until, accept_at_ns_);
  until = std::min({until, handles_.next_expiry_ns(), arrivals_.next_look_ns()});
  if (!refusals_.empty()) until = std::min(until, now + 1000 * kMs);
  for (const Process& process : processes_)
    if (process.state == State::starting) until = std::min(until, process.started_ns + kStartLimitNs);
  if (until == ~0ull) return -1;
  return until <= now ? 0 : int((until - now) / kMs) + 1;
}

void Listener::accept_clients() {
  for (;;) {
    base::Fd client(accept4(options_.socket.get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!client) {
      if (errno == EINTR || errno == ECONNABORTED) continue;
      if (errno != EAGAIN && errno != EWOULDBLOCK) {
        base::log(Level::error, "accept: %s", strerror(errno));
        accept_at_ns_ = now_ns() + kRespawnNs;   // out of descriptors or memory: do not spin on it
      }
      return;
    }
    transport::tune_socket(client.get());
    arrivals_.add(std::move(client));
  }
}

void Listener::admit(base::Fd client) {
  if (driver_failed())
    refusals_.refuse(std::move(client), wire::HelloStatus::driver_failed, "the worker cannot start the CUDA driver: " + failure_);
  else if (sessions() + int(waiting_.size()) >= options_.max_sessions)
    refusals_.refuse(std::move(client), wire::HelloStatus::refused,
                     "the worker serves " + std::to_string(options_.max_sessions) + " clients already, which is its limit");
  else
    waiting_.push_back({std::move(client)});
}

// One spare ahead of the clients that wait (when it is known what the last one asked for: the next may ask for the same); one alone, after a pause,
// while starting fails.
void Listener::start_spares() {
  if (now_ns() < retry_at_ns_) return;
  const int wanted = failures_ ? 1 : std::min(int(waiting_.size()) + (count(State::handing_over) + count(State::greeting) == 0), kMostStarting);
  for (int have = count(State::starting) + count(State::ready); have < wanted && now_ns() >= retry_at_ns_; have++) start_one();
}

void Listener::start_one() {
  SpareOptions spare{options_.executable, options_.cuda, options_.nvml, options_.quota->fd(), options_.quota->take_slot(), next_id_, options_.image_folder, environment_};
  Process process{{}, next_id_, spare.quota_slot, State::starting, now_ns(), {}, {}};
  if (spare.quota_slot < 0) return start_failed("no free line in the memory quota");
  if (!start_spare(spare, &process.spare)) {
    options_.quota->free_slot(spare.quota_slot);
    return start_failed(std::string("no new process: ") + strerror(errno));
  }
  next_id_++;
  processes_.push_back(std::move(process));
}

void Listener::read_control(Process& process) {
  SpareMessage message;
  base::Fd descriptor;
  const ssize_t got = base::receive_message(process.spare.control.get(), &message, sizeof message, &descriptor, MSG_DONTWAIT);
  if (got < 0 && errno == EAGAIN) return;
  if (got != ssize_t(sizeof message)) {
    process.spare.control.reset();   // it is dying: reap() does the rest
    return;
  }
  message.text[sizeof message.text - 1] = 0;
  if (message.word == SpareWord::failed) {
    process.failure = message.text;
  } else if (message.word == SpareWord::ready && process.state == State::starting) {
    base::log(Level::debug, "process %d is ready for session %llu", int(process.spare.pid), static_cast<unsigned long long>(process.id));
    process.state = State::ready;
    failures_ = 0;
  } else if (message.word == SpareWord::taken && process.state == State::handing_over) {
    base::log(Level::info, "session %llu begins in process %d", static_cast<unsigned long long>(process.id), int(process.spare.pid));
    process.state = State::greeting;
    process.client.socket.reset();
  } else if (message.word == SpareWord::environment && process.state == State::greeting) {
    environment_ = message.text;
    process.state = State::serving;
  } else if (process.state == State::serving) {
    answer_handle(process, message, std::move(descriptor));
  }
}

void Listener::answer_handle(Process& process, const SpareMessage& question, base::Fd descriptor) {
  SpareMessage answer;
  answer.word = SpareWord::handle;
  answer.name = question.name;
  int found = -1;
  switch (question.word) {
    case SpareWord::keep_handle: answer.text[0] = handles_.keep(question.name, std::move(descriptor), process.id); break;
    case SpareWord::fetch_handle: answer.text[0] = (found = handles_.find(question.name)) >= 0; break;
    case SpareWord::drop_handle: return handles_.drop(question.name, process.id);
    default: return;
  }
  base::send_message(process.spare.control.get(), &answer, sizeof answer, found);
}

void Listener::hand_over() {
  for (Process& process : processes_) {
    if (waiting_.empty()) return;
    if (process.state != State::ready || !process.spare.control) continue;
    SpareMessage message;
    message.word = SpareWord::take_client;
    if (!base::send_message(process.spare.control.get(), &message, sizeof message, waiting_.front().socket.get())) continue;   // dead
    process.client = std::move(waiting_.front());
    process.state = State::handing_over;
    waiting_.pop_front();
  }
}

void Listener::reap() {
  int status;
  for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;) {
    auto it = std::find_if(processes_.begin(), processes_.end(), [&](const Process& p) { return p.spare.pid == pid; });
    if (it == processes_.end()) continue;   // not ours: we may be process 1 of a container
    bury(*it, status);
    processes_.erase(it);
    if (sessions() == 0) options_.quota->settle();
  }
}

void Listener::bury(Process& process, int status) {
  if (process.spare.control) read_control(process);   // what it said last
  options_.quota->free_slot(process.slot);
  handles_.session_ended(process.id);
  const std::string end = "process " + std::to_string(process.spare.pid) + " " + how_it_ended(status);
  const bool clean = WIFEXITED(status) && WEXITSTATUS(status) == 0;
  switch (process.state) {
    case State::starting:
      return start_failed(!process.failure.empty() ? process.failure : "the process that loads " + options_.cuda + " " + how_it_ended(status));
    case State::ready:
      base::log(Level::warn, "spare %s", end.c_str());
      retry_at_ns_ = now_ns() + kRespawnNs;
      return;
    case State::handing_over:
      base::log(Level::warn, "spare %s before it took its client", end.c_str());
      retry_at_ns_ = now_ns() + kRespawnNs;
      if (++process.client.tries < kMostTries) waiting_.push_front(std::move(process.client));
      else
        refusals_.refuse(std::move(process.client.socket), wire::HelloStatus::driver_failed,
                         "the worker's session processes die before they take the connection: the last " + how_it_ended(status));
      return;
    case State::greeting:
    case State::serving:
      base::log(clean ? Level::info : Level::warn, "session %llu: %s", static_cast<unsigned long long>(process.id), end.c_str());
      return;
  }
}

void Listener::start_failed(const std::string& why) {
  failures_++;
  failure_ = why;
  const int doublings = std::min(failures_ - 1, 7);
  retry_at_ns_ = now_ns() + std::min(kRespawnNs << doublings, kLongestBackoffNs);
  base::log(Level::warn, "a session process did not start: %s", why.c_str());
  if (!driver_failed()) return;
  base::log(Level::error, "%d session processes in a row did not start: clients are refused until one does", failures_);
  for (Client& client : waiting_)
    refusals_.refuse(std::move(client.socket), wire::HelloStatus::driver_failed, "the worker cannot start the CUDA driver: " + failure_);
  waiting_.clear();
}

void Listener::end_hung_starts() {
  for (Process& process : processes_)
    if (process.state == State::starting && process.failure.empty() && now_ns() - process.started_ns > kStartLimitNs) {
      process.failure = "cuInit did not return within " + std::to_string(kStartLimitNs / kMs / 1000) + " s";
      kill(-process.spare.pid, SIGKILL);
    }
}

void Listener::stop() {
  options_.socket.reset();
  waiting_.clear();
  for (Process& process : processes_) kill(-process.spare.pid, SIGTERM);
  for (const uint64_t until = now_ns() + kStopLimitNs; !processes_.empty() && now_ns() < until;) {
    pollfd wait{signals_.get(), POLLIN, 0};
    poll(&wait, 1, 100);
    signalfd_siginfo info;
    while (read(signals_.get(), &info, sizeof info) > 0) {}
    reap();
  }
  for (Process& process : processes_) kill(-process.spare.pid, SIGKILL);
}

int Listener::count(State state) const {
  return int(std::count_if(processes_.begin(), processes_.end(), [&](const Process& p) { return p.state == state; }));
}

}  // namespace worker
