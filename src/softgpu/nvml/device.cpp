// Devices: handles, names, UUID and PCI address (the same as libcuda's), and what kind of device each is. Any thread may call.
#include <strings.h>

#include <cstddef>

#include "softgpu/nvml/state.h"

using namespace softgpu;
using namespace softgpu::nvml;

namespace {

void uuid_text(int index, char out[48]) {
  uint8_t b[16];
  api::device_uuid(index, b);
  snprintf(out, 48, "GPU-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7],
           b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
}

void serial_text(int index, char out[30]) {
  uint8_t b[16];
  api::device_uuid(index, b);
  snprintf(out, 30, "%010u", unsigned(b[12]) << 24 | unsigned(b[13]) << 16 | unsigned(b[14]) << 8 | b[15]);
}

nvmlReturn_t by_index(unsigned index, nvmlDevice_t* device) {
  if (g_initialized <= 0) return NVML_ERROR_UNINITIALIZED;
  NVML_REQUIRE(device && index < unsigned(api::configured_devices()));
  *device = handle_of(int(index));
  return NVML_SUCCESS;
}

nvmlReturn_t pci_info(nvmlDevice_t device, nvmlPciInfo_t* pci) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(pci);
  *pci = {};
  pci->bus = unsigned(api::kPciBusBase + index);
  pci->pciDeviceId = api::kPciDeviceId;
  pci->pciSubSystemId = api::kPciSubsystemId;
  snprintf(pci->busIdLegacy, sizeof pci->busIdLegacy, "0000:%02X:00.0", pci->bus);
  snprintf(pci->busId, sizeof pci->busId, "00000000:%02X:00.0", pci->bus);
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

}  // namespace

extern "C" {

nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int* deviceCount) {
  if (g_initialized <= 0) return NVML_ERROR_UNINITIALIZED;
  NVML_REQUIRE(deviceCount);
  *deviceCount = unsigned(api::configured_devices());
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetCount(unsigned int* deviceCount) { return nvmlDeviceGetCount_v2(deviceCount); }

nvmlReturn_t nvmlDeviceGetHandleByIndex_v2(unsigned int index, nvmlDevice_t* device) { return by_index(index, device); }
nvmlReturn_t nvmlDeviceGetHandleByIndex(unsigned int index, nvmlDevice_t* device) { return by_index(index, device); }

nvmlReturn_t nvmlDeviceGetHandleByUUID(const char* uuid, nvmlDevice_t* device) {
  if (g_initialized <= 0) return NVML_ERROR_UNINITIALIZED;
  NVML_REQUIRE(uuid && device);
  for (int i = 0; i < api::configured_devices(); i++) {
    char text[48];
    uuid_text(i, text);
    if (strcasecmp(text, uuid) == 0) return by_index(unsigned(i), device);
  }
  return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleBySerial(const char* serial, nvmlDevice_t* device) {
  if (g_initialized <= 0) return NVML_ERROR_UNINITIALIZED;
  NVML_REQUIRE(serial && device);
  for (int i = 0; i < api::configured_devices(); i++) {
    char text[30];
    serial_text(i, text);
    if (strcmp(text, serial) == 0) return by_index(unsigned(i), device);
  }
  return NVML_ERROR_NOT_FOUND;
}

nvmlReturn_t nvmlDeviceGetHandleByPciBusId_v2(const char* pciBusId, nvmlDevice_t* device) {
  if (g_initialized <= 0) return NVML_ERROR_UNINITIALIZED;
  NVML_REQUIRE(pciBusId && device);
  unsigned domain, bus, slot, function = 0;
  NVML_REQUIRE(sscanf(pciBusId, "%x:%x:%x.%x", &domain, &bus, &slot, &function) >= 3);
  int index = int(bus) - api::kPciBusBase;
  if (domain || slot || function || index < 0 || index >= api::configured_devices()) return NVML_ERROR_NOT_FOUND;
  return by_index(unsigned(index), device);
}
nvmlReturn_t nvmlDeviceGetHandleByPciBusId(const char* pciBusId, nvmlDevice_t* device) {
  return nvmlDeviceGetHandleByPciBusId_v2(pciBusId, device);
}

nvmlReturn_t nvmlDeviceGetName(nvmlDevice_t device, char* name, unsigned int length) {
  int index;
  NVML_TRY(index_of(device, &index));
  return put_text(api::kDeviceName, name, length);
}
nvmlReturn_t nvmlDeviceGetUUID(nvmlDevice_t device, char* uuid, unsigned int length) {
  int index;
  NVML_TRY(index_of(device, &index));
  char text[48];
  uuid_text(index, text);
  return put_text(text, uuid, length);
}
nvmlReturn_t nvmlDeviceGetSerial(nvmlDevice_t device, char* serial, unsigned int length) {
  int index;
  NVML_TRY(index_of(device, &index));
  char text[30];
  serial_text(index, text);
  return put_text(text, serial, length);
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
  *boardId = (*boardId + unsigned(api::kPciBusBase)) << 8;
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
  NVML_REQUIRE(minor);
  NVML_TRY(constant(device, major, api::kMajor));
  *minor = api::kMinor;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetBrand(nvmlDevice_t device, nvmlBrandType_t* type) { return constant(device, type, NVML_BRAND_NVIDIA); }
nvmlReturn_t nvmlDeviceGetArchitecture(nvmlDevice_t device, nvmlDeviceArchitecture_t* arch) {
  return constant(device, arch, nvmlDeviceArchitecture_t(NVML_DEVICE_ARCH_BLACKWELL));
}
nvmlReturn_t nvmlDeviceGetNumGpuCores(nvmlDevice_t device, unsigned int* numCores) {
  return constant(device, numCores, unsigned(api::kMultiprocessors) * 128);
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
  int index;
  NVML_TRY(index_of(b, &index));
  return constant(a, level, a == b ? NVML_TOPOLOGY_INTERNAL : NVML_TOPOLOGY_NODE);
}
nvmlReturn_t nvmlDeviceGetP2PStatus(nvmlDevice_t a, nvmlDevice_t b, nvmlGpuP2PCapsIndex_t, nvmlGpuP2PStatus_t* status) {
  int index;
  NVML_TRY(index_of(b, &index));
  return constant(a, status, NVML_P2P_STATUS_NOT_SUPPORTED);
}

// Clocks, power and temperature are those of the profile: nothing here gets warm.

nvmlReturn_t nvmlDeviceGetTemperature(nvmlDevice_t device, nvmlTemperatureSensors_t sensor, unsigned int* temp) {
  NVML_REQUIRE(sensor == NVML_TEMPERATURE_GPU);
  return constant(device, temp, 40u);
}
nvmlReturn_t nvmlDeviceGetTemperatureThreshold(nvmlDevice_t device, nvmlTemperatureThresholds_t, unsigned int* temp) {
  return constant(device, temp, 90u);
}
nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned int* power) { return constant(device, power, 30000u); }
nvmlReturn_t nvmlDeviceGetPowerManagementMode(nvmlDevice_t device, nvmlEnableState_t* mode) {
  return constant(device, mode, NVML_FEATURE_ENABLED);
}
nvmlReturn_t nvmlDeviceGetPowerManagementLimit(nvmlDevice_t device, unsigned int* limit) { return constant(device, limit, 140000u); }
nvmlReturn_t nvmlDeviceGetPowerManagementDefaultLimit(nvmlDevice_t device, unsigned int* limit) { return constant(device, limit, 140000u); }
nvmlReturn_t nvmlDeviceGetEnforcedPowerLimit(nvmlDevice_t device, unsigned int* limit) { return constant(device, limit, 140000u); }
nvmlReturn_t nvmlDeviceGetPowerManagementLimitConstraints(nvmlDevice_t device, unsigned int* least, unsigned int* most) {
  NVML_REQUIRE(most);
  NVML_TRY(constant(device, least, 30000u));
  *most = 140000;
  return NVML_SUCCESS;
}

namespace {
nvmlReturn_t clock_of(nvmlDevice_t device, nvmlClockType_t type, unsigned int* clock) {
  NVML_REQUIRE(type >= NVML_CLOCK_GRAPHICS && type < NVML_CLOCK_COUNT);
  return constant(device, clock, unsigned(type == NVML_CLOCK_MEM ? api::kMemoryClockKhz : api::kClockKhz) / 1000);
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
nvmlReturn_t nvmlDeviceGetMemoryBusWidth(nvmlDevice_t device, unsigned int* busWidth) { return constant(device, busWidth, 256u); }

}  // extern "C"
