// nvmlInternalGetExportTable: nvidia-smi of driver 580 refuses a libnvidia-ml without this table ("Mismatch in versions between nvidia-smi and
// NVML"). Measured on an H200: it asks for one table, a list of 8-byte words of which the first is the size in bytes; it calls a slot only if
// the size reaches that far and the slot is not null, and prints N/A for what it misses. What it calls and what can be told by public calls is
// answered here; part of both of our libnvidia-mls, so the public calls are the library's own. Any thread.
//
//    23  (const char *busId, const char *busId, unsigned *path)           topo -m of several devices: 0 PIX, 1 PXB, 2 PHB, 3 NODE, 4 SYS
//    26  log(module, stream, text, ...)                                   missed: nvidia-smi's own debug log
//    72  (device, unsigned *usable)                                       dmon and pmon refuse a device without it
//    81  (unsigned index, char *busId, unsigned length)                   "0000:19:00.0"
//   145  (device, since, valueType *, unsigned *count, Sample *)          pmon: what each process did
//   213, 214, 215  (device, unsigned *count, Process *)                   compute, graphics and MPS processes with their names
//   230, 232, 249  (device, unsigned *)                                  PCIe generation of the host, deferred memory clock, sparse operation mode
//   231, 237  (device, char *text, unsigned length)                      part numbers of GPU and field replaceable unit
// The last two lines have no public form: they are the driver's own answers (management_table.h).
#include "runtime_tables/management_table.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/log.h"
#include "base/management_ids.h"

