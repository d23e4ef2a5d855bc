// A program's own SIGSEGV handler beside managed memory: installed before or after, it is called for the program's faults and for no others. Page
// faults in threads, and a child process that leaves its parent's memory alone.
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <thread>

#include "check.h"

static sigjmp_buf back;
static volatile int caught;
static void* volatile caught_at;

static void on_fault(int, siginfo_t* info, void*) {
  caught = caught + 1;
  caught_at = info->si_addr;
  siglongjmp(back, 1);
}
static void on_fault_simple(int) {
  caught = caught + 1;
  siglongjmp(back, 1);
}

static void touch_forbidden(char* forbidden) {
  int before = caught;
  if (sigsetjmp(back, 1) == 0) {
    *(volatile char*)forbidden = 1;
    CHECK(false);
  }
  if (caught != before + 1) printf("%d %d\n", caught, before), fflush(stdout);
  CHECK(caught == before + 1);
}

int main() {
  Gpu gpu;
  int concurrent = 0;
  CU(cuDeviceGetAttribute(&concurrent, CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS, gpu.device));
  if (!concurrent) return skip("the device says that host and kernels cannot use managed memory at once");
  auto* forbidden = (char*)mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  CUdeviceptr address = 0;
  constexpr unsigned kWords = 1 << 16;
  struct sigaction action {}, old {};
  action.sa_sigaction = on_fault;
  action.sa_flags = SA_SIGINFO;
  CHECK(sigaction(SIGSEGV, &action, nullptr) == 0);         // before
  CU(cuMemAllocManaged(&address, kWords * 4, CU_MEM_ATTACH_GLOBAL));
  auto* words = (volatile unsigned*)(uintptr_t)address;
  auto round = [&](unsigned value) {
    for (unsigned i = 0; i < kWords; i += 512) words[i] = value;
    CU(launch(gpu.kernel("add"), kWords / 256, 256, nullptr, address, kWords, 1u));
    CU(cuCtxSynchronize());
    for (unsigned i = 0; i < kWords; i += 512) CHECK(words[i] == value + 1);
  };
  round(10);
  CHECK(caught == 0);
  touch_forbidden(forbidden);
  CHECK(caught_at == forbidden);
  round(20);
  CHECK(caught == 1);
  CHECK(signal(SIGSEGV, on_fault_simple) != SIG_ERR);       // after
  CU(cuCtxSynchronize());
  round(30);
  CHECK(caught == 1);
  touch_forbidden(forbidden);
  round(40);
  CHECK(caught == 2);

  std::vector<std::thread> threads;
  CU(launch(gpu.kernel("add"), kWords / 256, 256, nullptr, address, kWords, 1u));
  CU(cuCtxSynchronize());
  for (int t = 0; t < 4; t++)
    threads.emplace_back([&] {
      for (unsigned i = 0; i < kWords; i += 512) CHECK(words[i] == 42);
    });
  for (auto& t : threads) t.join();

  pid_t child = fork();
  if (child == 0) {                                         // has a handler of its own, faults, and ends
    signal(SIGSEGV, on_fault_simple);
    touch_forbidden(forbidden);
    _exit(caught == 3 ? 0 : 1);
  }
  int status = 0;
  CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  round(50);

  child = fork();                                           // without a handler a fault ends a process as it always did
  if (child == 0) {
    signal(SIGSEGV, SIG_DFL);
    *(volatile char*)forbidden = 1;
    _exit(0);
  }
  CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
  round(60);
  CU(cuMemFree_v2(address));
  (void)old;
}
