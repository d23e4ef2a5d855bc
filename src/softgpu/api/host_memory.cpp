// Page-locked host memory: allocated here or registered by the program. Kernels reach it at its host address. Any thread may call.
#include <sys/mman.h>

#include <cstdio>

#include "softgpu/api/graph.h"
#include "softgpu/api/memory.h"

using namespace softgpu::api;

namespace {
// Every page of the range is mapped in this process, readable, and writable if asked for.
bool mapped(uint64_t address, size_t bytes, bool writable) {
  FILE* maps = fopen("/proc/self/maps", "re");
  if (!maps) return false;
  uint64_t at = address, end = address + bytes, from, to;
  char read, write, line[512];
  while (at < end && fgets(line, sizeof line, maps))
    if (sscanf(line, "%lx-%lx %c%c", &from, &to, &read, &write) == 4 && from <= at && at < to && read == 'r' && (write == 'w' || !writable)) at = to;
  fclose(maps);
  return at >= end && end > address;
}
}  // namespace

extern "C" {

CUresult cuMemHostAlloc(void** pp, size_t bytesize, unsigned int Flags) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(pp && !(Flags & ~7u));
  TRY(refuse_unsafe());
  if (!bytesize) {                 // measured on driver 580: nothing, and no error
    *pp = nullptr;
    return CUDA_SUCCESS;
  }
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
  REQUIRE(!(Flags & CU_MEMHOSTREGISTER_IOMEMORY));      // there is no such memory: no device of another make
  auto base = reinterpret_cast<uint64_t>(p);
  // Pages that the host may not write are refused although the caller promises that kernels only read: a kernel that breaks the promise would
  // end the process. CU_DEVICE_ATTRIBUTE_READ_ONLY_HOST_REGISTER_SUPPORTED says so.
  if (!mapped(base, bytesize, true))
    return Flags & CU_MEMHOSTREGISTER_READ_ONLY && mapped(base, bytesize, false) ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE;
  Allocation other;
  for (uint64_t at : {base, base + bytesize - 1})
    if (find_allocation(at, &other))
      return other.kind == MemoryKind::registered ? CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED : CUDA_ERROR_INVALID_VALUE;
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
  if (!find_allocation(base, &a)) return CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED;
  REQUIRE(a.base == base && a.kind == MemoryKind::registered);
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
  const unsigned told = a.kind == MemoryKind::host ? a.flags : a.flags & CU_MEMHOSTREGISTER_PORTABLE;
  *pFlags = told | CU_MEMHOSTALLOC_DEVICEMAP;            // with unified addresses all of it is mapped
  return CUDA_SUCCESS;
}

}  // extern "C"
