// Event sets: they can be made, told what to wait for and waited for; but nothing ever happens to these devices, so each wait runs into its
// time-out. Any thread may call.
#include <chrono>
#include <thread>

#include "softgpu/nvml/state.h"

using namespace softgpu;
using namespace softgpu::nvml;

namespace {
struct EventSet {
  int registrations = 0;
};
EventSet* set_of(nvmlEventSet_t set) { return reinterpret_cast<EventSet*>(set); }
constexpr unsigned long long kKnown = nvmlEventTypeSingleBitEccError | nvmlEventTypeDoubleBitEccError | nvmlEventTypePState |
                                      nvmlEventTypeXidCriticalError | nvmlEventTypeClock;
}  // namespace

extern "C" {

nvmlReturn_t nvmlEventSetCreate(nvmlEventSet_t* set) {
  if (g_initialized <= 0) return NVML_ERROR_UNINITIALIZED;
  NVML_REQUIRE(set);
  *set = reinterpret_cast<nvmlEventSet_t>(new EventSet);
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetFree(nvmlEventSet_t set) {
  if (g_initialized <= 0) return NVML_ERROR_UNINITIALIZED;
  NVML_REQUIRE(set);
  delete set_of(set);
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetSupportedEventTypes(nvmlDevice_t device, unsigned long long* eventTypes) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(eventTypes);
  *eventTypes = kKnown;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceRegisterEvents(nvmlDevice_t device, unsigned long long eventTypes, nvmlEventSet_t set) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(set);
  if (eventTypes & ~kKnown) return NVML_ERROR_NOT_SUPPORTED;
  set_of(set)->registrations++;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlEventSetWait_v2(nvmlEventSet_t set, nvmlEventData_t* data, unsigned int timeoutms) {
  if (g_initialized <= 0) return NVML_ERROR_UNINITIALIZED;
  NVML_REQUIRE(set && data);
  std::this_thread::sleep_for(std::chrono::milliseconds(timeoutms));
  return NVML_ERROR_TIMEOUT;
}
nvmlReturn_t nvmlEventSetWait(nvmlEventSet_t set, nvmlEventData_t* data, unsigned int timeoutms) { return nvmlEventSetWait_v2(set, data, timeoutms); }

}  // extern "C"
