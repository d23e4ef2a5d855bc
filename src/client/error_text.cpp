// cuGetErrorName and cuGetErrorString: answered here, before cuInit too. Texts that programs are known to look for are the
// driver's words.
#include "abi/cuda_abi.h"

namespace {

struct ErrorText {
  CUresult code;
  const char *name, *text;
};
// clang-format off
#define TF_ERROR(code, text) {code, #code, text},
constexpr ErrorText kErrors[] = {   // ascending
    TF_ERROR(CUDA_SUCCESS, "no error")
    TF_ERROR(CUDA_ERROR_INVALID_VALUE, "invalid argument")
    TF_ERROR(CUDA_ERROR_OUT_OF_MEMORY, "out of memory")
    TF_ERROR(CUDA_ERROR_NOT_INITIALIZED, "initialization error")
    TF_ERROR(CUDA_ERROR_DEINITIALIZED, "driver shutting down")
    TF_ERROR(CUDA_ERROR_PROFILER_DISABLED, "profiler disabled while using external profiling tool")
    TF_ERROR(CUDA_ERROR_PROFILER_NOT_INITIALIZED, "profiler not initialized: call cudaProfilerInitialize()")
    TF_ERROR(CUDA_ERROR_PROFILER_ALREADY_STARTED, "profiler already started")
    TF_ERROR(CUDA_ERROR_PROFILER_ALREADY_STOPPED, "profiler already stopped")
    TF_ERROR(CUDA_ERROR_STUB_LIBRARY, "the loaded driver is a stub library")
    TF_ERROR(CUDA_ERROR_CALL_REQUIRES_NEWER_DRIVER, "this call needs a newer driver")
    TF_ERROR(CUDA_ERROR_DEVICE_UNAVAILABLE, "CUDA-capable device(s) is/are busy or unavailable")
    TF_ERROR(CUDA_ERROR_NO_DEVICE, "no CUDA-capable device is detected")
    TF_ERROR(CUDA_ERROR_INVALID_DEVICE, "invalid device ordinal")
    TF_ERROR(CUDA_ERROR_DEVICE_NOT_LICENSED, "the device has no valid license")
    TF_ERROR(CUDA_ERROR_INVALID_IMAGE, "device kernel image is invalid")
    TF_ERROR(CUDA_ERROR_INVALID_CONTEXT, "invalid device context")
    TF_ERROR(CUDA_ERROR_CONTEXT_ALREADY_CURRENT, "the context is current already")
    TF_ERROR(CUDA_ERROR_MAP_FAILED, "mapping of buffer object failed")
    TF_ERROR(CUDA_ERROR_UNMAP_FAILED, "unmapping of buffer object failed")
    TF_ERROR(CUDA_ERROR_ARRAY_IS_MAPPED, "array is mapped")
    TF_ERROR(CUDA_ERROR_ALREADY_MAPPED, "resource already mapped")
    TF_ERROR(CUDA_ERROR_NO_BINARY_FOR_GPU, "no kernel image is available for execution on the device")
    TF_ERROR(CUDA_ERROR_ALREADY_ACQUIRED, "resource already acquired")
    TF_ERROR(CUDA_ERROR_NOT_MAPPED, "resource not mapped")
    TF_ERROR(CUDA_ERROR_NOT_MAPPED_AS_ARRAY, "resource not mapped as array")
    TF_ERROR(CUDA_ERROR_NOT_MAPPED_AS_POINTER, "resource not mapped as pointer")
    TF_ERROR(CUDA_ERROR_ECC_UNCORRECTABLE, "uncorrectable ECC error encountered")
    TF_ERROR(CUDA_ERROR_UNSUPPORTED_LIMIT, "limit is not supported on this architecture")
    TF_ERROR(CUDA_ERROR_CONTEXT_ALREADY_IN_USE, "exclusive-thread device already in use by a different thread")
    TF_ERROR(CUDA_ERROR_PEER_ACCESS_UNSUPPORTED, "peer access is not supported between these two devices")
    TF_ERROR(CUDA_ERROR_INVALID_PTX, "a PTX JIT compilation failed")
    TF_ERROR(CUDA_ERROR_INVALID_GRAPHICS_CONTEXT, "invalid OpenGL or DirectX context")
    TF_ERROR(CUDA_ERROR_NVLINK_UNCORRECTABLE, "uncorrectable NVLink error detected during the execution")
    TF_ERROR(CUDA_ERROR_JIT_COMPILER_NOT_FOUND, "PTX JIT compiler library not found")
    TF_ERROR(CUDA_ERROR_UNSUPPORTED_PTX_VERSION, "the provided PTX was compiled with an unsupported toolchain.")
    TF_ERROR(CUDA_ERROR_JIT_COMPILATION_DISABLED, "PTX JIT compilation was disabled")
    TF_ERROR(CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY, "the provided execution affinity is not supported")
    TF_ERROR(CUDA_ERROR_UNSUPPORTED_DEVSIDE_SYNC, "the code synchronizes on the device in a way that is not supported")
    TF_ERROR(CUDA_ERROR_CONTAINED, "the device met an error that was contained; its work was ended")
    TF_ERROR(CUDA_ERROR_INVALID_SOURCE, "device kernel image is invalid")
    TF_ERROR(CUDA_ERROR_FILE_NOT_FOUND, "file not found")
    TF_ERROR(CUDA_ERROR_SHARED_OBJECT_SYMBOL_NOT_FOUND, "shared object symbol not found")
    TF_ERROR(CUDA_ERROR_SHARED_OBJECT_INIT_FAILED, "shared object initialization failed")
    TF_ERROR(CUDA_ERROR_OPERATING_SYSTEM, "OS call failed or operation not supported on this OS")
    TF_ERROR(CUDA_ERROR_INVALID_HANDLE, "invalid resource handle")
    TF_ERROR(CUDA_ERROR_ILLEGAL_STATE, "the operation cannot be performed in the present state")
    TF_ERROR(CUDA_ERROR_LOSSY_QUERY, "the answer would leave out information that the caller cannot be told")
    TF_ERROR(CUDA_ERROR_NOT_FOUND, "named symbol not found")
    TF_ERROR(CUDA_ERROR_NOT_READY, "device not ready")
    TF_ERROR(CUDA_ERROR_ILLEGAL_ADDRESS, "an illegal memory access was encountered")
    TF_ERROR(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES, "too many resources requested for launch")
    TF_ERROR(CUDA_ERROR_LAUNCH_TIMEOUT, "the launch timed out and was terminated")
    TF_ERROR(CUDA_ERROR_LAUNCH_INCOMPATIBLE_TEXTURING, "launch uses incompatible texturing mode")
    TF_ERROR(CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED, "peer access is already enabled")
    TF_ERROR(CUDA_ERROR_PEER_ACCESS_NOT_ENABLED, "peer access has not been enabled")
    TF_ERROR(CUDA_ERROR_PRIMARY_CONTEXT_ACTIVE, "cannot set while device is active in this process")
    TF_ERROR(CUDA_ERROR_CONTEXT_IS_DESTROYED, "context is destroyed")
    TF_ERROR(CUDA_ERROR_ASSERT, "device-side assert triggered")
    TF_ERROR(CUDA_ERROR_TOO_MANY_PEERS, "peer mapping resources exhausted")
    TF_ERROR(CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED, "part or all of the requested memory range is already mapped")
    TF_ERROR(CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED, "pointer does not correspond to a registered memory region")
    TF_ERROR(CUDA_ERROR_HARDWARE_STACK_ERROR, "hardware stack error")
    TF_ERROR(CUDA_ERROR_ILLEGAL_INSTRUCTION, "an illegal instruction was encountered")
    TF_ERROR(CUDA_ERROR_MISALIGNED_ADDRESS, "misaligned address")
    TF_ERROR(CUDA_ERROR_INVALID_ADDRESS_SPACE, "operation not supported on global/shared address space")
    TF_ERROR(CUDA_ERROR_INVALID_PC, "invalid program counter")
    TF_ERROR(CUDA_ERROR_LAUNCH_FAILED, "unspecified launch failure")
    TF_ERROR(CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE, "too many blocks in cooperative launch")
    TF_ERROR(CUDA_ERROR_TENSOR_MEMORY_LEAK, "a kernel ended with tensor memory still allocated")
    TF_ERROR(CUDA_ERROR_NOT_PERMITTED, "operation not permitted")
    TF_ERROR(CUDA_ERROR_NOT_SUPPORTED, "operation not supported")
    TF_ERROR(CUDA_ERROR_SYSTEM_NOT_READY, "system not yet initialized")
    TF_ERROR(CUDA_ERROR_SYSTEM_DRIVER_MISMATCH, "system has unsupported display driver / cuda driver combination")
    TF_ERROR(CUDA_ERROR_COMPAT_NOT_SUPPORTED_ON_DEVICE, "forward compatibility was attempted on non supported HW")
    TF_ERROR(CUDA_ERROR_MPS_CONNECTION_FAILED, "the MPS client could not connect to its control daemon")
    TF_ERROR(CUDA_ERROR_MPS_RPC_FAILURE, "the call to the MPS server failed")
    TF_ERROR(CUDA_ERROR_MPS_SERVER_NOT_READY, "the MPS server cannot take new clients yet")
    TF_ERROR(CUDA_ERROR_MPS_MAX_CLIENTS_REACHED, "the MPS server has as many clients as it can have")
    TF_ERROR(CUDA_ERROR_MPS_MAX_CONNECTIONS_REACHED, "the MPS server has as many connections as it can have")
    TF_ERROR(CUDA_ERROR_MPS_CLIENT_TERMINATED, "the MPS server ended this client")
    TF_ERROR(CUDA_ERROR_CDP_NOT_SUPPORTED, "the program uses dynamic parallelism where it is not supported")
    TF_ERROR(CUDA_ERROR_CDP_VERSION_MISMATCH, "the program mixes versions of dynamic parallelism")
    TF_ERROR(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, "operation not permitted when stream is capturing")
    TF_ERROR(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED, "operation failed due to a previous error during capture")
    TF_ERROR(CUDA_ERROR_STREAM_CAPTURE_MERGE, "operation would result in a merge of separate capture sequences")
    TF_ERROR(CUDA_ERROR_STREAM_CAPTURE_UNMATCHED, "capture was not ended in the same stream as it began")
    TF_ERROR(CUDA_ERROR_STREAM_CAPTURE_UNJOINED, "capturing stream has unjoined work")
    TF_ERROR(CUDA_ERROR_STREAM_CAPTURE_ISOLATION, "dependency created on uncaptured work in another stream")
    TF_ERROR(CUDA_ERROR_STREAM_CAPTURE_IMPLICIT, "operation would make the legacy stream depend on a capturing blocking stream")
    TF_ERROR(CUDA_ERROR_CAPTURED_EVENT, "operation not permitted on an event last recorded in a capturing stream")
    TF_ERROR(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD, "attempt to terminate a thread-local capture sequence from another thread")
    TF_ERROR(CUDA_ERROR_TIMEOUT, "wait operation timed out")
    TF_ERROR(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE, "the graph update was not performed because it included changes which violated constraints specific to instantiated graph update")
    TF_ERROR(CUDA_ERROR_EXTERNAL_DEVICE, "an asynchronous error happened on a device outside of CUDA")
    TF_ERROR(CUDA_ERROR_INVALID_CLUSTER_SIZE, "the cluster size is invalid for this launch")
    TF_ERROR(CUDA_ERROR_FUNCTION_NOT_LOADED, "the function is not loaded yet")
    TF_ERROR(CUDA_ERROR_INVALID_RESOURCE_TYPE, "the resource is of a type that this call does not take")
    TF_ERROR(CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION, "the resource is configured in a way that this call does not take")
    TF_ERROR(CUDA_ERROR_KEY_ROTATION, "encryption keys are being changed; try again")
    TF_ERROR(CUDA_ERROR_UNKNOWN, "unknown error")
};
#undef TF_ERROR
// clang-format on

const ErrorText* find(CUresult code) {
  for (const ErrorText& e : kErrors)
    if (e.code == code) return &e;
  return nullptr;
}

CUresult answer(const char** to, CUresult code, const char* ErrorText::*member) {
  if (!to) return CUDA_ERROR_INVALID_VALUE;
  const ErrorText* found = find(code);
  *to = found ? found->*member : nullptr;
  return found ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

}  // namespace

extern "C" {
__attribute__((visibility("default"))) CUresult cuGetErrorName(CUresult error, const char** pStr) {
  return answer(pStr, error, &ErrorText::name);
}
__attribute__((visibility("default"))) CUresult cuGetErrorString(CUresult error, const char** pStr) {
  return answer(pStr, error, &ErrorText::text);
}
}
