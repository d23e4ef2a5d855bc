// What a program asks first: versions, number, names, sizes and attributes of the devices.
#include "check.h"

int main() {
  CU(cuInit(0));
  int version = 0, count = 0;
  CU(cuDriverGetVersion(&version));
  CHECK(version >= 12000 && version < 20000);
  CU(cuDeviceGetCount(&count));
  CHECK(count >= 1);
  for (int i = 0; i < count; i++) {
    CUdevice device = -1;
    CU(cuDeviceGet(&device, i));
    char name[256] = "", shortened[5] = "xxxx";
    CU(cuDeviceGetName(name, sizeof name, device));
    CHECK(strlen(name) > 4);
    char padded[256];
    memset(padded, 'x', sizeof padded);
    CU(cuDeviceGetName(padded, sizeof padded, device));
    CHECK(memcmp(padded, name, 64) == 0);   // NULs for a while, but not to the end
    CU(cuDeviceGetName(shortened, sizeof shortened, device));
    CHECK(strlen(shortened) == 4 && strncmp(name, shortened, 4) == 0);

    size_t bytes = 0;
    CU(cuDeviceTotalMem_v2(&bytes, device));
    CHECK(bytes >= 16u << 20);
    CUuuid uuid{}, zero{};
    CU(cuDeviceGetUuid_v2(&uuid, device));
    CHECK(memcmp(&uuid, &zero, sizeof uuid) != 0);

    auto attribute = [&](CUdevice_attribute which) {
      int value = -1;
      CU(cuDeviceGetAttribute(&value, which, device));
      return value;
    };
    CHECK(attribute(CU_DEVICE_ATTRIBUTE_WARP_SIZE) == 32);
    CHECK(attribute(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK) == 1024);
    CHECK(attribute(CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z) == 64);
    CHECK(attribute(CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X) == 2147483647);
    CHECK(attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT) >= 1);
    CHECK(attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK) == 48 * 1024);
    CHECK(attribute(CU_DEVICE_ATTRIBUTE_UNIFIED_ADDRESSING) == 1);
    int major = attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR), minor = -1, same = -1;
    CHECK(major * 10 >= 70);
    CU(cuDeviceComputeCapability(&same, &minor, device));
    CHECK(same == major && minor == attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR));

    char bus[32] = "";
    CU(cuDeviceGetPCIBusId(bus, sizeof bus, device));
    unsigned domain = 99, number = 99, slot = 99;
    CHECK(sscanf(bus, "%x:%x:%x.0", &domain, &number, &slot) == 3);
    CHECK((int)number == attribute(CU_DEVICE_ATTRIBUTE_PCI_BUS_ID) && (int)slot == attribute(CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID));
    CUdevice found = -1;
    CU(cuDeviceGetByPCIBusId(&found, bus));
    CHECK(found == device);
  }
}
