// What a kernel tells about itself: attributes, layout of its parameters, and the attributes that can be set.
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction mixed = gpu.kernel("mixed"), bounded = gpu.kernel("bounded"), dynamic = gpu.kernel("reverse_shared");
  auto attribute = [](CUfunction f, CUfunction_attribute which) {
    int value = -1;
    CU(cuFuncGetAttribute(&value, which, f));
    return value;
  };
  CHECK(attribute(mixed, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK) == 1024);
  CHECK(attribute(mixed, CU_FUNC_ATTRIBUTE_NUM_REGS) > 0);
  CHECK(attribute(mixed, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES) == 0);
  CHECK(attribute(mixed, CU_FUNC_ATTRIBUTE_PTX_VERSION) == 75);
  CHECK(attribute(bounded, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK) == 64);
  const int shared = attribute(bounded, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES);  // one word, rounded up by some devices
  CHECK(shared >= 4 && shared <= 16);
  CHECK(attribute(dynamic, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) == 48 * 1024);
  CU(cuFuncSetAttribute(dynamic, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 60 * 1024));
  CHECK(attribute(dynamic, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) == 60 * 1024);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuFuncSetAttribute(dynamic, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 1 << 30));
  CHECK(cuFuncSetAttribute(dynamic, CU_FUNC_ATTRIBUTE_NUM_REGS, 4) != CUDA_SUCCESS);  // read only
  CU(cuFuncSetCacheConfig(mixed, CU_FUNC_CACHE_PREFER_SHARED));

  // out, a, b, c, d, e, f, and a structure of 32 bytes
  const size_t offsets[] = {0, 8, 10, 12, 16, 24, 32, 40}, sizes[] = {8, 1, 2, 4, 8, 4, 8, 32};
  for (size_t i = 0; i < 8; i++) {
    size_t offset = 99, size = 99;
    CU(cuFuncGetParamInfo(mixed, i, &offset, &size));
    CHECK(offset == offsets[i] && size == sizes[i]);
  }
  size_t offset = 0;
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuFuncGetParamInfo(mixed, 8, &offset, nullptr));

  // All that a kernel of a library tells, before its first launch; what is set is told from then on.
  CUlibrary library;
  CUkernel kernel;
  CUfunction function;
  CU(cuLibraryLoadData(&library, kernels_ptx, nullptr, nullptr, 0, nullptr, nullptr, 0));
  CU(cuLibraryGetKernel(&kernel, library, "reverse_shared"));
  CU(cuKernelGetFunction(&function, kernel));
  for (int which = 0; which < 10; which++) {
    int of_kernel = -2, of_function = -3;
    CU(cuKernelGetAttribute(&of_kernel, (CUfunction_attribute)which, kernel, gpu.device));
    CU(cuFuncGetAttribute(&of_function, (CUfunction_attribute)which, function));
    CHECK(of_kernel == of_function);
  }
  CU(cuFuncSetAttribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 50 * 1024));
  CHECK(attribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) == 50 * 1024);
  CHECK(attribute(function, CU_FUNC_ATTRIBUTE_NUM_REGS) > 0);
  int value = 0;
  // What is set of a function is its own, before and after what is set of the kernel (manual, cuKernelSetAttribute).
  CU(cuKernelGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, kernel, gpu.device));
  CHECK(value == 48 * 1024);
  CU(cuKernelSetAttribute(CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 40 * 1024, kernel, gpu.device));
  CHECK(attribute(function, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES) == 50 * 1024);
  CU(cuKernelGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, kernel, gpu.device));
  CHECK(value == 40 * 1024);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuKernelGetAttribute(&value, (CUfunction_attribute)9999, kernel, gpu.device));
  CU(cuLibraryUnload(library));
}
