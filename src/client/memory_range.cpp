// Several attributes of a managed range in one call, asked for one by one. Any thread.
#include "client/remote.h"

using namespace client;

EXPORT CUresult cuMemRangeGetAttributes(void** data, size_t* dataSizes, CUmem_range_attribute* attributes, size_t numAttributes, CUdeviceptr devPtr,
                                        size_t count) {
  if (int error = caller().error) return CUresult(error);
  if (!data || !dataSizes || !attributes || !numAttributes) return CUDA_ERROR_INVALID_VALUE;
  for (size_t i = 0; i < numAttributes; i++)
    if (CUresult rc = cuMemRangeGetAttribute(data[i], dataSizes[i], attributes[i], devPtr, count)) return rc;
  return CUDA_SUCCESS;
}