namespace {

constexpr unsigned kWords = 270;                  // driver 580.159's table
constexpr unsigned kMost = 64;                    // processes that are told of one device

struct Process {
  unsigned pid;
  unsigned long long used;
  unsigned gpu_instance, compute_instance;
  unsigned long long used_protected;
  char name[4096];
};
static_assert(sizeof(Process) == 0x1020 && offsetof(Process, name) == 0x20);

struct Use {
  unsigned long long percent;
  unsigned pid;
  char name[64];
};
enum { kSm, kMemory, kEncoder, kDecoder, kJpeg, kOfa, kUses };
struct Sample {
  unsigned long long time;                        // microseconds since 1970
  Use uses[kUses];                                // pid: nobody's when it was not measured
};
static_assert(sizeof(Use) == 80 && sizeof(Sample) == 488);
constexpr unsigned kNobody = ~0u;

nvmlReturn_t usable(nvmlDevice_t device, unsigned* yes) {
  unsigned index;
  if (!yes) return NVML_ERROR_INVALID_ARGUMENT;
  nvmlReturn_t rc = nvmlDeviceGetIndex(device, &index);
  *yes = !rc;
  return rc;
}

// nvidia-smi asks about network cards of its own machine, too: they are not near.
nvmlReturn_t path_between(const char* one, const char* other, unsigned* path) {
  nvmlDevice_t a, b;
  nvmlGpuTopologyLevel_t level = NVML_TOPOLOGY_SYSTEM;
  if (!one || !other || !path) return NVML_ERROR_INVALID_ARGUMENT;
  if (!nvmlDeviceGetHandleByPciBusId_v2(one, &a) && !nvmlDeviceGetHandleByPciBusId_v2(other, &b))
    if (nvmlReturn_t rc = nvmlDeviceGetTopologyCommonAncestor(a, b, &level)) return rc;
  *path = level < NVML_TOPOLOGY_SINGLE ? 0 : unsigned(level) / 10 - 1;
  return NVML_SUCCESS;
}

nvmlReturn_t bus_id(unsigned index, char* text, unsigned length) {
  nvmlDevice_t device;
  nvmlPciInfo_t pci;
  if (!text || !length) return NVML_ERROR_INVALID_ARGUMENT;
  if (nvmlReturn_t rc = nvmlDeviceGetHandleByIndex_v2(index, &device)) return rc;
  if (nvmlReturn_t rc = nvmlDeviceGetPciInfo_v3(device, &pci)) return rc;
  size_t n = strlen(pci.busIdLegacy);
  if (n >= length) return NVML_ERROR_INSUFFICIENT_SIZE;
  memcpy(text, pci.busIdLegacy, n + 1);
  return NVML_SUCCESS;
}

// *count: room in, number out.
nvmlReturn_t processes(nvmlReturn_t (*ask)(nvmlDevice_t, unsigned*, nvmlProcessInfo_t*), nvmlDevice_t device, unsigned* count, Process* to) {
  nvmlProcessInfo_t infos[kMost];
  unsigned n = kMost;
  if (!count || !to) return NVML_ERROR_INVALID_ARGUMENT;
  nvmlReturn_t rc = ask(device, &n, infos);
  if (rc == NVML_ERROR_NOT_SUPPORTED) n = 0;      // no MPS, say: nobody
  else if (rc) return rc;
  if (n > *count) return NVML_ERROR_INSUFFICIENT_SIZE;
  for (unsigned i = 0; i < n; i++) {
    Process& p = to[i];
    p.pid = infos[i].pid;
    p.used = infos[i].usedGpuMemory;
    p.gpu_instance = infos[i].gpuInstanceId;
    p.compute_instance = infos[i].computeInstanceId;
    p.used_protected = 0;
    if (nvmlSystemGetProcessName(p.pid, p.name, sizeof p.name)) memcpy(p.name, "[Not Found]", 12);
  }
  *count = n;
  return NVML_SUCCESS;
}
nvmlReturn_t compute_processes(nvmlDevice_t d, unsigned* count, Process* to) { return processes(nvmlDeviceGetComputeRunningProcesses_v3, d, count, to); }
nvmlReturn_t graphics_processes(nvmlDevice_t d, unsigned* count, Process* to) { return processes(nvmlDeviceGetGraphicsRunningProcesses_v3, d, count, to); }
nvmlReturn_t mps_processes(nvmlDevice_t d, unsigned* count, Process* to) { return processes(nvmlDeviceGetMPSComputeRunningProcesses_v3, d, count, to); }

nvmlReturn_t process_use(nvmlDevice_t device, unsigned long long since, nvmlValueType_t* type, unsigned* count, Sample* to) {
  nvmlProcessUtilizationSample_t samples[kMost];
  unsigned n = kMost;
  if (!type || !count || !to) return NVML_ERROR_INVALID_ARGUMENT;
  if (nvmlReturn_t rc = nvmlDeviceGetProcessUtilization(device, samples, &n, since)) {
    *count = 0;
    return rc;
  }
  if (n > *count) n = *count;
  for (unsigned i = 0; i < n; i++) {
    Sample& s = to[i];
    memset(&s, 0, sizeof s);
    s.time = samples[i].timeStamp;
    const unsigned percent[] = {samples[i].smUtil, samples[i].memUtil, samples[i].encUtil, samples[i].decUtil};
    for (int k = 0; k < kUses; k++) {
      const bool measured = k <= kMemory || (k <= kDecoder && percent[k]);
      s.uses[k].percent = measured ? percent[k] : 0;
      s.uses[k].pid = measured ? samples[i].pid : kNobody;
    }
  }
  *type = NVML_VALUE_TYPE_UNSIGNED_INT;
  *count = n;
  return NVML_SUCCESS;
}

template <unsigned slot>
nvmlReturn_t number(nvmlDevice_t device, unsigned* out) { return runtime_tables::unnamed(slot, device, out, sizeof *out); }
template <unsigned slot>
nvmlReturn_t text(nvmlDevice_t device, char* out, unsigned length) { return runtime_tables::unnamed(slot, device, out, length); }

struct Table {
  const void* words[kWords] = {};
  Table() {
    words[0] = reinterpret_cast<const void*>(uintptr_t(sizeof words));
    words[23] = reinterpret_cast<const void*>(&path_between);
    words[72] = reinterpret_cast<const void*>(&usable);
    words[81] = reinterpret_cast<const void*>(&bus_id);
    words[145] = reinterpret_cast<const void*>(&process_use);
    words[213] = reinterpret_cast<const void*>(&compute_processes);
    words[214] = reinterpret_cast<const void*>(&graphics_processes);
    words[230] = reinterpret_cast<const void*>(&number<230>);
    words[231] = reinterpret_cast<const void*>(&text<231>);
    words[232] = reinterpret_cast<const void*>(&number<232>);
    words[237] = reinterpret_cast<const void*>(&text<237>);
    words[249] = reinterpret_cast<const void*>(&number<249>);
    words[215] = reinterpret_cast<const void*>(&mps_processes);
  }
};

}  // namespace

extern "C" __attribute__((visibility("default"))) nvmlReturn_t nvmlInternalGetExportTable(const void** ppExportTable, const void* pExportTableId) {
  static const Table table;
  if (!ppExportTable || !pExportTableId) return NVML_ERROR_INVALID_ARGUMENT;
  *ppExportTable = nullptr;
  const auto* id = static_cast<const unsigned char*>(pExportTableId);
  if (memcmp(id, base::kManagementTable, 16) != 0) {
    base::log(base::Level::warn, "nvmlInternalGetExportTable: no table %02x%02x%02x%02x-%02x%02x-%02x%02x-…", id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7]);
    return NVML_ERROR_NOT_SUPPORTED;
  }
  *ppExportTable = table.words;
  return NVML_SUCCESS;
}
