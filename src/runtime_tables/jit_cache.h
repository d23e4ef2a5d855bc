// The cache that NVRTC asks before it compiles (cuGetExportTable, JIT_CACHE): from NVVM code, options and compiler build to PTX or cubin. cuDNN compiles a
// kernel for each new length of a sequence, so without it generating text takes six times as long, and each program's first attention half a second more.
//
// Like the driver's it is a folder of this user's, for all of his programs: tensor-fusion in CUDA_CACHE_PATH (~/.nv/ComputeCache), at most CUDA_CACHE_MAXSIZE
// bytes (1 GiB), none with CUDA_CACHE_DISABLE=1 (CUDA programming guide, environment variables). What no file can be made for is kept in this process.
// Any thread.
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
