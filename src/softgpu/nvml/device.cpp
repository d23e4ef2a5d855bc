// Devices: handles, names, UUID and PCI address (the same as libcuda's), and what kind of device each is. Any thread may call.
#include <strings.h>

#include <cstddef>

#include "softgpu/nvml/state.h"

using namespace softgpu;
using namespace softgpu::nvml;

namespace {

nvmlReturn_t by_index(unsigned index, nvmlDevice_t* device) {
  if (g_initialized <= 0) return NVML_ERROR_UNINITIALIZED;
  NVML_REQUIRE(device && index < unsigned(api::profile().devices.size()));
  *device = handle_of(int(index));
  return NVML_SUCCESS;
}

nvmlReturn_t pci_info(nvmlDevice_t device, nvmlPciInfo_t* pci) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(pci);
  *pci = {};
  auto& p = profile_of(index);
  pci->domain = p.pci_domain;
  pci->bus = p.pci_bus;
  pci->device = p.pci_slot;
  pci->pciDeviceId = p.pci_device_id;
  pci->pciSubSystemId = p.pci_subsystem_id;
  snprintf(pci->busIdLegacy, sizeof pci->busIdLegacy, "%s", api::pci_text(p, false).c_str());
  snprintf(pci->busId, sizeof pci->busId, "%s", api::pci_text(p, true).c_str());
  return NVML_SUCCESS;
}

// An answer that is the same for every device.
template <class T>
nvmlReturn_t constant(nvmlDevice_t device, T* out, T value) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(out);
  *out = value;
  return NVML_SUCCESS;
}

// An answer from the profile.
template <class T, class F>
nvmlReturn_t told(nvmlDevice_t device, T* out, F value) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(out);
  *out = T(value(profile_of(index)));
  return NVML_SUCCESS;
}
using P = const api::DeviceProfile&;

}  // namespace

