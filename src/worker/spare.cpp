// See spare.h.
#include "worker/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/log.h"
#include "base/socket_pass.h"
#include "limiter/memory_quota.h"
#include "worker/client_environment.h"
#include "worker/driver.h"
#include "worker/driver_library.h"
#include "wire/frame.h"
#include "worker/serve.h"

namespace worker {
namespace {

using base::Level;
constexpr char kSession[] = "--session";   // CONTROL_FD QUOTA_FD QUOTA_SLOT SESSION_ID LIBCUDA LIBNVML IMAGE_FOLDER ENVIRONMENT CLIENT_FD
constexpr int kSessionArguments = 11, kEnvironment = 9, kClient = 10;

// Device addresses are the same numbers in the client. The driver takes them from this process's free address space; the legacy layout
// hands that out upwards from a third of it (0x2aaa…), far below where a client's own mappings are (0x7f…, downwards). For the exec to come.
void use_legacy_layout() {
#ifndef __SANITIZE_THREAD__   // its shadow memory wants the usual layout
  const int persona = personality(0xffffffff);
  if (persona < 0 || personality(unsigned(persona) | ADDR_COMPAT_LAYOUT) < 0)
    base::log(Level::warn, "no legacy address layout (%s): device addresses may collide with a client's mappings", strerror(errno));
#endif
}

// Between fork and exec; the listener has one thread, so any call may be made here.
[[noreturn]] void become_spare(pid_t listener, int control, int quota, char* const* argv) {
  prctl(PR_SET_PDEATHSIG, SIGKILL);          // no session outlives its listener
  if (getppid() != listener) _exit(1);       // it died before the line above
  setpgid(0, 0);                             // Ctrl-C on the worker's terminal is the listener's to handle
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);  // the listener blocks what it reads from its signalfd
  use_legacy_layout();
  if (int null = open("/dev/null", O_RDONLY | O_CLOEXEC); null >= 0) dup2(null, 0);
  fcntl(control, F_SETFD, 0);
  fcntl(quota, F_SETFD, 0);
  execv("/proc/self/exe", argv);             // the running one, even when its file was replaced
  base::log(Level::error, "exec of a session process: %s", strerror(errno));
  _exit(1);
}

void say(int control, SpareWord word, const std::string& text = {}) {
  SpareMessage message;
  message.word = word;
  snprintf(message.text, sizeof message.text, "%s", text.c_str());
  base::send_message(control, &message, sizeof message);
}

// This process again, for the client that it has taken: its driver has to see other environment variables. Returns when that fails.
void start_again(char** argv, int client, const std::string& environment) {
  const int kept[] = {atoi(argv[2]), atoi(argv[3]), client};
  const std::string client_word = std::to_string(client);
  char* words[kSessionArguments + 1] = {};
  for (int i = 0; i < kSessionArguments; i++) words[i] = argv[i];
  words[kEnvironment] = const_cast<char*>(environment.c_str());
  words[kClient] = const_cast<char*>(client_word.c_str());
  restore_environment();
  syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC);   // what the driver may have left open to an exec
  for (int fd : kept) fcntl(fd, F_SETFD, 0);
  execv("/proc/self/exe", words);
  base::log(Level::error, "exec of a session process: %s", strerror(errno));
  for (int fd : kept) fcntl(fd, F_SETFD, FD_CLOEXEC);
}

// For a client whose session process cannot start its driver.
void refuse_client(int client, const std::string& why) {
  wire::HelloReply reply;
  reply.status = wire::HelloStatus::driver_failed;
  std::string text = "the worker cannot start the CUDA driver: " + why;
  reply.text_bytes = uint32_t(text.size());
  text.resize((text.size() + 7) / 8 * 8);
  text.insert(0, reinterpret_cast<const char*>(&reply), sizeof reply);
  if (send(client, text.data(), text.size(), MSG_NOSIGNAL) < 0) return;
  shutdown(client, SHUT_WR);
  for (char rest[4096]; recv(client, rest, sizeof rest, 0) > 0;) {}   // closing while bytes are unread would take the answer from it
}

