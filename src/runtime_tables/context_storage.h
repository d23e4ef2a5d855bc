// What libraries keep per context (cuGetExportTable, CONTEXT_LOCAL_STORAGE): a value and a destructor under (context, key), where
// the key is an address of the library's. Reading happens at every runtime call of the program, so it takes no lock. Any thread.
#pragma once
#include "abi/cuda_abi.h"

namespace runtime_tables {

using StorageDestructor = void (*)(CUcontext context, void* key, void* value);

// A null context means the calling thread's current one; without one these answer CUDA_ERROR_INVALID_CONTEXT.
CUresult context_storage_put(CUcontext context, void* key, void* value, StorageDestructor destructor);
CUresult context_storage_delete(CUcontext context, void* key);
CUresult context_storage_get(void** value, CUcontext context, void* key);  // CUDA_ERROR_INVALID_HANDLE: nothing under that key

// Runs the destructors of what is kept for a context; its owner calls this before the context ends, and they may still use it.
void context_storage_destroy(CUcontext context);

}  // namespace runtime_tables
