// Images that are no images: each kind of nonsense gets the driver's code, and a good image loads afterwards.
#include "check.h"

asm(".pushsection .rodata\n.balign 16\nonly_sm75: .incbin \"" KERNELS_FOLDER "/small.sm75.fatbin\"\n.popsection");
extern "C" const char only_sm75[];

int main() {
  Gpu gpu;
  CUmodule module = nullptr;
  EXPECT(CUDA_ERROR_INVALID_IMAGE, cuModuleLoadData(&module, "this is neither PTX nor an object file"));
  EXPECT(CUDA_ERROR_INVALID_PTX,
         cuModuleLoadData(&module, ".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry f() { nonsense.u32 %r1; ret; }\n"));
  EXPECT(CUDA_ERROR_NO_BINARY_FOR_GPU, cuModuleLoadData(&module, only_sm75));
  int major = 0;
  CU(cuDeviceGetAttribute(&major, CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR, gpu.device));
  char log[1024] = "";
  CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {log, (void*)sizeof log};
  EXPECT(CUDA_ERROR_INVALID_PTX,
         cuModuleLoadDataEx(&module, ".version 7.0\n.target sm_75\n.address_size 64\n.visible .entry f() { bogus; }\n", 2, options, values));
  CHECK(strlen(log) > 0);  // says why
  CHECK(gpu.kernel("fill") != nullptr);
}
