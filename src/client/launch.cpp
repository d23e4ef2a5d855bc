// Launches: packed by the kernel's layout into one queued call; what a driver refuses at the call is refused here, at the call.
#include <stdlib.h>

#include "client/capture.h"
#include "client/context.h"
#include "client/devices.h"
#include "client/launch.h"
#include "client/mirror.h"
#include "client/module.h"
#include "client/remote.h"
#include "client/stream.h"
#include "wire/session.h"

namespace client {

// An attribute whose value holds a pointer into this process or a handle that must be given back cannot travel.
CUresult check_attributes(const CUlaunchConfig* config) {
  for (unsigned i = 0; i < config->numAttrs; i++)
    if (config->attrs[i].id == CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE) return CUDA_ERROR_NOT_SUPPORTED;
  return CUDA_SUCCESS;
}

CUresult PackedParams::pack(Kernel* k, void** kernelParams, void** extra) {
  if (kernelParams && extra) return CUDA_ERROR_INVALID_VALUE;
  if (!extra)
    if (CUresult rc = know_layout(k)) return rc;
  if (kernelParams) {
    unsigned char* to = small_;
    bytes = k->param_bytes;
    if (bytes > sizeof small_) large_.resize(bytes), to = large_.data();
    for (size_t i = 0; i < k->offsets.size(); i++) memcpy(to + k->offsets[i], kernelParams[i], k->sizes[i]);
    data = to;
  } else if (extra) {
    for (void** e = extra; *e != CU_LAUNCH_PARAM_END; e += 2) {
      if (*e == CU_LAUNCH_PARAM_BUFFER_POINTER) data = static_cast<const unsigned char*>(e[1]);
      else if (*e == CU_LAUNCH_PARAM_BUFFER_SIZE) bytes = unsigned(*static_cast<size_t*>(e[1]));
      else return CUDA_ERROR_INVALID_VALUE;
    }
    if (!data) bytes = 0;
  } else if (k->param_bytes) {
    return CUDA_ERROR_INVALID_VALUE;
  }
  if (any_host_ranges()) mirror_parameters(data, bytes);
  return CUDA_SUCCESS;
}

// Clusters of up to eight blocks run wherever there are clusters, unless the kernel says what it wants.
static bool portable_cluster(const Kernel* k, int device, uint32_t cluster) {
  int wanted = 0;
  for (auto a : {CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET, CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH, CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT, CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH})
    if (!k->fact(a, device, &wanted) || wanted) return false;
  return cluster <= 8 && device_info(device).clusters;
}

static CUresult queue_launch(CUfunction f, const CUlaunchConfig& c, bool cooperative, void** kernelParams, void** extra) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (!at.context) return CUDA_ERROR_INVALID_CONTEXT;
  Kernel* k = find_kernel(number_of(f));
  if (!k) return CUDA_ERROR_INVALID_HANDLE;
  wire::tfLaunch::Args a;
  a.hStream = at.stream(c.hStream);
  if (!known(a.hStream, wire::kCUstream)) return CUDA_ERROR_INVALID_HANDLE;
  const Device& d = device_info(current()->device);
  auto in = [](unsigned v, int max) { return v >= 1 && v <= unsigned(max); };
  if (!in(c.gridDimX, d.max_grid[0]) || !in(c.gridDimY, d.max_grid[1]) || !in(c.gridDimZ, d.max_grid[2]) || !in(c.blockDimX, d.max_block[0]) ||
      !in(c.blockDimY, d.max_block[1]) || !in(c.blockDimZ, d.max_block[2]) || uint64_t(c.blockDimX) * c.blockDimY * c.blockDimZ > uint64_t(d.max_threads_per_block) ||
      c.sharedMemBytes > unsigned(d.max_shared_optin))
    return CUDA_ERROR_INVALID_VALUE;
  a.function = number_of(f);
  a.gridDimX = c.gridDimX; a.gridDimY = c.gridDimY; a.gridDimZ = c.gridDimZ;
  a.blockDimX = c.blockDimX; a.blockDimY = c.blockDimY; a.blockDimZ = c.blockDimZ;
  a.sharedMemBytes = c.sharedMemBytes;
  a.cooperative = cooperative;
  if (c.numAttrs) {
    if (!c.attrs) return CUDA_ERROR_INVALID_VALUE;
    if (CUresult rc = check_attributes(&c)) return rc;
    a.attributeBytes = unsigned(c.numAttrs * sizeof *c.attrs);
    a.attributes = reinterpret_cast<const unsigned char*>(c.attrs);
  }
  PackedParams packed;
  if (CUresult rc = packed.pack(k, kernelParams, extra)) return rc;
  a.params = packed.data;
  a.paramBytes = packed.bytes;
  Working working(a.hStream);
  teleport::Call call(*at.session, wire::op::tfLaunch, at.context, at.flags);
  a.put(call.in());
  // More than ever before of what a driver refuses: threads (registers), shared memory, blocks that must be resident at once, clusters.
  uint32_t threads = c.blockDimX * c.blockDimY * c.blockDimZ, blocks = cooperative ? c.gridDimX * c.gridDimY * c.gridDimZ : 0;
  uint32_t cluster = 1;
  bool divides = true;
  for (unsigned i = 0; i < c.numAttrs; i++) {
    if (c.attrs[i].id == CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT || c.attrs[i].id == CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT) stop_following_events();
    if (c.attrs[i].id != CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) continue;
    auto& d = c.attrs[i].value.clusterDim;
    cluster = d.x * d.y * d.z;
    divides = cluster && c.gridDimX % d.x == 0 && c.gridDimY % d.y == 0 && c.gridDimZ % d.z == 0;
  }
  auto within = [](std::atomic<uint32_t>& good, uint32_t v) { return v <= good.load(std::memory_order_relaxed); };
  const int device = current()->device;
  int max_threads = 0, max_shared = 0;
  bool sure = k->fact(CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, device, &max_threads) && k->fact(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, device, &max_shared)
                  ? threads <= unsigned(max_threads) && c.sharedMemBytes <= unsigned(max_shared)
                  : within(k->good_threads, threads) && within(k->good_shared, c.sharedMemBytes);
  sure = sure && within(k->good_cooperative, blocks) && (within(k->good_cluster, cluster) || portable_cluster(k, device, cluster));
  if (sure && divides && !forbidden_by_capture(a.hStream)) return CUresult(call.send());
  teleport::Reply reply;
  CUresult rc = CUresult(call.wait(&reply));
  if (rc == CUDA_SUCCESS) {
    if (wire::KernelFacts told; reply.body.size()) {
      wire::Reader r = reply.reader();
      told.get(r);
      k->learn(told, device);
    }
    auto raise = [](std::atomic<uint32_t>& good, uint32_t v) { if (v > good.load(std::memory_order_relaxed)) good.store(v, std::memory_order_relaxed); };
    raise(k->good_threads, threads);
    raise(k->good_shared, c.sharedMemBytes);
    raise(k->good_cooperative, blocks);
    raise(k->good_cluster, cluster);
  }
  return rc;
}

