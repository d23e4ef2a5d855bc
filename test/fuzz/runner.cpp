// See runner.h.
#include "runner.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "program.h"

namespace fuzz {
namespace {

bool write_all(int fd, const void* p, size_t n) {
  for (auto* c = static_cast<const char*>(p); n;) {
    ssize_t k = write(fd, c, n);
    if (k <= 0) return false;
    c += k, n -= static_cast<size_t>(k);
  }
  return true;
}
// 0: whole; kCrashed: closed; kHung: nothing for so long
int read_all(int fd, void* p, size_t n, int seconds) {
  for (auto* c = static_cast<char*>(p); n;) {
    pollfd f{fd, POLLIN, 0};
    if (seconds && poll(&f, 1, seconds * 1000) == 0) return kHung;
    ssize_t k = read(fd, c, n);
    if (k <= 0) return kCrashed;
    c += k, n -= static_cast<size_t>(k);
  }
  return 0;
}

struct Head { uint32_t text, kernels; int32_t optimization; uint32_t bytes; };
struct Item { char name[56]; uint32_t block; };
struct Reply { int32_t result; uint32_t log, bytes; Hash hash; };

}  // namespace

std::string Hash::text() const {
  char s[40];
  std::snprintf(s, sizeof s, "%016llx%016llx", static_cast<unsigned long long>(a), static_cast<unsigned long long>(b));
  return s;
}

Hash hash(const uint8_t* p, size_t n) {
  Hash h{0x9e3779b97f4a7c15, n};
  for (size_t i = 0; i < n; i += 8) {
    uint64_t w = 0;
    std::memcpy(&w, p + i, n - i < 8 ? n - i : 8);
    h.a = (h.a ^ w) * 0xff51afd7ed558ccd, h.a ^= h.a >> 32;
    h.b = (h.b + w) * 0xc4ceb9fe1a85ec53, h.b ^= h.b >> 29;
  }
  return h;
}

bool Runner::start() {
  int a[2], b[2];
  if (pipe2(a, O_CLOEXEC)) return false;
  if (pipe2(b, O_CLOEXEC)) return close(a[0]), close(a[1]), false;
  pid_ = fork();
  if (pid_ == 0) {
    dup2(a[0], 0), dup2(b[1], 1);
    execl("/proc/self/exe", "ptx_differential", "--serve", driver_.c_str(), nullptr);
    _exit(127);
  }
  close(a[0]), close(b[1]);
  to_ = a[1], from_ = b[0];
  return pid_ > 0;
}

void Runner::stop() {
  if (pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
  close(to_), close(from_);
  pid_ = -1;
}

std::vector<Answer> Runner::run(const std::string& ptx, int optimization, const std::vector<KernelRequest>& kernels, bool bytes) {
  std::vector<Answer> answers(kernels.size());
  auto all = [&](int result) { for (Answer& a : answers) a = {result, "", {}, {}}; return answers; };
  if (pid_ <= 0 && !start()) return all(kCrashed);
  Head h{static_cast<uint32_t>(ptx.size()), static_cast<uint32_t>(kernels.size()), optimization, bytes};
  std::string request(reinterpret_cast<char*>(&h), sizeof h);
  request += ptx;
  for (const KernelRequest& k : kernels) {
    Item i{};
    std::snprintf(i.name, sizeof i.name, "%s", k.name.c_str());
    i.block = k.block;
    request.append(reinterpret_cast<char*>(&i), sizeof i);
  }
  if (!write_all(to_, request.data(), request.size())) return stop(), all(kCrashed);
  bool failed = false;
  for (Answer& a : answers) {
    Reply r;
    int bad = read_all(from_, &r, sizeof r, seconds_);
    if (!bad) {
      a.result = r.result, a.hash = r.hash;
      a.log.resize(r.log), a.bytes.resize(r.bytes);
      if (!(bad = read_all(from_, a.log.data(), r.log, seconds_))) bad = read_all(from_, a.bytes.data(), r.bytes, seconds_);
    }
    if (bad) return stop(), all(bad);
    failed |= r.result != 0;
  }
  if (failed) stop();   // the context may be lost
  return answers;
}

// --- the process that calls the driver

namespace {

template <class F> F* symbol(void* lib, const char* name) {
  void* p = dlsym(lib, name);
  if (!p) std::fprintf(stderr, "no %s\n", name), _exit(2);
  return reinterpret_cast<F*>(p);
}

}  // namespace

int serve(const char* driver) {
  int answers = dup(1);   // what a driver prints must not get among the answers
  dup2(2, 1);
  void* lib = dlopen(driver, RTLD_NOW);
  if (!lib) return std::fprintf(stderr, "%s\n", dlerror()), 2;
  auto load = symbol<int(void**, const void*, unsigned, int*, void**)>(lib, "cuModuleLoadDataEx");
  auto unload = symbol<int(void*)>(lib, "cuModuleUnload");
  auto function = symbol<int(void**, void*, const char*)>(lib, "cuModuleGetFunction");
  auto up = symbol<int(uint64_t, const void*, size_t)>(lib, "cuMemcpyHtoD_v2");
  auto down = symbol<int(void*, uint64_t, size_t)>(lib, "cuMemcpyDtoH_v2");
  auto clear = symbol<int(uint64_t, unsigned char, size_t)>(lib, "cuMemsetD8_v2");
  auto allocate = symbol<int(uint64_t*, size_t)>(lib, "cuMemAlloc_v2");
  auto launch = symbol<int(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**, void**)>(lib, "cuLaunchKernel");
  int device = 0;
  void* context = nullptr;
  uint64_t in = 0, work = 0;
  std::vector<uint8_t> tables = input_tables(), result(out_bytes(128) + scratch_bytes(128));
  int r = symbol<int(unsigned)>(lib, "cuInit")(0);
  if (!r) r = symbol<int(int*, int)>(lib, "cuDeviceGet")(&device, 0);
  if (!r) r = symbol<int(void**, int)>(lib, "cuDevicePrimaryCtxRetain")(&context, device);
  if (!r) r = symbol<int(void*)>(lib, "cuCtxSetCurrent")(context);
  if (!r) r = symbol<int(int, size_t)>(lib, "cuCtxSetLimit")(0, 16384);   // stack: recursion and calls through pointers
  if (!r) r = allocate(&in, tables.size());
  if (!r) r = allocate(&work, result.size());
  if (!r) r = up(in, tables.data(), tables.size());
  if (r) return std::fprintf(stderr, "%s: error %d\n", driver, r), 2;
  static char log[8192];
  for (Head h; !read_all(0, &h, sizeof h, 0);) {
    std::string text(h.text, 0);
    std::vector<Item> items(h.kernels);
    if (read_all(0, text.data(), text.size(), 0) || read_all(0, items.data(), items.size() * sizeof(Item), 0)) break;
    int options[3] = {5, 6, 7};   // CU_JIT_ERROR_LOG_BUFFER, its size, CU_JIT_OPTIMIZATION_LEVEL
    void* values[3] = {log, reinterpret_cast<void*>(sizeof log), reinterpret_cast<void*>(static_cast<intptr_t>(h.optimization))};
    log[0] = 0;
    void *module = nullptr, *kernel = nullptr;
    int loaded = load(&module, text.c_str(), 3, options, values);
    for (const Item& i : items) {
      Reply reply{loaded, 0, 0, {}};
      size_t out = out_bytes(i.block), n = out + scratch_bytes(i.block);
      if (n > result.size()) return 2;
      uint64_t scratch = work + out;
      void* arguments[3] = {&in, &work, &scratch};
      if (!reply.result) reply.result = function(&kernel, module, i.name);
      if (!reply.result) reply.result = clear(work, 0, n);
      if (!reply.result) reply.result = launch(kernel, kGrid, 1, 1, i.block, 1, 1, 0, nullptr, arguments, nullptr);
      if (!reply.result) reply.result = down(result.data(), work, n);
      if (!reply.result) reply.hash = hash(result.data(), n), reply.bytes = h.bytes ? static_cast<uint32_t>(n) : 0;
      if (loaded) reply.log = static_cast<uint32_t>(strnlen(log, sizeof log));
      if (!write_all(answers, &reply, sizeof reply) || !write_all(answers, log, reply.log) || !write_all(answers, result.data(), reply.bytes)) return 2;
    }
    if (module) unload(module);
  }
  return 0;
}

}  // namespace fuzz
