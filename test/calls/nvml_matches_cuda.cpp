// The management library tells of the same devices: number, name, UUID, PCI bus, memory. It is loaded as programs do, by dlopen.
#include <dlfcn.h>
#include "check.h"

struct NvmlMemory {
  unsigned long long total, free, used;
};

int main() {
  void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW);
  CHECK(library != nullptr);
  auto call = [&]<typename... A>(const char* name, A... arguments) {
    auto function = (int (*)(A...))dlsym(library, name);
    if (!function) printf("%s is missing\n", name);
    CHECK(function != nullptr);
    int result = function(arguments...);
    if (result) printf("%s answered %d\n", name, result);
    CHECK(result == 0);
  };
  call("nvmlInit_v2");
  CU(cuInit(0));
  unsigned nvml_count = 0;
  int count = 0, version = 0, nvml_version = 0;
  call("nvmlDeviceGetCount_v2", &nvml_count);
  CU(cuDeviceGetCount(&count));
  CHECK((int)nvml_count == count);
  call("nvmlSystemGetCudaDriverVersion_v2", &nvml_version);
  CU(cuDriverGetVersion(&version));
  CHECK(version == nvml_version);
  char driver[96] = "";
  call("nvmlSystemGetDriverVersion", driver, (unsigned)sizeof driver);
  CHECK(strlen(driver) > 3);

  for (int i = 0; i < count; i++) {
    char bus[32], name[128], uuid[96], nvml_name[128], expected[96];
    CUuuid id{};
    CU(cuDeviceGetPCIBusId(bus, sizeof bus, i));
    CU(cuDeviceGetName(name, sizeof name, i));
    CU(cuDeviceGetUuid_v2(&id, i));
    void* device = nullptr;
    call("nvmlDeviceGetHandleByPciBusId_v2", (const char*)bus, &device);
    call("nvmlDeviceGetName", device, nvml_name, (unsigned)sizeof nvml_name);
    CHECK(strcmp(name, nvml_name) == 0);
    call("nvmlDeviceGetUUID", device, uuid, (unsigned)sizeof uuid);
    const unsigned char* b = (const unsigned char*)id.bytes;
    snprintf(expected, sizeof expected, "GPU-%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0], b[1], b[2], b[3],
             b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13], b[14], b[15]);
    CHECK(strcmp(uuid, expected) == 0);
    NvmlMemory memory{};
    size_t total = 0;
    call("nvmlDeviceGetMemoryInfo", device, &memory);
    CU(cuDeviceTotalMem_v2(&total, i));
    CHECK(memory.total >= total && memory.total < total + (total >> 3) + (1 << 20) && memory.used <= memory.total);
  }
  call("nvmlShutdown");
}
