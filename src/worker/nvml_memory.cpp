// The calls of api/nvml/memory.api that must show the memory limit.
#include "worker/handlers.h"
#include "worker/memory.h"

namespace worker::serve {

// CUDA's number of an NVML device: the two count differently. -1: CUDA does not see it.
static int cuda_device(Session& s, nvmlDevice_t device) {
  nvmlPciInfo_t pci{};
  if (!s.driver.nvmlDeviceGetPciInfo_v3 || s.driver.nvmlDeviceGetPciInfo_v3(device, &pci) != NVML_SUCCESS) return -1;
  int count = 0;
  call(s.driver.cuDeviceGetCount, &count);
  for (int i = 0; i < count; i++) {
    int domain = 0, bus = 0, slot = 0;
    if (call(s.driver.cuDeviceGetAttribute, &domain, CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID, i) ||
        call(s.driver.cuDeviceGetAttribute, &bus, CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, i) ||
        call(s.driver.cuDeviceGetAttribute, &slot, CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID, i))
      continue;
    if (unsigned(domain) == pci.domain && unsigned(bus) == pci.bus && unsigned(slot) == pci.device) return i;
  }
  return -1;
}

template <class Info>
static void show_limit(Session& s, nvmlDevice_t device, Info* info) {
  if (!s.memory().limit()) return;
  info->total = s.memory().total_of(info->total);
  info->free = s.memory().free_of(cuda_device(s, device), info->free);
  info->used = info->total - info->free;
}

int nvmlDeviceGetMemoryInfo(Session& s, Request&, wire::nvmlDeviceGetMemoryInfo::Args& a, wire::nvmlDeviceGetMemoryInfo::Outs& o) {
  nvmlDevice_t device;
  if (!s.real(a.device, wire::knvmlDevice_t, &device) || !o.memory) return NVML_ERROR_INVALID_ARGUMENT;
  if (!s.driver.nvmlDeviceGetMemoryInfo) return NVML_ERROR_FUNCTION_NOT_FOUND;
  int rc = s.driver.nvmlDeviceGetMemoryInfo(device, o.memory);
  if (!rc) show_limit(s, device, o.memory);
  return rc;
}

int nvmlDeviceGetMemoryInfo_v2(Session& s, Request&, wire::nvmlDeviceGetMemoryInfo_v2::Args& a, wire::nvmlDeviceGetMemoryInfo_v2::Outs& o) {
  nvmlDevice_t device;
  if (!s.real(a.device, wire::knvmlDevice_t, &device) || !o.memory) return NVML_ERROR_INVALID_ARGUMENT;
  if (!s.driver.nvmlDeviceGetMemoryInfo_v2) return NVML_ERROR_FUNCTION_NOT_FOUND;
  int rc = s.driver.nvmlDeviceGetMemoryInfo_v2(device, o.memory);
  if (!rc) {
    show_limit(s, device, o.memory);
    if (s.memory().limit()) o.memory->reserved = 0;
  }
  return rc;
}

}  // namespace worker::serve
