// The environment variables of a program that change what the driver does: they travel with the Hello as lines NAME=VALUE, in the order of the
// list, each ended by '\n'. A worker accepts nothing else, so a client can set no other variable of its session process.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace wire {

// CUDA_LAUNCH_BLOCKING is the client's own business (src/client/launch.cpp), CUDA_CACHE_* the worker host's.
inline constexpr const char* kDriverVariables[] = {
    "CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "CUDA_MODULE_LOADING", "CUDA_MODULE_DATA_LOADING", "CUDA_DEVICE_MAX_CONNECTIONS",
    "CUDA_DEVICE_MAX_COPY_CONNECTIONS", "CUDA_SCALE_LAUNCH_QUEUES", "CUDA_FORCE_PTX_JIT", "CUDA_DISABLE_PTX_JIT", "CUDA_FORCE_JIT", "CUDA_DISABLE_JIT",
    "CUDA_GRAPHS_USE_NODE_PRIORITY", "CUDA_DEVICE_DEFAULT_PERSISTING_L2_CACHE_PERCENTAGE_LIMIT"};
inline constexpr uint32_t kMaxEnvironment = 4096;

// One line of such a text: at `text`, `bytes` are left. 0: it is none (unknown, out of order, without an end, with control characters).
// *variable: the index in the list that must be exceeded, and then the line's own.
inline size_t environment_line(const char* text, size_t bytes, int* variable, const char** value, size_t* value_bytes) {
  const char* end = static_cast<const char*>(memchr(text, '\n', bytes));
  const char* equals = end ? static_cast<const char*>(memchr(text, '=', size_t(end - text))) : nullptr;
  if (!equals) return 0;
  for (const char* p = text; p != end; p++)
    if (static_cast<unsigned char>(*p) < ' ' || *p == 127) return 0;
  for (int i = *variable + 1; i < int(sizeof kDriverVariables / sizeof *kDriverVariables); i++)
    if (strlen(kDriverVariables[i]) == size_t(equals - text) && memcmp(kDriverVariables[i], text, size_t(equals - text)) == 0) {
      *variable = i;
      *value = equals + 1;
      *value_bytes = size_t(end - equals) - 1;
      return size_t(end - text) + 1;
    }
  return 0;
}

}  // namespace wire
