// What a data-centre card says of its state when nothing is wrong with it: no errors, no repairs, no sessions, no MIG. Codes and forms as an
// H200 answers them. Any thread may call.
#include <sched.h>

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
nvmlReturn_t zero(nvmlDevice_t device, T* out) {
  return with(device, out, [&](auto&) { return *out = T{}, NVML_SUCCESS; });
}
// A struct with a version: all zero but that.
template <class T>
nvmlReturn_t zero(nvmlDevice_t device, T* out, unsigned version) {
  return with(device, out, [&](auto&) {
    if (out->version != version) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    *out = T{};
    out->version = version;
    return NVML_SUCCESS;
  });
}
nvmlReturn_t none(nvmlDevice_t device, unsigned* count) { return zero(device, count); }
bool has_mig(const api::DeviceProfile& p) { return p.brand == "tesla" ? p.chip.capability == 80 || p.chip.capability >= 90 : p.chip.capability >= 90; }
nvmlReturn_t initialized(const void* out) {
  if (g_initialized <= 0) return NVML_ERROR_UNINITIALIZED;
  return out ? NVML_SUCCESS : NVML_ERROR_INVALID_ARGUMENT;
}

}  // namespace

extern "C" {

// ---- identity
nvmlReturn_t nvmlDeviceGetPciInfoExt(nvmlDevice_t device, nvmlPciInfoExt_t* pci) {
  NVML_REQUIRE(pci);
  if (pci->version != nvmlPciInfoExt_v1) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
  nvmlPciInfo_t plain;
  NVML_TRY(nvmlDeviceGetPciInfo_v3(device, &plain));
  *pci = {nvmlPciInfoExt_v1, plain.domain, plain.bus, plain.device, plain.pciDeviceId, plain.pciSubSystemId, 3, 2, {}};   // a 3-D controller
  memcpy(pci->busId, plain.busId, sizeof pci->busId);
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetMultiGpuBoard(nvmlDevice_t device, unsigned int* yes) { return zero(device, yes); }
nvmlReturn_t nvmlDeviceOnSameBoard(nvmlDevice_t a, nvmlDevice_t b, int* yes) {
  int i, j;
  NVML_TRY(index_of(a, &i));
  NVML_TRY(index_of(b, &j));
  NVML_REQUIRE(yes);
  *yes = i == j;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlDeviceGetModuleId(nvmlDevice_t device, unsigned int* moduleId) { return nvmlDeviceGetIndex(device, moduleId); }
nvmlReturn_t nvmlDeviceGetGspFirmwareVersion(nvmlDevice_t device, char* version) {
  return with(device, version, [&](auto&) { return put_text(api::profile().driver.c_str(), version, NVML_GSP_FIRMWARE_VERSION_BUF_SIZE); });
}
nvmlReturn_t nvmlDeviceGetGspFirmwareMode(nvmlDevice_t device, unsigned int* isEnabled, unsigned int* defaultMode) {
  NVML_REQUIRE(defaultMode);
  return with(device, isEnabled, [&](auto&) { return *isEnabled = *defaultMode = 1, NVML_SUCCESS; });
}
nvmlReturn_t nvmlDeviceGetAddressingMode(nvmlDevice_t device, nvmlDeviceAddressingMode_t* mode) { return zero(device, mode, nvmlDeviceAddressingMode_v1); }
nvmlReturn_t nvmlDeviceGetC2cModeInfoV(nvmlDevice_t device, nvmlC2cModeInfo_v1_t* info) { return zero(device, info); }
nvmlReturn_t nvmlDeviceGetCapabilities(nvmlDevice_t device, nvmlDeviceCapabilities_t* caps) {
  return zero(device, caps, unsigned(sizeof(nvmlDeviceCapabilities_v1_t)) | 1u << 24);
}
nvmlReturn_t nvmlDeviceValidateInforom(nvmlDevice_t device) {
  int index;
  return index_of(device, &index);
}

// ---- temperature, clocks, power
nvmlReturn_t nvmlDeviceGetTemperatureV(nvmlDevice_t device, nvmlTemperature_t* t) {
  return with(device, t, [&](auto& p) {
    if (t->version != (unsigned(sizeof(nvmlTemperature_v1_t)) | 1u << 24)) return NVML_ERROR_ARGUMENT_VERSION_MISMATCH;
    if (t->sensorType != NVML_TEMPERATURE_GPU) return NVML_ERROR_INVALID_ARGUMENT;
    t->temperature = p.temperature_c;
    return NVML_SUCCESS;
  });
}
nvmlReturn_t nvmlDeviceGetSupportedClocksEventReasons(nvmlDevice_t device, unsigned long long* reasons) {
  return with(device, reasons, [&](auto&) { return *reasons = 0x1ff, NVML_SUCCESS; });
}
nvmlReturn_t nvmlDeviceGetSupportedClocksThrottleReasons(nvmlDevice_t device, unsigned long long* reasons) {
  return nvmlDeviceGetSupportedClocksEventReasons(device, reasons);
}
nvmlReturn_t nvmlDeviceGetMaxCustomerBoostClock(nvmlDevice_t device, nvmlClockType_t type, unsigned int* clock) {
  if (type != NVML_CLOCK_GRAPHICS && type != NVML_CLOCK_SM) return NVML_ERROR_NOT_SUPPORTED;
  return with(device, clock, [&](auto& p) { return *clock = unsigned(p.clock_mhz), NVML_SUCCESS; });
}
nvmlReturn_t nvmlDeviceGetNumFans(nvmlDevice_t device, unsigned int* fans) { return zero(device, fans); }
nvmlReturn_t nvmlDeviceGetPowerSource(nvmlDevice_t device, nvmlPowerSource_t* source) { return zero(device, source); }
nvmlReturn_t nvmlDeviceGetPcieThroughput(nvmlDevice_t device, nvmlPcieUtilCounter_t, unsigned int* value) { return zero(device, value); }
nvmlReturn_t nvmlDeviceGetJpgUtilization(nvmlDevice_t device, unsigned int* utilization, unsigned int* samplingPeriodUs) {
  return nvmlDeviceGetEncoderUtilization(device, utilization, samplingPeriodUs);
}
nvmlReturn_t nvmlDeviceGetOfaUtilization(nvmlDevice_t device, unsigned int* utilization, unsigned int* samplingPeriodUs) {
  return nvmlDeviceGetEncoderUtilization(device, utilization, samplingPeriodUs);
}
// Each value has a code of its own. Known: the card's power.
nvmlReturn_t nvmlDeviceGetFieldValues(nvmlDevice_t device, int valuesCount, nvmlFieldValue_t* values) {
  return with(device, values, [&](auto& p) {
    if (valuesCount <= 0) return NVML_ERROR_INVALID_ARGUMENT;
    for (int i = 0; i < valuesCount; i++) {
      nvmlFieldValue_t& v = values[i];
      v.nvmlReturn = NVML_SUCCESS;
      v.valueType = NVML_VALUE_TYPE_UNSIGNED_INT;
      if (v.scopeId != NVML_POWER_SCOPE_GPU) v.nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
      else if (v.fieldId == NVML_FI_DEV_POWER_AVERAGE || v.fieldId == NVML_FI_DEV_POWER_INSTANT) nvmlDeviceGetPowerUsage(device, &v.value.uiVal);
      else if ((v.fieldId >= NVML_FI_DEV_POWER_MIN_LIMIT && v.fieldId <= NVML_FI_DEV_POWER_CURRENT_LIMIT) || v.fieldId == NVML_FI_DEV_POWER_REQUESTED_LIMIT) v.value.uiVal = unsigned(p.power_limit_w) * 1000;
      else v.nvmlReturn = NVML_ERROR_NOT_SUPPORTED;
    }
    return NVML_SUCCESS;
  });
}

// ---- memory errors
nvmlReturn_t nvmlDeviceGetMemoryErrorCounter(nvmlDevice_t device, nvmlMemoryErrorType_t, nvmlEccCounterType_t, nvmlMemoryLocation_t,
                                             unsigned long long* count) {
  return with(device, count, [&](auto& p) { return *count = 0, p.ecc ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED; });
}
nvmlReturn_t nvmlDeviceGetDetailedEccErrors(nvmlDevice_t device, nvmlMemoryErrorType_t, nvmlEccCounterType_t, nvmlEccErrorCounts_t* counts) {
  return with(device, counts, [&](auto& p) { return *counts = {}, p.ecc ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED; });
}
nvmlReturn_t nvmlDeviceGetSramEccErrorStatus(nvmlDevice_t device, nvmlEccSramErrorStatus_t* status) {
  return zero(device, status, nvmlEccSramErrorStatus_v1);
}
nvmlReturn_t nvmlDeviceGetRepairStatus(nvmlDevice_t device, nvmlRepairStatus_t* status) { return zero(device, status, nvmlRepairStatus_v1); }
nvmlReturn_t nvmlDeviceGetUnrepairableMemoryFlag_v1(nvmlDevice_t device, nvmlUnrepairableMemory_v1_t* flag) { return zero(device, flag); }
nvmlReturn_t nvmlDeviceGetRemappedRows_v2(nvmlDevice_t device, nvmlRemappedRowsInfo_v2_t* info) { return zero(device, info); }
nvmlReturn_t nvmlDeviceGetRemappedRows(nvmlDevice_t device, unsigned int* corrRows, unsigned int* uncRows, unsigned int* isPending,
                                       unsigned int* failureOccurred) {
  NVML_REQUIRE(uncRows && isPending && failureOccurred);
  return with(device, corrRows, [&](auto&) { return *corrRows = *uncRows = *isPending = *failureOccurred = 0, NVML_SUCCESS; });
}

// ---- MIG: cards that could, and do not
nvmlReturn_t nvmlDeviceGetMigMode(nvmlDevice_t device, unsigned int* current, unsigned int* pending) {
  NVML_REQUIRE(pending);
  return with(device, current, [&](auto& p) { return *current = *pending = 0, has_mig(p) ? NVML_SUCCESS : NVML_ERROR_NOT_SUPPORTED; });
}
nvmlReturn_t nvmlDeviceGetMaxMigDeviceCount(nvmlDevice_t device, unsigned int* count) { return zero(device, count); }
nvmlReturn_t nvmlDeviceIsMigDeviceHandle(nvmlDevice_t device, unsigned int* yes) { return zero(device, yes); }

// ---- processes and sessions
nvmlReturn_t nvmlDeviceGetAccountingMode(nvmlDevice_t device, nvmlEnableState_t* mode) { return zero(device, mode); }
nvmlReturn_t nvmlDeviceGetAccountingBufferSize(nvmlDevice_t device, unsigned int* size) {
  return with(device, size, [&](auto&) { return *size = 4000, NVML_SUCCESS; });
}
nvmlReturn_t nvmlDeviceGetAccountingPids(nvmlDevice_t device, unsigned int* count, unsigned int*) { return none(device, count); }
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses(nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_v1_t*) { return none(device, count); }
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v2(nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_v2_t*) { return none(device, count); }
nvmlReturn_t nvmlDeviceGetMPSComputeRunningProcesses_v3(nvmlDevice_t device, unsigned int* count, nvmlProcessInfo_t*) { return none(device, count); }
nvmlReturn_t nvmlDeviceGetEncoderStats(nvmlDevice_t device, unsigned int* sessions, unsigned int* fps, unsigned int* latency) {
  NVML_REQUIRE(fps && latency);
  return with(device, sessions, [&](auto&) { return *sessions = *fps = *latency = 0, NVML_SUCCESS; });
}
nvmlReturn_t nvmlDeviceGetEncoderSessions(nvmlDevice_t device, unsigned int* count, nvmlEncoderSessionInfo_t*) { return none(device, count); }
nvmlReturn_t nvmlDeviceGetFBCStats(nvmlDevice_t device, nvmlFBCStats_t* stats) { return zero(device, stats); }
nvmlReturn_t nvmlDeviceGetFBCSessions(nvmlDevice_t device, unsigned int* count, nvmlFBCSessionInfo_t*) { return none(device, count); }
nvmlReturn_t nvmlDeviceGetConfComputeProtectedMemoryUsage(nvmlDevice_t device, nvmlMemory_t* memory) { return zero(device, memory); }

// ---- the host
nvmlReturn_t nvmlDeviceGetCpuAffinity(nvmlDevice_t device, unsigned int words, unsigned long* set) {
  return with(device, set, [&](auto&) {
    if (!words) return NVML_ERROR_INVALID_ARGUMENT;
    cpu_set_t cpus;
    CPU_ZERO(&cpus);
    sched_getaffinity(0, sizeof cpus, &cpus);
    memset(set, 0, words * sizeof *set);
    memcpy(set, &cpus, words * sizeof *set < sizeof cpus ? words * sizeof *set : sizeof cpus);
    return NVML_SUCCESS;
  });
}
nvmlReturn_t nvmlDeviceGetMemoryAffinity(nvmlDevice_t device, unsigned int words, unsigned long* set, nvmlAffinityScope_t) {
  return with(device, set, [&](auto& p) {
    if (!words) return NVML_ERROR_INVALID_ARGUMENT;
    memset(set, 0, words * sizeof *set);
    if (unsigned(p.numa_node) < words * 64) set[p.numa_node / 64] = 1ul << p.numa_node % 64;
    return NVML_SUCCESS;
  });
}
nvmlReturn_t nvmlUnitGetCount(unsigned int* count) {
  NVML_TRY(initialized(count));
  *count = 0;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlGetExcludedDeviceCount(unsigned int* count) { return nvmlUnitGetCount(count); }
nvmlReturn_t nvmlGetBlacklistDeviceCount(unsigned int* count) { return nvmlUnitGetCount(count); }
nvmlReturn_t nvmlSystemGetHicVersion(unsigned int* count, nvmlHwbcEntry_t*) { return nvmlUnitGetCount(count); }

}  // extern "C"
