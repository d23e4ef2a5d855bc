// Launch configurations, as launches and occupancy questions share them.
#pragma once
#include <vector>

#include "abi/cuda_abi.h"

namespace client {
struct Kernel;

// A kernel's parameters as one buffer, from the pointers or the `extra` list that the program gave.
struct PackedParams {
  const unsigned char* data = nullptr;
  unsigned bytes = 0;
  CUresult pack(Kernel* kernel, void** kernelParams, void** extra);
 private:
  unsigned char small_[4096];
  std::vector<unsigned char> large_;
};

CUresult check_attributes(const CUlaunchConfig* config);   // config not null
}  // namespace client
