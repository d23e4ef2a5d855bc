// Primary contexts: one per device, made when it is first retained; the handle outlives release and reset. Any thread may call.
#include "runtime_tables/context_storage.h"
#include "softgpu/api/context.h"

namespace softgpu::api {

ContextRef primary_context(Device& device) {
  std::lock_guard lock(device.primary_mutex);
  if (!device.primary) {
    device.primary = std::make_shared<Context>(&device, 0u, true);
    contexts().add(device.primary);
  }
  return device.primary;
}

// Under primary_mutex.
static void end_primary(Context& context) {
  if (!context.alive) return;
  runtime_tables::context_storage_destroy(context.handle);   // while the context still answers
  context.stop();
}

}  // namespace softgpu::api

using namespace softgpu::api;

extern "C" {

CUresult cuDevicePrimaryCtxRetain(CUcontext* pctx, CUdevice dev) {
  TRY(initialized());
  REQUIRE(pctx);
  Device* device = device_of(dev);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  ContextRef context = primary_context(*device);
  std::lock_guard lock(device->primary_mutex);
  if (!context->alive) {
    context->flags = device->primary_flags;
    context->start();
  }
  device->primary_retained++;
  *pctx = context->handle;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease_v2(CUdevice dev) {
  TRY(initialized());
  Device* device = device_of(dev);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  std::lock_guard lock(device->primary_mutex);
  if (device->primary_retained == 0) return CUDA_ERROR_INVALID_CONTEXT;
  if (--device->primary_retained == 0) end_primary(*device->primary);
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxReset_v2(CUdevice dev) {
  TRY(initialized());
  Device* device = device_of(dev);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  std::lock_guard lock(device->primary_mutex);
  if (device->primary) end_primary(*device->primary);
  // Retains stay counted: measured on driver 580, a release after a reset answers SUCCESS.
  device->primary_flags = 0;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxGetState(CUdevice dev, unsigned int* flags, int* active) {
  TRY(initialized());
  Device* device = device_of(dev);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  REQUIRE(flags && active);
  std::lock_guard lock(device->primary_mutex);
  *active = device->primary && device->primary->alive;
  *flags = *active ? device->primary->flags.load() : device->primary_flags;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice dev, unsigned int flags) {
  TRY(initialized());
  Device* device = device_of(dev);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  REQUIRE(valid_context_flags(flags));
  std::lock_guard lock(device->primary_mutex);
  device->primary_flags = flags;
  if (device->primary) device->primary->flags = flags;
  return CUDA_SUCCESS;
}

}  // extern "C"
