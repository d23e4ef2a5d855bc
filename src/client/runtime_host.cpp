// What the tables of src/runtime_tables ask of their library (runtime_tables/host.h), answered from the client's local state. Any thread.
#include "runtime_tables/host.h"

#include "client/context.h"

namespace runtime_tables {

CUcontext current_context() { return client::current_context(); }
CUcontext primary_context_handle(CUdevice device) { return client::primary_context_handle(device); }
int device_count() { return client::device_count(); }
CUresult device_identity(int device, unsigned char uuid[16], int pci[3]) { return client::device_identity(device, uuid, pci); }
unsigned long long context_number(CUcontext context) { return client::context_number(context); }
uint64_t per_thread_stream() { return client::per_thread_stream(); }
size_t for_each_function(CUmodule module, void (*each)(void* user, CUfunction function), void* user) {
  return client::for_each_function(module, each, user);
}

}  // namespace runtime_tables
