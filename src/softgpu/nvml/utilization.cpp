// How busy the devices are: the part of the last second, or of a sample of 50 ms, in which a kernel of some process ran, from the times that
// the processes write into the shared table. Power follows from it. Any thread may call.
#include <time.h>

#include <algorithm>

#include "softgpu/api/shared_usage.h"
#include "softgpu/nvml/state.h"

using namespace softgpu;
using namespace softgpu::nvml;

namespace {

constexpr int64_t kSecond = 1'000'000'000, kHistory = (api::kBuckets - 1) * api::kBucketNs;

// Per cent of [from, to); what several processes did at the same time is counted once at most.
unsigned busy_percent(int device, int64_t from, int64_t to) {
  int64_t busy = 0;
  for (auto& u : api::users_of(device)) busy += api::busy_between(*u.use, from, to);
  return unsigned(std::min<int64_t>(100, (busy * 100 + (to - from) / 2) / (to - from)));
}

unsigned memory_percent(int device) {
  return unsigned(api::used_of_device(device) * 100 / profile_of(device).memory_bytes);
}

// NVML's time stamps are microseconds since 1970, the table's times CLOCK_MONOTONIC.
int64_t epoch_offset_ns() {
  timespec now;
  clock_gettime(CLOCK_REALTIME, &now);
  return int64_t(now.tv_sec) * kSecond + now.tv_nsec - api::monotonic_ns();
}

}  // namespace

extern "C" {

nvmlReturn_t nvmlDeviceGetUtilizationRates(nvmlDevice_t device, nvmlUtilization_t* utilization) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(utilization);
  int64_t now = api::monotonic_ns();
  unsigned gpu = busy_percent(index, now - kSecond, now);
  *utilization = {gpu, gpu ? std::max(1u, memory_percent(index)) : 0};
  return NVML_SUCCESS;
}

// The samples since lastSeenTimeStamp, oldest first.
nvmlReturn_t nvmlDeviceGetSamples(nvmlDevice_t device, nvmlSamplingType_t type, unsigned long long lastSeenTimeStamp, nvmlValueType_t* sampleValType,
                                  unsigned int* sampleCount, nvmlSample_t* samples) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(sampleValType && sampleCount && type >= NVML_TOTAL_POWER_SAMPLES && type < NVML_SAMPLINGTYPE_COUNT);
  if (type != NVML_GPU_UTILIZATION_SAMPLES && type != NVML_MEMORY_UTILIZATION_SAMPLES && type != NVML_PROCESSOR_CLK_SAMPLES &&
      type != NVML_MEMORY_CLK_SAMPLES)
    return NVML_ERROR_NOT_SUPPORTED;
  *sampleValType = NVML_VALUE_TYPE_UNSIGNED_INT;
  if (!samples) {
    *sampleCount = api::kBuckets;
    return NVML_SUCCESS;
  }
  auto& p = profile_of(index);
  int64_t offset = epoch_offset_ns(), now = api::monotonic_ns() / api::kBucketNs * api::kBucketNs;
  int64_t seen = int64_t(lastSeenTimeStamp) * 1000 - offset, from = std::max(now - kHistory, seen / api::kBucketNs * api::kBucketNs);
  unsigned n = 0;
  for (int64_t t = from; t < now && n < *sampleCount; t += api::kBucketNs) {
    if (t + api::kBucketNs <= seen) continue;
    samples[n].timeStamp = static_cast<unsigned long long>((t + api::kBucketNs + offset) / 1000);
    samples[n].sampleValue = {};
    samples[n++].sampleValue.uiVal = type == NVML_GPU_UTILIZATION_SAMPLES      ? busy_percent(index, t, t + api::kBucketNs)
                                     : type == NVML_MEMORY_UTILIZATION_SAMPLES ? memory_percent(index)
                                     : type == NVML_PROCESSOR_CLK_SAMPLES      ? unsigned(p.clock_mhz)
                                                                               : unsigned(p.memory_clock_mhz);
  }
  *sampleCount = n;
  return n ? NVML_SUCCESS : NVML_ERROR_NOT_FOUND;
}

// One entry for each process that was busy after lastSeenTimeStamp: its share of the time since then.
nvmlReturn_t nvmlDeviceGetProcessUtilization(nvmlDevice_t device, nvmlProcessUtilizationSample_t* utilization, unsigned int* processSamplesCount,
                                             unsigned long long lastSeenTimeStamp) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(processSamplesCount);
  int64_t offset = epoch_offset_ns(), now = api::monotonic_ns();
  int64_t from = std::clamp(int64_t(lastSeenTimeStamp) * 1000 - offset, now - kHistory, now - 1);
  std::vector<nvmlProcessUtilizationSample_t> found;
  for (auto& u : api::users_of(index)) {
    int64_t busy = api::busy_between(*u.use, from, now);
    if (!busy) continue;
    nvmlProcessUtilizationSample_t sample{};
    sample.pid = unsigned(u.pid);
    sample.timeStamp = static_cast<unsigned long long>((now + offset) / 1000);
    sample.smUtil = unsigned(std::min<int64_t>(100, (busy * 100 + (now - from) / 2) / (now - from)));
    sample.memUtil = unsigned(u.use->bytes * 100 / profile_of(index).memory_bytes);
    found.push_back(sample);
  }
  unsigned room = *processSamplesCount;
  *processSamplesCount = unsigned(found.size());
  if (found.empty()) return NVML_ERROR_NOT_FOUND;
  if (!utilization || room < found.size()) return NVML_ERROR_INSUFFICIENT_SIZE;
  std::copy(found.begin(), found.end(), utilization);
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlDeviceGetPowerUsage(nvmlDevice_t device, unsigned int* power) {
  int index;
  NVML_TRY(index_of(device, &index));
  NVML_REQUIRE(power);
  auto& p = profile_of(index);
  int64_t now = api::monotonic_ns();
  unsigned busy = busy_percent(index, now - kSecond, now);
  *power = unsigned(p.idle_power_w) * 1000 + unsigned(std::max(0, p.power_limit_w - p.idle_power_w)) * 10 * busy;
  return NVML_SUCCESS;
}

}  // extern "C"
