// Attributes and descriptions of functions. Any thread may call.
#include <algorithm>

#include "softgpu/api/module.h"

namespace softgpu::api {

int most_threads(const KernelInfo& info) {
  unsigned registers = info.registers ? (info.registers + 7) & ~7u : 8;
  unsigned by_registers = unsigned(kRegistersPerSm) / registers / kWarp * kWarp;
  return int(std::min({info.max_threads_per_block, by_registers, unsigned(kMaxThreads)}));
}

std::shared_ptr<Settings> default_settings(const KernelInfo& info) {
  return std::make_shared<Settings>(info.static_shared_bytes < unsigned(kSharedPerBlock) ? kSharedPerBlock - int(info.static_shared_bytes) : 0);
}

CUresult get_function_attribute(const DeviceProfile& device, const KernelInfo& info, const Settings& settings, CUfunction_attribute attribute,
                                int* value) {
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK: *value = most_threads(info); break;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES: *value = int(info.static_shared_bytes); break;
    case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES: *value = int(info.const_bytes); break;
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES: *value = int(info.local_bytes); break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS: *value = int(info.registers); break;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION: *value = int(info.ptx_version); break;
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION: *value = device.chip.capability; break;
    case CU_FUNC_ATTRIBUTE_CACHE_MODE_CA: *value = 0; break;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES: *value = settings.max_dynamic_shared; break;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT: *value = settings.carveout; break;
    case CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET: *value = info.explicit_cluster || info.required_cluster[0]; break;
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH: *value = int(info.required_cluster[0]); break;
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT: *value = int(info.required_cluster[1]); break;
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH: *value = int(info.required_cluster[2]); break;
    case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED: *value = settings.non_portable_cluster; break;
    case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE: *value = settings.cluster_policy; break;
    default: return CUDA_ERROR_INVALID_VALUE;
  }
  return CUDA_SUCCESS;
}

CUresult set_function_attribute(const DeviceProfile& device, const KernelInfo& info, Settings& settings, CUfunction_attribute attribute, int value) {
  switch (attribute) {
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
      REQUIRE(value >= 0 && int64_t(value) + info.static_shared_bytes <= device.chip.shared_optin);
      settings.max_dynamic_shared = value;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
      REQUIRE(value >= -1 && value <= 100);
      settings.carveout = value;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
      REQUIRE(value == 0 || value == 1);
      settings.non_portable_cluster = value;
      return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
      REQUIRE(value >= 0 && value <= 2);
      settings.cluster_policy = value;
      return CUDA_SUCCESS;
    default:
      return CUDA_ERROR_INVALID_VALUE;
  }
}

}  // namespace softgpu::api

using namespace softgpu::api;

namespace {
CUresult enter_function(CUfunction h, FunctionRef* function) {
  ContextRef context;
  TRY(enter(&context));
  *function = functions().find(h);
  return *function ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}
const DeviceProfile& device_profile(const Function& f) { return f.module->context->device->profile; }
}  // namespace

extern "C" {

CUresult cuFuncGetAttribute(int* pi, CUfunction_attribute attrib, CUfunction hfunc) {
  FunctionRef function;
  TRY(enter_function(hfunc, &function));
  REQUIRE(pi);
  return get_function_attribute(device_profile(*function), *function->info, *function->settings, attrib, pi);
}

CUresult cuFuncSetAttribute(CUfunction hfunc, CUfunction_attribute attrib, int value) {
  FunctionRef function;
  TRY(enter_function(hfunc, &function));
  return set_function_attribute(device_profile(*function), *function->info, *function->settings, attrib, value);
}

CUresult cuFuncSetCacheConfig(CUfunction hfunc, CUfunc_cache config) {
  FunctionRef function;
  TRY(enter_function(hfunc, &function));
  REQUIRE(config >= CU_FUNC_CACHE_PREFER_NONE && config <= CU_FUNC_CACHE_PREFER_EQUAL);
  return CUDA_SUCCESS;
}

CUresult cuFuncSetSharedMemConfig(CUfunction hfunc, CUsharedconfig config) {
  FunctionRef function;
  TRY(enter_function(hfunc, &function));
  REQUIRE(config >= CU_SHARED_MEM_CONFIG_DEFAULT_BANK_SIZE && config <= CU_SHARED_MEM_CONFIG_EIGHT_BYTE_BANK_SIZE);
  return CUDA_SUCCESS;
}

CUresult cuFuncGetModule(CUmodule* hmod, CUfunction hfunc) {
  FunctionRef function;
  TRY(enter_function(hfunc, &function));
  REQUIRE(hmod);
  *hmod = function->module->handle;
  return CUDA_SUCCESS;
}

CUresult cuFuncGetName(const char** name, CUfunction hfunc) {
  FunctionRef function;
  TRY(enter_function(hfunc, &function));
  REQUIRE(name);
  *name = function->info->name.c_str();
  return CUDA_SUCCESS;
}

CUresult cuFuncGetParamInfo(CUfunction func, size_t paramIndex, size_t* paramOffset, size_t* paramSize) {
  FunctionRef function;
  TRY(enter_function(func, &function));
  REQUIRE(paramOffset && paramIndex < function->info->params.size());
  *paramOffset = function->info->params[paramIndex].offset;
  if (paramSize) *paramSize = function->info->params[paramIndex].size;
  return CUDA_SUCCESS;
}

CUresult cuFuncIsLoaded(CUfunctionLoadingState* state, CUfunction function) {
  FunctionRef found;
  TRY(enter_function(function, &found));
  REQUIRE(state);
  *state = CU_FUNCTION_LOADING_STATE_LOADED;
  return CUDA_SUCCESS;
}

CUresult cuFuncLoad(CUfunction function) {
  FunctionRef found;
  return enter_function(function, &found);
}

}  // extern "C"