extern "C" {

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int* deviceCount) {
  if (g_initialized <= 0) return NVML_ERROR_UNINITIALIZED;
  NVML_REQUIRE(deviceCount);
  *deviceCount = unsigned(api::profile().devices.size());
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetCount(unsigned int* deviceCount) { return nvmlDeviceGetCount_v2(deviceCount); }

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t* device) { return by_index(index, device); }
nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t* device) { return by_index(index, device); }

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char* uuid, nvmlDevice_t* device) {
  if (g_initialized <= 0) return NVML_ERROR_UNINITIALIZED;
  NVML_REQUIRE(uuid && device);
  for (int i = 0; i < int(api::profile().devices.size()); i++) {
    if (strcasecmp(api::uuid_text(profile_of(i)).c_str(), uuid) == 0) return by_index(unsigned(i), device);
  }
  return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleBySerial(const char* serial, nvmlDevice_t* device) {
  if (g_initialized <= 0) return NVML_ERROR_UNINITIALIZED;
  NVML_REQUIRE(serial && device);
  for (int i = 0; i < int(api::profile().devices.size()); i++) {
    if (profile_of(i).serial == serial) return by_index(unsigned(i), device);
  }
  return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char* pciBusId, nvmlDevice_t* device) {
  if (g_initialized <= 0) return NVML_ERROR_UNINITIALIZED;
  NVML_REQUIRE(pciBusId && device);
  unsigned domain, bus, slot, function = 0;
  NVML_REQUIRE(sscanf(pciBusId, "%x:%x:%x.%x", &domain, &bus, &slot, &function) >= 3);
  for (unsigned i = 0; i < api::profile().devices.size() && !function; i++) {
    auto& p = profile_of(int(i));
    if (domain == p.pci_domain && bus == p.pci_bus && slot == p.pci_slot) return by_index(i, device);
  }
  return NVML_ERROR_NOT_FOUND;
}
nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char* pciBusId, nvmlDevice_t* device) {
  return nvmlDeviceGetHandleByPciBusId_v2(pciBusId, device);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char* name, unsigned int length) {
  int index;
  NVML_TRY(index_of(device, &index));
  return put_text(profile_of(index).name.c_str(), name, length);
}
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char* uuid, unsigned int length) {
  int index;
  NVML_TRY(index_of(device, &index));
  return put_text(api::uuid_text(profile_of(index)).c_str(), uuid, length);
}
nvmlReturn_t nvmlDeviceGetSerial(nvmlDevice_t device, char* serial, unsigned int length) {
  int index;
  NVML_TRY(index_of(device, &index));
  return put_text(profile_of(index).serial.c_str(), serial, length);
}
nvmlReturn_t nvmlDeviceGetIndex(nvmlDevice_t device, unsigned int* out) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(out);
  *out = unsigned(index);
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetMinorNumber(nvmlDevice_t device, unsigned int* minorNumber) { return nvmlDeviceGetIndex(device, minorNumber); }
nvmlReturn_t nvmlDeviceGetBoardId(nvmlDevice_t device, unsigned int* boardId) {
  NVML_TRY(nvmlDeviceGetIndex(device, boardId));
  *boardId = profile_of(int(*boardId)).pci_bus << 8;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPciInfo_v3(nvmlDevice_t device, nvmlPciInfo_t* pci) { return pci_info(device, pci); }
nvmlReturn_t nvmlDeviceGetPciInfo_v2(nvmlDevice_t device, nvmlPciInfo_t* pci) { return pci_info(device, pci); }
// The first form of the structure ended before busId.
nvmlReturn_t nvmlDeviceGetPciInfo(nvmlDevice_t device, nvmlPciInfo_t* pci) {
  NVML_REQUIRE(pci);
  nvmlPciInfo_t full;
  NVML_TRY(pci_info(device, &full));
  memcpy(static_cast<void*>(pci), &full, offsetof(nvmlPciInfo_t, busId));
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetCudaComputeCapability(nvmlDevice_t device, int* major, int* minor) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(major && minor);
  *major = profile_of(index).major();
  *minor = profile_of(index).minor();
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t device, nvmlBrandType_t* type) {
  return told(device, type, [](P p) { return p.brand == "tesla" ? NVML_BRAND_TESLA : p.brand == "geforce" ? NVML_BRAND_GEFORCE : NVML_BRAND_NVIDIA; });
}
nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t device, nvmlDeviceArchitecture_t* arch) {
  return told(device, arch, [](P p) {
    int cc = p.chip.capability;
    return cc >= 100 ? NVML_DEVICE_ARCH_BLACKWELL : cc >= 90 ? NVML_DEVICE_ARCH_HOPPER : cc == 89 ? NVML_DEVICE_ARCH_ADA
         : cc >= 80 ? NVML_DEVICE_ARCH_AMPERE : cc == 75 ? NVML_DEVICE_ARCH_TURING : NVML_DEVICE_ARCH_VOLTA;
  });
}
nvmlReturn_t nvmlDeviceGetNumGpuCores(nvmlDevice_t device, unsigned int* numCores) {
  return told(device, numCores, [](P p) { return p.multiprocessors * p.chip.cores_per_sm; });
}
nvmlReturn_t nvmlDeviceGetPersistenceMode(nvmlDevice_t device, nvmlEnableState_t* mode) { return constant(device, mode, NVML_FEATURE_ENABLED); }
nvmlReturn_t nvmlDeviceGetDisplayMode(nvmlDevice_t device, nvmlEnableState_t* display) {
  return constant(device, display, NVML_FEATURE_DISABLED);
}
nvmlReturn_t nvmlDeviceGetDisplayActive(nvmlDevice_t device, nvmlEnableState_t* isActive) {
  return constant(device, isActive, NVML_FEATURE_DISABLED);
}
nvmlReturn_t nvmlDeviceGetComputeMode(nvmlDevice_t device, nvmlComputeMode_t* mode) { return constant(device, mode, NVML_COMPUTEMODE_DEFAULT); }
nvmlReturn_t nvmlDeviceGetVirtualizationMode(nvmlDevice_t device, nvmlGpuVirtualizationMode_t* mode) {
  return constant(device, mode, NVML_GPU_VIRTUALIZATION_MODE_NONE);
}
nvmlReturn_t nvmlDeviceGetPerformanceState(nvmlDevice_t device, nvmlPstates_t* pState) { return constant(device, pState, NVML_PSTATE_0); }
nvmlReturn_t nvmlDeviceGetPowerState(nvmlDevice_t device, nvmlPstates_t* pState) { return constant(device, pState, NVML_PSTATE_0); }
nvmlReturn_t nvmlDeviceGetTopologyCommonAncestor(nvmlDevice_t a, nvmlDevice_t b, nvmlGpuTopologyLevel_t* level) {
  int i, j;
  NVML_TRY(index_of(a, &i));
  NVML_TRY(index_of(b, &j));
  NVML_REQUIRE(level);
  *level = i == j ? NVML_TOPOLOGY_INTERNAL : profile_of(i).numa_node == profile_of(j).numa_node ? NVML_TOPOLOGY_NODE : NVML_TOPOLOGY_SYSTEM;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetP2PStatus(nvmlDevice_t a, nvmlDevice_t b, nvmlGpuP2PCapsIndex_t caps, nvmlGpuP2PStatus_t* status) {
  int i, j;
  NVML_TRY(index_of(a, &i));
  NVML_TRY(index_of(b, &j));
  NVML_REQUIRE(status);
  auto link = api::profile().peers;
  bool able = i == j ? false : caps == NVML_P2P_CAPS_INDEX_NVLINK ? link == api::PeerLink::nvlink : link != api::PeerLink::none;
  *status = able ? NVML_P2P_STATUS_OK : NVML_P2P_STATUS_NOT_SUPPORTED;
  return NVML_SUCCESS;
}

// Clocks, power and temperature are those of the profile: nothing here gets warm.

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t sensor, unsigned int* temp) {
  NVML_REQUIRE(sensor == NVML_TEMPERATURE_GPU);
  return told(device, temp, [](P p) { return p.temperature_c; });
}
nvmlReturn_t nvmlDeviceGetTemperatureThreshold(nvmlDevice_t device, nvmlTemperatureThresholds_t, unsigned int* temp) {
  return constant(device, temp, 90u);
}
nvmlReturn_t nvmlDeviceGetPowerManagementMode(nvmlDevice_t device, nvmlEnableState_t* mode) {
  return constant(device, mode, NVML_FEATURE_ENABLED);
}
nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, unsigned int* limit) { return told(device, limit, [](P p) { return p.power_limit_w * 1000; }); }
nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(nvmlDevice_t device, unsigned int* limit) { return told(device, limit, [](P p) { return p.power_limit_w * 1000; }); }
nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned int* limit) { return told(device, limit, [](P p) { return p.power_limit_w * 1000; }); }
nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device, unsigned int* least, unsigned int* most) {
  NVML_REQUIRE(most);
  NVML_TRY(told(device, least, [](P p) { return p.power_limit_w * 1000; }));    // cannot be changed
  *most = *least;
  return NVML_SUCCESS;
}

