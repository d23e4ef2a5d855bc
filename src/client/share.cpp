// Device memory shared by descriptor. What the program gets is a sealed memfd of this machine that holds the name under which the worker keeps
// the driver's own descriptor (src/worker/share.cpp), so that it can be duplicated, inherited and sent to another client of the same worker like
// the original. The memory natively lives as long as somebody has the descriptor open; here a lock on the file tells when nobody has any more:
// every copy of the program's descriptor shares one lock, and what this process keeps is another one that tries to get it. Any thread.
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "client/memory_map.h"
#include "client/remote.h"
#include "client/share.h"

namespace client {
namespace {

struct Token {
  uint64_t magic = 0x3152414853465454ull;    // "TTFSHAR1"
  uint64_t pool = 0;                         // 1: of a pool, 0: of a chunk
  unsigned long long name[2] = {0, 0};
};
constexpr int kSeals = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;

struct Open { int watch; unsigned long long name[2]; };
teleport::Lock g_lock;                       // guards the two below
std::vector<Open>* g_open = nullptr;
std::atomic<size_t> g_count{0};

// The program's descriptor; it is inherited by exec, as the driver's is. -1: this machine has no more. *watch: for sweep(), -1: not possible.
int make_descriptor(const Token& token, int* watch) {
  int fd = memfd_create("tensor-fusion-memory", MFD_ALLOW_SEALING);
  if (fd < 0) return -1;
  if (write(fd, &token, sizeof token) != ssize_t(sizeof token) || fcntl(fd, F_ADD_SEALS, kSeals | F_SEAL_SEAL) != 0 || flock(fd, LOCK_SH) != 0) {
    close(fd);
    return -1;
  }
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  *watch = open(path, O_RDONLY | O_CLOEXEC);
  return fd;
}

bool read_token(int fd, bool pool, Token* token) {
  Token found;
  struct stat status;
  const int seals = fcntl(fd, F_GET_SEALS);
  if (seals < 0 || (seals & kSeals) != kSeals || fstat(fd, &status) != 0 || status.st_size != off_t(sizeof found)) return false;
  if (pread(fd, &found, sizeof found, 0) != ssize_t(sizeof found) || found.magic != token->magic || found.pool != uint64_t(pool)) return false;
  *token = found;
  return true;
}

CUresult give_out(CUmemGenericAllocationHandle chunk, CUmemoryPool pool, CUmemAllocationHandleType type, unsigned long long flags, void* to) {
  if (int error = caller().error) return CUresult(error);
  if (!to) return CUDA_ERROR_INVALID_VALUE;
  if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR)
    return type == CU_MEM_HANDLE_TYPE_FABRIC ? CUresult(unsupported("a fabric handle of memory", CUDA_ERROR_NOT_SUPPORTED)) : CUDA_ERROR_INVALID_VALUE;
  sweep_shared();
  Token token;
  token.pool = pool != nullptr;
  if (CUresult rc = remote::tfShare(chunk, pool, type, flags, token.name)) return rc;
  int watch = -1;
  const int fd = make_descriptor(token, &watch);
  if (fd < 0) {
    remote::tfUnshare(token.name);
    return CUDA_ERROR_OPERATING_SYSTEM;
  }
  if (watch >= 0) {
    g_lock.lock();
    if (!g_open) g_open = new std::vector<Open>;
    g_open->push_back({watch, {token.name[0], token.name[1]}});
    g_count.store(g_open->size(), std::memory_order_relaxed);
    g_lock.unlock();
  }
  memcpy(to, &fd, sizeof fd);
  return CUDA_SUCCESS;
}

CUresult take_in(void* handle, bool pool, CUmemAllocationHandleType type, Token* token) {
  if (int error = caller().error) return CUresult(error);
  if (type != CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) return type == CU_MEM_HANDLE_TYPE_NONE ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_NOT_SUPPORTED;
  return read_token(int(reinterpret_cast<intptr_t>(handle)), pool, token) ? CUDA_SUCCESS : CUDA_ERROR_UNKNOWN;
}

}  // namespace

void sweep_shared() {
  if (!g_count.load(std::memory_order_relaxed)) return;
  std::vector<Open> gone;
  g_lock.lock();
  for (size_t i = 0; i < g_open->size();) {
    Open& o = (*g_open)[i];
    if (flock(o.watch, LOCK_EX | LOCK_NB) != 0) {
      i++;
      continue;
    }
    gone.push_back(o);
    o = g_open->back();
    g_open->pop_back();
  }
  g_count.store(g_open->size(), std::memory_order_relaxed);
  g_lock.unlock();
  for (Open& o : gone) {
    close(o.watch);
    remote::tfUnshare(o.name);
  }
}

}  // namespace client

using namespace client;

EXPORT CUresult cuMemExportToShareableHandle(void* shareableHandle, CUmemGenericAllocationHandle handle, CUmemAllocationHandleType handleType,
                                             unsigned long long flags) {
  return give_out(handle, nullptr, handleType, flags, shareableHandle);
}
EXPORT CUresult cuMemPoolExportToShareableHandle(void* handle_out, CUmemoryPool pool, CUmemAllocationHandleType handleType, unsigned long long flags) {
  if (int error = caller().error) return CUresult(error);
  if (!known(number_of(pool), wire::kCUmemoryPool, true)) return CUDA_ERROR_INVALID_VALUE;
  return give_out(0, pool, handleType, flags, handle_out);
}
EXPORT CUresult cuMemImportFromShareableHandle(CUmemGenericAllocationHandle* handle, void* osHandle, CUmemAllocationHandleType shHandleType) {
  Token token;
  if (CUresult rc = take_in(osHandle, false, shHandleType, &token)) return rc;
  return handle ? remote::tfImportChunk(token.name, shHandleType, handle) : CUDA_ERROR_INVALID_VALUE;
}
EXPORT CUresult cuMemPoolImportFromShareableHandle(CUmemoryPool* pool_out, void* handle, CUmemAllocationHandleType handleType, unsigned long long flags) {
  Token token;
  if (CUresult rc = take_in(handle, true, handleType, &token)) return rc;
  return pool_out ? remote::tfImportPool(token.name, handleType, flags, pool_out) : CUDA_ERROR_INVALID_VALUE;
}

EXPORT CUresult cuMemPoolDestroy(CUmemoryPool pool) {
  sweep_shared();
  return remote::cuMemPoolDestroy(pool);
}

EXPORT CUresult cuMemPoolImportPointer(CUdeviceptr* ptr_out, CUmemoryPool pool, CUmemPoolPtrExportData* shareData) {
  CUresult rc = remote::cuMemPoolImportPointer(ptr_out, pool, shareData);
  CUdeviceptr base = 0;
  size_t bytes = 0;
  if (rc == CUDA_SUCCESS && remote::cuMemGetAddressRange_v2(&base, &bytes, *ptr_out) == CUDA_SUCCESS) add_range(base, bytes, Place::device, kPooled);
  return rc;
}
