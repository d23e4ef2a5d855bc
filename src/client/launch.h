// Launch configurations, as launches and occupancy questions share them.
#pragma once
#include "abi/cuda_abi.h"

namespace client {
CUresult check_attributes(const CUlaunchConfig* config);   // config not null
}  // namespace client
