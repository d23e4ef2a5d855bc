// See crash_report.h. The handler runs on a stack of its own and uses what is safe there: backtrace() has been called once before, so that its library is loaded.
#include "worker/crash_report.h"

#include <execinfo.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "base/log.h"

namespace worker {
namespace {

unsigned long long g_session;

void crashed(int signal, siginfo_t* info, void*) {
  if (base::log_enabled(base::Level::warn)) {
    base::log(base::Level::warn, "session %llu: signal %d, address %p, in:", g_session, signal, info->si_addr);
    void* frames[32];
    backtrace_symbols_fd(frames, backtrace(frames, 32), base::log_fd());
  }
  raise(signal);   // SA_RESETHAND: this time it ends the process
}

}  // namespace

void report_crashes(unsigned long long session) {
  g_session = session;
  static char stack[64 << 10];
  const stack_t own{stack, 0, sizeof stack};
  void* frame;
  backtrace(&frame, 1);
  sigaltstack(&own, nullptr);   // of this thread; others report from their own stacks, which only an overflow makes impossible
  for (int signal : {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT}) {
    struct sigaction action{}, before{};
    sigaction(signal, nullptr, &before);
    if (before.sa_handler != SIG_DFL) continue;
    action.sa_sigaction = crashed;
    action.sa_flags = int(SA_SIGINFO | SA_ONSTACK | SA_RESETHAND | SA_NODEFER);
    sigaction(signal, &action, nullptr);
  }
}

}  // namespace worker
