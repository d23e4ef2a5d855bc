// Profiles: what a file may say and how a wrong one is refused; and, run with TF_SOFTGPU_PROFILE=X for each shipped profile, that libcuda
// and libnvidia-ml tell what the file says.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "abi/cuda_abi.h"
#include "abi/nvml_abi.h"
#include "softgpu/api/profile.h"

using namespace softgpu::api;

namespace {
Profile read(const std::string& text) { return read_profile(text, "x.profile"); }
std::string file_text(const std::string& name) {
  std::ifstream in(std::string(PROFILES) + "/" + name + ".profile");
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}
std::string environment(const char* name) { return getenv(name) ? getenv(name) : ""; }
}  // namespace

TEST(Profiles, SayWhereTheyAreWrong) {
  const char* wrong[][2] = {
      {"[device]\nsms = 3\n", "x.profile:2: unknown key sms"},
      {"name = x\n[device]\n", "x.profile:1: unknown key name before the first [device]"},
      {"# only a comment\n\n[gpu]\n", "x.profile:3: unknown section [gpu]; there is [device]"},
      {"[device]\nmultiprocessors\n", "x.profile:2: wanted `key = value`, found `multiprocessors`"},
      {"[device]\nmultiprocessors = 0\n", "x.profile:2: multiprocessors = 0: wanted a number from 1 to 1024"},
      {"[device]\nmultiprocessors = 4x # four\n", "x.profile:2: multiprocessors = 4x: wanted a number from 1 to 1024"},
      {"[device]\nmultiprocessors = 1.5\n", "x.profile:2: multiprocessors = 1.5: wanted a number from 1 to 1024"},
      {"[device]\ncompute_capability = 9.9\n",
       "x.profile:2: compute_capability = 9.9: wanted one of 7.0 7.5 8.0 8.6 8.7 8.9 9.0 10.0 10.3 11.0 12.0 12.1"},
      {"[device]\nuuid = GPU-12\n", "x.profile:2: uuid = GPU-12: wanted a UUID"},
      {"[device]\npci = 40\n", "x.profile:2: pci = 40: wanted an address like 0000:18:00.0"},
      {"[device]\nname =\n", "x.profile:2: name = : wanted a text of at most 90 letters"},
      {"cuda = new\n", "x.profile:1: cuda = new: wanted a version like 13.0"},
      {"peers = many\n", "x.profile:1: peers = many: wanted none, pcie or nvlink"},
      {"[device]\nmemory_mib = 100\nreserved_mib = 90\n", "x.profile: device 0: reserved_mib leaves less than 16 MiB of memory_mib"},
      {"[device]\npci = 0:1:0.0\n[device]\npci = 0:1:0.0\n", "x.profile: devices 0 and 1 have the same PCI address"},
      {"[device]\ncount = 16\n[device]\n", "x.profile: more than 16 devices"},
  };
  for (auto& [text, error] : wrong) {
    Profile p = read(text);
    EXPECT_EQ(error, p.error);
    EXPECT_TRUE(p.devices.empty());
  }
  std::string rubbish(5000, '[');
  EXPECT_FALSE(read(rubbish).error.empty());
  EXPECT_FALSE(read(std::string("[device]\nname = ") + rubbish).error.empty());
}

