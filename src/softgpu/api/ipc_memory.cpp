// cuIpc*MemHandle. Exporting an allocation moves its contents into a memfd that is mapped over the same addresses; nobody pays who does not
// export. The importer maps that file and may touch exactly the bytes of the allocation. Any thread may call.
#include "softgpu/api/ipc_memory.h"

#include <algorithm>
#include <sys/mman.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <map>
#include <thread>

#include "base/log.h"
#include "softgpu/api/graph.h"
#include "softgpu/api/pool.h"
#include "softgpu/api/stream.h"

namespace softgpu::api {

namespace {

constexpr auto kLongestWait = std::chrono::seconds(2);

struct Export { uint64_t id; int fd; SharedFile file; };
struct Import { SharedFile file; uint64_t context_id; unsigned opened; uint64_t mapped; };

std::mutex g_lock;                           // guards the two below
std::map<uint64_t, Export> g_exports;        // by base
std::map<uint64_t, Import> g_imports;        // by base
std::mutex g_moving;                         // one allocation at a time changes its pages

uint64_t whole_pages(uint64_t bytes) { return (bytes + kPage - 1) & ~(kPage - 1); }

// Keeps the device still while it lives: no work of its contexts runs and none can start. A stream that is held up for long (a kernel that
// waits for another process) is not waited for.
class Stillness {
 public:
  explicit Stillness(Device* device) : contexts_(contexts_of(device)) {
    auto until = std::chrono::steady_clock::now() + kLongestWait;
    for (;;) {
      for (auto& c : contexts_) locks_.emplace_back(c->submit);
      bool idle = true;
      for (auto& c : contexts_)
        for (auto& end : c->tails()) idle &= end.done();
      if (idle) return;
      if (std::chrono::steady_clock::now() > until) {
        base::log(base::Level::warn, "memory is exported while work of its device runs: what that work writes there meanwhile may be lost");
        return;
      }
      locks_.clear();
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }
 private:
  std::vector<ContextRef> contexts_;
  std::vector<std::unique_lock<std::mutex>> locks_;
};

bool write_pages(int fd, uint64_t from, uint64_t bytes) {     // pages of zeros stay holes, and so does what lies after the allocation
  static const char zeros[kPage] = {};
  for (uint64_t at = 0; at < bytes; at += kPage) {
    auto* page = reinterpret_cast<const char*>(from + at);
    const size_t n = std::min<uint64_t>(kPage, bytes - at);
    if (memcmp(page, zeros, n) != 0 && pwrite(fd, page, n, off_t(at)) != ssize_t(n)) return false;
  }
  return true;
}

}  // namespace

CUresult export_memory(const Allocation& a, SharedHandle* out) {
  std::lock_guard moving(g_moving);
  Export e{a.id, -1, {}};
  {
    std::lock_guard lock(g_lock);
    if (auto it = g_exports.find(a.base); it != g_exports.end() && it->second.id == a.id) e = it->second;
  }
  if (e.fd < 0) {
    const uint64_t bytes = whole_pages(a.bytes);
    e.fd = make_shared_file('m', bytes, a.device->profile.uuid, &e.file);
    if (e.fd < 0) return CUDA_ERROR_OPERATING_SYSTEM;
    Stillness still(a.device);
    if (!write_pages(e.fd, a.base, a.bytes) ||
        mmap(reinterpret_cast<void*>(a.base), bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, e.fd, 0) == MAP_FAILED) {
      close(e.fd);
      return CUDA_ERROR_OUT_OF_MEMORY;
    }
    std::lock_guard lock(g_lock);
    g_exports[a.base] = e;
  }
  *out = {kSharedMagic, getpid(), e.fd, 0, e.file};
  out->file.bytes = a.bytes;
  return CUDA_SUCCESS;
}

void end_export(const Allocation& a) {
  Export e{};
  {
    std::lock_guard lock(g_lock);
    auto it = g_exports.find(a.base);
    if (it == g_exports.end() || it->second.id != a.id) return;
    e = it->second;
    g_exports.erase(it);
  }
  mmap(reinterpret_cast<void*>(a.base), e.file.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_FIXED, -1, 0);
  close(e.fd);
}

CUresult import_memory(const ContextRef& context, const SharedHandle& h, const std::shared_ptr<Pool>& pool, uint64_t* address) {
  REQUIRE(h.magic == kSharedMagic && h.file.kind == 'm' && h.file.bytes);
  std::lock_guard lock(g_lock);
  for (auto& [base, import] : g_imports) {
    if (!import.opened || import.context_id != context->id || memcmp(import.file.token, h.file.token, sizeof h.file.token) != 0) continue;
    import.opened++;
    *address = base;
    return CUDA_SUCCESS;
  }
  Device* device = device_of(device_with(h.file.device));
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  int fd = open_shared_file(h.pid, h.fd, h.file);
  if (fd < 0) {
    base::log(base::Level::warn, "the memory that process %d has shared is gone, or this process may not open it", h.pid);
    return CUDA_ERROR_NOT_PERMITTED;
  }
  SharedFile file;
  bool fits = describe_shared_file(fd, &file) && file.bytes == whole_pages(h.file.bytes);
  void* p = fits ? mmap(nullptr, file.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  close(fd);
  if (!fits) return CUDA_ERROR_INVALID_VALUE;
  if (p == MAP_FAILED) return CUDA_ERROR_MAP_FAILED;
  const auto base = reinterpret_cast<uint64_t>(p);
  add_window(base, file.bytes);
  g_imports[base] = {file, context->id, 1, file.bytes};
  remember({.base = base, .bytes = h.file.bytes, .kind = MemoryKind::imported, .context = context, .device = device, .pool = pool,
            .seen_by = 1u << context->device->ordinal});
  *address = base;
  return CUDA_SUCCESS;
}

bool close_import(uint64_t base, Allocation* last) {
  {
    std::lock_guard lock(g_lock);
    auto it = g_imports.find(base);
    if (it == g_imports.end()) return false;
    if (--it->second.opened) return true;
  }
  return take_allocation(base, last, [](const Allocation& a) { return a.kind == MemoryKind::imported; });
}

void end_import(const Allocation& a) {
  std::lock_guard lock(g_lock);
  auto it = g_imports.find(a.base);
  if (it == g_imports.end()) return;
  remove_window(a.base);
  munmap(reinterpret_cast<void*>(a.base), it->second.mapped);
  g_imports.erase(it);
}

}  // namespace softgpu::api

using namespace softgpu::api;

extern "C" {

CUresult cuIpcGetMemHandle(CUipcMemHandle* pHandle, CUdeviceptr dptr) {
  ContextRef context;
  TRY(enter(&context));
  Allocation a;
  REQUIRE(pHandle && find_allocation(dptr, &a) && a.kind == MemoryKind::device && a.id);
  SharedHandle handle;
  TRY(export_memory(a, &handle));
  memcpy(pHandle, &handle, sizeof handle);
  return CUDA_SUCCESS;
}

CUresult cuIpcOpenMemHandle_v2(CUdeviceptr* pdptr, CUipcMemHandle handle, unsigned int Flags) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(pdptr && Flags == CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS);
  TRY(refuse_unsafe());
  SharedHandle h;
  memcpy(&h, &handle, sizeof h);
  REQUIRE(h.magic == kSharedMagic && h.detail == 0);
  if (h.pid == getpid()) return CUDA_ERROR_INVALID_CONTEXT;     // the owner has it already
  uint64_t address;
  TRY(import_memory(context, h, nullptr, &address));
  *pdptr = address;
  return CUDA_SUCCESS;
}
CUresult cuIpcOpenMemHandle(CUdeviceptr* pdptr, CUipcMemHandle handle, unsigned int Flags) { return cuIpcOpenMemHandle_v2(pdptr, handle, Flags); }

CUresult cuIpcCloseMemHandle(CUdeviceptr dptr) {
  ContextRef context;
  TRY(enter(&context));
  TRY(refuse_unsafe());
  Allocation a;
  REQUIRE(find_allocation(dptr, &a) && a.base == dptr && a.kind == MemoryKind::imported && !a.pool);
  a.context->synchronize();      // work that may still use it
  Allocation last;
  REQUIRE(close_import(dptr, &last));
  if (last.base) release_bytes(last);
  return context->error();
}

}  // extern "C"
