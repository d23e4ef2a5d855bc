// cuGetProcAddress: the newest form that a version of CUDA may see, per-thread forms by flag, and names that are not there.
#include <dlfcn.h>
#include "check.h"

int main() {
  CU(cuInit(0));
  auto symbol = [](const char* name) { return dlsym(RTLD_DEFAULT, name); };
  auto found = [&](const char* name, int version, unsigned long long flags = 0) {
    void* address = nullptr;
    CUdriverProcAddressQueryResult status{};
    CUresult result = cuGetProcAddress_v2(name, &address, version, flags, &status);
    return result == CUDA_SUCCESS ? address : nullptr;
  };
  int version = 0;
  CU(cuDriverGetVersion(&version));
  CHECK(found("cuMemAlloc", version) == symbol("cuMemAlloc_v2"));
  CHECK(found("cuMemAlloc", 2000) == symbol("cuMemAlloc"));
  CHECK(found("cuCtxGetCurrent", 12000) == symbol("cuCtxGetCurrent"));
  CHECK(found("cuGetProcAddress", 12000) == symbol("cuGetProcAddress_v2"));
  CHECK(found("cuMemcpyHtoDAsync", 12000) == symbol("cuMemcpyHtoDAsync_v2"));
  CHECK(found("cuMemcpyHtoDAsync", 12000, CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM) == symbol("cuMemcpyHtoDAsync_v2_ptsz"));
  CHECK(found("cuLaunchKernel", 7000, CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM) == symbol("cuLaunchKernel_ptsz"));

  void* address = (void*)1;
  CUdriverProcAddressQueryResult status{};
  CU(cuGetProcAddress_v2("cuNoSuchCall", &address, version, 0, &status));  // not an error
  CHECK(status == CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND && address == nullptr);
  CU(cuGetProcAddress_v2("cuLaunchKernelEx", &address, 11000, 0, &status));
  CHECK(status == CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT && address == nullptr);
  CU(cuGetProcAddress_v2("cuMemAlloc_v2", &address, version, 0, &status));  // base names only
  CHECK(status == CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND && address == nullptr);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuGetProcAddress_v2("cuInit", &address, 99000, 0, &status));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuGetProcAddress_v2("cuInit", &address, version, 0xff, &status));
  CU(cuGetProcAddress_v2("cuInit", &address, version, 0, nullptr));
  CHECK(((CUresult(*)(unsigned))address)(0) == CUDA_SUCCESS);
}
