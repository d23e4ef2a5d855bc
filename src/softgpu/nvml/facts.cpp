// Further facts of the profile that nvidia-smi, gpustat and nvitop ask for: firmware names, PCIe, ECC, attributes, clocks. Any thread may call.
#include "softgpu/nvml/state.h"

using namespace softgpu;
using namespace softgpu::nvml;

namespace {
template <class F>
nvmlReturn_t with(nvmlDevice_t device, const void* out, F fill) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(out);
  return fill(profile_of(index));
}
template <class T>
nvmlReturn_t value(nvmlDevice_t device, T* out, int api::DeviceProfile::*member) {
  return with(device, out, [&](auto& p) { return *out = T(p.*member), NVML_SUCCESS; });
}
// A list of one number, in the manual's form of list calls.
nvmlReturn_t one_of(unsigned number, unsigned* count, unsigned* list) {
  unsigned room = *count;
  *count = 1;
  if (room < 1 || !list) return NVML_ERROR_INSUFFICIENT_SIZE;
  *list = number;
  return NVML_SUCCESS;
}
}  // namespace

extern "C" {

nvmlReturn_t nvmlDeviceGetVbiosVersion(nvmlDevice_t device, char* version, unsigned int length) {
  return with(device, version, [&](auto& p) { return put_text(p.vbios.c_str(), version, length); });
}
nvmlReturn_t nvmlDeviceGetBoardPartNumber(nvmlDevice_t device, char* partNumber, unsigned int length) {
  return with(device, partNumber, [&](auto& p) { return put_text(p.part_number.c_str(), partNumber, length); });
}

nvmlReturn_t nvmlDeviceGetMaxPcieLinkGeneration(nvmlDevice_t d, unsigned int* out) { return value(d, out, &api::DeviceProfile::pcie_generation); }
nvmlReturn_t nvmlDeviceGetGpuMaxPcieLinkGeneration(nvmlDevice_t d, unsigned int* out) { return value(d, out, &api::DeviceProfile::pcie_generation); }
nvmlReturn_t nvmlDeviceGetCurrPcieLinkGeneration(nvmlDevice_t d, unsigned int* out) { return value(d, out, &api::DeviceProfile::pcie_generation); }
nvmlReturn_t nvmlDeviceGetMaxPcieLinkWidth(nvmlDevice_t d, unsigned int* out) { return value(d, out, &api::DeviceProfile::pcie_width); }
nvmlReturn_t nvmlDeviceGetCurrPcieLinkWidth(nvmlDevice_t d, unsigned int* out) { return value(d, out, &api::DeviceProfile::pcie_width); }
nvmlReturn_t nvmlDeviceGetPcieReplayCounter(nvmlDevice_t device, unsigned int* out) {
  return with(device, out, [&](auto&) { return *out = 0, NVML_SUCCESS; });
}
nvmlReturn_t nvmlDeviceGetBusType(nvmlDevice_t device, nvmlBusType_t* type) {
  return with(device, type, [&](auto&) { return *type = NVML_BUS_TYPE_PCIE, NVML_SUCCESS; });
}

// ECC as the profile has it: nothing is ever corrected here.
nvmlReturn_t nvmlDeviceGetEccMode(nvmlDevice_t device, nvmlEnableState_t* current, nvmlEnableState_t* pending) {
  NVML_REQUIRE(pending);
  return with(device, current, [&](auto& p) {
    if (!p.ecc) return NVML_ERROR_NOT_SUPPORTED;
    *current = *pending = NVML_FEATURE_ENABLED;
    return NVML_SUCCESS;
  });
}
nvmlReturn_t nvmlDeviceGetDefaultEccMode(nvmlDevice_t device, nvmlEnableState_t* mode) {
  return with(device, mode, [&](auto& p) { return *mode = NVML_FEATURE_ENABLED, p.ecc ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED; });
}
nvmlReturn_t nvmlDeviceGetTotalEccErrors(nvmlDevice_t device, nvmlMemoryErrorType_t, nvmlEccCounterType_t, unsigned long long* counts) {
  return with(device, counts, [&](auto& p) { return *counts = 0, p.ecc ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED; });
}

nvmlReturn_t nvmlDeviceGetAttributes_v2(nvmlDevice_t device, nvmlDeviceAttributes_t* attributes) {
  return with(device, attributes, [&](auto& p) {
    *attributes = {};
    attributes->multiprocessorCount = unsigned(p.multiprocessors);
    attributes->sharedCopyEngineCount = unsigned(p.copy_engines);
    attributes->memorySizeMB = p.memory_bytes >> 20;
    return NVML_SUCCESS;
  });
}

nvmlReturn_t nvmlDeviceGetSupportedMemoryClocks(nvmlDevice_t device, unsigned int* count, unsigned int* clocksMHz) {
  return with(device, count, [&](auto& p) { return one_of(unsigned(p.memory_clock_mhz), count, clocksMHz); });
}
nvmlReturn_t nvmlDeviceGetSupportedGraphicsClocks(nvmlDevice_t device, unsigned int memoryClockMHz, unsigned int* count, unsigned int* clocksMHz) {
  return with(device, count, [&](auto& p) {
    return memoryClockMHz == unsigned(p.memory_clock_mhz) ? one_of(unsigned(p.clock_mhz), count, clocksMHz) : NVML_ERROR_NOT_FOUND;
  });
}
nvmlReturn_t nvmlDeviceGetDefaultApplicationsClock(nvmlDevice_t device, nvmlClockType_t type, unsigned int* clockMHz) {
  NVML_REQUIRE(type >= NVML_CLOCK_GRAPHICS && type < NVML_CLOCK_COUNT);
  return value(device, clockMHz, type == NVML_CLOCK_MEM ? &api::DeviceProfile::memory_clock_mhz : &api::DeviceProfile::base_clock_mhz);
}
nvmlReturn_t nvmlDeviceGetCurrentClocksEventReasons(nvmlDevice_t device, unsigned long long* reasons) {
  return with(device, reasons, [&](auto&) { return *reasons = 0, NVML_SUCCESS; });
}
nvmlReturn_t nvmlDeviceGetCurrentClocksThrottleReasons(nvmlDevice_t device, unsigned long long* reasons) {
  return nvmlDeviceGetCurrentClocksEventReasons(device, reasons);
}

// There are no engines for video.
nvmlReturn_t nvmlDeviceGetEncoderUtilization(nvmlDevice_t device, unsigned int* utilization, unsigned int* samplingPeriodUs) {
  NVML_REQUIRE(samplingPeriodUs);
  return with(device, utilization, [&](auto&) { return *utilization = 0, *samplingPeriodUs = 1000000, NVML_SUCCESS; });
}
nvmlReturn_t nvmlDeviceGetDecoderUtilization(nvmlDevice_t device, unsigned int* utilization, unsigned int* samplingPeriodUs) {
  return nvmlDeviceGetEncoderUtilization(device, utilization, samplingPeriodUs);
}
nvmlReturn_t nvmlDeviceGetNumaNodeId(nvmlDevice_t device, unsigned int* node) { return value(device, node, &api::DeviceProfile::numa_node); }

}  // extern "C"
