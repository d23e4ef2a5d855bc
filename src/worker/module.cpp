// Loading and unloading of modules and libraries (tfLoad: one call for every form that CUDA has). See module.h.
#include "worker/module.h"

#include "base/futex.h"
#include "base/log.h"
#include "wire/image_key.h"
#include "worker/handlers.h"
#include "worker/image_store.h"
#include "worker/jit_options.h"
#include "worker/memory.h"

namespace worker {

Modules::~Modules() {
  for (KernelLayout* l : dead_) delete l;
}

void Modules::loaded(uint64_t handle, std::vector<uint64_t> kernels, std::shared_ptr<const void> image) {
  std::lock_guard lock(lock_);
  loaded_.emplace(handle, Loaded{std::move(kernels), std::move(image)});
}

std::shared_ptr<const void> Modules::unloaded(Session& s, uint64_t handle) {
  std::unique_lock lock(lock_);
  auto it = loaded_.find(handle);
  if (it == loaded_.end()) return nullptr;
  const Loaded was = std::move(it->second);
  loaded_.erase(it);
  lock.unlock();
  for (uint64_t k : was.kernels) {
    s.unbind(k);
    auto table = s.lock_table();
    KernelLayout** layout = s.layouts.find(wire::handle_index(k));
    if (!layout || !*layout) continue;
    std::lock_guard guard(lock_);
    dead_.push_back(*layout);
    s.layouts.erase(wire::handle_index(k));
  }
  return was.image;
}

wire::KernelFacts kernel_facts(Session& s, unsigned kind, void* kernel) {
  wire::KernelFacts facts;
  const CUdevice device = current_device(s);
  if (device < 0) return facts;
  for (unsigned i = 0; i < wire::KernelFacts::kAttributes; i++) {
    const auto attribute = CUfunction_attribute(i);
    int rc = kind == wire::kCUkernel ? call(s.driver.cuKernelGetAttribute, &facts.values[i], attribute, static_cast<CUkernel>(kernel), device)
                                     : call(s.driver.cuFuncGetAttribute, &facts.values[i], attribute, static_cast<CUfunction>(kernel));
    if (rc == 0) facts.known |= 1u << i;
  }
  return facts;
}

namespace {

// What nvcc puts around several images that are linked at load time.
struct FatbinWrapper {
  uint32_t magic = 0x466243B1, version = 2;
  const void* image = nullptr;
  const void* const* prelinked = nullptr;   // NULL-terminated
};

// The images of one load. Several are padded to 8 bytes each on the wire.
class Images {
 public:
  static constexpr uint64_t kMost = 4ull << 30;   // bytes
  // False: the bytes did not come, or are more than can be meant.
  bool read(Session& s, Request& q, const unsigned long long* sizes, size_t n) {
    if (q.bulk_left > kMost) return false;
    for (size_t i = 0; i < n; i++) {
      if (sizes[i] > q.bulk_left) return false;
      const size_t padding = n > 1 ? (8 - sizes[i] % 8) % 8 : 0;
      all_.push_back(Image::allocate(sizes[i]));
      auto* p = static_cast<uint8_t*>(all_.back().data());
      if (!p || !s.read_bulk(q, p, sizes[i] + padding)) return false;
      memset(p + sizes[i], 0, padding);
    }
    return q.bulk_left == 0;
  }
  // From what was kept. keys: two words of name, two of tag for each. False: one of them is not there.
  bool find(const ImageStore& store, const unsigned long long* sizes, const unsigned long long* keys, size_t n) {
    for (size_t i = 0; i < n; i++, keys += 4) {
      if (sizes[i] > kMost) return false;
      all_.push_back(store.find({keys[0], keys[1]}, {keys[2], keys[3]}, sizes[i]));
      if (!all_.back()) return false;
    }
    return true;
  }
  void keep(ImageStore& store) const {
    for (const Image& image : all_) store.keep(image);
  }
  bool several() const { return all_.size() > 1; }
  const void* to_load() {
    if (!several()) return all_[0].data();
    for (size_t i = 1; i < all_.size(); i++) prelinked_.push_back(all_[i].data());
    prelinked_.push_back(nullptr);
    wrapper_.image = all_[0].data();
    wrapper_.prelinked = prelinked_.data();
    return &wrapper_;
  }
  uint64_t bytes() const {
    uint64_t n = 0;
    for (const Image& image : all_) n += image.bytes();
    return n;
  }

