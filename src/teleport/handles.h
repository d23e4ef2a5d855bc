// The handles that this process's program holds: minted here or named by the worker, each with the client's own object behind it if it has one.
// Any thread. Shared by libcuda and libnvidia-ml, which speak in one session.
#pragma once
#include <stdint.h>

#include "wire/handle.h"

namespace teleport {
#define TF_API __attribute__((visibility("default")))

// A new handle of a wire::HandleKind. object may be null.
TF_API uint64_t mint_handle(unsigned kind, void* object = nullptr);
// Makes a handle that the worker named known here, with an object of ours.
TF_API void adopt_handle(uint64_t handle, void* object);
// Minted or adopted and not forgotten. Worker-named handles that were never adopted count as alive: the worker knows.
TF_API bool handle_alive(uint64_t handle);
TF_API void* handle_object(uint64_t handle);   // null: none, or not alive
TF_API void forget_handle(uint64_t handle);

}  // namespace teleport
