// Page faults of the program in mirrored memory: a SIGSEGV handler that makes the block what the access needs and returns to it. What is no business of
// ours goes to the handler that the program has installed, before or after us. The fault is one of the thread itself, in code that is not ours (or
// that holds no lock of ours), so what the handler calls may allocate and wait.
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

#include "base/log.h"
#include "client/mirror.h"

namespace client {

using namespace mirror_detail;

static struct sigaction g_program, g_first;               // the program's own, and what was there before us: changed with the lock held
static bool g_ours = false;
static std::atomic<bool> g_child{false};                  // a forked one: no session, nothing to fetch
static thread_local uint64_t t_last = 0;
static thread_local int t_same = 0;                       // faults at t_last that found nothing to do

static bool resolve(uint64_t address, bool write) {
  if (inside()) {                                         // the program's own signal handler has interrupted us: it sees what there is
    Region* r = region_of(address);
    return r && mprotect(reinterpret_cast<void*>(address & ~4095ull), 4096, PROT_READ | PROT_WRITE) == 0;
  }
  Hold hold;
  Region* r = region_of(address);
  if (!r) return false;
  if (g_child.load(std::memory_order_relaxed)) return open_up(*r);
  const size_t b = (address - r->base) >> r->shift;
  const uint8_t state = r->state[b];
  if (state == dirty || state == open || (state == clean && !write)) {   // another thread was faster
    t_same = address == t_last ? t_same + 1 : 0;
    t_last = address;
    return t_same < 100;                                  // but this is no access that we can grant
  }
  t_same = 0;
  if (r->heat[b] < 100) r->heat[b] += kWarm;
  if (state == stale) {
    r->ahead = b != r->expected ? 1 : r->ahead < 1024 ? r->ahead * 2 : 1024;
    if (!fetch(*r, b, r->ahead)) {
      base::log(base::Level::warn, "mirrored memory at %#llx cannot be fetched", (unsigned long long)address);
      return open_up(*r);
    }
  }
  const bool good = !write || make_dirty(*r, b) || open_up(*r);
  watch_on();
  return good;
}

static bool writes(void* context) {
#ifdef __x86_64__
  return static_cast<ucontext_t*>(context)->uc_mcontext.gregs[REG_ERR] & 2;
#else
  (void)context;
  return true;
#endif
}

// As if ours were not there. One that the program has installed later may itself pass on to ours, which it takes for the one before: then the one
// before ours is meant.
static void pass_on(int signal, siginfo_t* info, void* context, bool from_kernel) {
  struct sigaction program = from_kernel ? g_program : g_first;
  if (!(program.sa_flags & SA_SIGINFO) && (program.sa_handler == SIG_DFL || program.sa_handler == SIG_IGN)) {
    struct sigaction none{};
    none.sa_handler = SIG_DFL;
    sigaction(SIGSEGV, &none, nullptr);                   // the access happens again and ends the process, as it should; a raised signal too
    if (info->si_code <= 0) raise(SIGSEGV);
    return;
  }
  sigset_t before, mask = program.sa_mask;
  if (program.sa_flags & SA_NODEFER) {
    sigset_t one;
    sigemptyset(&one);
    sigaddset(&one, SIGSEGV);
    pthread_sigmask(SIG_UNBLOCK, &one, nullptr);
  }
  pthread_sigmask(SIG_BLOCK, &mask, &before);
  if (program.sa_flags & SA_RESETHAND) g_program.sa_flags = 0, g_program.sa_handler = SIG_DFL;
  if (program.sa_flags & SA_SIGINFO) program.sa_sigaction(signal, info, context);
  else program.sa_handler(signal);
  pthread_sigmask(SIG_SETMASK, &before, nullptr);         // not reached by a longjmp, which has its own idea of the mask
}

static void on_fault(int signal, siginfo_t* info, void* context) {
  const int error = errno;
  // The kernel puts the context right above the handler's frame; another handler's frame would be between.
  const bool from_kernel = static_cast<char*>(context) - static_cast<char*>(__builtin_frame_address(0)) < 64;
  const bool done = info->si_code > 0 && resolve(reinterpret_cast<uint64_t>(info->si_addr), writes(context));
  errno = error;
  if (!done) pass_on(signal, info, context, from_kernel);
}

// A child keeps what there is of the memory; the lock must not be left held in it.
static Hold* g_fork_hold = nullptr;
static void before_fork() { g_fork_hold = new Hold; }
static void after_fork_parent() { delete g_fork_hold; }
static void after_fork_child() {
  g_child.store(true, std::memory_order_relaxed);
  delete g_fork_hold;
}

static bool is_ours(struct sigaction* now) { return sigaction(SIGSEGV, nullptr, now) != 0 || (now->sa_flags & SA_SIGINFO && now->sa_sigaction == on_fault); }
bool faults_are_ours() {
  struct sigaction now;
  return is_ours(&now);
}
// Programs install handlers whenever they like: looked at with every call of theirs that begins or ends work, and whenever something gets protected.
void guard_faults() {
  struct sigaction now;
  if (is_ours(&now)) return;
  g_program = now;
  if (!g_ours) {
    g_ours = true;
    g_first = now;
    pthread_atfork(before_fork, after_fork_parent, after_fork_child);
  }
  struct sigaction ours{};
  ours.sa_sigaction = on_fault;
  ours.sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART;
  sigemptyset(&ours.sa_mask);
  sigaction(SIGSEGV, &ours, nullptr);
}

}  // namespace client
