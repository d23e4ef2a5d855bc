// Initialisation, versions and the texts of result codes. Any thread may call.
#include <cstdio>

#include "base/log.h"
#include "runtime_tables/management_table.h"
#include "softgpu/nvml/state.h"

namespace softgpu::nvml {
std::atomic<int> g_initialized{0};
}
using namespace softgpu;
using namespace softgpu::nvml;

namespace {
nvmlReturn_t initialized() { return g_initialized > 0 ? NVML_SUCCESS : NVML_ERROR_UNINITIALIZED; }
}  // namespace

nvmlReturn_t runtime_tables::unnamed(unsigned, nvmlDevice_t, void*, unsigned) { return NVML_ERROR_NOT_SUPPORTED; }

extern "C" {

nvmlReturn_t nvmlInitWithFlags(unsigned int) {   // unknown flags are no error
  if (auto& error = api::profile().error; !error.empty()) {
    base::complain("%s", error.c_str());
    return NVML_ERROR_DRIVER_NOT_LOADED;
  }
  g_initialized++;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlInit_v2(void) { return nvmlInitWithFlags(0); }
nvmlReturn_t nvmlInit(void) { return nvmlInitWithFlags(0); }

nvmlReturn_t nvmlShutdown(void) {
  NVML_TRY(initialized());
  g_initialized--;
  return NVML_SUCCESS;
}

nvmlReturn_t nvmlSystemGetDriverVersion(char* version, unsigned int length) {
  NVML_TRY(initialized());
  return put_text(api::profile().driver.c_str(), version, length);
}
nvmlReturn_t nvmlSystemGetNVMLVersion(char* version, unsigned int length) {
  return put_text((std::to_string(api::profile().cuda / 1000) + "." + api::profile().driver).c_str(), version, length);
}
nvmlReturn_t nvmlSystemGetCudaDriverVersion(int* cudaDriverVersion) {
  NVML_REQUIRE(cudaDriverVersion);
  *cudaDriverVersion = api::profile().cuda;
  return NVML_SUCCESS;
}
nvmlReturn_t nvmlSystemGetCudaDriverVersion_v2(int* cudaDriverVersion) { return nvmlSystemGetCudaDriverVersion(cudaDriverVersion); }

nvmlReturn_t nvmlSystemGetProcessName(unsigned int pid, char* name, unsigned int length) {
  NVML_TRY(initialized());
  NVML_REQUIRE(name && length);
  char path[32], text[4096] = {};
  snprintf(path, sizeof path, "/proc/%u/cmdline", pid);
  FILE* f = fopen(path, "rbe");
  if (!f) return NVML_ERROR_NOT_FOUND;
  size_t n = fread(text, 1, sizeof text - 1, f);
  fclose(f);
  if (n == 0) return NVML_ERROR_NOT_FOUND;
  snprintf(name, length, "%s", text);      // up to the first NUL: the program
  return NVML_SUCCESS;
}

const char* nvmlErrorString(nvmlReturn_t result) {
  switch (result) {
    case NVML_SUCCESS: return "Success";
    case NVML_ERROR_UNINITIALIZED: return "Uninitialized";
    case NVML_ERROR_INVALID_ARGUMENT: return "Invalid Argument";
    case NVML_ERROR_NOT_SUPPORTED: return "Not Supported";
    case NVML_ERROR_NO_PERMISSION: return "Insufficient Permissions";
    case NVML_ERROR_ALREADY_INITIALIZED: return "Already Initialized";
    case NVML_ERROR_NOT_FOUND: return "Not Found";
    case NVML_ERROR_INSUFFICIENT_SIZE: return "Insufficient Size";
    case NVML_ERROR_INSUFFICIENT_POWER: return "Insufficient External Power";
    case NVML_ERROR_DRIVER_NOT_LOADED: return "Driver Not Loaded";
    case NVML_ERROR_TIMEOUT: return "Timeout";
    case NVML_ERROR_IRQ_ISSUE: return "Interrupt Request Issue";
    case NVML_ERROR_LIBRARY_NOT_FOUND: return "NVML Shared Library Not Found";
    case NVML_ERROR_FUNCTION_NOT_FOUND: return "Function Not Found";
    case NVML_ERROR_CORRUPTED_INFOROM: return "Corrupted infoROM";
    case NVML_ERROR_GPU_IS_LOST: return "GPU is lost";
    case NVML_ERROR_RESET_REQUIRED: return "GPU requires reset";
    case NVML_ERROR_OPERATING_SYSTEM: return "GPU access blocked by the operating system";
    case NVML_ERROR_LIB_RM_VERSION_MISMATCH: return "Driver/library version mismatch";
    case NVML_ERROR_IN_USE: return "In use by another client";
    case NVML_ERROR_MEMORY: return "Insufficient Memory";
    case NVML_ERROR_NO_DATA: return "No data";
    case NVML_ERROR_VGPU_ECC_NOT_SUPPORTED: return "vGPU ECC not supported";
    case NVML_ERROR_INSUFFICIENT_RESOURCES: return "Insufficient Resources";
    case NVML_ERROR_FREQ_NOT_SUPPORTED: return "Invalid Frequency";
    case NVML_ERROR_ARGUMENT_VERSION_MISMATCH: return "Argument version mismatch";
    case NVML_ERROR_DEPRECATED: return "Requested functionality has been deprecated";
    case NVML_ERROR_NOT_READY: return "System is not in ready state";
    case NVML_ERROR_GPU_NOT_FOUND: return "No supported GPUs were found";
    case NVML_ERROR_INVALID_STATE: return "Resource not in correct state to perform requested operation";
    case NVML_ERROR_RESET_TYPE_NOT_SUPPORTED: return "Reset type is not supported for given device";
    default: return "Unknown Error";
  }
}

}  // extern "C"