TEST(Profiles, SeveralDevices) {
  Profile p = read("driver = 1.2.3\ncuda = 12.4\npeers = nvlink\npace = 1\n"
                   "[device]\ncount = 2\nname = A\nuuid = GPU-00112233-4455-6677-8899-aabbccddeeff\npci = 0001:20:03.0\n"
                   "[device]\r\nname = B  # with = and #\ncompute_capability = 7.5\nmemory_mib = 1000\nreserved_mib = 100\n");
  ASSERT_EQ("", p.error);
  ASSERT_EQ(3u, p.devices.size());
  EXPECT_EQ("1.2.3", p.driver);
  EXPECT_EQ(12040, p.cuda);
  EXPECT_TRUE(p.pace && p.peers == PeerLink::nvlink);
  EXPECT_EQ("A", p.devices[1].name);
  EXPECT_EQ("GPU-00112233-4455-6677-8899-aabbccddeeff", uuid_text(p.devices[0]));
  EXPECT_EQ("GPU-00112233-4455-6677-8899-aabbccddee00", uuid_text(p.devices[1]));
  EXPECT_EQ("0001:21:03.0", pci_text(p.devices[1], false));
  EXPECT_EQ("00000000:42:00.0", pci_text(p.devices[2], true));
  EXPECT_EQ("B", p.devices[2].name);
  EXPECT_EQ(900ull << 20, p.devices[2].usable_bytes());
  EXPECT_EQ(1024, p.devices[2].chip.threads_per_sm);
  EXPECT_NE(p.devices[0].serial, p.devices[2].serial);
}

TEST(Profiles, TheDefaultFileSaysWhatIsBuiltIn) {
  Profile built_in = read(""), written = read(file_text("default"));
  ASSERT_EQ("", written.error);
  auto facts = [](const Profile& p) {
    auto& d = p.devices.at(0);
    std::ostringstream s;
    s << p.driver << p.cuda << p.pace << int(p.peers) << p.devices.size() << d.name << d.brand << d.vbios << d.part_number << d.serial << ' ' << d.chip.capability << ' '
      << d.multiprocessors << ' ' << d.copy_engines << ' ' << d.memory_bytes << ' ' << d.reserved_bytes << uuid_text(d) << pci_text(d, true) << d.pci_device_id
      << ' ' << d.pci_subsystem_id << ' ' << d.pcie_generation << ' ' << d.pcie_width << ' ' << d.pcie_gb_per_s << ' ' << d.clock_mhz << ' ' << d.base_clock_mhz
      << ' ' << d.memory_clock_mhz << ' ' << d.memory_bus_bits << ' ' << d.l2_kib << ' ' << d.power_limit_w << ' ' << d.idle_power_w << ' ' << d.temperature_c
      << d.ecc << d.numa_node << d.watchdog_ms;
    return s.str();
  };
  EXPECT_EQ(facts(built_in), facts(written));
}

TEST(Profiles, EnvironmentDecidesNumberAndMemory) {
  setenv("TF_SOFTGPU_DEVICES", "3", 1);
  setenv("TF_SOFTGPU_VRAM_MIB", "64", 1);
  Profile p = read("[device]\nname = A\n[device]\nname = B\nreserved_mib = 500\n");
  ASSERT_EQ("", p.error);
  ASSERT_EQ(3u, p.devices.size());
  EXPECT_EQ("B", p.devices[2].name);
  EXPECT_NE(uuid_text(p.devices[1]), uuid_text(p.devices[2]));
  EXPECT_EQ(64ull << 20, p.devices[2].usable_bytes());
  setenv("TF_SOFTGPU_DEVICES", "0", 1);
  EXPECT_TRUE(read("[device]\n").devices.empty());
  setenv("TF_SOFTGPU_DEVICES", "two", 1);
  EXPECT_EQ("TF_SOFTGPU_DEVICES=two: wanted a number from 0 to 1048576", read("").error);
  unsetenv("TF_SOFTGPU_DEVICES");
  unsetenv("TF_SOFTGPU_VRAM_MIB");
}

// What follows asks the libraries, as the profile that the environment names.

TEST(Profiles, OneThatCannotBeReadLeavesNoDevice) {
  if (environment("TF_SOFTGPU_PROFILE") != "nowhere") GTEST_SKIP() << "run with TF_SOFTGPU_PROFILE=nowhere";
  testing::internal::CaptureStderr();
  EXPECT_EQ(CUDA_ERROR_NO_DEVICE, cuInit(0));
  EXPECT_EQ(NVML_ERROR_DRIVER_NOT_LOADED, nvmlInit_v2());
  std::string said = testing::internal::GetCapturedStderr();
  EXPECT_NE(std::string::npos, said.find("tensor-fusion: TF_SOFTGPU_PROFILE=nowhere: cannot read ")) << said;
  int n = 1;
  EXPECT_EQ(CUDA_ERROR_NOT_INITIALIZED, cuDeviceGetCount(&n));
}

