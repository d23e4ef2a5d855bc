// Memory of another client of the same worker: what was opened goes into the memory map, so that it is known for device memory.
#include "client/context.h"
#include "client/memory_map.h"
#include "client/remote.h"

using namespace client;

EXPORT CUresult cuIpcOpenMemHandle_v2(CUdeviceptr* pdptr, CUipcMemHandle handle, unsigned int Flags) {
  CUresult rc = remote::cuIpcOpenMemHandle_v2(pdptr, handle, Flags);
  Range known;
  CUdeviceptr base = 0;
  size_t bytes = 0;
  if (rc == CUDA_SUCCESS && !find_range(*pdptr, &known) && remote::cuMemGetAddressRange_v2(&base, &bytes, *pdptr) == CUDA_SUCCESS)
    add_range(base, bytes, Place::device);
  return rc;
}
EXPORT CUresult cuIpcOpenMemHandle(CUdeviceptr* pdptr, CUipcMemHandle handle, unsigned int Flags) {
  return cuIpcOpenMemHandle_v2(pdptr, handle, Flags);
}

EXPORT CUresult cuIpcCloseMemHandle(CUdeviceptr dptr) {
  CUresult rc = remote::cuIpcCloseMemHandle(dptr);
  Range known;
  CUdeviceptr base = 0;
  size_t bytes = 0;
  if (rc == CUDA_SUCCESS && remote::cuMemGetAddressRange_v2(&base, &bytes, dptr) != CUDA_SUCCESS)   // else it was opened more than once
    remove_range(dptr, &known);
  return rc;
}
