// What the tables of src/runtime_tables ask of their library (runtime_tables/host.h). With them a program that is linked with the CUDA
// runtime runs on this library directly. Any thread may call.
#include "runtime_tables/host.h"

#include <cstring>

#include "softgpu/api/context.h"
#include "softgpu/api/module.h"
#include "softgpu/api/stream.h"

namespace api = softgpu::api;

namespace runtime_tables {

CUcontext current_context() {
  api::ContextRef context = api::current_context();
  return context ? context->handle : nullptr;
}

CUcontext primary_context_handle(CUdevice device) {
  api::Device* found = api::device_of(device);
  return found ? api::primary_context(*found)->handle : nullptr;
}

int device_count() { return api::device_count(); }

CUresult device_identity(int device, unsigned char uuid[16], int pci[3]) {
  api::Device* found = api::device_of(device);
  if (!found) return CUDA_ERROR_INVALID_DEVICE;
  memcpy(uuid, found->profile.uuid, 16);
  pci[0] = int(found->profile.pci_domain);
  pci[1] = int(found->profile.pci_bus);
  pci[2] = int(found->profile.pci_slot);
  return CUDA_SUCCESS;
}

unsigned long long context_number(CUcontext context) {
  api::ContextRef found = api::contexts().find(context);
  return found ? found->id.load() : 0;
}

uint64_t per_thread_stream() {
  api::ContextRef context = api::current_context();
  return context && context->alive ? context->per_thread_stream()->id << 4 | 2 : 0;   // no handle: those are multiples of 64
}

size_t for_each_function(CUmodule module, void (*each)(void* user, CUfunction function), void* user) {
  unsigned count = 0;
  if (cuModuleGetFunctionCount(&count, module) != CUDA_SUCCESS) return 0;
  std::vector<CUfunction> functions(count);
  if (cuModuleEnumerateFunctions(functions.data(), count, module) != CUDA_SUCCESS) return 0;
  for (CUfunction f : functions) each(user, f);
  return count;
}

}  // namespace runtime_tables
