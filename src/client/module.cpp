// Loading: every Load call becomes one tfLoad. Finding kernels, functions and their layouts is local.
#include "client/module.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "client/context.h"
#include "client/devices.h"
#include "client/image.h"
#include "client/jit_options.h"
#include "client/memory_map.h"
#include "client/mirror.h"
#include "client/remote.h"
#include "wire/cuda_function.h"
#include "wire/cuda_library.h"
#include "wire/cuda_module.h"
#include "wire/image_key.h"
#include "wire/session.h"

namespace client {

teleport::Lock g_modules_lock;
static teleport::Lock g_facts_lock;

Kernel* find_kernel(uint64_t handle) {
  if (!wire::is_handle(handle, wire::kCUkernel) && !wire::is_handle(handle, wire::kCUfunction)) return nullptr;
  return static_cast<Kernel*>(teleport::handle_object(handle));
}
Module* find_module(uint64_t handle, unsigned kind) {
  return wire::is_handle(handle, kind) ? static_cast<Module*>(teleport::handle_object(handle)) : nullptr;
}
Kernel* kernel_by_name(Module* m, const char* name) {
  for (Kernel* k : m->kernels)
    if (k->name == name) return k;
  return nullptr;
}

// What the worker tells of kernels: a module's new ones, or more of those that it listed before (m null).
static void read_listing(wire::Reader& r, Module* m, bool keep) {
  uint32_t count = r.get<uint32_t>();
  for (uint32_t i = 0; i < count && r.ok(); i++) {
    uint64_t handle = r.get<uint64_t>();
    const char* name = r.get_string();
    uint32_t params = r.get<uint32_t>();
    size_t n, same;
    const uint32_t* offsets = r.get_array<uint32_t>(&n);
    const uint32_t* sizes = r.get_array<uint32_t>(&same);
    wire::KernelFacts told;
    told.get(r);
    if (!r.ok() || n != same || (n != params && params != ~0u)) return;
    if (!keep) continue;
    Kernel* k = find_kernel(handle);
    if (!k && !m) continue;   // unloaded meanwhile
    if (!k) {
      k = new Kernel;
      k->module = m;
      k->handle = handle;
      k->name = name;
      teleport::adopt_handle(handle, k);
      m->kernels.push_back(k);
    }
    if (Context* c = current(); c && told.known) k->learn(told, c->device);
    if (params == ~0u || k->layout_known.load(std::memory_order_relaxed)) continue;
    k->offsets.assign(offsets, offsets + n);
    k->sizes.assign(sizes, sizes + n);
    for (size_t j = 0; j < n; j++)
      if (offsets[j] + sizes[j] > k->param_bytes) k->param_bytes = offsets[j] + sizes[j];
    k->layout_known.store(true, std::memory_order_release);
  }
}

bool Kernel::fact(int attribute, int device, int* value) const {
  if (attribute < 0 || attribute >= int(wire::KernelFacts::kAttributes) || !(facts_known.load(std::memory_order_acquire) >> attribute & 1) || device != facts_device.load(std::memory_order_relaxed))
    return false;
  *value = facts[attribute].load(std::memory_order_relaxed);
  return true;
}

void Kernel::learn(const wire::KernelFacts& told, int device) {
  g_facts_lock.lock();
  if (facts_known.load(std::memory_order_relaxed) == 0) {   // one device's are kept
    for (unsigned i = 0; i < wire::KernelFacts::kAttributes; i++) {
      const int64_t set = set_to[i].load(std::memory_order_relaxed);   // perhaps of a function of the kernel, whose own value was told
      facts[i].store(set ? int(uint32_t(set)) : told.values[i], std::memory_order_relaxed);
    }
    facts_device.store(device, std::memory_order_relaxed);
    facts_known.store(told.known, std::memory_order_release);
  }
  g_facts_lock.unlock();
}

// Asks for what the listing left out. g_modules_lock held.
static CUresult ask_about(const Kernel* k) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (!at.context) return CUDA_ERROR_INVALID_CONTEXT;
  wire::tfKernel::Args a;
  a.handle = k->handle;
  teleport::Reply reply;
  CUresult rc = ask(at, wire::op::tfKernel, a, &reply);
  wire::Reader r = reply.reader();
  read_listing(r, nullptr, true);   // an error may be of a call before this one
  return rc;
}

