// libnvidia-ml tells the same device as libcuda, and the memory that this process uses.
#include <gtest/gtest.h>

#include <unistd.h>

#include <string>
#include <vector>

#include "abi/cuda_abi.h"
#include "abi/nvml_abi.h"

TEST(Nvml, NeedsInit) {
  unsigned n;
  EXPECT_EQ(NVML_ERROR_UNINITIALIZED, nvmlDeviceGetCount_v2(&n));
  EXPECT_EQ(NVML_ERROR_UNINITIALIZED, nvmlShutdown());
  EXPECT_EQ(NVML_SUCCESS, nvmlInit_v2());
  EXPECT_EQ(NVML_SUCCESS, nvmlDeviceGetCount_v2(&n));
  EXPECT_EQ(1u, n);
  EXPECT_EQ(NVML_SUCCESS, nvmlShutdown());
  EXPECT_EQ(NVML_ERROR_UNINITIALIZED, nvmlDeviceGetCount_v2(&n));
  EXPECT_STREQ("Not Found", nvmlErrorString(NVML_ERROR_NOT_FOUND));
}

class Device : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_EQ(NVML_SUCCESS, nvmlInit_v2());
    ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetHandleByIndex_v2(0, &device));
  }
  void TearDown() override { EXPECT_EQ(NVML_SUCCESS, nvmlShutdown()); }
  nvmlDevice_t device = nullptr;
};

TEST_F(Device, IsTheOneOfLibcuda) {
  ASSERT_EQ(CUDA_SUCCESS, cuInit(0));
  CUuuid cuda;
  ASSERT_EQ(CUDA_SUCCESS, cuDeviceGetUuid_v2(&cuda, 0));
  char text[96], expected[96] = "GPU-";
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetUUID(device, text, sizeof text));
  for (int i = 0; i < 16; i++) {
    const char* dash = i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";
    snprintf(expected + strlen(expected), 8, "%s%02x", dash, uint8_t(cuda.bytes[i]));
  }
  EXPECT_STREQ(expected, text);
  EXPECT_EQ(NVML_ERROR_INSUFFICIENT_SIZE, nvmlDeviceGetUUID(device, text, 10));
  nvmlDevice_t same;
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetHandleByUUID(expected, &same));
  EXPECT_EQ(device, same);
  EXPECT_EQ(NVML_ERROR_NOT_FOUND, nvmlDeviceGetHandleByUUID("GPU-0", &same));
  nvmlPciInfo_t pci;
  char bus[32];
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetPciInfo_v3(device, &pci));
  ASSERT_EQ(CUDA_SUCCESS, cuDeviceGetPCIBusId(bus, sizeof bus, 0));
  EXPECT_STREQ(bus, pci.busIdLegacy);
  int major, minor, v;
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetCudaComputeCapability(device, &major, &minor));
  ASSERT_EQ(CUDA_SUCCESS, cuDeviceGetAttribute(&v, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR, 0));
  EXPECT_EQ(12, major);
  EXPECT_EQ(v, minor);
  char name[96], cuda_name[96];
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetName(device, name, sizeof name));
  ASSERT_EQ(CUDA_SUCCESS, cuDeviceGetName(cuda_name, sizeof cuda_name, 0));
  EXPECT_STREQ(cuda_name, name);
}

TEST_F(Device, MemoryInUse) {
  CUcontext context;
  ASSERT_EQ(CUDA_SUCCESS, cuInit(0));
  ASSERT_EQ(CUDA_SUCCESS, cuCtxCreate_v2(&context, 0, 0));
  nvmlMemory_t before, after;
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetMemoryInfo(device, &before));
  CUdeviceptr p;
  ASSERT_EQ(CUDA_SUCCESS, cuMemAlloc_v2(&p, 100 << 20));
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetMemoryInfo(device, &after));
  EXPECT_GE(after.used, 100u << 20);
  EXPECT_EQ(after.total, after.used + after.free);
  unsigned count = 0;
  EXPECT_EQ(NVML_ERROR_INSUFFICIENT_SIZE, nvmlDeviceGetComputeRunningProcesses_v3(device, &count, nullptr));
  ASSERT_GE(count, 1u);
  std::vector<nvmlProcessInfo_t> list(count + 8);
  count += 8;
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetComputeRunningProcesses_v3(device, &count, list.data()));
  bool mine = false;
  for (unsigned i = 0; i < count; i++) mine |= list[i].pid == unsigned(getpid()) && list[i].usedGpuMemory == 100u << 20;
  EXPECT_TRUE(mine);
  nvmlMemory_v2_t v2 = {};
  EXPECT_EQ(NVML_ERROR_ARGUMENT_VERSION_MISMATCH, nvmlDeviceGetMemoryInfo_v2(device, &v2));
  v2.version = nvmlMemory_v2;
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetMemoryInfo_v2(device, &v2));
  EXPECT_EQ(after.total, v2.total);
  ASSERT_EQ(CUDA_SUCCESS, cuCtxDestroy_v2(context));
}

TEST_F(Device, Facts) {
  unsigned v;
  EXPECT_EQ(NVML_SUCCESS, nvmlDeviceGetTemperature(device, NVML_TEMPERATURE_GPU, &v));
  EXPECT_EQ(NVML_SUCCESS, nvmlDeviceGetPowerUsage(device, &v));
  EXPECT_EQ(NVML_SUCCESS, nvmlDeviceGetEnforcedPowerLimit(device, &v));
  EXPECT_EQ(NVML_SUCCESS, nvmlDeviceGetClockInfo(device, NVML_CLOCK_SM, &v));
  EXPECT_EQ(2000u, v);
  nvmlUtilization_t u;
  EXPECT_EQ(NVML_SUCCESS, nvmlDeviceGetUtilizationRates(device, &u));
  nvmlDeviceArchitecture_t arch;
  EXPECT_EQ(NVML_SUCCESS, nvmlDeviceGetArchitecture(device, &arch));
  int cuda;
  EXPECT_EQ(NVML_SUCCESS, nvmlSystemGetCudaDriverVersion_v2(&cuda));
  EXPECT_EQ(13000, cuda);
  char text[80];
  EXPECT_EQ(NVML_SUCCESS, nvmlSystemGetDriverVersion(text, sizeof text));
  EXPECT_EQ(NVML_ERROR_INVALID_ARGUMENT, nvmlDeviceGetPowerUsage(nullptr, &v));
  EXPECT_EQ(NVML_ERROR_INVALID_ARGUMENT, nvmlDeviceGetPowerUsage(reinterpret_cast<nvmlDevice_t>(99), &v));
  nvmlDevice_t other;
  EXPECT_EQ(NVML_ERROR_INVALID_ARGUMENT, nvmlDeviceGetHandleByIndex_v2(1, &other));
  EXPECT_EQ(NVML_ERROR_NOT_SUPPORTED, nvmlDeviceGetFanSpeed(device, &v));
}