namespace {
nvmlReturn_t clock_of(nvmlDevice_t device, nvmlClockType_t type, unsigned int* clock) {
  NVML_REQUIRE(type >= NVML_CLOCK_GRAPHICS && type < NVML_CLOCK_COUNT);
  return told(device, clock, [type](P p) { return type == NVML_CLOCK_MEM ? p.memory_clock_mhz : p.clock_mhz; });
}
}  // namespace
nvmlReturn_t nvmlDeviceGetClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int* clock) { return clock_of(device, type, clock); }
nvmlReturn_t nvmlDeviceGetMaxClockInfo(nvmlDevice_t device, nvmlClockType_t type, unsigned int* clock) { return clock_of(device, type, clock); }
nvmlReturn_t nvmlDeviceGetApplicationsClock(nvmlDevice_t device, nvmlClockType_t type, unsigned int* clock) {
  return clock_of(device, type, clock);
}
nvmlReturn_t nvmlDeviceGetClock(nvmlDevice_t device, nvmlClockType_t type, nvmlClockId_t, unsigned int* clock) {
  return clock_of(device, type, clock);
}
nvmlReturn_t nvmlDeviceGetMemoryBusWidth(nvmlDevice_t device, unsigned int* busWidth) { return told(device, busWidth, [](P p) { return p.memory_bus_bits; }); }

}  // extern "C"
