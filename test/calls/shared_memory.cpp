// Dynamic shared memory, up to 48 KB without asking and beyond it with the attribute.
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction reverse = gpu.kernel("reverse_shared");
  int most = 0;
  CU(cuDeviceGetAttribute(&most, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, gpu.device));
  CHECK(most > 48 * 1024);
  CUdeviceptr values = allocate(most);
  for (unsigned bytes : {4u, 1000u, 48u * 1024, 64u * 1024, (unsigned)most}) {
    unsigned n = bytes / 4;
    void* parameters[] = {&values, &n};
    auto run = [&] { return cuLaunchKernel(reverse, 1, 1, 1, 256, 1, 1, bytes, nullptr, parameters, nullptr); };
    if (bytes > 48 * 1024) {
      int now = 0;
      CU(cuFuncGetAttribute(&now, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, reverse));
      if (bytes > (unsigned)now) EXPECT(CUDA_ERROR_INVALID_VALUE, run());
      CU(cuFuncSetAttribute(reverse, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes));
    }
    std::vector<unsigned> numbers(n);
    for (unsigned i = 0; i < n; i++) numbers[i] = i + 1;
    CU(cuMemcpyHtoD_v2(values, numbers.data(), n * 4));
    CU(run());
    auto result = read_words(values, n);
    for (unsigned i = 0; i < n; i++) CHECK(result[i] == n - i);
  }
}
