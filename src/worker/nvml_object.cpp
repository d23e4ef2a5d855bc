// The calls of api/nvml/event.api, mig.api and gpm.api whose structs hold handles or pointers: handles become this session's names of them.
#include <stdio.h>

#include "base/management_ids.h"
#include "worker/handlers.h"

namespace worker::serve {
namespace {

template <class H>
void rename(Session& s, unsigned kind, H* handle) {
  *handle = reinterpret_cast<H>(uintptr_t(s.name(kind, *handle)));
}

template <class F>
int wait_event(Session& s, Request& q, F* driver, uint64_t id, nvmlEventData_t* data, unsigned timeoutms) {
  nvmlEventSet_t set;
  if (!s.real(id, wire::knvmlEventSet_t, &set) || !data) return NVML_ERROR_INVALID_ARGUMENT;
  if (!driver) return NVML_ERROR_FUNCTION_NOT_FOUND;
  s.let_others_lead(q);
  int rc = driver(set, data, timeoutms);
  if (!rc) rename(s, wire::knvmlDevice_t, &data->device);
  return rc;
}

template <class F, class H>
int instance_info(Session& s, F* driver, uint64_t id, unsigned kind, H instance, auto* info) {
  if (!s.real(id, kind, &instance) || !info) return NVML_ERROR_INVALID_ARGUMENT;
  if (!driver) return NVML_ERROR_FUNCTION_NOT_FOUND;
  int rc = driver(instance, info);
  if (rc) return rc;
  rename(s, wire::knvmlDevice_t, &info->device);
  if constexpr (requires { info->gpuInstance; }) rename(s, wire::knvmlGpuInstance_t, &info->gpuInstance);
  return 0;
}

}  // namespace

int nvmlEventSetWait(Session& s, Request& q, wire::nvmlEventSetWait::Args& a, wire::nvmlEventSetWait::Outs& o) {
  return wait_event(s, q, s.driver.nvmlEventSetWait, a.set, o.data, a.timeoutms);
}
int nvmlEventSetWait_v2(Session& s, Request& q, wire::nvmlEventSetWait_v2::Args& a, wire::nvmlEventSetWait_v2::Outs& o) {
  return wait_event(s, q, s.driver.nvmlEventSetWait_v2, a.set, o.data, a.timeoutms);
}

int nvmlGpuInstanceGetInfo(Session& s, Request&, wire::nvmlGpuInstanceGetInfo::Args& a, wire::nvmlGpuInstanceGetInfo::Outs& o) {
  return instance_info(s, s.driver.nvmlGpuInstanceGetInfo, a.gpuInstance, wire::knvmlGpuInstance_t, nvmlGpuInstance_t{}, o.info);
}
int nvmlComputeInstanceGetInfo(Session& s, Request&, wire::nvmlComputeInstanceGetInfo::Args& a, wire::nvmlComputeInstanceGetInfo::Outs& o) {
  return instance_info(s, s.driver.nvmlComputeInstanceGetInfo, a.computeInstance, wire::knvmlComputeInstance_t, nvmlComputeInstance_t{}, o.info);
}
int nvmlComputeInstanceGetInfo_v2(Session& s, Request&, wire::nvmlComputeInstanceGetInfo_v2::Args& a, wire::nvmlComputeInstanceGetInfo_v2::Outs& o) {
  return instance_info(s, s.driver.nvmlComputeInstanceGetInfo_v2, a.computeInstance, wire::knvmlComputeInstance_t, nvmlComputeInstance_t{}, o.info);
}

int tfGpmMetrics(Session& s, Request&, wire::tfGpmMetrics::Args& a, wire::tfGpmMetrics::Outs& o) {
  static constexpr size_t kTextBytes = 96;
  auto query = std::make_unique<nvmlGpmMetricsGet_t>();
  if (!s.real(a.sample1, wire::knvmlGpmSample_t, &query->sample1) || !s.real(a.sample2, wire::knvmlGpmSample_t, &query->sample2) ||
      a.count > std::size(query->metrics))
    return NVML_ERROR_INVALID_ARGUMENT;
  if (!s.driver.nvmlGpmMetricsGet) return NVML_ERROR_FUNCTION_NOT_FOUND;
  query->version = a.version;
  query->numMetrics = a.count;
  for (unsigned i = 0; i < a.count; i++) query->metrics[i].metricId = a.metrics[i].metricId;   // all else is the driver's to write
  int rc = s.driver.nvmlGpmMetricsGet(query.get());
  for (unsigned i = 0; !rc && i < a.count; i++) {
    const auto& info = query->metrics[i].metricInfo;
    o.metrics[i] = query->metrics[i];
    o.metrics[i].metricInfo = {};
    const char* texts[] = {info.shortName, info.longName, info.unit};
    for (size_t k = 0; o.texts && k < 3; k++) snprintf(reinterpret_cast<char*>(o.texts) + (i * 3 + k) * kTextBytes, kTextBytes, "%s", texts[k] ? texts[k] : "");
  }
  return rc;
}

int tfSramErrors(Session& s, Request&, wire::tfSramErrors::Args& a, wire::tfSramErrors::Outs& o) {
  nvmlDevice_t device;
  if (!s.real(a.device, wire::knvmlDevice_t, &device)) return NVML_ERROR_INVALID_ARGUMENT;
  if (!s.driver.nvmlDeviceGetSramUniqueUncorrectedEccErrorCounts) return NVML_ERROR_FUNCTION_NOT_FOUND;
  nvmlEccSramUniqueUncorrectedErrorCounts_t counts{a.version, o.entries ? unsigned(o.n_entries) : 0, o.entries};
  int rc = s.driver.nvmlDeviceGetSramUniqueUncorrectedEccErrorCounts(device, &counts);
  *o.count = counts.entryCount;
  return rc;
}

// Reads a slot of the driver's table; only of a driver whose numbers we know, and only the slots that read.
int tfUnnamed(Session& s, Request&, wire::tfUnnamed::Args& a, wire::tfUnnamed::Outs& o) {
  nvmlDevice_t device;
  if (!s.real(a.device, wire::knvmlDevice_t, &device) || !o.value || a.bytes < sizeof(unsigned)) return NVML_ERROR_INVALID_ARGUMENT;
  char version[96] = "";
  const void* table = nullptr;
  if (!s.driver.nvmlInternalGetExportTable || !s.driver.nvmlSystemGetDriverVersion || s.driver.nvmlSystemGetDriverVersion(version, sizeof version) ||
      strncmp(version, "580.", 4) != 0 || s.driver.nvmlInternalGetExportTable(&table, base::kManagementTable) || !table)
    return NVML_ERROR_NOT_SUPPORTED;
  using Slot = int (*)(nvmlDevice_t, void*, unsigned);
  auto words = static_cast<const uint64_t*>(table);
  for (unsigned known : base::kUnnamedSlots)
    if (known == a.slot && words[0] > known * sizeof(uint64_t) && words[known]) return reinterpret_cast<Slot>(words[known])(device, o.value, a.bytes);
  return NVML_ERROR_NOT_SUPPORTED;
}

}  // namespace worker::serve
