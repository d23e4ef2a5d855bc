// Kernel launches: shape and parameter checks with the driver's codes, then one task in the stream. Any thread may call.
#include "softgpu/api/launch.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "softgpu/api/event.h"
#include "base/log.h"
#include "softgpu/api/graph.h"
#include "softgpu/device_launch.h"

namespace softgpu::api {

namespace {

CUresult check_shape(const Function& f, const Shape& s, bool cooperative) {
  const KernelInfo& info = *f.info;
  const DeviceProfile& device = f.module->context->device->profile;
  REQUIRE(s.grid[0] && s.grid[1] && s.grid[2] && s.block[0] && s.block[1] && s.block[2]);
  REQUIRE(s.grid[0] <= 2147483647u && s.grid[1] <= 65535 && s.grid[2] <= 65535);
  REQUIRE(s.block[0] <= 1024 && s.block[1] <= 1024 && s.block[2] <= 64);
  uint64_t threads = uint64_t(s.block[0]) * s.block[1] * s.block[2];
  REQUIRE(threads <= uint64_t(kMaxThreads));
  if (info.required_block[0])
    for (int i = 0; i < 3; i++) REQUIRE(s.block[i] == std::max(1u, info.required_block[i]));
  REQUIRE(threads <= uint64_t(most_threads(info)));
  REQUIRE(int64_t(s.shared) <= f.settings->max_dynamic_shared);
  unsigned cluster[3];
  TRY(cluster_shape(device, info, *f.settings, s, cluster));
  if (cooperative) {
    uint64_t blocks = uint64_t(s.grid[0]) * s.grid[1] * s.grid[2];
    uint64_t resident = uint64_t(blocks_per_multiprocessor(device, info, *f.settings, int(threads), s.shared)) * unsigned(device.multiprocessors);
    if (blocks > resident) return CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE;
  }
  return CUDA_SUCCESS;
}

}  // namespace

CUresult cluster_shape(const DeviceProfile& device, const KernelInfo& info, const Settings& settings, const Shape& s, unsigned cluster[3]) {
  const bool asked = s.cluster[0] != 0, own = info.required_cluster[0] != 0;
  if (asked && device.chip.capability < 90) return CUDA_ERROR_NOT_SUPPORTED;
  if (!asked && !own && info.explicit_cluster) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  for (int i = 0; i < 3; i++) {
    cluster[i] = asked ? s.cluster[i] : own ? info.required_cluster[i] : 1;
    if (asked && own && cluster[i] != info.required_cluster[i]) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
    if (!cluster[i] || s.grid[i] % cluster[i]) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  }
  uint64_t blocks = uint64_t(cluster[0]) * cluster[1] * cluster[2];
  if (blocks > (settings.non_portable_cluster ? kMostCluster : kPortableCluster)) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
  return CUDA_SUCCESS;
}

namespace {

// The parameters as one block of bytes, from `params` (one pointer each) or from `extra` (a ready block).
CUresult copy_parameters(const KernelInfo& info, void** params, void** extra, std::vector<uint8_t>* out) {
  REQUIRE(!(params && extra));
  out->resize(info.param_bytes);
  if (params) {
    for (size_t i = 0; i < info.params.size(); i++) {
      REQUIRE(params[i]);
      memcpy(out->data() + info.params[i].offset, params[i], info.params[i].size);
    }
    return CUDA_SUCCESS;
  }
  const void* buffer = nullptr;
  const size_t* bytes = nullptr;
  for (void** e = extra; e && *e != CU_LAUNCH_PARAM_END; e += 2) {
    if (*e == CU_LAUNCH_PARAM_BUFFER_POINTER) buffer = e[1];
    else if (*e == CU_LAUNCH_PARAM_BUFFER_SIZE) bytes = static_cast<const size_t*>(e[1]);
    else return CUDA_ERROR_INVALID_VALUE;
  }
  if (info.param_bytes == 0) return CUDA_SUCCESS;
  REQUIRE(buffer && bytes);
  memcpy(out->data(), buffer, std::min<size_t>(*bytes, info.param_bytes));   // what a program leaves out its kernel does not read (NCCL)
  return CUDA_SUCCESS;
}

}  // namespace

CUresult make_kernel(const FunctionRef& function, CUfunction named, const Shape& shape, bool cooperative, void** params, void** extra,
                     KernelWork* out) {
  if (launches_kernels(*function->kernel)) {
    base::log(base::Level::warn, "kernel %s launches kernels itself (dynamic parallelism): not supported", function->info->name.c_str());
    return CUDA_ERROR_NOT_SUPPORTED;
  }
  TRY(check_shape(*function, shape, cooperative));
  TRY(copy_parameters(*function->info, params, extra, &out->params));
  out->function = function;
  out->named = named;
  memcpy(out->launch.grid, shape.grid, sizeof shape.grid);
  memcpy(out->launch.block, shape.block, sizeof shape.block);
  TRY(cluster_shape(function->module->context->device->profile, *function->info, *function->settings, shape, out->launch.cluster));
  out->launch.explicit_cluster = shape.cluster[0] || function->info->required_cluster[0];
  out->launch.dynamic_shared_bytes = shape.shared;
  out->launch.cooperative = cooperative;
  return CUDA_SUCCESS;
}

namespace {

// What the attributes of cuLaunchKernelEx ask for; what has no meaning here is accepted and left alone.
struct Asked {
  bool cooperative = false;
  unsigned cluster[3] = {0, 0, 0};
  std::vector<EventRef> after;       // recorded when the kernel has ended
};

CUresult read_attributes(const CUlaunchConfig& config, Asked* asked) {
  REQUIRE(config.numAttrs == 0 || config.attrs);
  for (unsigned i = 0; i < config.numAttrs; i++) {
    const CUlaunchAttribute& a = config.attrs[i];
    CUevent event = nullptr;
    switch (int(a.id)) {
      case CU_LAUNCH_ATTRIBUTE_COOPERATIVE:
        asked->cooperative = a.value.cooperative != 0;
        break;
      case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION: {
        auto& c = a.value.clusterDim;
        if (!c.x || !c.y || !c.z) return CUDA_ERROR_INVALID_CLUSTER_SIZE;
        asked->cluster[0] = c.x, asked->cluster[1] = c.y, asked->cluster[2] = c.z;
        break;
      }
      case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT: event = a.value.programmaticEvent.event; break;
      case CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT: event = a.value.launchCompletionEvent.event; break;
      case CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE:
        if (a.value.deviceUpdatableKernelNode.deviceUpdatable) return CUDA_ERROR_NOT_SUPPORTED;
        break;
      default:
        REQUIRE(int(a.id) >= 0 && int(a.id) <= CU_LAUNCH_ATTRIBUTE_NVLINK_UTIL_CENTRIC_SCHEDULING);
    }
    if (event) {
      EventRef found = events().find(event);
      if (!found) return CUDA_ERROR_INVALID_HANDLE;
      asked->after.push_back(found);
    }
  }
  return CUDA_SUCCESS;
}

CUresult launch(CUfunction f, const Shape& shape, bool cooperative, CUstream h, void** params, void** extra, StreamRef* stream) {
  ContextRef context;
  TRY(enter(&context));
  TRY(find_stream(h, context, stream));
  FunctionRef function;
  TRY(find_launchable(f, (*stream)->context, &function));
  KernelWork work;
  TRY(make_kernel(function, f, shape, cooperative, params, extra, &work));
  static const bool blocks = [] {
    const char* text = getenv("CUDA_LAUNCH_BLOCKING");
    return text && atoi(text) != 0;
  }();
  if (blocks && !is_capturing(*stream)) {
    TRY(enqueue(*stream, std::move(work)));
    return cuStreamSynchronize(h);
  }
  return enqueue(*stream, std::move(work));
}

}  // namespace
}  // namespace softgpu::api

