// The calls of the manual's chapter "Module Management" and how code is loaded into a context. Any thread may call.
#include "softgpu/api/module.h"

#include <chrono>
#include <cstring>

#include "base/log.h"
#include "softgpu/api/graph.h"
#include "softgpu/api/managed.h"

namespace softgpu::api {

Registry<CUmodule, LoadedModule>& modules() {
  static auto* all = new Registry<CUmodule, LoadedModule>;
  return *all;
}
Registry<CUfunction, Function>& functions() {
  static auto* all = new Registry<CUfunction, Function>;
  return *all;
}

CUresult load_module(const ContextRef& context, std::span<const std::span<const uint8_t>> images, const JitOptions& jit, ModuleRef* out) {
  auto begin = std::chrono::steady_clock::now();
  auto loaded = std::make_shared<LoadedModule>();
  loaded->context = context;
  Outcome outcome = load(images, context->device->memory, context->device->profile.chip.capability, &loaded->module);
  jit.report(outcome, std::chrono::duration<float, std::milli>(std::chrono::steady_clock::now() - begin).count());
  if (outcome.result) {
    base::log(base::Level::warn, "module refused (%d): %s", outcome.result, outcome.text.c_str());
    return CUresult(outcome.result);
  }
  for (auto& g : loaded->module->globals()) context->device->widen(g.address, g.bytes);
  for (auto& g : loaded->module->globals())
    if (g.managed)
      remember({.base = g.address, .bytes = g.bytes, .kind = MemoryKind::managed, .context = context, .device = context->device,
                .flags = CU_MEM_ATTACH_GLOBAL, .pool = {}, .managed = std::make_shared<ManagedRange>(),
                .seen_by = kAllDevices & ~(1u << context->device->ordinal), .of_module = true});
  modules().add(loaded);
  *out = loaded;
  return CUDA_SUCCESS;
}

LoadedModule::~LoadedModule() {
  Allocation a;
  for (auto& g : module ? module->globals() : std::vector<GlobalInfo>())
    if (g.managed && take_allocation(g.address, &a, [](const Allocation& x) { return x.of_module; })) release_bytes(a);
}

CUresult function_of(const ModuleRef& module, std::string_view name, const std::shared_ptr<Settings>& settings, FunctionRef* out) {
  std::lock_guard lock(module->m);
  if (auto it = module->functions.find(name); it != module->functions.end())
    if ((*out = it->second.lock())) return CUDA_SUCCESS;
  const Kernel* kernel = module->module->kernel(name);
  if (!kernel) return CUDA_ERROR_NOT_FOUND;
  for (auto& info : module->module->kernels()) {
    if (info.name != name) continue;
    auto function = std::make_shared<Function>();
    function->module = module;
    function->kernel = kernel;
    function->info = &info;
    function->settings = settings ? std::make_shared<Settings>(settings) : default_settings(info);
    functions().add(function);
    module->functions[info.name] = function;
    *out = function;
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_NOT_FOUND;
}

CUresult get_global(const LoadedModule& module, const char* name, CUdeviceptr* address, size_t* bytes) {
  for (auto& g : module.module->globals()) {
    if (g.name != name) continue;
    if (address) *address = g.address;
    if (bytes) *bytes = g.bytes;
    return CUDA_SUCCESS;
  }
  return CUDA_ERROR_NOT_FOUND;
}

namespace {
void end_module(const ModuleRef& module) {
  functions().take_if([&](const Function& f) { return f.module == module; });
}
}  // namespace

void modules_of_ended_context(const ContextRef& context) {
  for (auto& m : modules().take_if([&](const LoadedModule& m) { return m.context == context; })) end_module(m);
  forget_library_modules(context->id);
}

}  // namespace softgpu::api

using namespace softgpu::api;

namespace {

// Of the library's kernel, whose function this is.
std::shared_ptr<Settings> kernel_settings(const LoadedModule& module, std::string_view name) {
  if (!module.library) return nullptr;
  for (auto& kernel : module.library->kernels)
    if (kernel->info.name == name) return kernel->settings[size_t(module.context->device->ordinal)];
  return nullptr;
}

CUresult load_from(CUmodule* out, const void* image, unsigned count, CUjit_option* options, void** values) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(out && image);
  TRY(refuse_unsafe());
  JitOptions jit;
  TRY(jit.read(count, options, values));
  std::vector<std::span<const uint8_t>> images;
  TRY(collect_images(image, &images));
  ModuleRef module;
  TRY(load_module(context, images, jit, &module));
  *out = module->handle;
  return CUDA_SUCCESS;
}

CUresult enter_module(CUmodule h, ModuleRef* module) {
  ContextRef context;
  TRY(enter(&context));
  *module = modules().find(h);
  return *module ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

}  // namespace

extern "C" {

// Measured on driver 580: these two take no wrapper around the image, libraries do.
CUresult cuModuleLoadData(CUmodule* module, const void* image) { return cuModuleLoadDataEx(module, image, 0, nullptr, nullptr); }
CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned int numOptions, CUjit_option* options, void** optionValues) {
  uint32_t magic = 0;
  if (image) memcpy(&magic, image, sizeof magic);
  if (magic == 0x466243B1) return CUDA_ERROR_INVALID_IMAGE;
  return load_from(module, image, numOptions, options, optionValues);
}
CUresult cuModuleLoadFatBinary(CUmodule* module, const void* fatCubin) { return load_from(module, fatCubin, 0, nullptr, nullptr); }

CUresult cuModuleLoad(CUmodule* module, const char* fname) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(module && fname);
  std::vector<uint8_t> bytes;
  TRY(read_file(fname, &bytes));
  return load_from(module, bytes.data(), 0, nullptr, nullptr);
}

