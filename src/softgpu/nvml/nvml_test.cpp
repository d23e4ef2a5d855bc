// libnvidia-ml tells the same device as libcuda, and the memory that this process uses.
#include <gtest/gtest.h>

#include <unistd.h>

#include <chrono>
#include <thread>

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

// A kernel that spins until the host writes a word: busy for as long as the test wants.
constexpr char kSpin[] = R"(.version 7.0
.target sm_70
.address_size 64
.visible .entry spin(.param .u64 p)
{
  .reg .pred %p<2>;
  .reg .b32 %r<2>;
  .reg .b64 %rd<2>;
  ld.param.u64 %rd1, [p];
again:
  ld.volatile.global.u32 %r1, [%rd1];
  setp.eq.u32 %p1, %r1, 0;
  @%p1 bra again;
  ret;
}
)";

TEST_F(Device, IsAsBusyAsItsKernels) {
  CUcontext context;
  CUmodule module;
  CUfunction spin;
  ASSERT_EQ(CUDA_SUCCESS, cuInit(0));
  ASSERT_EQ(CUDA_SUCCESS, cuCtxCreate_v2(&context, 0, 0));
  ASSERT_EQ(CUDA_SUCCESS, cuModuleLoadData(&module, kSpin));
  ASSERT_EQ(CUDA_SUCCESS, cuModuleGetFunction(&spin, module, "spin"));
  nvmlUtilization_t u;
  unsigned idle_power, power, count = 0;
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetUtilizationRates(device, &u));
  EXPECT_EQ(0u, u.gpu);
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetPowerUsage(device, &idle_power));
  EXPECT_EQ(NVML_ERROR_NOT_FOUND, nvmlDeviceGetProcessUtilization(device, nullptr, &count, 0));
  void* word;
  ASSERT_EQ(CUDA_SUCCESS, cuMemHostAlloc(&word, 64, 0));
  *static_cast<volatile unsigned*>(word) = 0;
  void* params[] = {&word};
  ASSERT_EQ(CUDA_SUCCESS, cuLaunchKernel(spin, 1, 1, 1, 1, 1, 1, 0, nullptr, params, nullptr));
  unsigned busy = 0;                              // while it runs, the busy part of the last second only grows
  for (int i = 0; i < 3000 && busy < 30; i++) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetUtilizationRates(device, &u));
    EXPECT_GE(u.gpu, busy);
    busy = u.gpu;
  }
  EXPECT_GE(busy, 30u);
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetPowerUsage(device, &power));
  EXPECT_GT(power, idle_power);
  *static_cast<volatile unsigned*>(word) = 1;
  ASSERT_EQ(CUDA_SUCCESS, cuCtxSynchronize());
  nvmlProcessUtilizationSample_t mine[8];
  count = 8;
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetProcessUtilization(device, mine, &count, 0));
  ASSERT_EQ(1u, count);
  EXPECT_EQ(unsigned(getpid()), mine[0].pid);
  EXPECT_GT(mine[0].smUtil, 0u);
  EXPECT_EQ(NVML_ERROR_NOT_FOUND, nvmlDeviceGetProcessUtilization(device, mine, &count, mine[0].timeStamp + 1000000));
  nvmlValueType_t type;
  nvmlSample_t samples[100];
  count = 100;
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetSamples(device, NVML_GPU_UTILIZATION_SAMPLES, 0, &type, &count, samples));
  unsigned highest = 0;
  for (unsigned i = 0; i < count; i++) highest = std::max(highest, samples[i].sampleValue.uiVal);
  EXPECT_GT(highest, 0u);
  EXPECT_LE(highest, 100u);
  char name[4096];
  EXPECT_EQ(NVML_SUCCESS, nvmlSystemGetProcessName(unsigned(getpid()), name, sizeof name));
  EXPECT_NE(nullptr, strstr(name, "nvml"));
  ASSERT_EQ(CUDA_SUCCESS, cuMemFreeHost(word));
  ASSERT_EQ(CUDA_SUCCESS, cuCtxDestroy_v2(context));
}
