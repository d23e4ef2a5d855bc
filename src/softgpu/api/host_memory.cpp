// Page-locked host memory: allocated here or registered by the program. Kernels reach it at its host address. Any thread may call.
#include <sys/mman.h>
#include <unistd.h>

#include <vector>

#include "softgpu/api/graph.h"
#include "softgpu/api/memory.h"

using namespace softgpu::api;

namespace {
bool mapped(uint64_t address, size_t bytes) {
  const uint64_t page = uint64_t(sysconf(_SC_PAGESIZE));
  uint64_t first = address & ~(page - 1), last = (address + bytes + page - 1) & ~(page - 1);
  std::vector<unsigned char> resident((last - first) / page);
  return mincore(reinterpret_cast<void*>(first), last - first, resident.data()) == 0;
}
}  // namespace

extern "C" {

CUresult cuMemHostAlloc(void** pp, size_t bytesize, unsigned int Flags) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(pp && bytesize && !(Flags & ~7u));
  TRY(refuse_unsafe());
  void* p = mmap(nullptr, bytesize, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return CUDA_ERROR_OUT_OF_MEMORY;
  remember({.base = reinterpret_cast<uint64_t>(p), .bytes = bytesize, .kind = MemoryKind::host, .context = context,
            .device = context->device, .flags = Flags, .pool = {}});
  *pp = p;
  return CUDA_SUCCESS;
}

CUresult cuMemAllocHost_v2(void** pp, size_t bytesize) { return cuMemHostAlloc(pp, bytesize, 0); }

CUresult cuMemFreeHost(void* p) {
  ContextRef context;
  TRY(enter(&context));
  if (!p) return CUDA_SUCCESS;
  TRY(refuse_unsafe());
  Allocation a;
  auto base = reinterpret_cast<uint64_t>(p);
  if (!find_allocation(base, &a) || a.base != base || a.kind != MemoryKind::host) return CUDA_ERROR_INVALID_VALUE;
  a.context->synchronize();
  if (!take_allocation(base, &a, [](const Allocation& x) { return x.kind == MemoryKind::host; })) return CUDA_ERROR_INVALID_VALUE;
  release_bytes(a);
  return context->error();
}

CUresult cuMemHostRegister_v2(void* p, size_t bytesize, unsigned int Flags) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(p && bytesize && !(Flags & ~0xfu));
  TRY(refuse_unsafe());
  if (Flags & CU_MEMHOSTREGISTER_IOMEMORY) return CUDA_ERROR_NOT_SUPPORTED;
  auto base = reinterpret_cast<uint64_t>(p);
  REQUIRE(mapped(base, bytesize));
  Allocation other;
  for (uint64_t at : {base, base + bytesize - 1})
    if (find_allocation(at, &other))
      return other.on_host() ? CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED : CUDA_ERROR_INVALID_VALUE;
  remember({.base = base, .bytes = bytesize, .kind = MemoryKind::registered, .context = context, .device = context->device,
            .flags = Flags, .pool = {}});
  return CUDA_SUCCESS;
}

CUresult cuMemHostUnregister(void* p) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(p);
  TRY(refuse_unsafe());
  Allocation a;
  auto base = reinterpret_cast<uint64_t>(p);
  if (!find_allocation(base, &a) || a.base != base) return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  if (a.kind != MemoryKind::registered) return CUDA_ERROR_INVALID_VALUE;
  a.context->synchronize();
  if (!take_allocation(base, &a, [](const Allocation& x) { return x.kind == MemoryKind::registered; }))
    return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  release_bytes(a);
  return context->error();
}

CUresult cuMemHostGetDevicePointer_v2(CUdeviceptr* pdptr, void* p, unsigned int Flags) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(pdptr && p && Flags == 0);
  Allocation a;
  REQUIRE(find_allocation(reinterpret_cast<uint64_t>(p), &a) && (a.on_host() || a.kind == MemoryKind::managed));
  *pdptr = reinterpret_cast<CUdeviceptr>(p);
  return CUDA_SUCCESS;
}

CUresult cuMemHostGetFlags(unsigned int* pFlags, void* p) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(pFlags && p);
  Allocation a;
  REQUIRE(find_allocation(reinterpret_cast<uint64_t>(p), &a) && a.on_host());
  *pFlags = a.flags;
  return CUDA_SUCCESS;
}

}  // extern "C"