CUresult know_layout(Kernel* k) {
  if (k->layout_known.load(std::memory_order_acquire)) return CUDA_SUCCESS;
  CUresult rc = CUDA_SUCCESS;
  g_modules_lock.lock();
  if (!k->layout_known.load(std::memory_order_relaxed)) rc = ask_about(k);
  g_modules_lock.unlock();
  return rc ? rc : k->layout_known.load(std::memory_order_relaxed) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

void know_facts(Kernel* k) {
  if (k->facts_known.load(std::memory_order_acquire)) return;
  g_modules_lock.lock();
  if (!k->facts_known.load(std::memory_order_relaxed)) ask_about(k);
  g_modules_lock.unlock();
}

static CUresult load_with(const void* image, bool library, JitOptions& jit, uint64_t* handle) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (!library && !at.context) return CUDA_ERROR_INVALID_CONTEXT;
  if (!image) return CUDA_ERROR_INVALID_VALUE;
  if (!library)
    if (int rc = refuse_unsafe()) return CUresult(rc);
  std::vector<ImagePart> parts;
  if (!image_parts(image, &parts) || (!library && is_wrapper(image))) return CUDA_ERROR_INVALID_IMAGE;   // measured: modules take no wrapper
  auto* m = new Module;
  m->library = library;
  m->handle = teleport::mint_handle(library ? wire::kCUlibrary : wire::kCUmodule, m);
  std::vector<unsigned long long> sizes;
  for (ImagePart& p : parts) sizes.push_back(p.bytes);
  wire::tfLoad::Args a;
  a.handle = m->handle;
  a.library = library;
  a.images = unsigned(parts.size());
  a.sizes = sizes.data();
  std::vector<ImageKey> keys;
  for (ImagePart& p : parts) keys.push_back(key_of(p));
  a.keys = reinterpret_cast<const unsigned long long*>(keys.data());
  a.numOptions = unsigned(jit.options.size());
  a.options = jit.options.data();
  a.values = jit.values.data();
  teleport::Reply reply;
  CUresult rc = CUresult(wire::kImagesWanted);
  bool kept = true;
  for (ImageKey& k : keys) kept = kept && image_kept(k);
  if (kept) {
    teleport::Call call(*at.session, wire::op::tfLoad, at.context);
    a.put(call.in());
    rc = CUresult(call.wait(&reply, false));   // no call of the program's if it has to be repeated: the error of one before it stays for the next
    if (rc == CUDA_SUCCESS) rc = CUresult(at.session->take_async_error());
  }
  if (int(rc) == wire::kImagesWanted) {
    a.attached = true;
    // Several containers are copied into one run of bytes, each padded to 8; one is sent from where it is.
    std::vector<uint8_t> joined;
    if (parts.size() > 1)
      for (ImagePart& p : parts) {
        joined.insert(joined.end(), static_cast<const uint8_t*>(p.p), static_cast<const uint8_t*>(p.p) + p.bytes);
        joined.resize((joined.size() + 7) & ~size_t(7));
      }
    teleport::Call call(*at.session, wire::op::tfLoad, at.context);
    a.put(call.in());
    if (parts.size() > 1) call.bulk_borrow(joined.data(), joined.size());
    else call.bulk_borrow(parts[0].p, parts[0].bytes);
    rc = CUresult(call.wait(&reply));
    for (ImagePart& p : parts) teleport::g_image_bytes.fetch_add(p.bytes, std::memory_order_relaxed);
    for (ImageKey& k : keys) note_kept(k, rc == CUDA_SUCCESS);
  }
  wire::Reader r = reply.reader();
  read_listing(r, m, rc == CUDA_SUCCESS);
  jit.give_logs(r);
  if (rc) {
    teleport::forget_handle(m->handle);
    return rc;
  }
  *handle = m->handle;
  return CUDA_SUCCESS;
}

// The whole file, NUL-terminated in case it is PTX. Null: cannot be read.
void* read_image_file(const char* path, size_t* size) {
  int fd = open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return nullptr;
  std::vector<char> bytes;
  char block[65536];
  ssize_t n;
  while ((n = read(fd, block, sizeof block)) > 0) bytes.insert(bytes.end(), block, block + n);
  close(fd);
  if (size) *size = bytes.size();
  bytes.resize(bytes.size() + 64);   // room that a header may be read from however short the file is
  void* p = malloc(bytes.size());
  memcpy(p, bytes.data(), bytes.size());
  return p;
}

CUresult load_library(CUlibrary* library, const void* image, unsigned n, CUjit_option* options, void** values) {
  JitOptions jit(n, options, values);
  uint64_t handle = 0;
  CUresult rc = load_with(image, true, jit, &handle);
  if (!rc) *library = handle_of<CUlibrary>(handle);
  return rc;
}

static CUresult load_module(CUmodule* module, const void* image, unsigned n = 0, CUjit_option* options = nullptr, void** values = nullptr) {
  if (!module) return CUDA_ERROR_INVALID_VALUE;
  JitOptions jit(n, options, values);
  uint64_t handle = 0;
  CUresult rc = load_with(image, false, jit, &handle);
  if (!rc) *module = handle_of<CUmodule>(handle);
  return rc;
}

void forget_kernels(Module* m) {
  g_modules_lock.lock();
  for (uint64_t variable : m->variables) {
    Range r;
    if (!find_range(variable, &r) || r.base != variable || !(r.flags & kVariable)) continue;   // gone with its context
    if (r.place == Place::managed) drop_managed(variable);
    remove_range(variable, &r);   // the driver gives what it frees to the next allocation
  }
  m->variables.clear();
  g_modules_lock.unlock();
  for (Kernel* k : m->kernels) {
    for (auto& f : k->functions) teleport::forget_handle(f.function);
    teleport::forget_handle(k->handle);
  }
  for (auto& in : m->modules) teleport::forget_handle(in.module);
}

