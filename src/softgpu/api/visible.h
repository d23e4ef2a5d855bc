// CUDA_VISIBLE_DEVICES: which of the host's devices a process has, and in which order. Any thread may call.
#pragma once
#include <vector>

#include "softgpu/api/profile.h"

namespace softgpu::api {

// Indexes into p.devices. list: the variable's value, null when it is not set. Entries are all indexes or all prefixes of UUIDs (GPU-…), as the first one is;
// one that names no device ends the list, a device that is named twice leaves none.
std::vector<int> visible_devices(const char* list, const Profile& p);

}  // namespace softgpu::api
