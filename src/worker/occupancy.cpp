// tfOccupancyClusters: a launch configuration holds pointers, so it came in pieces and is put together here.
#include "worker/handlers.h"

namespace worker::serve {

int tfOccupancyClusters(Session& s, Request&, wire::tfOccupancyClusters::Args& a, wire::tfOccupancyClusters::Outs& o) {
  CUfunction function{};
  if (!s.real(a.function, wire::kCUfunction, &function)) return CUDA_ERROR_INVALID_HANDLE;
  if (a.attributeBytes % sizeof(CUlaunchAttribute)) return CUDA_ERROR_INVALID_VALUE;
  std::vector<CUlaunchAttribute> attributes(a.attributeBytes / sizeof(CUlaunchAttribute));
  if (!attributes.empty()) memcpy(attributes.data(), a.attributes, a.attributeBytes);
  CUlaunchConfig config{};
  config.gridDimX = a.gridDimX; config.gridDimY = a.gridDimY; config.gridDimZ = a.gridDimZ;
  config.blockDimX = a.blockDimX; config.blockDimY = a.blockDimY; config.blockDimZ = a.blockDimZ;
  config.sharedMemBytes = a.sharedMemBytes;
  config.attrs = attributes.data();
  config.numAttrs = unsigned(attributes.size());
  return a.potential ? call(s.driver.cuOccupancyMaxPotentialClusterSize, o.value, function, &config) : call(s.driver.cuOccupancyMaxActiveClusters, o.value, function, &config);
}

}  // namespace worker::serve