using namespace softgpu::api;

extern "C" {

CUresult cuLaunchKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ, unsigned int blockDimX,
                        unsigned int blockDimY, unsigned int blockDimZ, unsigned int sharedMemBytes, CUstream hStream, void** kernelParams,
                        void** extra) {
  StreamRef stream;
  return launch(f, {{gridDimX, gridDimY, gridDimZ}, {blockDimX, blockDimY, blockDimZ}, sharedMemBytes}, false, hStream, kernelParams, extra,
                &stream);
}

CUresult cuLaunchCooperativeKernel(CUfunction f, unsigned int gridDimX, unsigned int gridDimY, unsigned int gridDimZ, unsigned int blockDimX,
                                   unsigned int blockDimY, unsigned int blockDimZ, unsigned int sharedMemBytes, CUstream hStream,
                                   void** kernelParams) {
  StreamRef stream;
  return launch(f, {{gridDimX, gridDimY, gridDimZ}, {blockDimX, blockDimY, blockDimZ}, sharedMemBytes}, true, hStream, kernelParams, nullptr,
                &stream);
}

CUresult cuLaunchKernelEx(const CUlaunchConfig* config, CUfunction f, void** kernelParams, void** extra) {
  TRY(initialized());
  REQUIRE(config);
  Asked asked;
  TRY(read_attributes(*config, &asked));
  const CUlaunchConfig& c = *config;
  StreamRef stream;
  TRY(launch(f, {{c.gridDimX, c.gridDimY, c.gridDimZ}, {c.blockDimX, c.blockDimY, c.blockDimZ}, c.sharedMemBytes,
              {asked.cluster[0], asked.cluster[1], asked.cluster[2]}}, asked.cooperative, c.hStream,
             kernelParams, extra, &stream));
  for (auto& event : asked.after)
    if (!is_capturing(stream)) TRY(record_event(event, stream));
  return CUDA_SUCCESS;
}

}  // extern "C"
