// The calls of the manual's chapter "Library Management". A library keeps its images and is loaded into a context when that context
// first uses it. Any thread may call.
#include "softgpu/api/module.h"

namespace softgpu::api {

Registry<CUlibrary, Library>& libraries() {
  static auto* all = new Registry<CUlibrary, Library>;
  return *all;
}
Registry<CUkernel, LibraryKernel>& kernels() {
  static auto* all = new Registry<CUkernel, LibraryKernel>;
  return *all;
}

CUresult library_module(const LibraryRef& library, const ContextRef& context, ModuleRef* out) {
  std::lock_guard lock(library->m);
  ModuleRef& module = library->modules[context->id];
  if (!module) {
    std::vector<std::span<const uint8_t>> images(library->images.begin(), library->images.end());
    if (CUresult error = load_module(context, images, JitOptions(), &module); error != CUDA_SUCCESS) {
      library->modules.erase(context->id);
      return error;
    }
    module->library = library.get();
  }
  *out = module;
  return CUDA_SUCCESS;
}

void forget_library_modules(uint64_t context_id) {
  libraries().take_if([&](Library& library) {
    std::lock_guard lock(library.m);
    library.modules.erase(context_id);
    return false;
  });
}

CUresult kernel_function(const KernelRef& kernel, const ContextRef& context, FunctionRef* out) {
  LibraryRef library = kernel->library.lock();
  if (!library) return CUDA_ERROR_INVALID_HANDLE;
  ModuleRef module;
  TRY(library_module(library, context, &module));
  return function_of(module, kernel->info.name, kernel->settings[size_t(context->device->ordinal)], out);
}

CUresult find_launchable(CUfunction h, const ContextRef& context, FunctionRef* out) {
  if ((*out = functions().find(h))) return (*out)->module->context == context ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
  KernelRef kernel = kernels().find(reinterpret_cast<CUkernel>(h));
  return kernel ? kernel_function(kernel, context, out) : CUDA_ERROR_INVALID_HANDLE;
}

namespace {

void add_kernels(const LibraryRef& library, const std::vector<KernelInfo>& infos) {
  for (auto& info : infos) {
    auto kernel = std::make_shared<LibraryKernel>();
    kernel->library = library;
    kernel->info = info;
    for (auto& settings : kernel->settings) settings = default_settings(info);
    library->kernels.push_back(kernel);
    kernels().add(kernel);
    for (auto& settings : kernel->settings) settings->kernel = kernel->handle;
  }
}

CUresult load_library(const void* code, unsigned count, CUjit_option* options, void** values, CUlibrary* out) {
  JitOptions jit;
  TRY(jit.read(count, options, values));
  std::vector<std::span<const uint8_t>> images;
  TRY(collect_images(code, &images));
  auto library = std::make_shared<Library>();
  ContextRef context = current_context();
  if (context && context->alive && context->error() == CUDA_SUCCESS) {
    ModuleRef module;
    TRY(load_module(context, images, jit, &module));
    module->library = library.get();
    library->modules[context->id] = module;
    add_kernels(library, module->module->kernels());
  } else {                      // no context yet: read the code for its kernels only, with memory of its own
    Memory scratch(1 << 30);
    std::unique_ptr<Module> module;
    Outcome outcome = load(images, scratch, device_of(0)->profile.chip.capability, &module);
    jit.report(outcome, 0);
    if (outcome.result) return CUresult(outcome.result);
    add_kernels(library, module->kernels());
  }
  for (auto& image : images) library->images.emplace_back(image.begin(), image.end());
  *out = libraries().add(library);
  return CUDA_SUCCESS;
}

CUresult enter_library(CUlibrary h, LibraryRef* library) {
  TRY(initialized());
  *library = libraries().find(h);
  return *library ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

CUresult enter_library_module(CUlibrary h, ModuleRef* module) {
  ContextRef context;
  TRY(enter(&context));
  LibraryRef library;
  TRY(enter_library(h, &library));
  return library_module(library, context, module);
}

CUresult enter_kernel(CUkernel h, KernelRef* kernel) {
  TRY(initialized());
  *kernel = kernels().find(h);
  return *kernel ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

}  // namespace
}  // namespace softgpu::api

using namespace softgpu::api;

extern "C" {

CUresult cuLibraryLoadData(CUlibrary* library, const void* code, CUjit_option* jitOptions, void** jitOptionsValues,
                           unsigned int numJitOptions, CUlibraryOption* libraryOptions, void** libraryOptionValues,
                           unsigned int numLibraryOptions) {
  TRY(initialized());
  REQUIRE(library && code && (numLibraryOptions == 0 || libraryOptions));
  (void)libraryOptionValues;    // the image is copied, whether or not the caller keeps it
  for (unsigned i = 0; i < numLibraryOptions; i++) REQUIRE(libraryOptions[i] >= 0 && libraryOptions[i] < CU_LIBRARY_NUM_OPTIONS);
  return load_library(code, numJitOptions, jitOptions, jitOptionsValues, library);
}

CUresult cuLibraryLoadFromFile(CUlibrary* library, const char* fileName, CUjit_option* jitOptions, void** jitOptionsValues,
                               unsigned int numJitOptions, CUlibraryOption* libraryOptions, void** libraryOptionValues,
                               unsigned int numLibraryOptions) {
  TRY(initialized());
  REQUIRE(library && fileName);
  std::vector<uint8_t> bytes;
  TRY(read_file(fileName, &bytes));
  return cuLibraryLoadData(library, bytes.data(), jitOptions, jitOptionsValues, numJitOptions, libraryOptions, libraryOptionValues,
                           numLibraryOptions);
}

CUresult cuLibraryUnload(CUlibrary library) {
  TRY(initialized());
  LibraryRef dead = libraries().take(library);
  if (!dead) return CUDA_ERROR_INVALID_HANDLE;
  for (auto& kernel : dead->kernels) kernels().take(kernel->handle);
  std::lock_guard lock(dead->m);
  for (auto& [id, module] : dead->modules) {
    modules().take(module->handle);
    functions().take_if([&, m = module.get()](const Function& f) { return f.module.get() == m; });
  }
  return CUDA_SUCCESS;
}

CUresult cuLibraryGetKernel(CUkernel* pKernel, CUlibrary library, const char* name) {
  LibraryRef found;
  TRY(enter_library(library, &found));
  REQUIRE(pKernel && name);
  for (auto& kernel : found->kernels) {
    if (kernel->info.name != name) continue;
    *pKernel = kernel->handle;
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_NOT_FOUND;
}

CUresult cuLibraryGetKernelCount(unsigned int* count, CUlibrary lib) {
  LibraryRef found;
  TRY(enter_library(lib, &found));
  REQUIRE(count);
  *count = unsigned(found->kernels.size());
  return CUDA_SUCCESS;
}

CUresult cuLibraryEnumerateKernels(CUkernel* kernels, unsigned int numKernels, CUlibrary lib) {
  LibraryRef found;
  TRY(enter_library(lib, &found));
  REQUIRE(kernels);
  for (unsigned i = 0; i < numKernels && i < found->kernels.size(); i++) kernels[i] = found->kernels[i]->handle;
  return CUDA_SUCCESS;
}

CUresult cuLibraryGetModule(CUmodule* pMod, CUlibrary library) {
  ModuleRef module;
  REQUIRE(pMod);
  TRY(enter_library_module(library, &module));
  *pMod = module->handle;
  return CUDA_SUCCESS;
}

CUresult cuLibraryGetGlobal(CUdeviceptr* dptr, size_t* bytes, CUlibrary library, const char* name) {
  ModuleRef module;
  TRY(enter_library_module(library, &module));
  REQUIRE(name && (dptr || bytes));
  return get_global(*module, name, dptr, bytes);
}
// Asked for before there is a context, as the runtime does when a program starts: then that of the first device's primary context, which
// from now on stays.
CUresult cuLibraryGetManaged(CUdeviceptr* dptr, size_t* bytes, CUlibrary library, const char* name) {
  LibraryRef found;
  TRY(enter_library(library, &found));
  REQUIRE(name && (dptr || bytes));
  ContextRef context = current_context();
  if (!context) {
    CUcontext handle;
    context = primary_context(*device_of(0));
    if (!context->alive) TRY(cuDevicePrimaryCtxRetain(&handle, 0));
  }
  if (!context->alive) return CUDA_ERROR_CONTEXT_IS_DESTROYED;
  TRY(context->error());
  ModuleRef module;
  TRY(library_module(found, context, &module));
  for (auto& g : module->module->globals())
    if (g.managed && g.name == name) return get_global(*module, name, dptr, bytes);
  return CUDA_ERROR_NOT_FOUND;
}

CUresult cuLibraryGetUnifiedFunction(void** fptr, CUlibrary library, const char* symbol) {
  LibraryRef found;
  TRY(enter_library(library, &found));
  REQUIRE(fptr && symbol);
  return CUDA_ERROR_NOT_FOUND;
}

CUresult cuKernelGetFunction(CUfunction* pFunc, CUkernel kernel) {
  ContextRef context;
  TRY(enter(&context));
  KernelRef found;
  TRY(enter_kernel(kernel, &found));
  REQUIRE(pFunc);
  FunctionRef function;
  TRY(kernel_function(found, context, &function));
  *pFunc = function->handle;
  return CUDA_SUCCESS;
}

CUresult cuKernelGetLibrary(CUlibrary* pLib, CUkernel kernel) {
  KernelRef found;
  TRY(enter_kernel(kernel, &found));
  LibraryRef library = found->library.lock();
  REQUIRE(pLib && library);
  *pLib = library->handle;
  return CUDA_SUCCESS;
}

CUresult cuKernelGetName(const char** name, CUkernel hfunc) {
  KernelRef found;
  TRY(enter_kernel(hfunc, &found));
  REQUIRE(name);
  *name = found->info.name.c_str();
  return CUDA_SUCCESS;
}

CUresult cuKernelGetParamInfo(CUkernel kernel, size_t paramIndex, size_t* paramOffset, size_t* paramSize) {
  KernelRef found;
  TRY(enter_kernel(kernel, &found));
  REQUIRE(paramOffset && paramIndex < found->info.params.size());
  *paramOffset = found->info.params[paramIndex].offset;
  if (paramSize) *paramSize = found->info.params[paramIndex].size;
  return CUDA_SUCCESS;
}

CUresult cuKernelGetAttribute(int* pi, CUfunction_attribute attrib, CUkernel kernel, CUdevice dev) {
  KernelRef found;
  TRY(enter_kernel(kernel, &found));
  REQUIRE(pi);
  if (!device_of(dev)) return CUDA_ERROR_INVALID_DEVICE;
  return get_function_attribute(device_of(dev)->profile, found->info, *found->settings[size_t(dev)], attrib, pi);
}

CUresult cuKernelSetAttribute(CUfunction_attribute attrib, int val, CUkernel kernel, CUdevice dev) {
  KernelRef found;
  TRY(enter_kernel(kernel, &found));
  if (!device_of(dev)) return CUDA_ERROR_INVALID_DEVICE;
  return set_function_attribute(device_of(dev)->profile, found->info, *found->settings[size_t(dev)], attrib, val);
}

CUresult cuKernelSetCacheConfig(CUkernel kernel, CUfunc_cache config, CUdevice dev) {
  KernelRef found;
  TRY(enter_kernel(kernel, &found));
  REQUIRE(config >= CU_FUNC_CACHE_PREFER_NONE && config <= CU_FUNC_CACHE_PREFER_EQUAL);
  return device_of(dev) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE;
}

}  // extern "C"
