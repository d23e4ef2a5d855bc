// What the software GPU says it is; libcuda and libnvidia-ml share it, so that both tell the same UUID, PCI address, name and numbers.
//   TF_SOFTGPU_DEVICES (1)   TF_SOFTGPU_VRAM_MIB (4096)
// Header-only; any thread may call.
#pragma once
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <unistd.h>

#include "softgpu/api/shared_usage.h"

namespace softgpu::api {

constexpr char kDeviceName[] = "tensor-fusion software GPU";
constexpr int kMajor = 12, kMinor = 1, kComputeCapability = 121;
constexpr int kMultiprocessors = 16;
constexpr int kMaxDevices = 16;
constexpr int kPciBusBase = 0x40;               // device i is 0000:(0x40 + i):00.0
constexpr unsigned kPciDeviceId = 0x2e1210de, kPciSubsystemId = 0x000010de;
constexpr int kClockKhz = 2000000, kMemoryClockKhz = 4000000;
constexpr int kDriverVersion = 13000;

constexpr int kWarp = 32, kMaxThreads = 1024, kThreadsPerSm = 1536, kBlocksPerSm = 24, kRegistersPerSm = 65536;
constexpr int kSharedPerBlock = 48 * 1024, kSharedOptIn = 99 * 1024, kSharedPerSm = 100 * 1024, kSharedReserved = 1024;

inline uint64_t environment_number(const char* name, uint64_t otherwise) {
  const char* text = getenv(name);
  if (!text || !*text) return otherwise;
  char* end = nullptr;
  unsigned long long value = strtoull(text, &end, 10);
  return *end ? otherwise : value;
}

inline int configured_devices() {
  uint64_t n = environment_number("TF_SOFTGPU_DEVICES", 1);
  return int(n > kMaxDevices ? kMaxDevices : n);
}
inline uint64_t configured_vram_bytes() { return environment_number("TF_SOFTGPU_VRAM_MIB", 4096) << 20; }

// 16 bytes that stay the same for this host and device number and differ between hosts.
inline void device_uuid(int ordinal, uint8_t out[16]) {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  uint64_t hash[2] = {0xcbf29ce484222325ull, 0x84222325cbf29ce4ull};
  for (int half = 0; half < 2; half++) {
    for (const char* p = host; *p; p++) hash[half] = (hash[half] ^ uint8_t(*p)) * 0x100000001b3ull;
    hash[half] = (hash[half] ^ uint64_t(ordinal + 1)) * 0x100000001b3ull;
  }
  memcpy(out, hash, 16);
  out[0] = 0x7f, out[1] = 0x50;                 // recognisable in lists
  out[6] = uint8_t((out[6] & 0x0f) | 0x40);     // a version 4, variant 1 UUID in form
  out[8] = uint8_t((out[8] & 0x3f) | 0x80);
}

}  // namespace softgpu::api