// Waits for a client; an empty Fd: the listener is gone.
base::Fd wait_for_client(int control) {
  SpareMessage message;
  base::Fd client;
  while (!client)
    if (base::receive_message(control, &message, sizeof message, &client) <= 0) break;
  return client;
}

}  // namespace

bool start_spare(const SpareOptions& options, Spare* spare) {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) return false;
  base::Fd mine(ends[0]), its(ends[1]);
  std::string words[kSessionArguments] = {options.executable, kSession, std::to_string(its.get()), std::to_string(options.quota_fd),
                                          std::to_string(options.quota_slot), std::to_string(options.session_id), options.cuda,
                                          options.nvml, options.image_folder, options.environment, "-1"};
  char* argv[kSessionArguments + 1] = {};
  for (int i = 0; i < kSessionArguments; i++) argv[i] = words[i].data();
  const pid_t listener = getpid(), pid = fork();
  if (pid == 0) become_spare(listener, its.get(), options.quota_fd, argv);
  if (pid < 0) return false;
  setpgid(pid, pid);   // here too, so that a kill of the group never comes too early; fails harmlessly after the exec
  spare->pid = pid;
  spare->control = std::move(mine);
  return true;
}

void report_environment(int control, const std::string& environment) {
  if (control >= 0) say(control, SpareWord::environment, environment.size() < sizeof SpareMessage::text ? environment : std::string());
}

bool is_spare(int argc, char** argv) { return argc == kSessionArguments && strcmp(argv[1], kSession) == 0; }

int run_spare(int, char** argv) {
  prctl(PR_SET_NAME, "tensor-fusion-worker");   // exec through /proc/self/exe named the process "exe"
  base::Fd control(atoi(argv[2])), quota_fd(atoi(argv[3]));
  for (int fd : {control.get(), quota_fd.get()}) fcntl(fd, F_SETFD, FD_CLOEXEC);
  const uint64_t id = strtoull(argv[5], nullptr, 10);
  const std::string environment = argv[kEnvironment];
  base::Fd client(atoi(argv[kClient]));              // of a process that was started again for it
  if (client) fcntl(client.get(), F_SETFD, FD_CLOEXEC);

  static Driver driver;
  limiter::MemoryQuota quota;
  std::string failure;
  int init_result = 0;
  set_environment(environment);
  if (!quota.attach(quota_fd.get(), atoi(argv[4]))) failure = "the memory quota cannot be mapped";
  else failure = open_driver(argv[6], argv[7], &driver, environment.empty() ? nullptr : &init_result);   // which devices it has is the client's wish then
  if (!failure.empty()) {
    base::log(Level::error, "session process %d: %s", int(getpid()), failure.c_str());
    if (client) refuse_client(client.get(), failure);
    else say(control.get(), SpareWord::failed, failure);
    return 1;
  }
  if (driver.nvmlInit_v2) driver.nvmlInit_v2();   // sessions only ask; without it their NVML calls answer UNINITIALIZED
  if (!client) {
    say(control.get(), SpareWord::ready);
    client = wait_for_client(control.get());
    if (!client) return 0;
    say(control.get(), SpareWord::taken);
  }
  base::log(Level::debug, "session %llu in process %d", static_cast<unsigned long long>(id), int(getpid()));
  ServeOptions options;
  options.driver = &driver;
  options.quota = &quota;
  options.quota_slot = quota.slot();
  options.session_id = id;
  options.control = control.get();
  options.image_folder = argv[8];
  options.environment = environment;
  options.init_result = init_result;
  options.start_again = [argv](int socket, const std::string& wanted) { start_again(argv, socket, wanted); };
  // No destructors: other threads may be inside the driver, waiting for a kernel that never ends.
  _exit(serve_connection(client.get(), options));
}

}  // namespace worker