TEST(Profiles, BothLibrariesTellTheFile) {
  std::string name = environment("TF_SOFTGPU_PROFILE");
  if (name.empty() || name == "nowhere") GTEST_SKIP() << "TF_SOFTGPU_PROFILE names no profile";
  Profile p = read(file_text(name));
  ASSERT_EQ("", p.error);
  const DeviceProfile& d = p.devices.at(0);
  ASSERT_EQ(CUDA_SUCCESS, cuInit(0));
  ASSERT_EQ(NVML_SUCCESS, nvmlInit_v2());
  nvmlDevice_t device;
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetHandleByIndex_v2(0, &device));
  auto attribute = [](CUdevice_attribute which) {
    int value = -1;
    EXPECT_EQ(CUDA_SUCCESS, cuDeviceGetAttribute(&value, which, 0)) << which;
    return value;
  };
  char text[128];
  ASSERT_EQ(CUDA_SUCCESS, cuDeviceGetName(text, sizeof text, 0));
  EXPECT_EQ(d.name, text);
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetName(device, text, sizeof text));
  EXPECT_EQ(d.name, text);
  size_t total = 0;
  ASSERT_EQ(CUDA_SUCCESS, cuDeviceTotalMem_v2(&total, 0));
  EXPECT_EQ(d.usable_bytes(), total);
  nvmlMemory_v2_t memory{};
  memory.version = nvmlMemory_v2;
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetMemoryInfo_v2(device, &memory));
  EXPECT_EQ(d.memory_bytes, memory.total);
  EXPECT_EQ(memory.total, memory.used + memory.free + memory.reserved);
  int major, minor;
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetCudaComputeCapability(device, &major, &minor));
  EXPECT_EQ(d.chip.capability, major * 10 + minor);
  EXPECT_EQ(major, attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR));
  EXPECT_EQ(minor, attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR));
  EXPECT_EQ(d.multiprocessors, attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT));
  unsigned v = 0;
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetNumGpuCores(device, &v));
  EXPECT_EQ(unsigned(d.multiprocessors * d.chip.cores_per_sm), v);
  nvmlDeviceAttributes_t all;
  if (nvmlDeviceGetAttributes_v2(device, &all) == NVML_SUCCESS) {
    EXPECT_EQ(unsigned(d.multiprocessors), all.multiprocessorCount);
  }
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetMaxClockInfo(device, NVML_CLOCK_SM, &v));
  EXPECT_EQ(int(v) * 1000, attribute(CU_DEVICE_ATTRIBUTE_CLOCK_RATE));
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetMaxClockInfo(device, NVML_CLOCK_MEM, &v));
  EXPECT_EQ(int(v) * 1000, attribute(CU_DEVICE_ATTRIBUTE_MEMORY_CLOCK_RATE));
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetMemoryBusWidth(device, &v));
  EXPECT_EQ(int(v), attribute(CU_DEVICE_ATTRIBUTE_GLOBAL_MEMORY_BUS_WIDTH));
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetEnforcedPowerLimit(device, &v));
  EXPECT_EQ(unsigned(d.power_limit_w) * 1000, v);
  EXPECT_EQ(d.ecc, attribute(CU_DEVICE_ATTRIBUTE_ECC_ENABLED));
  EXPECT_EQ(d.l2_kib << 10, attribute(CU_DEVICE_ATTRIBUTE_L2_CACHE_SIZE));
  nvmlPciInfo_t pci;
  ASSERT_EQ(NVML_SUCCESS, nvmlDeviceGetPciInfo_v3(device, &pci));
  ASSERT_EQ(CUDA_SUCCESS, cuDeviceGetPCIBusId(text, sizeof text, 0));
  EXPECT_STREQ(text, pci.busIdLegacy);
  EXPECT_EQ(int(pci.bus), attribute(CU_DEVICE_ATTRIBUTE_PCI_BUS_ID));
  EXPECT_EQ(int(pci.device), attribute(CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID));
  EXPECT_EQ(int(pci.pciDeviceId), attribute(CU_DEVICE_ATTRIBUTE_GPU_PCI_DEVICE_ID));
  int cuda, nvml_cuda;
  ASSERT_EQ(CUDA_SUCCESS, cuDriverGetVersion(&cuda));
  ASSERT_EQ(NVML_SUCCESS, nvmlSystemGetCudaDriverVersion_v2(&nvml_cuda));
  EXPECT_EQ(p.cuda, cuda);
  EXPECT_EQ(cuda, nvml_cuda);
  EXPECT_EQ(NVML_SUCCESS, nvmlShutdown());
}

