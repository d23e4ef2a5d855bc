// Kernels that do what no kernel may. Each runs in a process of its own: it ends with the code in the table, what lies around its
// allocations, in the process and in another context of the same device (which the driver stops as well) is unchanged, and this process, which uses the device all the
// while, notices nothing. --table prints the codes instead of checking them (a run on NVIDIA's driver fills the second column);
// a name runs one kernel here. TF_TEST_EVERY=N is for a real GPU, which lets pass what stays inside a page and takes seconds for each: every Nth kernel,
// whatever it ends with.
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>
#include <string>
#include "check.h"
#include "../hostile/kernels.h"

static const char kPrologue[] =
    ".version 8.4\n.target sm_75\n.address_size 64\n"
    ".extern .func (.param .b32 r) vprintf (.param .b64 f, .param .b64 a);\n.extern .func (.param .b64 r) malloc (.param .b64 n);\n.extern .func free (.param .b64 p);\n";
static const char kEntry[] =
    ".visible .entry hostile(.param .u64 target, .param .u64 freed, .param .u64 heap) {\n.reg .pred %p<8>; .reg .b16 %h<8>; .reg .b32 %r<40>; .reg .b64 %q<40>;\n"
    "ld.param.u64 %q0, [target]; ld.param.u64 %q1, [freed]; ld.param.u64 %q2, [heap]; mov.u32 %r0, %tid.x; mov.u32 %r1, %laneid; mov.u32 %r2, 0; mov.u64 %q3, 0;\n";

static const size_t kAround = 4000, kTarget = 200;

// Bytes of this process, or false where the address is not memory of the process (a real device's, or a remote one's).
static bool peek(unsigned long long address, void* to, size_t n) {
  iovec local{to, n}, remote{(void*)address, n};
  return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)n;
}

static int child(const HostileKernel& k, bool table) {
  Gpu gpu;
  CUcontext other = nullptr;
  CU(cuCtxCreate_v2(&other, 0, gpu.device));
  CUdeviceptr elsewhere = allocate(kAround);
  CU(cuMemsetD8_v2(elsewhere, 0xa5, kAround));
  CU(cuCtxSetCurrent(gpu.context));
  CUdeviceptr before = allocate(kAround), target = allocate(kTarget), after = allocate(kAround), freed = allocate(kAround);
  CU(cuMemsetD8_v2(before, 0xa5, kAround));
  CU(cuMemsetD8_v2(after, 0xa5, kAround));
  CU(cuMemsetD8_v2(target, 0, kTarget));
  CU(cuMemFree_v2(freed));
  std::vector<unsigned char> heap(kAround, 0xa5);
  CUresult result;
  CUmodule module = nullptr;
  CUfunction function = nullptr;
  std::string text = std::string(kPrologue) + k.module + kEntry + k.body + "\nret;\n}\n";
  for (size_t at; (at = text.find("sm_75")) != std::string::npos && k.target;) text.replace(at, 5, k.target);
  result = cuModuleLoadData(&module, text.c_str());
  if (!result) result = cuModuleGetFunction(&function, module, "hostile");
  if (!result && k.shared > 48 << 10) result = cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, k.shared);
  if (!result) {
    void* address = heap.data() + 256;
    void* parameters[] = {&target, &freed, &address};
    result = cuLaunchKernel(function, k.blocks, 1, 1, k.threads[0], k.threads[1], k.threads[2], k.shared, nullptr, parameters, nullptr);
  }
  if (!result && k.endless) {   // it goes on until the process ends, which it can
    usleep(100000);
    result = cuStreamQuery(nullptr);
  } else if (!result) {
    result = cuCtxSynchronize();
  }
  const bool any = getenv("TF_TEST_EVERY") && (result != CUDA_ERROR_DEVICE_UNAVAILABLE || k.kills_compiler);   // but the worker's session must answer, if the driver does
  if (table) printf("%-28s %d\n", k.name, (int)result), fflush(stdout);
  else if (any) return 0;   // and so may be what lies around, on its pages
  else if (result != k.wanted) printf("%s: %d %s, wanted %d\n", k.name, (int)result, name_of(result), k.wanted), fflush(stdout), _exit(1);
  for (unsigned char c : heap) CHECK(c == 0xa5);
  std::vector<unsigned char> copy(kAround);
  for (CUdeviceptr around : {before, after, elsewhere})
    if (peek(around, copy.data(), copy.size()))
      for (unsigned char c : copy) CHECK(c == 0xa5);
  return 0;
}

int main(int argc, char** argv) {
  bool table = argc > 1 && !strcmp(argv[1], "--table");
  if (argc > 1) {
    for (const HostileKernel& k : kHostileKernels)
      if (!strcmp(argv[argc - 1], k.name)) return child(k, table);
  }
  Gpu gpu;   // a bystander
  CUdeviceptr own = allocate(1 << 20);
  CU(cuMemsetD32_v2(own, 0x12345678, 1 << 18));
  CUfunction fill = gpu.kernel("fill");
  int bad = 0, number = 0;
  const int every = getenv("TF_TEST_EVERY") ? atoi(getenv("TF_TEST_EVERY")) : 1;
  for (const HostileKernel& k : kHostileKernels) {
    if (number++ % every || (table && k.endless)) continue;
    pid_t pid = fork();
    if (pid == 0) {
      alarm(60);
      execl("/proc/self/exe", argv[0], table ? "--table" : k.name, k.name, nullptr);
      _exit(127);
    }
    int status = -1;
    CHECK(waitpid(pid, &status, 0) == pid);
    if (status) printf("%s: the process ended with %s %d\n", k.name, WIFSIGNALED(status) ? "signal" : "status", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status)), fflush(stdout), bad++;
    CU(launch(fill, 1, 16, nullptr, own, 16u, 4u));
    CU(cuCtxSynchronize());
    CHECK(read_word(own + 4000) == 0x12345678);
  }
  for (unsigned word : std::vector<unsigned>(read_words(own + 64, (1 << 18) - 16))) CHECK(word == 0x12345678);
  CHECK(bad == 0);
  return 0;
}