// CUDA_LAUNCH_BLOCKING: the kernel has run when its launch returns, and what went wrong is the launch's own answer.
static CUresult launch(CUfunction f, const CUlaunchConfig& c, bool cooperative, void** kernelParams, void** extra) {
  CUresult rc = queue_launch(f, c, cooperative, kernelParams, extra);
  static const bool blocks = [] {
    const char* text = getenv("CUDA_LAUNCH_BLOCKING");
    return text && atoi(text) != 0;
  }();
  return rc || !blocks || capturing() ? rc : cuStreamSynchronize(c.hStream);
}

static CUlaunchConfig config_of(unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz, unsigned shared, CUstream stream) {
  CUlaunchConfig c{};
  c.gridDimX = gx; c.gridDimY = gy; c.gridDimZ = gz;
  c.blockDimX = bx; c.blockDimY = by; c.blockDimZ = bz;
  c.sharedMemBytes = shared;
  c.hStream = stream;
  return c;
}

}  // namespace client

using namespace client;

EXPORT CUresult cuLaunchKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ, unsigned int blockDimX, unsigned int blockDimY,
                               unsigned int blockDimZ, unsigned int sharedMemBytes, CUstream hStream, void** kernelParams, void** extra) {
  if (kernelParams && extra) return CUDA_ERROR_INVALID_VALUE;
  return launch(f, config_of(gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes, hStream), false, kernelParams, extra);
}
EXPORT CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction f, void** kernelParams, void** extra) {
  if (!config || (kernelParams && extra)) return CUDA_ERROR_INVALID_VALUE;
  return launch(f, *config, false, kernelParams, extra);
}
EXPORT CUresult cuLaunchCooperativeKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ, unsigned int blockDimX,
                                          unsigned int blockDimY, unsigned int blockDimZ, unsigned int sharedMemBytes, CUstream hStream, void** kernelParams) {
  return launch(f, config_of(gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes, hStream), true, kernelParams, nullptr);
}
