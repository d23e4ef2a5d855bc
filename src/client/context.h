// Contexts as the client sees them: which exist, which are active, and each thread's stack of current ones. All of it is local state;
// the worker is told when a context is created, retained, reset or destroyed, and every call carries the caller's current context.
// Any thread. Contexts are never freed, so a pointer to one stays good.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include <atomic>

#include "abi/cuda_abi.h"

namespace client {

struct Context {
  uint64_t handle = 0;
  int device = 0;
  bool primary = false;
  std::atomic<bool> active{false};     // primary: retained at least once and not reset since; other: not destroyed
  std::atomic<int> retained{0};        // primary only
  unsigned flags = 0;
  unsigned long long id = 0;           // cuCtxGetId; a re-created context gets a new one
};

// The calling thread's current context, null if none. It may be a primary context that is not active yet.
Context* current();
Context* find_context(CUcontext handle);          // null: no such context, or destroyed

CUcontext current_context();                      // handle of current(), or null
bool context_active(CUcontext handle);            // false: destroyed, or a primary context that nobody retains
CUcontext primary_context_handle(CUdevice device);   // fixed per device; null: no such device. Does not activate it
bool several_contexts();                             // this process has used more than one
int device_count();                               // 0 before cuInit
CUresult device_identity(int device, unsigned char uuid[16], int pci[3]);   // pci: domain, bus, device
unsigned long long context_number(CUcontext handle);
unsigned long long next_context_number();         // for Context::id

// The stand-in for CU_STREAM_PER_THREAD: one stream per thread and context, made when first needed. 0 on failure.
uint64_t per_thread_stream();

// Called for each of the module's kernels; returns their number (module.cpp).
size_t for_each_function(CUmodule module, void (*each)(void* user, CUfunction function), void* user);

}  // namespace client
