// Variables of a module: address and size, initial values, written from both sides; constants; two modules have two copies. They go with their module:
// their place is then nobody's, or another allocation's.
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction globals = gpu.kernel("globals");
  CUdeviceptr counter = 0, table = 0, results = 0, out = allocate(64), missing = 0;
  size_t bytes = 0;
  CU(cuModuleGetGlobal_v2(&counter, &bytes, gpu.module, "counter"));
  CHECK(bytes == 4 && read_word(counter) == 5);
  CU(cuModuleGetGlobal_v2(&table, &bytes, gpu.module, "table"));
  CHECK(bytes == 16);
  CHECK((read_words(table, 4) == std::vector<unsigned>{10, 20, 30, 40}));
  CU(cuModuleGetGlobal_v2(&results, nullptr, gpu.module, "results"));
  CU(cuModuleGetGlobal_v2(nullptr, &bytes, gpu.module, "results"));
  CHECK(bytes == 256);
  EXPECT(CUDA_ERROR_NOT_FOUND, cuModuleGetGlobal_v2(&missing, &bytes, gpu.module, "missing"));

  const unsigned changed[] = {1, 2, 3, 4};
  CU(cuMemcpyHtoD_v2(table, changed, sizeof changed));
  CU(cuMemsetD32_v2(counter, 90, 1));
  CU(launch(globals, 1, 64, nullptr, out));
  CHECK((read_words(out, 5) == std::vector<unsigned>{90, 1, 2, 3, 4}));
  CHECK(read_word(counter) == 91 && read_words(results, 64)[63] == 126);

  CUmodule second = nullptr;
  CUdeviceptr other = 0;
  CU(cuModuleLoadData(&second, kernels_ptx));
  CU(cuModuleGetGlobal_v2(&other, &bytes, second, "counter"));
  CHECK(other != counter && read_word(other) == 5);
  CU(cuModuleUnload(second));
  CUmemorytype type{};
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, other));

  bool reused = false;
  for (int round = 0; round < 8 && !reused; round++) {
    CU(cuModuleLoadData(&second, kernels_ptx));
    CU(cuModuleGetGlobal_v2(&other, &bytes, second, "results"));
    CU(cuModuleUnload(second));
    for (size_t size : {256u, 4096u, 1u << 20, 8u << 20}) {
      CUdeviceptr memory = allocate(size);
      const CUdeviceptr from = other >= memory && other - memory < size ? other : memory;
      reused |= from == other;
      std::vector<char> all(memory + size - from);
      CU(cuMemcpyDtoH_v2(all.data(), from, all.size()));
    }
  }
}
