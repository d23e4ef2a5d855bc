// Cluster occupancy takes a launch configuration with pointers inside, so it travels as tfOccupancyClusters; the rest is generated.
#include "client/launch.h"
#include "client/remote.h"

using namespace client;

static CUresult clusters(unsigned potential, int* value, CUfunction func, const CUlaunchConfig* config) {
  if (!value || !config) return CUDA_ERROR_INVALID_VALUE;
  if (CUresult rc = check_attributes(config)) return rc;
  return remote::tfOccupancyClusters(potential, func, config->gridDimX, config->gridDimY, config->gridDimZ, config->blockDimX, config->blockDimY, config->blockDimZ,
                                     config->sharedMemBytes, unsigned(config->numAttrs * sizeof(CUlaunchAttribute)), config->attrs, value);
}

EXPORT CUresult cuOccupancyMaxActiveClusters(int* numClusters, CUfunction func, const CUlaunchConfig* config) { return clusters(0, numClusters, func, config); }
EXPORT CUresult cuOccupancyMaxPotentialClusterSize(int* clusterSize, CUfunction func, const CUlaunchConfig* config) { return clusters(1, clusterSize, func, config); }

// The size of dynamic shared memory may be a function of the program's, so the search is made here, with the driver's answer for each block size.
EXPORT CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int* minGridSize, int* blockSize, CUfunction func, CUoccupancyB2DSize blockSizeToDynamicSMemSize,
                                                          size_t dynamicSMemSize, int blockSizeLimit, unsigned int flags) {
  if (!minGridSize || !blockSize) return CUDA_ERROR_INVALID_VALUE;
  CUdevice device;
  if (CUresult rc = cuCtxGetDevice(&device)) return rc;
  int limit = 0, processors = 0, best = 0, best_blocks = 0;
  if (CUresult rc = cuFuncGetAttribute(&limit, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, func)) return rc;
  if (CUresult rc = remote::cuDeviceGetAttribute(&processors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device)) return rc;
  if (blockSizeLimit > 0 && blockSizeLimit < limit) limit = blockSizeLimit;
  // From the largest size down in whole warps; more threads at once wins, and of equals the larger block.
  for (int size = limit; size > 0; size = size % 32 ? size - size % 32 : size - 32) {
    int blocks = 0;
    size_t shared = blockSizeToDynamicSMemSize ? blockSizeToDynamicSMemSize(size) : dynamicSMemSize;
    if (CUresult rc = remote::cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(&blocks, func, size, shared, flags)) return rc;
    if (size * blocks > best * best_blocks) best = size, best_blocks = blocks;
  }
  *blockSize = best;
  *minGridSize = best_blocks * processors;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuOccupancyMaxPotentialBlockSize(int* minGridSize, int* blockSize, CUfunction func, CUoccupancyB2DSize blockSizeToDynamicSMemSize, size_t dynamicSMemSize,
                                                 int blockSizeLimit) {
  return cuOccupancyMaxPotentialBlockSizeWithFlags(minGridSize, blockSize, func, blockSizeToDynamicSMemSize, dynamicSMemSize, blockSizeLimit, 0);
}