CUresult cuModuleUnload(CUmodule hmod) {
  ModuleRef module;
  TRY(enter_module(hmod, &module));
  if (module->library) return CUDA_ERROR_NOT_PERMITTED;     // unloaded with its library
  if (!modules().take(hmod)) return CUDA_ERROR_INVALID_HANDLE;
  end_module(module);
  return CUDA_SUCCESS;
}

CUresult cuModuleGetFunction(CUfunction* hfunc, CUmodule hmod, const char* name) {
  ModuleRef module;
  TRY(enter_module(hmod, &module));
  REQUIRE(hfunc && name);
  FunctionRef function;
  TRY(function_of(module, name, kernel_settings(*module, name), &function));
  *hfunc = function->handle;
  return CUDA_SUCCESS;
}

CUresult cuModuleGetGlobal_v2(CUdeviceptr* dptr, size_t* bytes, CUmodule hmod, const char* name) {
  ModuleRef module;
  TRY(enter_module(hmod, &module));
  REQUIRE(name && (dptr || bytes));
  return get_global(*module, name, dptr, bytes);
}

CUresult cuModuleGetFunctionCount(unsigned int* count, CUmodule mod) {
  ModuleRef module;
  TRY(enter_module(mod, &module));
  REQUIRE(count);
  *count = unsigned(module->module->kernels().size());
  return CUDA_SUCCESS;
}

CUresult cuModuleEnumerateFunctions(CUfunction* functions, unsigned int numFunctions, CUmodule mod) {
  ModuleRef module;
  TRY(enter_module(mod, &module));
  REQUIRE(functions);
  auto& all = module->module->kernels();
  for (unsigned i = 0; i < numFunctions && i < all.size(); i++) {
    FunctionRef function;
    TRY(function_of(module, all[i].name, kernel_settings(*module, all[i].name), &function));
    functions[i] = function->handle;
  }
  return CUDA_SUCCESS;
}

CUresult cuModuleGetLoadingMode(CUmoduleLoadingMode* mode) {
  TRY(initialized());
  REQUIRE(mode);
  const char* asked = getenv("CUDA_MODULE_LOADING");
  *mode = asked && strcmp(asked, "EAGER") == 0 ? CU_MODULE_EAGER_LOADING : CU_MODULE_LAZY_LOADING;
  return CUDA_SUCCESS;
}

}  // extern "C"
