// Modules from PTX text: by every loading call, from memory and from a file; functions, their order, unloading.
#include "check.h"

int main() {
  Gpu gpu;
  CUmodule module = nullptr, second = nullptr;
  CUfunction fill = nullptr, nothing = nullptr;
  CU(cuModuleLoadData(&module, kernels_ptx));
  CU(cuModuleGetFunction(&fill, module, "fill"));
  EXPECT(CUDA_ERROR_NOT_FOUND, cuModuleGetFunction(&nothing, module, "no_such_kernel"));
  CUmodule of_function = nullptr;
  CU(cuFuncGetModule(&of_function, fill));
  CHECK(of_function == module);
  const char* name = nullptr;
  CU(cuFuncGetName(&name, fill));
  CHECK(strcmp(name, "fill") == 0);

  char log[512] = "";
  CUjit_option options[] = {CU_JIT_INFO_LOG_BUFFER, CU_JIT_INFO_LOG_BUFFER_SIZE_BYTES};
  void* values[] = {log, (void*)sizeof log};
  CU(cuModuleLoadDataEx(&second, kernels_ptx, 2, options, values));
  CHECK(second != module);
  CU(cuModuleUnload(second));

  const char* path = "/tmp/tensor-fusion-test-module.ptx";
  FILE* file = fopen(path, "w");
  CHECK(file && fputs(kernels_ptx, file) >= 0 && fclose(file) == 0);
  CU(cuModuleLoad(&second, path));
  CU(cuModuleGetFunction(&nothing, second, "add"));
  remove(path);
  EXPECT(CUDA_ERROR_FILE_NOT_FOUND, cuModuleLoad(&second, path));

  CUdeviceptr memory = allocate(400);
  CU(launch(fill, 1, 100, nullptr, memory, 100u, 1u));
  CU(launch(nothing, 1, 100, nullptr, memory, 100u, 10u));
  CHECK(read_words(memory, 100)[99] == 110);
  CU(cuModuleUnload(module));
  CHECK(read_words(memory, 100)[0] == 11);
}