// A kernel without registers or shared memory to speak of: occupancy is that of the generation.
constexpr char kEmpty[] = ".version 7.0\n.target sm_70\n.address_size 64\n.visible .entry k() { ret; }\n";
// What another generation's PTX answers: newer code is not taken.
constexpr char kNewest[] = ".version 8.6\n.target sm_120\n.address_size 64\n.visible .entry k() { ret; }\n";

TEST(Profiles, DecideOccupancyAndCode) {
  std::string name = environment("TF_SOFTGPU_PROFILE");
  if (name.empty() || name == "nowhere") GTEST_SKIP() << "TF_SOFTGPU_PROFILE names no profile";
  const Profile p = read(file_text(name));
  const DeviceProfile& d = p.devices.at(0);
  ASSERT_EQ(CUDA_SUCCESS, cuInit(0));
  CUcontext context;
  ASSERT_EQ(CUDA_SUCCESS, cuCtxCreate_v2(&context, 0, 0));
  CUmodule module, newer;
  CUfunction f;
  ASSERT_EQ(CUDA_SUCCESS, cuModuleLoadData(&module, kEmpty));
  ASSERT_EQ(CUDA_SUCCESS, cuModuleGetFunction(&f, module, "k"));
  int blocks = 0;
  ASSERT_EQ(CUDA_SUCCESS, cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, f, 32, 0));
  EXPECT_EQ(d.chip.blocks_per_sm, blocks);
  ASSERT_EQ(CUDA_SUCCESS, cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, f, 1024, 0));
  EXPECT_EQ(d.chip.threads_per_sm / 1024, blocks);
  EXPECT_EQ(CUDA_SUCCESS, cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, d.chip.shared_optin));
  EXPECT_EQ(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, d.chip.shared_optin + 1));
  int version = 0;
  ASSERT_EQ(CUDA_SUCCESS, cuFuncGetAttribute(&version, CU_FUNC_ATTRIBUTE_BINARY_VERSION, f));
  EXPECT_EQ(d.chip.capability, version);
  EXPECT_EQ(d.chip.capability >= 120 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_PTX, cuModuleLoadData(&newer, kNewest));
  EXPECT_EQ(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, cuModuleLoadData(&newer, ".version 9.9\n.target sm_70\n.address_size 64\n.visible .entry k() { ret; }\n"));
  size_t free = 0, total = 0;
  ASSERT_EQ(CUDA_SUCCESS, cuMemGetInfo_v2(&free, &total));
  CUdeviceptr all, more;
  EXPECT_EQ(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&all, free + 256));
  ASSERT_EQ(CUDA_SUCCESS, cuMemAlloc_v2(&all, free / 256 * 256));     // the whole card, without touching it
  EXPECT_EQ(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&more, 256));
  EXPECT_EQ(CUDA_SUCCESS, cuMemFree_v2(all));
  EXPECT_EQ(CUDA_SUCCESS, cuCtxDestroy_v2(context));
}
