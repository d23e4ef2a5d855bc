// What the client keeps of each device so that it can check a launch without asking. Written by cuInit, constant afterwards.
#pragma once
#include "abi/cuda_abi.h"

namespace client {

inline constexpr int kMaxDevices = 64;

struct Device {
  int max_threads_per_block, max_block[3], max_grid[3];
  int max_shared_per_block, max_shared_optin;      // bytes
  int clusters;                                    // it can launch them
  unsigned char uuid[16];
  int pci[3];                                      // domain, bus, device
};

int learn_devices();                               // CUresult
const Device& device_info(int device);             // 0 <= device < device_count()

}  // namespace client
