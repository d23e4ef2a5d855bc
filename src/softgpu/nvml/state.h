// Whether the library is initialised, and what a device handle means: index + 1 as a pointer. Any thread may call.
#pragma once
#include <atomic>
#include <cstring>
#include <string>

#include "abi/nvml_abi.h"
#include "softgpu/api/profile.h"

namespace softgpu::nvml {

extern std::atomic<int> g_initialized;    // nvmlInit calls not yet undone

inline nvmlDevice_t handle_of(int index) { return reinterpret_cast<nvmlDevice_t>(uintptr_t(index) + 1); }

// 0 and the index, or the code for a library that is not initialised or a wrong handle.
inline nvmlReturn_t index_of(nvmlDevice_t device, int* index) {
  if (g_initialized.load() <= 0) return NVML_ERROR_UNINITIALIZED;
  uintptr_t number = reinterpret_cast<uintptr_t>(device);
  if (number == 0 || number > api::profile().devices.size()) return NVML_ERROR_INVALID_ARGUMENT;
  *index = int(number - 1);
  return NVML_SUCCESS;
}

inline const api::DeviceProfile& profile_of(int index) { return api::profile().devices[size_t(index)]; }

// Writes text into the caller's buffer of `length` bytes.
inline nvmlReturn_t put_text(const char* text, char* buffer, unsigned length) {
  if (!buffer) return NVML_ERROR_INVALID_ARGUMENT;
  size_t n = strlen(text) + 1;
  if (length < n) return NVML_ERROR_INSUFFICIENT_SIZE;
  memcpy(buffer, text, n);
  return NVML_SUCCESS;
}

}  // namespace softgpu::nvml

#define NVML_TRY(call)                                          \
  do {                                                          \
    nvmlReturn_t try_result = (call);                           \
    if (try_result != NVML_SUCCESS) return try_result;          \
  } while (0)
#define NVML_REQUIRE(condition)                                 \
  do {                                                          \
    if (!(condition)) return NVML_ERROR_INVALID_ARGUMENT;       \
  } while (0)
