// Code: modules loaded into a context, their functions; libraries, which belong to no context and are loaded into each one that
// uses them, and their kernels. Any thread may call.
#pragma once
#include <limits.h>

#include <array>
#include <atomic>
#include <map>
#include <span>
#include <string>

#include "softgpu/api/context.h"

namespace softgpu::api {

struct Library;

// One attribute's value. A function's of a library's kernel is the kernel's until it is set, and then, whatever is set of the kernel, its own; the kernel
// knows nothing of that (manual, cuKernelSetAttribute).
class Setting {
 public:
  explicit Setting(int value) : value_(value) {}
  explicit Setting(const Setting& kernels) : kernels_(&kernels) {}
  operator int() const {
    const int own = value_.load(std::memory_order_relaxed);
    return own == kUnset ? int(*kernels_) : own;
  }
  Setting& operator=(int value) {
    value_.store(value, std::memory_order_relaxed);
    return *this;
  }
 private:
  static constexpr int kUnset = INT_MIN;
  std::atomic<int> value_{kUnset};
  const Setting* kernels_ = nullptr;
};
// What cuFuncSetAttribute and cuKernelSetAttribute change: of a function, or of a library's kernel on a device.
struct Settings {
  explicit Settings(int max_dynamic_shared) : max_dynamic_shared(max_dynamic_shared), carveout(-1), non_portable_cluster(0), cluster_policy(0) {}
  explicit Settings(std::shared_ptr<const Settings> kernels)   // of a function
      : kernel(kernels->kernel), max_dynamic_shared(kernels->max_dynamic_shared), carveout(kernels->carveout), non_portable_cluster(kernels->non_portable_cluster),
        cluster_policy(kernels->cluster_policy), kernels(std::move(kernels)) {}
  CUkernel kernel = nullptr;              // of a library; the handle may be stale
  Setting max_dynamic_shared, carveout, non_portable_cluster, cluster_policy;
 private:
  std::shared_ptr<const Settings> kernels;
};

struct LoadedModule {
  ~LoadedModule();
  CUmodule handle = nullptr;
  ContextRef context;
  Library* library = nullptr;             // set when it is the library's module in this context
  std::unique_ptr<Module> module;
  std::mutex m;                           // guards functions
  std::map<std::string, std::weak_ptr<struct Function>, std::less<>> functions;   // made so far
};
using ModuleRef = std::shared_ptr<LoadedModule>;

struct Function {
  CUfunction handle = nullptr;
  ModuleRef module;                       // a function in use keeps its code
  const Kernel* kernel = nullptr;
  const KernelInfo* info = nullptr;
  std::shared_ptr<Settings> settings;
};
using FunctionRef = std::shared_ptr<Function>;

struct LibraryKernel {
  CUkernel handle = nullptr;
  std::weak_ptr<Library> library;
  KernelInfo info;
  std::array<std::shared_ptr<Settings>, kMaxDevices> settings;
};
using KernelRef = std::shared_ptr<LibraryKernel>;

struct Library {
  CUlibrary handle = nullptr;
  std::vector<std::vector<uint8_t>> images;
  std::vector<KernelRef> kernels;
  std::mutex m;                           // guards modules
  std::map<uint64_t, ModuleRef> modules;  // by context id
};
using LibraryRef = std::shared_ptr<Library>;

Registry<CUmodule, LoadedModule>& modules();
Registry<CUfunction, Function>& functions();
Registry<CUlibrary, Library>& libraries();
Registry<CUkernel, LibraryKernel>& kernels();

// The containers behind the pointer that a load call got: fatbin wrapper, container, ELF or PTX.
CUresult collect_images(const void* image, std::vector<std::span<const uint8_t>>* out);
CUresult read_file(const char* name, std::vector<uint8_t>* out);            // with a NUL after its end

// The log buffers and the time that a caller of the JIT asked for.
class JitOptions {
 public:
  CUresult read(unsigned count, const CUjit_option* options, void** values);
  void report(const Outcome& outcome, float milliseconds) const;
 private:
  static void write_log(char* buffer, size_t size, void** size_slot, const std::string& text);
  char *info_ = nullptr, *error_ = nullptr;
  size_t info_size_ = 0, error_size_ = 0;
  void **info_slot_ = nullptr, **error_slot_ = nullptr, **time_slot_ = nullptr;
};

CUresult load_module(const ContextRef& context, std::span<const std::span<const uint8_t>> images, const JitOptions& jit, ModuleRef* out);
// settings: those of a library's kernel, which hold where the function's own are not set; null: there is none
CUresult function_of(const ModuleRef& module, std::string_view name, const std::shared_ptr<Settings>& settings, FunctionRef* out);
CUresult library_module(const LibraryRef& library, const ContextRef& context, ModuleRef* out);
CUresult kernel_function(const KernelRef& kernel, const ContextRef& context, FunctionRef* out);
// A CUfunction, or a CUkernel cast to it, for use in this context.
CUresult find_launchable(CUfunction h, const ContextRef& context, FunctionRef* out);
CUresult get_function_attribute(const DeviceProfile& device, const KernelInfo& info, const Settings& settings, CUfunction_attribute attribute,
                                int* value);
CUresult set_function_attribute(const DeviceProfile& device, const KernelInfo& info, Settings& settings, CUfunction_attribute attribute, int value);
CUresult get_global(const LoadedModule& module, const char* name, CUdeviceptr* address, size_t* bytes);
void forget_library_modules(uint64_t context_id);
int most_threads(const KernelInfo& info);   // per block, by launch bounds and registers
std::shared_ptr<Settings> default_settings(const KernelInfo& info);

}  // namespace softgpu::api
