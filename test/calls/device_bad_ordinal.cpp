// Devices that do not exist and arguments out of range get the codes that NVIDIA's driver gives.
#include "check.h"

int main() {
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuInit(1));
  CU(cuInit(0));
  int count = 0, value = 0;
  size_t bytes = 0;
  char name[64];
  CUdevice device = 0;
  CUuuid uuid{};
  CUcontext context = nullptr;
  CU(cuDeviceGetCount(&count));
  EXPECT(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&device, count));
  EXPECT(CUDA_ERROR_INVALID_DEVICE, cuDeviceGet(&device, -1));
  EXPECT(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetName(name, sizeof name, count));
  EXPECT(CUDA_ERROR_INVALID_DEVICE, cuDeviceTotalMem_v2(&bytes, count));
  EXPECT(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetAttribute(&value, CU_DEVICE_ATTRIBUTE_WARP_SIZE, count));
  EXPECT(CUDA_ERROR_INVALID_DEVICE, cuDevicePrimaryCtxRetain(&context, count));
  EXPECT(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetByPCIBusId(&device, "0000:ff:1f.0"));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuDeviceGetByPCIBusId(&device, "junk"));
  EXPECT(CUDA_ERROR_INVALID_DEVICE, cuDeviceGetUuid_v2(&uuid, count));
  EXPECT(CUDA_ERROR_INVALID_DEVICE, cuCtxCreate_v2(&context, 0, count));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuCtxCreate_v2(&context, 0xffff, 0));
  CU(cuDeviceGet(&device, 0));  // and none of that broke anything
}
