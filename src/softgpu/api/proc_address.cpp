// cuGetProcAddress by the table that is generated from the API description.
// Any thread may call, before cuInit too.
#include <cstring>

#include "softgpu/api/context.h"

namespace {

struct Row {
  const char* name;
  int since;             // CUDA version from which this symbol answers the name
  int per_thread;        // 2: the symbol with the per-thread default stream
  void* symbol;
};
const Row kRows[] = {
#include "abi/proc_table.inc"
};

}  // namespace

extern "C" {

CUresult cuGetProcAddress_v2(const char* symbol, void** pfn, int cudaVersion, cuuint64_t flags, CUdriverProcAddressQueryResult* symbolStatus) {
  REQUIRE(symbol && pfn && !(flags & ~cuuint64_t(3)) && flags != 3 && cudaVersion <= 13099);   // newer than this driver: a bad value
  *pfn = nullptr;
  if (symbolStatus) *symbolStatus = CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  if (!*symbol) return CUDA_SUCCESS;       // the runtime's first probe
  const bool per_thread = flags & CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM;
  bool known = false;
  for (auto& row : kRows) {                // sorted by version: the last that fits is the newest
    if (strcmp(row.name, symbol) != 0) continue;
    known = true;
    if (row.since <= cudaVersion && (row.per_thread == 0 || per_thread)) *pfn = row.symbol;
  }
  // From CUDA 12 on the plain name stands for the form with flags.
  if (*pfn && cudaVersion >= 12000 && strcmp(symbol, "cuGraphInstantiate") == 0) *pfn = reinterpret_cast<void*>(&cuGraphInstantiateWithFlags);
  if (symbolStatus)
    *symbolStatus = *pfn    ? CU_GET_PROC_ADDRESS_SUCCESS
                    : known ? CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT
                            : CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND;
  return CUDA_SUCCESS;   // measured on driver 580: the status says that nothing was found, the result does not
}

CUresult cuGetProcAddress(const char* symbol, void** pfn, int cudaVersion, cuuint64_t flags) {
  return cuGetProcAddress_v2(symbol, pfn, cudaVersion, flags, nullptr);
}

}  // extern "C"