size_t for_each_function(CUmodule module, void (*each)(void* user, CUfunction function), void* user) {
  Module* m = find_module(number_of(module), wire::kCUmodule);
  if (!m) return 0;
  for (Kernel* k : m->kernels) each(user, handle_of<CUfunction>(k->handle));
  return m->kernels.size();
}

}  // namespace client

using namespace client;

EXPORT CUresult cuModuleLoadData(CUmodule* module, const void* image) { return load_module(module, image); }
EXPORT CUresult cuModuleLoadFatBinary(CUmodule* module, const void* fatCubin) { return load_module(module, fatCubin); }
EXPORT CUresult cuModuleLoadDataEx(CUmodule* module, const void* image, unsigned int numOptions, CUjit_option* options, void** optionValues) {
  return load_module(module, image, numOptions, options, optionValues);
}
EXPORT CUresult cuModuleLoad(CUmodule* module, const char* fname) {
  if (int error = caller().error) return CUresult(error);
  if (!module || !fname) return CUDA_ERROR_INVALID_VALUE;
  void* image = read_image_file(fname);
  if (!image) return CUDA_ERROR_FILE_NOT_FOUND;
  CUresult rc = load_module(module, image);
  free(image);
  return rc;
}
EXPORT CUresult cuModuleUnload(CUmodule hmod) {
  if (int error = caller().error) return CUresult(error);
  Module* m = find_module(number_of(hmod), wire::kCUmodule);
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  if (m->library) return CUDA_ERROR_NOT_PERMITTED;   // a view of a library: cuLibraryUnload ends it
  forget_kernels(m);
  return remote::cuModuleUnload(hmod);
}
EXPORT CUresult cuModuleGetFunction(CUfunction* hfunc, CUmodule hmod, const char* name) {
  if (int error = caller().error) return CUresult(error);
  if (!hfunc || !name) return CUDA_ERROR_INVALID_VALUE;
  Module* m = find_module(number_of(hmod), wire::kCUmodule);
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  Kernel* k = kernel_by_name(m, name);
  if (!k) return CUDA_ERROR_NOT_FOUND;
  if (m->library) return cuKernelGetFunction(hfunc, handle_of<CUkernel>(k->handle));
  if (!k->loaded.exchange(true)) remote::cuFuncLoad(handle_of<CUfunction>(k->handle));   // the worker only listed it: lazy loading
  *hfunc = handle_of<CUfunction>(k->handle);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuModuleEnumerateFunctions(CUfunction* functions, unsigned int numFunctions, CUmodule mod) {
  if (int error = caller().error) return CUresult(error);
  Module* m = find_module(number_of(mod), wire::kCUmodule);
  if (!functions || !numFunctions) return CUDA_ERROR_INVALID_VALUE;
  if (!m) return CUDA_ERROR_INVALID_HANDLE;
  for (unsigned i = 0; i < numFunctions && i < m->kernels.size(); i++) {
    functions[i] = handle_of<CUfunction>(m->kernels[i]->handle);
    if (m->library)
      if (CUresult rc = cuKernelGetFunction(&functions[i], handle_of<CUkernel>(m->kernels[i]->handle))) return rc;
  }
  return CUDA_SUCCESS;
}

// A module's variables are device memory like any other: copies to and from them need not ask the driver whether they are. A managed one is there in this
// process too; only the worker can tell which are, but for those that were asked for as such.
CUresult client::remember_global(Module* m, CUresult rc, bool managed, CUdeviceptr* dptr, size_t* bytes, CUdeviceptr found, size_t size) {
  if (rc) return rc;
  Range r;
  const bool known = found && size && find_range(found, &r) && (!managed || r.place == Place::managed);
  unsigned is_managed = managed;
  if (found && size && !known) {
    if (!managed) remote::tfManagedVariable(found, size, &is_managed);
    add_range(found, size, is_managed ? Place::managed : Place::device, kVariable);
    if (is_managed && !mirror_managed(found, size, false)) base::log(base::Level::warn, "this process has a mapping where a managed variable is, at %#llx", (unsigned long long)found);
    g_modules_lock.lock();
    if (m) m->variables.push_back(found);
    g_modules_lock.unlock();
  }
  if (dptr) *dptr = found;
  if (bytes) *bytes = size;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuModuleGetGlobal_v2(CUdeviceptr* dptr, size_t* bytes, CUmodule hmod, const char* name) {
  CUdeviceptr found = 0;
  size_t size = 0;
  CUresult rc = remote::cuModuleGetGlobal_v2(&found, &size, hmod, name);
  return remember_global(find_module(number_of(hmod), wire::kCUmodule), rc, false, dptr, bytes, found, size);
}
