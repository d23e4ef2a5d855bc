// A __managed__ variable: the host reads and writes it at the address that the module tells; kernels see it and the host sees them.
#include "check.h"

static const char kCode[] = R"(.version 7.0
.target sm_70
.address_size 64
.visible .global .attribute(.managed) .align 4 .u32 shared_word = 7;
.visible .entry add_one()
{
  .reg .b32 %r<3>;
  .reg .b64 %rd<2>;
  mov.u64 %rd1, shared_word;
  ld.global.u32 %r1, [%rd1];
  add.u32 %r2, %r1, 1;
  st.global.u32 [%rd1], %r2;
  ret;
}
)";

int main() {
  Gpu gpu;
  int supported = 0;
  CU(cuDeviceGetAttribute(&supported, CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY, gpu.device));
  if (!supported) return skip("the device says that it has no managed memory");
  CUmodule module = nullptr;
  CUfunction add_one = nullptr;
  CUdeviceptr address = 0;
  size_t bytes = 0;
  int managed = 0;
  CU(cuModuleLoadData(&module, kCode));
  CU(cuModuleGetFunction(&add_one, module, "add_one"));
  CU(cuModuleGetGlobal_v2(&address, &bytes, module, "shared_word"));
  CHECK(bytes == 4);
  CU(cuPointerGetAttribute(&managed, CU_POINTER_ATTRIBUTE_IS_MANAGED, address));
  CHECK(managed == 1);
  auto* word = (volatile unsigned*)(uintptr_t)address;
  CHECK(*word == 7);
  *word = 41;
  CU(launch(add_one, 1, 1, nullptr));
  CU(cuCtxSynchronize());
  CHECK(*word == 42);
  CU(cuModuleUnload(module));

  CUlibrary library = nullptr;
  CU(cuLibraryLoadData(&library, kCode, nullptr, nullptr, 0, nullptr, nullptr, 0));
  CU(cuLibraryGetManaged(&address, &bytes, library, "shared_word"));
  CHECK(bytes == 4 && *(volatile unsigned*)(uintptr_t)address == 7);
  EXPECT(CUDA_ERROR_NOT_FOUND, cuLibraryGetManaged(&address, &bytes, library, "another"));
  CU(cuLibraryUnload(library));
}
