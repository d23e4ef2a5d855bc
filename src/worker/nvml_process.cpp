// The processes that use a device, as a client may see them: those of the client's own machine (and process numbers) that use this worker, by
// the numbers that they have there. Natively a container sees no more either. Everything else on this host stays unseen. Any thread.
#include <algorithm>

#include "limiter/memory_quota.h"
#include "worker/handlers.h"

namespace worker::serve {
namespace {

// Asks with growing room: ask(infos, count) is the driver's call.
template <class Info, class F>
int all_of(std::vector<Info>* infos, F ask) {
  for (unsigned room = 64;; room *= 2) {
    infos->assign(room, Info{});
    unsigned count = room;
    int rc = ask(infos->data(), &count);
    if (rc == NVML_ERROR_INSUFFICIENT_SIZE && room < 4096) continue;
    infos->resize(rc ? 0 : std::min(count, room));
    return rc;
  }
}

template <class Info>
void keep_the_clients(Session& s, std::vector<Info>* infos) {
  std::erase_if(*infos, [&](Info& info) { return (info.pid = s.options.quota->client_of(info.pid, s.client_host())) == 0; });
}

// *count: room in, number out; as the driver answers a caller whose room is too small.
template <class Info>
int hand_out(const std::vector<Info>& infos, unsigned room, Info* to, uint64_t n, unsigned* count) {
  *count = unsigned(infos.size());
  if (room < infos.size() || n < infos.size()) return room && !to ? NVML_ERROR_INVALID_ARGUMENT : NVML_ERROR_INSUFFICIENT_SIZE;
  std::copy(infos.begin(), infos.end(), to);
  return NVML_SUCCESS;
}

template <class F, class Args, class Outs>
int running(Session& s, F* driver, Args& a, Outs& o) {
  nvmlDevice_t device;
  if (!s.real(a.device, wire::knvmlDevice_t, &device) || !o.infoCount) return NVML_ERROR_INVALID_ARGUMENT;
  if (!driver) return NVML_ERROR_FUNCTION_NOT_FOUND;
  std::vector<std::remove_reference_t<decltype(*o.infos)>> infos;
  if (int rc = all_of(&infos, [&](auto* to, unsigned* count) { return driver(device, count, to); })) return rc;
  keep_the_clients(s, &infos);
  return hand_out(infos, *a.infoCount, o.infos, o.n_infos, o.infoCount);
}

}  // namespace

#define RUNNING(name) \
  int name(Session& s, Request&, wire::name::Args& a, wire::name::Outs& o) { return running(s, s.driver.name, a, o); }
RUNNING(nvmlDeviceGetComputeRunningProcesses)
RUNNING(nvmlDeviceGetComputeRunningProcesses_v2)
RUNNING(nvmlDeviceGetComputeRunningProcesses_v3)
RUNNING(nvmlDeviceGetGraphicsRunningProcesses)
RUNNING(nvmlDeviceGetGraphicsRunningProcesses_v2)
RUNNING(nvmlDeviceGetGraphicsRunningProcesses_v3)
RUNNING(nvmlDeviceGetMPSComputeRunningProcesses)
RUNNING(nvmlDeviceGetMPSComputeRunningProcesses_v2)
RUNNING(nvmlDeviceGetMPSComputeRunningProcesses_v3)
#undef RUNNING

int nvmlDeviceGetProcessUtilization(Session& s, Request&, wire::nvmlDeviceGetProcessUtilization::Args& a,
                                    wire::nvmlDeviceGetProcessUtilization::Outs& o) {
  nvmlDevice_t device;
  if (!s.real(a.device, wire::knvmlDevice_t, &device) || !o.processSamplesCount) return NVML_ERROR_INVALID_ARGUMENT;
  if (!s.driver.nvmlDeviceGetProcessUtilization) return NVML_ERROR_FUNCTION_NOT_FOUND;
  std::vector<nvmlProcessUtilizationSample_t> samples;
  if (int rc = all_of(&samples, [&](auto* to, unsigned* count) { return s.driver.nvmlDeviceGetProcessUtilization(device, to, count, a.lastSeenTimeStamp); }))
    return rc;
  keep_the_clients(s, &samples);
  if (samples.empty()) {
    *o.processSamplesCount = 0;
    return NVML_ERROR_NOT_FOUND;
  }
  return hand_out(samples, *a.processSamplesCount, o.utilization, o.n_utilization, o.processSamplesCount);
}

int tfProcessDetails(Session& s, Request&, wire::tfProcessDetails::Args& a, wire::tfProcessDetails::Outs& o) {
  nvmlDevice_t device;
  if (!s.real(a.device, wire::knvmlDevice_t, &device)) return NVML_ERROR_INVALID_ARGUMENT;
  if (!s.driver.nvmlDeviceGetRunningProcessDetailList) return NVML_ERROR_FUNCTION_NOT_FOUND;
  std::vector<nvmlProcessDetail_v1_t> details;
  if (int rc = all_of(&details, [&](auto* to, unsigned* count) {
        nvmlProcessDetailList_t list{a.version, a.mode, *count, to};
        int code = s.driver.nvmlDeviceGetRunningProcessDetailList(device, &list);
        *count = list.numProcArrayEntries;
        return code;
      }))
    return rc;
  keep_the_clients(s, &details);
  return hand_out(details, *a.count, o.processes, o.n_processes, o.count);
}

int tfProcessUtilization(Session& s, Request&, wire::tfProcessUtilization::Args& a, wire::tfProcessUtilization::Outs& o) {
  nvmlDevice_t device;
  if (!s.real(a.device, wire::knvmlDevice_t, &device)) return NVML_ERROR_INVALID_ARGUMENT;
  if (!s.driver.nvmlDeviceGetProcessesUtilizationInfo) return NVML_ERROR_FUNCTION_NOT_FOUND;
  std::vector<nvmlProcessUtilizationInfo_v1_t> samples;
  if (int rc = all_of(&samples, [&](auto* to, unsigned* count) {
        nvmlProcessesUtilizationInfo_t info{a.version, *count, a.lastSeenTimeStamp, to};
        int code = s.driver.nvmlDeviceGetProcessesUtilizationInfo(device, &info);
        *count = info.processSamplesCount;
        return code;
      }))
    return rc;
  keep_the_clients(s, &samples);
  if (samples.empty()) {
    *o.count = 0;
    return NVML_ERROR_NOT_FOUND;
  }
  return hand_out(samples, *a.count, o.processes, o.n_processes, o.count);
}

}  // namespace worker::serve
