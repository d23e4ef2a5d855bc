// What the tables have to know of the library that they are part of. Each of our two libcudas, src/client and src/softgpu/api, defines
// these functions in its runtime_host.cpp. Any thread may call.
#pragma once
#include <stddef.h>
#include <stdint.h>

#include "abi/cuda_abi.h"

namespace runtime_tables {

CUcontext current_context();                         // null: none
CUcontext primary_context_handle(CUdevice device);   // fixed per device; null: no such device. Does not activate it
int device_count();                                  // 0 before cuInit
CUresult device_identity(int device, unsigned char uuid[16], int pci[3]);   // pci: domain, bus, device
unsigned long long context_number(CUcontext context);   // another one after a reset
uint64_t per_thread_stream();                        // a number > 2 of the calling thread's default stream that no other stream has; 0 on failure
// Calls `each` for every kernel of the module; returns their number.
size_t for_each_function(CUmodule module, void (*each)(void* user, CUfunction function), void* user);

}  // namespace runtime_tables
