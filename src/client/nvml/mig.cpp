// Lists whose room is not among the arguments: the driver tells how many came, and so many are copied. Any thread.
#include "client/remote.h"

using namespace client;

template <class Object, class T, class F>
static nvmlReturn_t listed(F* remote, Object object, unsigned profile, T* to, unsigned* count) {
  if (!count) return NVML_ERROR_INVALID_ARGUMENT;
  T all[64] = {};
  unsigned came = 0;
  nvmlReturn_t rc = remote(object, profile, to ? all : nullptr, &came);
  if (rc) return rc;
  if (to) memcpy(to, all, (came < 64 ? came : 64) * sizeof(T));
  *count = came;
  return rc;
}

EXPORT nvmlReturn_t nvmlDeviceGetGpuInstances(nvmlDevice_t device, unsigned int profile, nvmlGpuInstance_t* instances, unsigned int* count) {
  return listed(remote::nvmlDeviceGetGpuInstances, device, profile, instances, count);
}
EXPORT nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements(nvmlDevice_t device, unsigned int profile, nvmlGpuInstancePlacement_t* placements,
                                                               unsigned int* count) {
  return listed(remote::nvmlDeviceGetGpuInstancePossiblePlacements, device, profile, placements, count);
}
EXPORT nvmlReturn_t nvmlDeviceGetGpuInstancePossiblePlacements_v2(nvmlDevice_t device, unsigned int profile, nvmlGpuInstancePlacement_t* placements,
                                                                  unsigned int* count) {
  return listed(remote::nvmlDeviceGetGpuInstancePossiblePlacements_v2, device, profile, placements, count);
}
EXPORT nvmlReturn_t nvmlGpuInstanceGetComputeInstances(nvmlGpuInstance_t instance, unsigned int profile, nvmlComputeInstance_t* instances,
                                                       unsigned int* count) {
  return listed(remote::nvmlGpuInstanceGetComputeInstances, instance, profile, instances, count);
}
EXPORT nvmlReturn_t nvmlGpuInstanceGetComputeInstancePossiblePlacements(nvmlGpuInstance_t instance, unsigned int profile,
                                                                        nvmlComputeInstancePlacement_t* placements, unsigned int* count) {
  return listed(remote::nvmlGpuInstanceGetComputeInstancePossiblePlacements, instance, profile, placements, count);
}
