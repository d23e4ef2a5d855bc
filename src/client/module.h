// Modules, libraries and kernels as the client knows them from the reply to a load: names and parameter layouts, so that finding a kernel and
// packing its parameters ask nobody. Objects are never freed (a program may hold names and handles past an unload); unload forgets the handles.
#pragma once
#include <stdint.h>

#include <atomic>
#include <string>
#include <vector>

#include "abi/cuda_abi.h"
#include "teleport/session.h"
#include "wire/kernel_facts.h"

namespace client {

struct Module;
struct Kernel {
  uint64_t handle = 0;                       // a CUkernel of a library, a CUfunction of a module
  Module* module = nullptr;
  std::string name;
  std::atomic<bool> layout_known{false};     // read with acquire before the next three
  std::vector<uint32_t> offsets, sizes;      // of the parameters, bytes
  uint32_t param_bytes = 0;
  // What is known of its attributes on facts_device; the rest is asked for. Kept up to date with what the program sets.
  std::atomic<uint32_t> facts_known{0};      // a bit for each CUfunction_attribute; set with release
  std::atomic<int> facts_device{-1}, facts[wire::KernelFacts::kAttributes] = {};
  bool fact(int attribute, int device, int* value) const;
  void learn(const wire::KernelFacts& told, int device);
  // The largest launches that the driver has accepted, where the facts do not tell. One that asks for more waits for the driver's answer, so that
  // a refusal comes with the call.
  std::atomic<uint32_t> good_threads{0}, good_shared{0}, good_cooperative{0}, good_cluster{1};
  static constexpr int kAttributes = 32;
  std::atomic<int64_t> set_to[kAttributes] = {};   // by CUfunction_attribute: which call set it last, a bit, the value; 0: none did
  std::atomic<bool> loaded{false};           // a module's function: cuFuncLoad was sent
  struct InContext { uint64_t context, function; };
  std::vector<InContext> functions;          // cuKernelGetFunction: one for each context
};
struct Module {
  uint64_t handle = 0;
  bool library = false;
  std::vector<Kernel*> kernels;
  struct InContext { uint64_t context, module; };
  std::vector<InContext> modules;            // cuLibraryGetModule
  uint64_t works_in = 0;                     // a library: the context in which the driver last gave one of its kernels
  std::vector<uint64_t> variables;           // addresses of those that were asked for; go with it
};

CUresult know_layout(Kernel* kernel);        // asks the worker if need be; an error: why it cannot tell
void know_facts(Kernel* kernel);             // the same for its attributes on the current device, where they are not known of another
extern teleport::Lock g_modules_lock;        // Kernel::functions, Module::modules, learning layouts
Module* find_module(uint64_t handle, unsigned kind);          // null: none such, or unloaded
Kernel* kernel_by_name(Module* module, const char* name);     // null: none
CUresult load_library(CUlibrary* library, const void* image, unsigned numOptions, CUjit_option* options, void** values);
void* read_image_file(const char* path, size_t* bytes = nullptr);   // malloc'ed, NUL-terminated; null: cannot be read
void forget_kernels(Module* module);         // at its unloading
// What a GetGlobal call found, into the memory map and to where the program wants it.
CUresult remember_global(Module* module, CUresult rc, bool managed, CUdeviceptr* dptr, size_t* bytes, CUdeviceptr found, size_t size);
Kernel* find_kernel(uint64_t handle);        // of a CUkernel or CUfunction handle; null: none such, or unloaded

}  // namespace client
