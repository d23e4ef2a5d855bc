// Modules as nvcc packs them: PTX compressed by zstd or LZ4 in a fatbin, alone or behind the wrapper that programs contain
// (which only the library calls take).
#include "check.h"

asm(".pushsection .data\n.balign 16\nzstd_image: .incbin \"" KERNELS_FOLDER "/small.zstd.fatbin\"\n"
    ".balign 16\nlz4_image: .incbin \"" KERNELS_FOLDER "/small.lz4.fatbin\"\n.popsection");
extern "C" const char zstd_image[], lz4_image[];

struct Wrapper {
  unsigned magic = 0x466243b1, version = 1;
  const void* data;
  void* unused = nullptr;
};

static void stamp_with(CUmodule module) {
  CUfunction stamp = nullptr;
  CUdeviceptr out = allocate(128), mark = 0;
  size_t bytes = 0;
  CU(cuModuleGetFunction(&stamp, module, "stamp"));
  CU(launch(stamp, 1, 32, nullptr, out));
  CHECK(read_words(out, 32)[31] == 731);
  CU(cuModuleGetGlobal_v2(&mark, &bytes, module, "mark"));
  CHECK(bytes == 4);
  CU(cuMemsetD32_v2(mark, 8, 1));
  CU(launch(stamp, 1, 32, nullptr, out));
  CHECK(read_words(out, 32)[0] == 800);
}

int main() {
  Gpu gpu;
  for (const char* image : {zstd_image, lz4_image}) {
    CUmodule module = nullptr;
    CU(cuModuleLoadData(&module, image));
    stamp_with(module);
    CU(cuModuleUnload(module));
    CU(cuModuleLoadFatBinary(&module, image));
    stamp_with(module);
    CU(cuModuleUnload(module));
    Wrapper wrapper{.data = image};
    EXPECT(CUDA_ERROR_INVALID_IMAGE, cuModuleLoadData(&module, &wrapper));
    CUlibrary library = nullptr;
    CU(cuLibraryLoadData(&library, &wrapper, nullptr, nullptr, 0, nullptr, nullptr, 0));
    CU(cuLibraryGetModule(&module, library));
    stamp_with(module);
    CU(cuLibraryUnload(library));
  }
}
