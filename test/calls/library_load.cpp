// The library calls that newer runtimes use: load once, kernels that work in any context, globals, module of the library.
#include "check.h"

int main() {
  Gpu gpu;
  CUlibrary library = nullptr;
  CU(cuLibraryLoadData(&library, kernels_ptx, nullptr, nullptr, 0, nullptr, nullptr, 0));
  CUkernel fill = nullptr, missing = nullptr;
  CU(cuLibraryGetKernel(&fill, library, "fill"));
  EXPECT(CUDA_ERROR_NOT_FOUND, cuLibraryGetKernel(&missing, library, "missing"));
  unsigned count = 0;
  CU(cuLibraryGetKernelCount(&count, library));
  CHECK(count >= 10);
  std::vector<CUkernel> kernels(count);
  CU(cuLibraryEnumerateKernels(kernels.data(), count, library));
  bool found = false;
  for (CUkernel kernel : kernels) found |= kernel == fill;
  CHECK(found);

  const char* name = nullptr;
  CU(cuKernelGetName(&name, fill));
  CHECK(strcmp(name, "fill") == 0);
  int registers = -1;
  CU(cuKernelGetAttribute(&registers, CU_FUNC_ATTRIBUTE_NUM_REGS, fill, gpu.device));
  CHECK(registers > 0);
  CUfunction function = nullptr;
  CU(cuKernelGetFunction(&function, fill));
  CUdeviceptr memory = allocate(64), counter = 0;
  CU(launch(function, 1, 16, nullptr, memory, 16u, 2u));
  CU(launch((CUfunction)fill, 1, 1, nullptr, memory, 1u, 50u));  // a kernel may stand where a function is wanted
  auto words = read_words(memory, 16);
  CHECK(words[0] == 50 && words[15] == 17);

  size_t bytes = 0;
  CU(cuLibraryGetGlobal(&counter, &bytes, library, "counter"));
  CHECK(bytes == 4 && read_word(counter) == 5);
  CUmodule module = nullptr;
  CU(cuLibraryGetModule(&module, library));
  CU(cuModuleGetFunction(&function, module, "add"));
  CU(launch(function, 1, 16, nullptr, memory, 16u, 100u));
  CHECK(read_word(memory) == 150);
  CU(cuLibraryUnload(library));
}
