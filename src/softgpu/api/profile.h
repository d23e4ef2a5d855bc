// What the software GPU says it is: the devices of a profile file (profiles/*.profile; its keys are explained in profiles/default.profile).
// libcuda and libnvidia-ml read the same one, so that both tell the same UUID, PCI address, name and numbers.
//   TF_SOFTGPU_PROFILE=NAME or PATH   TF_SOFTGPU_DEVICES, TF_SOFTGPU_VRAM_MIB: number and memory, whatever the profile says
// Any thread may call.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace softgpu::api {

constexpr int kMaxDevices = 16;
constexpr int kWarp = 32, kMaxThreads = 1024, kRegistersPerSm = 65536, kSharedPerBlock = 48 * 1024;   // of every generation since 7.0

// The limits of a compute capability, from the table in NVIDIA's programming guide.
struct Generation {
  int capability;                               // 90 for 9.0
  int threads_per_sm, blocks_per_sm;
  int shared_per_sm, shared_optin, shared_reserved;   // bytes; of a block: at most by request, kept by the system
  int cores_per_sm;                             // FP32 lanes
  int double_ratio;                             // FP32 throughput against FP64
};

struct DeviceProfile {
  std::string name = "tensor-fusion software GPU", brand = "nvidia", vbios = "00.00.00.00.00", part_number = "000-00000-0000-000", serial;
  Generation chip{};
  int multiprocessors = 16, copy_engines = 2;
  uint64_t memory_bytes = 4096ull << 20, reserved_bytes = 0;   // of the card; kept by the driver
  uint8_t uuid[16] = {};
  unsigned pci_domain = 0, pci_bus = 0, pci_slot = 0, pci_device_id = 0x2e1210de, pci_subsystem_id = 0x000010de;
  int pcie_generation = 4, pcie_width = 16;
  double pcie_gb_per_s = 0;                     // host copies are made to last as long as this rate asks, when the profile paces; 0: as fast as they go
  int clock_mhz = 2000, base_clock_mhz = 2000, memory_clock_mhz = 4000, memory_bus_bits = 256, l2_kib = 24 << 10;
  int power_limit_w = 140, idle_power_w = 30, temperature_c = 40;
  bool ecc = false;
  int numa_node = 0;
  int watchdog_ms = 0;                          // a kernel that runs longer ends with LAUNCH_TIMEOUT; 0: none

  int major() const { return chip.capability / 10; }
  int minor() const { return chip.capability % 10; }
  uint64_t usable_bytes() const { return memory_bytes - reserved_bytes; }
  bool uuid_given = false, pci_given = false;   // in the file, not made up
};

enum class PeerLink { none, pcie, nvlink };

struct Profile {
  std::string error;                            // not empty: the profile is unusable, and this line says why
  std::string driver = "580.00.00";             // as nvidia-smi prints it
  int cuda = 13000;
  bool pace = false;
  PeerLink peers = PeerLink::pcie;              // between any two devices
  std::vector<DeviceProfile> devices;
};

const Profile& profile();                       // read once, at the first call
// `text` as of `file`: what profile() does with what it found, for the tests.
Profile read_profile(const std::string& text, const std::string& file);
std::string pci_text(const DeviceProfile& device, bool long_domain);   // 0000:40:00.0, with 8 digits of domain in NVML's form
std::string uuid_text(const DeviceProfile& device);                    // GPU-…

}  // namespace softgpu::api
