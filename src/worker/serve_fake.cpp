// A worker::serve_connection() for the tests of the process model: says who it is, then obeys one-letter commands.
//   'e' + 1 byte: echoes the byte   'c' + 8 bytes: charges so much memory of GPU 0, answers 1 or 0   'u': answers the bytes used (8)
//   'a': aborts   'q' or end of file: returns
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "limiter/memory_quota.h"
#include "worker/serve.h"
#include "worker/serve_fake.h"
#include "worker/spare.h"

namespace worker {

int serve_connection(int socket, const ServeOptions& options) {
  report_environment(options.control, {});
  FakeHello hello{};
  hello.pid = getpid();
  hello.group = getpgrp();
  hello.session = options.session_id;
  hello.slot = options.quota_slot;
  void* fresh = mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  hello.fresh_mapping = reinterpret_cast<uintptr_t>(fresh);
  for (int fd = 0; fd < 1024; fd++) hello.descriptors += fcntl(fd, F_GETFD) >= 0;
  struct sigaction pipe_action;
  sigaction(SIGPIPE, nullptr, &pipe_action);
  hello.sigpipe_ignored = pipe_action.sa_handler == SIG_IGN;
  sigset_t blocked;
  sigprocmask(SIG_SETMASK, nullptr, &blocked);
  hello.signals_open = !sigismember(&blocked, SIGTERM) && !sigismember(&blocked, SIGCHLD);
  if (write(socket, &hello, sizeof hello) != ssize_t(sizeof hello)) return 1;

  char command, byte;
  while (read(socket, &command, 1) == 1) {
    uint64_t bytes = 0;
    switch (command) {
      case 'e':
        if (read(socket, &byte, 1) != 1 || write(socket, &byte, 1) != 1) return 1;
        break;
      case 'c':
        if (read(socket, &bytes, sizeof bytes) != ssize_t(sizeof bytes)) return 1;
        byte = options.quota->charge(0, bytes);
        if (write(socket, &byte, 1) != 1) return 1;
        break;
      case 'u':
        bytes = options.quota->used(0);
        if (write(socket, &bytes, sizeof bytes) != ssize_t(sizeof bytes)) return 1;
        break;
      case 'a': abort();
      default: return 0;
    }
  }
  return 0;
}

}  // namespace worker