 private:
  std::vector<Image> all_;
  std::vector<const void*> prelinked_;
  FatbinWrapper wrapper_;
};

// The parameters of a kernel as `info` tells them, one after the other until there is none (INVALID_VALUE). Null: it tells nothing now (no context, or a lost one).
template <class Info>
KernelLayout* learn_layout(Info info, int* why_not) {
  auto layout = std::make_unique<KernelLayout>();
  size_t offset = 0, size = 0;
  for (size_t i = 0;; i++) {
    const int rc = info(i, &offset, &size);
    if (rc == CUDA_ERROR_INVALID_VALUE) break;
    if (rc) {
      *why_not = rc;
      return nullptr;
    }
    layout->offsets.push_back(uint32_t(offset));
    layout->sizes.push_back(uint32_t(size));
    if (offset + size > layout->bytes) layout->bytes = uint32_t(offset + size);
  }
  return layout.release();
}

// The reply: kernel count (u32); per kernel handle (u64), name, number of parameters (u32, ~0: not told), offsets, sizes (arrays of u32), facts; then
// the information log and the error log (arrays of char).
struct Listing {
  // More than names are told where about all kernels will be used. PyTorch's libraries have thousands: to list one with its parameters
  // takes 30 to 95 us (H200), and to be asked for its attributes makes the driver read it in.
  static constexpr unsigned kMostOfModule = 32, kMostOfLibrary = 2;
  bool whole = false;
  int unknown = 0;   // why the driver does not tell a layout that was wanted
  wire::Buffer body;
  wire::Writer w{body};
  std::vector<uint64_t> handles;
  Listing() { w.put(uint32_t(0)); }
  void finish(JitOptions* jit = nullptr) {
    const auto kernels = uint32_t(handles.size());
    memcpy(body.data(), &kernels, sizeof kernels);
    if (jit) jit->put_logs(w);
    w.align();
  }
  template <class Info>
  void add(Session& s, unsigned kind, void* kernel, const char* name, Info info) {
    // A module's function is new: a name that its address still has is of one that went with a library or a context.
    if (uint64_t stale = kind == wire::kCUfunction ? s.known_name(kernel) : 0) s.unbind(stale);
    put(s, kind, s.name(kind, kernel), kernel, name, info);
  }
  template <class Info>
  void put(Session& s, unsigned kind, uint64_t handle, void* kernel, const char* name, Info info) {
    KernelLayout* layout = whole ? learn_layout(info, &unknown) : nullptr;
    w.put(handle);
    w.put_string(name);
    const KernelLayout none;
    const KernelLayout& l = layout ? *layout : none;
    w.put(layout ? uint32_t(l.offsets.size()) : ~0u);
    w.put_array(l.offsets.data(), l.offsets.size());
    w.put_array(l.sizes.data(), l.sizes.size());
    (whole ? kernel_facts(s, kind, kernel) : wire::KernelFacts{}).put(w);
    handles.push_back(handle);
    if (!layout) return;
    auto table = s.lock_table();
    KernelLayout** old = s.layouts.find(wire::handle_index(handle));
    if (old && *old) delete layout;   // the driver gave the same kernel before
    else s.layouts.insert(wire::handle_index(handle), layout);
  }
};

void list_library(Session& s, CUlibrary library, Listing& list) {
  const Driver& d = s.driver;
  unsigned n = 0;
  if (!d.cuLibraryEnumerateKernels || !d.cuKernelGetName || !d.cuKernelGetParamInfo) return;
  if (call(d.cuLibraryGetKernelCount, &n, library)) return;
  list.whole = n <= Listing::kMostOfLibrary;
  std::vector<CUkernel> kernels(n);
  if (n && d.cuLibraryEnumerateKernels(kernels.data(), n, library)) return;
  for (CUkernel k : kernels) {
    const char* name = nullptr;
    if (k && !d.cuKernelGetName(&name, k) && name)
      list.add(s, wire::kCUkernel, k, name, [&](size_t i, size_t* offset, size_t* size) { return d.cuKernelGetParamInfo(k, i, offset, size); });
  }
}

void list_module(Session& s, CUmodule module, Listing& list) {
  const Driver& d = s.driver;
  unsigned n = 0;
  if (!d.cuModuleEnumerateFunctions || !d.cuFuncGetName || !d.cuFuncGetParamInfo) return;
  if (call(d.cuModuleGetFunctionCount, &n, module)) return;
  list.whole = n <= Listing::kMostOfModule;
  std::vector<CUfunction> functions(n);
  if (n && d.cuModuleEnumerateFunctions(functions.data(), n, module)) return;
  for (CUfunction f : functions) {
    const char* name = nullptr;
    if (f && !d.cuFuncGetName(&name, f) && name)
      list.add(s, wire::kCUfunction, f, name, [&](size_t i, size_t* offset, size_t* size) { return d.cuFuncGetParamInfo(f, i, offset, size); });
  }
}

}  // namespace

namespace serve {

int tfLoad(Session& s, Request& q, wire::tfLoad::Args& a, wire::tfLoad::Outs&) {
  const uint64_t begun = base::now_ns();
  auto images = std::make_shared<Images>();
  JitOptions jit(a.options, a.values, a.options && a.values ? a.numOptions : 0);
  if (!a.images || !a.sizes || !a.keys || (a.attached && !images->read(s, q, a.sizes, a.images))) {
    s.malformed(q);
    return 0;
  }
  if (!a.attached && !images->find(s.images(), a.sizes, a.keys, a.images)) {
    s.fail(q, wire::kImagesWanted);
    return 0;
  }
  const uint64_t handle = a.handle;
  const bool library = a.library, attached = a.attached;
  s.let_others_lead(q);   // loading takes milliseconds
  const auto n = unsigned(jit.options.size());
  Listing list;
  int rc;
  const uint64_t found = base::now_ns();
  uint64_t done;
  if (library) {
    CUlibrary loaded = nullptr;
    CUlibraryOption preserved = CU_LIBRARY_BINARY_IS_PRESERVED;
    void* yes = reinterpret_cast<void*>(1);
    rc = call(s.driver.cuLibraryLoadData, &loaded, images->to_load(), jit.options.data(), jit.values.data(), n, &preserved, &yes, images->several() ? 0u : 1u);
    done = base::now_ns();
    if (!rc) {
      s.bind(handle, wire::kCUlibrary, loaded);
      list_library(s, loaded, list);
    }
  } else {
    CUmodule loaded = nullptr;
    // Only this call takes the wrapper around several images for a module, and it takes no options.
    if (images->several()) rc = call(s.driver.cuModuleLoadFatBinary, &loaded, images->to_load());
    else rc = call(s.driver.cuModuleLoadDataEx, &loaded, images->to_load(), n, jit.options.data(), jit.values.data());
    done = base::now_ns();
    if (!rc) {
      s.bind(handle, wire::kCUmodule, loaded);
      list_module(s, loaded, list);
    }
  }
  base::log(base::Level::debug, "loaded %zu kernels of %.1f MB%s: the image %.1f ms, the driver %.1f ms, the list %.1f ms", list.handles.size(), double(images->bytes()) * 1e-6,
            attached ? " that came" : "", double(found - begun) * 1e-6, double(done - found) * 1e-6, double(base::now_ns() - done) * 1e-6);
  list.finish(&jit);
  // The driver reads a library's image when one of its kernels is first used; it has copied a module's.
  if (!rc) s.modules().loaded(handle, std::move(list.handles), library ? images : nullptr);
  s.reply(q, rc, list.body);
  if (attached && !rc) images->keep(s.images());
  return rc;
}

int tfKernel(Session& s, Request& q, wire::tfKernel::Args& a, wire::tfKernel::Outs&) {
  const Driver& d = s.driver;
  CUfunction f;   // or a kernel
  if (!a.handle || !s.real(a.handle, wire::kCUfunction, &f)) return CUDA_ERROR_INVALID_HANDLE;
  if (!d.cuKernelGetParamInfo || !d.cuFuncGetParamInfo) return CUDA_ERROR_NOT_SUPPORTED;
  const unsigned kind = wire::handle_kind(a.handle);
  Listing list;
  list.whole = true;
  list.put(s, kind, a.handle, f, "", [&](size_t i, size_t* offset, size_t* size) {
    return kind == wire::kCUkernel ? d.cuKernelGetParamInfo(reinterpret_cast<CUkernel>(f), i, offset, size) : d.cuFuncGetParamInfo(f, i, offset, size);
  });
  list.finish();
  s.reply(q, list.unknown, list.body);
  return list.unknown;
}

// The numbers and layouts of its kernels go first: the driver may give the next module's function the same address.
int cuModuleUnload(Session& s, Request&, wire::cuModuleUnload::Args& a, wire::cuModuleUnload::Outs&) {
  CUmodule module;
  s.modules().unloaded(s, a.hmod);
  if (!a.hmod || !s.take(a.hmod, wire::kCUmodule, &module)) return CUDA_ERROR_INVALID_HANDLE;
  return call(s.driver.cuModuleUnload, module);
}
int cuLibraryUnload(Session& s, Request&, wire::cuLibraryUnload::Args& a, wire::cuLibraryUnload::Outs&) {
  CUlibrary library;
  const auto image = s.modules().unloaded(s, a.library);   // the driver may read it until it has unloaded the library
  if (!a.library || !s.take(a.library, wire::kCUlibrary, &library)) return CUDA_ERROR_INVALID_HANDLE;
  return call(s.driver.cuLibraryUnload, library);
}

}  // namespace serve
}  // namespace worker
