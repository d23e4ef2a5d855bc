// The calls of the manual's chapter "Device Management", without attributes (device_attributes.cpp) and pools (pool.cpp); the versions.
// Any thread may call.
#include <algorithm>
#include <cstring>

#include "softgpu/api/context.h"

using namespace softgpu::api;

namespace {
CUresult find_device(CUdevice dev, Device** out) {
  TRY(initialized());
  *out = device_of(dev);
  return *out ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}
}  // namespace

extern "C" {

CUresult cuDriverGetVersion(int* driverVersion) {
  REQUIRE(driverVersion);
  *driverVersion = profile().cuda;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice* device, int ordinal) {
  TRY(initialized());
  REQUIRE(device);
  if (!device_of(ordinal)) return CUDA_ERROR_INVALID_DEVICE;
  *device = ordinal;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int* count) {
  TRY(initialized());
  REQUIRE(count);
  *count = device_count();
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char* name, int len, CUdevice dev) {
  Device* device;
  TRY(find_device(dev, &device));
  REQUIRE(name && len > 0);
  strncpy(name, device->profile.name.c_str(), size_t(len));   // NULs to the end; the driver writes them too, at least up to 64 bytes
  name[len - 1] = 0;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetUuid_v2(CUuuid* uuid, CUdevice dev) {
  Device* device;
  TRY(find_device(dev, &device));
  REQUIRE(uuid);
  memcpy(uuid->bytes, device->profile.uuid, sizeof uuid->bytes);
  return CUDA_SUCCESS;
}
CUresult cuDeviceGetUuid(CUuuid* uuid, CUdevice dev) { return cuDeviceGetUuid_v2(uuid, dev); }

// Exists for Windows' display drivers only.
CUresult cuDeviceGetLuid(char* luid, unsigned int* deviceNodeMask, CUdevice dev) {
  Device* device;
  TRY(find_device(dev, &device));
  REQUIRE(luid && deviceNodeMask);
  return CUDA_ERROR_NOT_SUPPORTED;
}

CUresult cuDeviceTotalMem_v2(size_t* bytes, CUdevice dev) {
  Device* device;
  TRY(find_device(dev, &device));
  REQUIRE(bytes);
  *bytes = device->memory.capacity();
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetPCIBusId(char* pciBusId, int len, CUdevice dev) {
  Device* device;
  TRY(find_device(dev, &device));
  REQUIRE(pciBusId && len > 0);
  std::string text = pci_text(device->profile, false);
  REQUIRE(size_t(len) > text.size());
  memcpy(pciBusId, text.c_str(), text.size() + 1);
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetByPCIBusId(CUdevice* dev, const char* pciBusId) {
  TRY(initialized());
  REQUIRE(dev && pciBusId);
  unsigned domain = 0, bus = 0, slot = 0, function = 0;
  if (sscanf(pciBusId, "%x:%x:%x.%x", &domain, &bus, &slot, &function) < 3) {
    domain = function = 0;
    REQUIRE(sscanf(pciBusId, "%x:%x.%x", &bus, &slot, &function) >= 2);
  }
  for (int i = 0; i < device_count() && !function; i++) {
    auto& p = device_of(i)->profile;
    if (domain != p.pci_domain || bus != p.pci_bus || slot != p.pci_slot) continue;
    *dev = i;
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_INVALID_DEVICE;
}

CUresult cuDeviceComputeCapability(int* major, int* minor, CUdevice dev) {
  Device* device;
  TRY(find_device(dev, &device));
  REQUIRE(major && minor);
  *major = device->profile.major();
  *minor = device->profile.minor();
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetProperties(CUdevprop* prop, CUdevice dev) {
  Device* device;
  TRY(find_device(dev, &device));
  REQUIRE(prop);
  *prop = {};
  const std::pair<int*, CUdevice_attribute> fields[] = {
      {&prop->maxThreadsPerBlock, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK},
      {&prop->maxThreadsDim[0], CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X},
      {&prop->maxThreadsDim[1], CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y},
      {&prop->maxThreadsDim[2], CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z},
      {&prop->maxGridSize[0], CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X},
      {&prop->maxGridSize[1], CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y},
      {&prop->maxGridSize[2], CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z},
      {&prop->sharedMemPerBlock, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK},
      {&prop->totalConstantMemory, CU_DEVICE_ATTRIBUTE_TOTAL_CONSTANT_MEMORY},
      {&prop->SIMDWidth, CU_DEVICE_ATTRIBUTE_WARP_SIZE},
      {&prop->memPitch, CU_DEVICE_ATTRIBUTE_MAX_PITCH},
      {&prop->regsPerBlock, CU_DEVICE_ATTRIBUTE_MAX_REGISTERS_PER_BLOCK},
      {&prop->clockRate, CU_DEVICE_ATTRIBUTE_CLOCK_RATE},
      {&prop->textureAlign, CU_DEVICE_ATTRIBUTE_TEXTURE_ALIGNMENT},
  };
  for (auto& [field, attribute] : fields) TRY(cuDeviceGetAttribute(field, attribute, dev));
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetExecAffinitySupport(int* pi, CUexecAffinityType type, CUdevice dev) {
  Device* device;
  TRY(find_device(dev, &device));
  REQUIRE(pi && type == CU_EXEC_AFFINITY_TYPE_SM_COUNT);
  *pi = 0;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetTexture1DLinearMaxWidth(size_t* maxWidthInElements, CUarray_format, unsigned numChannels, CUdevice dev) {
  Device* device;
  TRY(find_device(dev, &device));
  REQUIRE(maxWidthInElements && (numChannels == 1 || numChannels == 2 || numChannels == 4));
  *maxWidthInElements = size_t(1) << 28;
  return CUDA_SUCCESS;
}

CUresult cuProfilerStart(void) {
  ContextRef context;
  return enter(&context);
}
CUresult cuProfilerStop(void) { return cuProfilerStart(); }

}  // extern "C"
