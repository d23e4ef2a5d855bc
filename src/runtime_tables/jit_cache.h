// The cache that NVRTC asks before it compiles (cuGetExportTable, JIT_CACHE): from NVVM code, options and compiler build to PTX
// or cubin. In this process only. cuDNN compiles a kernel for each new length of a sequence, so without it generating text takes
// six times as long. Any thread.
#pragma once
#include <stdint.h>

#include "abi/cuda_abi.h"

namespace runtime_tables {

// kind: 1 cubin, 2 PTX. compiler: two strings, one behind the other's NUL: "HOST64" and the compiler's build date.
CUresult jit_cache_open(void** query, uint32_t kind, const void* code, uint32_t bytes, const char* options, const char* compiler);
CUresult jit_cache_close(void* query);
CUresult jit_cache_lookup(void* query, uint64_t zero, void** data,
                          uint32_t* bytes);  // CUDA_ERROR_NOT_FOUND; *data is given back with free
CUresult jit_cache_store(void* query, uint64_t zero, const void* data, uint32_t bytes);
CUresult jit_cache_free(void* data);

}  // namespace runtime_tables
