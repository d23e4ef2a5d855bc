// Checks of a kernel launch and occupancy arithmetic. Any thread may call.
#pragma once
#include "softgpu/api/module.h"
#include "softgpu/api/work.h"

namespace softgpu::api {

struct Shape {
  unsigned grid[3], block[3], shared;
  unsigned cluster[3] = {0, 0, 0};   // 0: not asked for
};

// Blocks of this size that fit a multiprocessor at once; 0: none.
int blocks_per_multiprocessor(const DeviceProfile& device, const KernelInfo& info, const Settings& settings, int threads, size_t dynamic_shared);
constexpr unsigned kPortableCluster = 8, kMostCluster = 16;   // blocks
// The cluster that a launch gets: the one asked for or the kernel's own. CUDA_ERROR_INVALID_CLUSTER_SIZE: impossible.
CUresult cluster_shape(const DeviceProfile& device, const KernelInfo& info, const Settings& settings, const Shape& shape, unsigned cluster[3]);
// Checks the shape and copies the parameters as the driver does before it queues a launch.
CUresult make_kernel(const FunctionRef& function, CUfunction named, const Shape& shape, bool cooperative, void** params, void** extra,
                     KernelWork* out);

}  // namespace softgpu::api
