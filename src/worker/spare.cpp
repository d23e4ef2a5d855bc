// See spare.h.
#include "worker/spare.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/socket_pass.h"
#include "limiter/memory_quota.h"
#include "worker/driver.h"
#include "worker/driver_library.h"
#include "worker/serve.h"

namespace worker {
namespace {

using base::Level;
constexpr char kSession[] = "--session";   // CONTROL_FD QUOTA_FD QUOTA_SLOT SESSION_ID LIBCUDA LIBNVML IMAGE_FOLDER
constexpr int kSessionArguments = 9;

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
                                          options.nvml, options.image_folder};
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

bool is_spare(int argc, char** argv) { return argc == kSessionArguments && strcmp(argv[1], kSession) == 0; }

int run_spare(int, char** argv) {
  prctl(PR_SET_NAME, "tensor-fusion-worker");   // exec through /proc/self/exe named the process "exe"
  base::Fd control(atoi(argv[2])), quota_fd(atoi(argv[3]));
  for (int fd : {control.get(), quota_fd.get()}) fcntl(fd, F_SETFD, FD_CLOEXEC);
  const uint64_t id = strtoull(argv[5], nullptr, 10);

  static Driver driver;
  limiter::MemoryQuota quota;
  std::string failure;
  if (!quota.attach(quota_fd.get(), atoi(argv[4]))) failure = "the memory quota cannot be mapped";
  else failure = open_driver(argv[6], argv[7], &driver);
  if (!failure.empty()) {
    base::log(Level::error, "session process %d: %s", int(getpid()), failure.c_str());
    say(control.get(), SpareWord::failed, failure);
    return 1;
  }
  if (driver.nvmlInit_v2) driver.nvmlInit_v2();   // sessions only ask; without it their NVML calls answer UNINITIALIZED
  say(control.get(), SpareWord::ready);
  base::Fd client = wait_for_client(control.get());
  if (!client) return 0;
  say(control.get(), SpareWord::taken);
  base::log(Level::debug, "session %llu in process %d", static_cast<unsigned long long>(id), int(getpid()));
  ServeOptions options;
  options.driver = &driver;
  options.quota = &quota;
  options.quota_slot = quota.slot();
  options.session_id = id;
  options.control = control.get();
  options.image_folder = argv[8];
  // No destructors: other threads may be inside the driver, waiting for a kernel that never ends.
  _exit(serve_connection(client.get(), options));
}

}  // namespace worker
