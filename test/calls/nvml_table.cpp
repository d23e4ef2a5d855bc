// The table that nvidia-smi wants from libnvidia-ml: there, its size in its first word, and the slots that nvidia-smi depends on answer as the
// public calls do. Driver 580's numbers.
#include <dlfcn.h>
#include <unistd.h>

#include "check.h"

struct Process {
  unsigned pid;
  unsigned long long used;
  unsigned gpu_instance, compute_instance;
  unsigned long long used_protected;
  char name[4096];
};

int main() {
  Gpu gpu;
  CUdeviceptr memory = allocate(8 << 20);
  void* library = dlopen("libnvidia-ml.so.1", RTLD_NOW);
  CHECK(library != nullptr);
  auto init = (int (*)())dlsym(library, "nvmlInit_v2");
  auto by_bus = (int (*)(const char*, void**))dlsym(library, "nvmlDeviceGetHandleByPciBusId_v2");
  auto by_index = (int (*)(unsigned, void**))dlsym(library, "nvmlDeviceGetHandleByIndex_v2");
  auto version = (int (*)(char*, unsigned))dlsym(library, "nvmlSystemGetDriverVersion");
  auto table_of = (int (*)(const void**, const void*))dlsym(library, "nvmlInternalGetExportTable");
  CHECK(init && by_bus && by_index && version && table_of);
  CHECK(init() == 0);
  char text[96] = "";
  CHECK(version(text, sizeof text) == 0);
  if (strncmp(text, "580.", 4) != 0) return skip("another driver's table");

  const unsigned char id[16] = {0xc4, 0xfe, 0x3e, 0x6c, 0xc9, 0x8f, 0x6c, 0x4e, 0xa3, 0x27, 0xee, 0x69, 0x6e, 0x12, 0xf7, 0xc4};
  const void* found = nullptr;
  CHECK(table_of(&found, id) == 0 && found);
  auto table = (void* const*)found;
  CHECK((size_t)table[0] >= 216 * sizeof(void*));
  for (int slot : {23, 72, 81, 145, 213, 214, 215}) CHECK(table[slot] != nullptr);
  const unsigned char unknown[16] = {1};
  CHECK(table_of(&found, unknown) != 0);

  char bus[64] = "";
  CHECK(((int (*)(unsigned, char*, unsigned))table[81])(0, bus, 34) == 0);
  void *device = nullptr, *same = nullptr;
  CHECK(by_index(0, &device) == 0 && by_bus(bus, &same) == 0 && device == same);
  unsigned usable = 0;
  CHECK(((int (*)(void*, unsigned*))table[72])(device, &usable) == 0 && usable == 1);

  CU(cuDeviceGetPCIBusId(bus, sizeof bus, gpu.device));   // the device that this process uses
  CHECK(by_bus(bus, &device) == 0);
  auto* list = new Process[500]();
  unsigned count = 500;
  CHECK(((int (*)(void*, unsigned*, Process*))table[213])(device, &count, list) == 0);
  const Process* me = nullptr;
  for (unsigned i = 0; i < count; i++)
    if (list[i].pid == (unsigned)getpid()) me = &list[i];
  CHECK(me && me->used >= 8 << 20 && strstr(me->name, "nvml_table"));
  for (int slot : {214, 215}) {
    count = 500;
    CHECK(((int (*)(void*, unsigned*, Process*))table[slot])(device, &count, list) == 0);
    for (unsigned i = 0; i < count; i++) CHECK(list[i].pid != (unsigned)getpid());
  }
  CU(cuMemFree_v2(memory));
}
