// cuGetProcAddress: a generated table (base name, since which version, stream default) answers it. Measured on driver 580: an unknown name is
// SUCCESS with a null pointer, and so is a name that is newer than the version asked for; a version newer than the driver is INVALID_VALUE.
#include <stdlib.h>

#include "client/remote.h"

namespace client {

struct Proc { const char* name; int since; int per_thread; void* address; };
static const Proc kProcs[] = {
#include "abi/proc_table.inc"
};
static constexpr int kNewest = 13099;

static CUresult find(const char* symbol, void** pfn, int version, cuuint64_t flags, CUdriverProcAddressQueryResult* status) {
  CUdriverProcAddressQueryResult unused;
  if (!status) status = &unused;
  if (!symbol || !pfn || version > kNewest || flags > (CU_GET_PROC_ADDRESS_LEGACY_STREAM | CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM)) return CUDA_ERROR_INVALID_VALUE;
  *pfn = nullptr;
  *status = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  size_t low = 0, high = sizeof kProcs / sizeof *kProcs;   // the first row of the name
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (strcmp(kProcs[middle].name, symbol) < 0) low = middle + 1;
    else high = middle;
  }
  for (; low < sizeof kProcs / sizeof *kProcs && strcmp(kProcs[low].name, symbol) == 0; low++) {
    const Proc& p = kProcs[low];
    if (p.per_thread && !(flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM)) continue;
    if (p.since > version) {
      if (!*pfn) *status = CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT;
      continue;
    }
    *pfn = p.address;
    *status = CU_GET_PROC_ADDRESS_SUCCESS;
  }
  return CUDA_SUCCESS;
}

}  // namespace client

using namespace client;

EXPORT CUresult cuGetProcAddress_v2(const char* symbol, void** pfn, int cudaVersion, cuuint64_t flags, CUdriverProcAddressQueryResult* symbolStatus) {
  return find(symbol, pfn, cudaVersion, flags, symbolStatus);
}
EXPORT CUresult cuGetProcAddress(const char* symbol, void** pfn, int cudaVersion, cuuint64_t flags) {
  return find(symbol, pfn, cudaVersion, flags, nullptr);
}
// The version of the worker's driver once there is a session; before that, of this library.
EXPORT CUresult cuDriverGetVersion(int* driverVersion) {
  if (!driverVersion) return CUDA_ERROR_INVALID_VALUE;
  *driverVersion = 13000;
  return CUDA_SUCCESS;
}
