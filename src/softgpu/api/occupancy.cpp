// Occupancy: arithmetic over the limits of the device's profile. Any thread may call.
#include <algorithm>
#include <bit>

#include "softgpu/api/launch.h"

namespace softgpu::api {

namespace {
constexpr size_t round_up(size_t n, size_t to) { return (n + to - 1) / to * to; }
}  // namespace

int blocks_per_multiprocessor(const DeviceProfile& device, const KernelInfo& info, const Settings& settings, int threads, size_t dynamic_shared) {
  if (threads <= 0 || threads > most_threads(info) || dynamic_shared > size_t(settings.max_dynamic_shared)) return 0;
  size_t warps = round_up(size_t(threads), kWarp) / kWarp;
  size_t by_threads = size_t(device.chip.threads_per_sm / kWarp) / warps;
  size_t registers_per_warp = round_up(std::max(1u, info.registers) * size_t(kWarp), 256);
  size_t by_registers = size_t(kRegistersPerSm) / registers_per_warp / warps;
  size_t shared = round_up(info.static_shared_bytes + dynamic_shared + size_t(device.chip.shared_reserved), 128);
  size_t by_shared = shared ? size_t(device.chip.shared_per_sm) / shared : size_t(device.chip.blocks_per_sm);
  return int(std::min({size_t(device.chip.blocks_per_sm), by_threads, by_registers, by_shared}));
}

namespace {
CUresult shape_of(const CUlaunchConfig& c, Shape* out) {
  *out = {{c.gridDimX, c.gridDimY, c.gridDimZ}, {c.blockDimX, c.blockDimY, c.blockDimZ}, c.sharedMemBytes};
  REQUIRE(c.numAttrs == 0 || c.attrs);
  for (unsigned i = 0; i < c.numAttrs; i++) {
    if (c.attrs[i].id != CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) continue;
    auto& d = c.attrs[i].value.clusterDim;
    out->cluster[0] = d.x, out->cluster[1] = d.y, out->cluster[2] = d.z;
  }
  return CUDA_SUCCESS;
}

// The attributes of a CUfunction, or of a CUkernel cast to it, on the current device.
struct Subject {
  const DeviceProfile* device;
  KernelInfo info;
  std::shared_ptr<Settings> settings;
};
CUresult find_subject(CUfunction h, Subject* out) {
  ContextRef context;
  TRY(enter(&context));
  if (FunctionRef f = functions().find(h)) {
    *out = {&f->module->context->device->profile, *f->info, f->settings};
    return CUDA_SUCCESS;
  }
  KernelRef k = kernels().find(reinterpret_cast<CUkernel>(h));
  if (!k) return CUDA_ERROR_INVALID_HANDLE;
  *out = {&context->device->profile, k->info, k->settings[size_t(context->device->ordinal)]};
  return CUDA_SUCCESS;
}
}  // namespace
}  // namespace softgpu::api

using namespace softgpu::api;

extern "C" {

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int* numBlocks, CUfunction func, int blockSize, size_t dynamicSMemSize,
                                                              unsigned int flags) {
  Subject subject;
  TRY(find_subject(func, &subject));
  REQUIRE(numBlocks && blockSize > 0 && !(flags & ~unsigned(CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE)));
  *numBlocks = blocks_per_multiprocessor(*subject.device, subject.info, *subject.settings, blockSize, dynamicSMemSize);
  return CUDA_SUCCESS;
}
CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int* numBlocks, CUfunction func, int blockSize, size_t dynamicSMemSize) {
  return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(numBlocks, func, blockSize, dynamicSMemSize, 0);
}

CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int* minGridSize, int* blockSize, CUfunction func,
                                                   CUoccupancyB2DSize blockSizeToDynamicSMemSize, size_t dynamicSMemSize, int blockSizeLimit,
                                                   unsigned int flags) {
  Subject subject;
  TRY(find_subject(func, &subject));
  REQUIRE(minGridSize && blockSize && blockSizeLimit >= 0 && !(flags & ~unsigned(CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE)));
  int most = most_threads(subject.info);
  if (blockSizeLimit) most = std::min(most, blockSizeLimit);
  int best_threads = 0, best_size = 0, best_blocks = 0;
  for (int size = most; size > 0; size = (size - 1) / kWarp * kWarp) {
    size_t shared = blockSizeToDynamicSMemSize ? blockSizeToDynamicSMemSize(size) : dynamicSMemSize;
    int blocks = blocks_per_multiprocessor(*subject.device, subject.info, *subject.settings, size, shared);
    if (blocks * size <= best_threads) continue;
    best_threads = blocks * size, best_size = size, best_blocks = blocks;
  }
  *blockSize = best_size;
  *minGridSize = best_blocks * subject.device->multiprocessors;
  return CUDA_SUCCESS;
}
CUresult cuOccupancyMaxPotentialBlockSize(int* minGridSize, int* blockSize, CUfunction func, CUoccupancyB2DSize blockSizeToDynamicSMemSize,
                                          size_t dynamicSMemSize, int blockSizeLimit) {
  return cuOccupancyMaxPotentialBlockSizeWithFlags(minGridSize, blockSize, func, blockSizeToDynamicSMemSize, dynamicSMemSize, blockSizeLimit, 0);
}

CUresult cuOccupancyAvailableDynamicSMemPerBlock(size_t* dynamicSmemSize, CUfunction func, int numBlocks, int blockSize) {
  Subject subject;
  TRY(find_subject(func, &subject));
  REQUIRE(dynamicSmemSize && numBlocks > 0 && blockSize > 0);
  if (blocks_per_multiprocessor(*subject.device, subject.info, *subject.settings, blockSize, 0) < numBlocks) return CUDA_ERROR_INVALID_VALUE;
  const Generation& chip = subject.device->chip;
  size_t per_block = size_t(chip.shared_per_sm / numBlocks) & ~size_t(127);
  size_t taken = subject.info.static_shared_bytes + size_t(chip.shared_reserved);
  size_t optin = size_t(chip.shared_optin), most = optin - std::min<size_t>(optin, subject.info.static_shared_bytes);
  *dynamicSmemSize = std::min(per_block > taken ? per_block - taken : 0, most);
  return CUDA_SUCCESS;
}

CUresult cuOccupancyMaxActiveClusters(int* numClusters, CUfunction func, const CUlaunchConfig* config) {
  Subject subject;
  TRY(find_subject(func, &subject));
  REQUIRE(numClusters && config);
  Shape shape;
  TRY(shape_of(*config, &shape));
  unsigned cluster[3];
  *numClusters = 0;
  if (!shape.cluster[0] && !subject.info.required_cluster[0]) return CUDA_SUCCESS;   // as the driver: no clusters, none active
  TRY(cluster_shape(*subject.device, subject.info, *subject.settings, shape, cluster));
  int threads = int(config->blockDimX * config->blockDimY * config->blockDimZ);
  int blocks = blocks_per_multiprocessor(*subject.device, subject.info, *subject.settings, threads, config->sharedMemBytes) * subject.device->multiprocessors;
  *numClusters = blocks / int(cluster[0] * cluster[1] * cluster[2]);
  return CUDA_SUCCESS;
}
CUresult cuOccupancyMaxPotentialClusterSize(int* clusterSize, CUfunction func, const CUlaunchConfig* config) {
  Subject subject;
  TRY(find_subject(func, &subject));
  REQUIRE(clusterSize && config);
  Shape shape;
  TRY(shape_of(*config, &shape));
  int threads = int(config->blockDimX * config->blockDimY * config->blockDimZ);
  int blocks = blocks_per_multiprocessor(*subject.device, subject.info, *subject.settings, threads, config->sharedMemBytes) * subject.device->multiprocessors;
  int most = int(subject.settings->non_portable_cluster ? kMostCluster : kPortableCluster);
  *clusterSize = std::min(most, blocks ? int(std::bit_floor(unsigned(blocks))) : 0);
  return CUDA_SUCCESS;
}

}  // extern "C"
