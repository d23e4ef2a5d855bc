// Libraries: modules that belong to no context. Loading is tfLoad as for modules; the kernels are known from its reply.
#include <stdlib.h>

#include "client/context.h"
#include "client/module.h"
#include "client/remote.h"

using namespace client;

EXPORT CUresult cuLibraryLoadData(CUlibrary* library, const void* code, CUjit_option* jitOptions, void** jitOptionsValues, unsigned int numJitOptions,
                                  CUlibraryOption*, void**, unsigned int) {   // BINARY_IS_PRESERVED, all that is seen, changes nothing here
  if (!library) return CUDA_ERROR_INVALID_VALUE;
  return load_library(library, code, numJitOptions, jitOptions, jitOptionsValues);
}
EXPORT CUresult cuLibraryLoadFromFile(CUlibrary* library, const char* fileName, CUjit_option* jitOptions, void** jitOptionsValues, unsigned int numJitOptions,
                                      CUlibraryOption* libraryOptions, void** libraryOptionValues, unsigned int numLibraryOptions) {
  if (int error = caller().error) return CUresult(error);
  if (!library || !fileName) return CUDA_ERROR_INVALID_VALUE;
  void* image = read_image_file(fileName);
  if (!image) return CUDA_ERROR_FILE_NOT_FOUND;
  CUresult rc = cuLibraryLoadData(library, image, jitOptions, jitOptionsValues, numJitOptions, libraryOptions, libraryOptionValues, numLibraryOptions);
  free(image);
  return rc;
}
EXPORT CUresult cuLibraryUnload(CUlibrary library) {
  if (int error = caller().error) return CUresult(error);
  Module* m = find_module(number_of(library), wire::kCUlibrary);
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  forget_kernels(m);
  return remote::cuLibraryUnload(library);
}
EXPORT CUresult cuLibraryGetKernel(CUkernel* pKernel, CUlibrary library, const char* name) {
  if (int error = caller().error) return CUresult(error);
  if (!pKernel || !name) return CUDA_ERROR_INVALID_VALUE;
  Module* m = find_module(number_of(library), wire::kCUlibrary);
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  Kernel* k = kernel_by_name(m, name);
  if (!k) return CUDA_ERROR_NOT_FOUND;
  *pKernel = handle_of<CUkernel>(k->handle);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuLibraryEnumerateKernels(CUkernel* kernels, unsigned int numKernels, CUlibrary lib) {
  if (int error = caller().error) return CUresult(error);
  Module* m = find_module(number_of(lib), wire::kCUlibrary);
  if (!kernels || !numKernels) return CUDA_ERROR_INVALID_VALUE;
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  for (unsigned i = 0; i < numKernels && i < m->kernels.size(); i++) kernels[i] = handle_of<CUkernel>(m->kernels[i]->handle);
  return CUDA_SUCCESS;
}
// One module for each context: the same object here, with the library's kernels behind it.
EXPORT CUresult cuLibraryGetModule(CUmodule* pMod, CUlibrary library) {
  if (int error = caller().error) return CUresult(error);
  if (!pMod) return CUDA_ERROR_INVALID_VALUE;
  Module* m = find_module(number_of(library), wire::kCUlibrary);
  Context* c = current();
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  if (!c) return CUDA_ERROR_INVALID_CONTEXT;
  g_modules_lock.lock();
  CUresult rc = CUDA_SUCCESS;
  *pMod = nullptr;
  for (auto& in : m->modules)
    if (in.context == c->id) *pMod = handle_of<CUmodule>(in.module);
  if (!*pMod && !(rc = remote::cuLibraryGetModule(pMod, library))) {
    m->modules.push_back({c->id, number_of(*pMod)});
    teleport::adopt_handle(number_of(*pMod), m);
  }
  g_modules_lock.unlock();
  return rc;
}

EXPORT CUresult cuLibraryGetGlobal(CUdeviceptr* dptr, size_t* bytes, CUlibrary library, const char* name) {
  CUdeviceptr found = 0;
  size_t size = 0;
  CUresult rc = remote::cuLibraryGetGlobal(&found, &size, library, name);
  return remember_global(find_module(number_of(library), wire::kCUlibrary), rc, false, dptr, bytes, found, size);
}
EXPORT CUresult cuLibraryGetManaged(CUdeviceptr* dptr, size_t* bytes, CUlibrary library, const char* name) {
  CUdeviceptr found = 0;
  size_t size = 0;
  CUresult rc = remote::cuLibraryGetManaged(&found, &size, library, name);
  return remember_global(find_module(number_of(library), wire::kCUlibrary), rc, true, dptr, bytes, found, size);
}
