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
