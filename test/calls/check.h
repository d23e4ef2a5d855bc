// Shared by the programs of this folder: each shows one behaviour of the driver API, exits 0 when it holds, 1 with one line when
// not, 77 when the machine cannot show it. They link -lcuda alone and run unchanged on any libcuda, direct or remote.
#pragma once
#if __has_include("abi/cuda_abi.h")
#include "abi/cuda_abi.h"
#else
#define __CUDA_API_VERSION_INTERNAL  // NVIDIA's header: declare every version under its own name
#include <cuda.h>
#endif
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

// The kernels travel inside the program (test/kernels/kernels.cu).
asm(".pushsection .rodata\n.balign 16\nkernels_ptx: .incbin \"" KERNELS_FOLDER "/kernels.ptx\"\n.byte 0\n.popsection");
extern "C" const char kernels_ptx[];

inline const char* name_of(CUresult code) {
  const char* name = nullptr;
  if (cuGetErrorName(code, &name) != CUDA_SUCCESS || !name) return "?";
  return name;
}

inline void require_result(CUresult got, CUresult wanted, const char* call, const char* file, int line) {
  if (got == wanted) return;
  printf("%s:%d: %s answered %d %s", file, line, call, (int)got, name_of(got));
  if (wanted != CUDA_SUCCESS) printf(", wanted %d %s", (int)wanted, name_of(wanted));
  printf("\n");
  fflush(stdout);
  _Exit(1);
}

inline void require(bool condition, const char* text, const char* file, int line) {
  if (condition) return;
  printf("%s:%d: not so: %s\n", file, line, text);
  fflush(stdout);
  _Exit(1);
}

#define CU(call) require_result((call), CUDA_SUCCESS, #call, __FILE__, __LINE__)
#define EXPECT(code, call) require_result((call), (code), #call, __FILE__, __LINE__)
#define CHECK(condition) require((condition), #condition, __FILE__, __LINE__)

inline int skip(const char* why) {
  printf("skipped: %s\n", why);
  return 77;
}

// Device 0's primary context, current in this thread, with the test kernels loaded.
struct Gpu {
  CUdevice device = 0;
  CUcontext context = nullptr;
  CUmodule module = nullptr;

  Gpu() {
    CU(cuInit(0));
    CU(cuDeviceGet(&device, 0));
    CU(cuDevicePrimaryCtxRetain(&context, device));
    CU(cuCtxSetCurrent(context));
  }

  CUfunction kernel(const char* name) {
    if (!module) CU(cuModuleLoadData(&module, kernels_ptx));
    CUfunction function = nullptr;
    CU(cuModuleGetFunction(&function, module, name));
    return function;
  }
};

inline CUdeviceptr allocate(size_t bytes) {
  CUdeviceptr address = 0;
  CU(cuMemAlloc_v2(&address, bytes));
  CHECK(address != 0);
  return address;
}

// launch(kernel, blocks, threads, stream, arguments...): in one dimension, without dynamic shared memory.
template <typename... Arguments>
CUresult launch(CUfunction kernel, unsigned blocks, unsigned threads, CUstream stream, Arguments... arguments) {
  void* parameters[] = {&arguments..., nullptr};
  return cuLaunchKernel(kernel, blocks, 1, 1, threads, 1, 1, 0, stream, parameters, nullptr);
}

inline std::vector<unsigned> read_words(CUdeviceptr from, size_t count) {
  std::vector<unsigned> words(count);
  CU(cuMemcpyDtoH_v2(words.data(), from, count * sizeof(unsigned)));
  return words;
}
inline unsigned read_word(CUdeviceptr from) { return read_words(from, 1)[0]; }
