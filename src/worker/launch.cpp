// Kernel launches (tfLaunch). This path is walked a thousand times for every token that a
// language model makes: nothing here allocates or locks.
#include "worker/handlers.h"
#include "worker/module.h"

namespace worker::serve {

static constexpr unsigned kMaxAttributes = 32;
static constexpr size_t kMaxPointers = 1024;   // kernels with more parameters go by their buffer

// Asked before every launch: metering of compute time belongs here. 0: go on.
static inline int before_launch(Session&, const wire::tfLaunch::Args&) { return 0; }

// CUlaunchAttribute bytes as the program gave them, with our objects in place of its numbers.
struct Attributes {
  CUlaunchAttribute list[kMaxAttributes + 1];   // one more for `cooperative`
  unsigned count = 0;
  int read(Session& s, const unsigned char* bytes, size_t n) {
    if (n % sizeof list[0] || n / sizeof list[0] > kMaxAttributes) return CUDA_ERROR_INVALID_VALUE;
    count = unsigned(n / sizeof list[0]);
    if (n) memcpy(list, bytes, n);
    for (unsigned i = 0; i < count; i++) {
      CUevent* event = nullptr;
      if (list[i].id == CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT) event = &list[i].value.programmaticEvent.event;
      if (list[i].id == CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT) event = &list[i].value.launchCompletionEvent.event;
      if (list[i].id == CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE) return CUDA_ERROR_NOT_SUPPORTED;   // answers with a handle of its own
      if (event && !s.real(uint64_t(reinterpret_cast<uintptr_t>(*event)), wire::kCUevent, event)) return CUDA_ERROR_INVALID_HANDLE;
    }
    return 0;
  }
};

template <class Args>
static CUlaunchConfig config_of(const Args& a, CUstream stream, Attributes& attributes) {
  CUlaunchConfig c{};
  c.gridDimX = a.gridDimX; c.gridDimY = a.gridDimY; c.gridDimZ = a.gridDimZ;
  c.blockDimX = a.blockDimX; c.blockDimY = a.blockDimY; c.blockDimZ = a.blockDimZ;
  c.sharedMemBytes = a.sharedMemBytes;
  c.hStream = stream;
  c.attrs = attributes.list;
  c.numAttrs = attributes.count;
  return c;
}

static int launch(Session& s, wire::tfLaunch::Args& a) {
  CUfunction f;
  CUstream stream;
  if (!s.real(a.function, wire::kCUfunction, &f) || !f || !s.real(a.hStream, wire::kCUstream, &stream)) return CUDA_ERROR_INVALID_HANDLE;
  if (int rc = before_launch(s, a)) return rc;

  // A parameter's place in the buffer is known when its module's listing was; otherwise the driver takes the buffer as it is.
  KernelLayout* const* known = s.layouts.find(wire::handle_index(a.function));
  const KernelLayout* layout = known ? *known : nullptr;
  void* pointers[kMaxPointers];
  auto* params = const_cast<unsigned char*>(a.params);
  size_t bytes = params ? a.paramBytes : 0;
  void* buffer[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, params, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes, CU_LAUNCH_PARAM_END};
  void **kernel_params = nullptr, **extra = nullptr;
  if (layout && layout->bytes && !params) return CUDA_ERROR_INVALID_VALUE;
  // A program may give a shorter buffer than the kernel's parameters are (NCCL does): what it left out, the kernel does not read.
  if (layout && layout->offsets.size() <= kMaxPointers && bytes >= layout->bytes) {
    const size_t n = layout->offsets.size();
    for (size_t i = 0; i < n; i++) pointers[i] = params + layout->offsets[i];
    if (n) kernel_params = pointers;
  } else if (params) {
    extra = buffer;
  }

  if (!a.attributeBytes && !a.cooperative)
    return call(s.driver.cuLaunchKernel, f, a.gridDimX, a.gridDimY, a.gridDimZ, a.blockDimX, a.blockDimY, a.blockDimZ, a.sharedMemBytes,
                stream, kernel_params, extra);
  if (!a.attributeBytes && !extra)
    return call(s.driver.cuLaunchCooperativeKernel, f, a.gridDimX, a.gridDimY, a.gridDimZ, a.blockDimX, a.blockDimY, a.blockDimZ,
                a.sharedMemBytes, stream, kernel_params);
  Attributes attributes;
  if (int rc = attributes.read(s, a.attributes, a.attributes ? a.attributeBytes : 0)) return rc;
  if (a.cooperative) {
    CUlaunchAttribute& c = attributes.list[attributes.count++];
    c = CUlaunchAttribute{};
    c.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE;
    c.value.cooperative = 1;
  }
  const CUlaunchConfig config = config_of(a, stream, attributes);
  return call(s.driver.cuLaunchKernelEx, &config, f, kernel_params, extra);
}

// One that waits is the first of its kernel, mostly: the client learns what it may ask for without waiting.
int tfLaunch(Session& s, Request& q, wire::tfLaunch::Args& a, wire::tfLaunch::Outs&) {
  int rc = launch(s, a);
  if (rc || !(q.header.flags & wire::kWantsReply)) return rc;
  void* kernel = nullptr;
  wire::Buffer body;
  wire::Writer w(body);
  if (s.real(a.function, wire::kCUfunction, &kernel)) kernel_facts(s, wire::handle_kind(a.function), kernel).put(w);
  w.align();
  s.reply(q, 0, body);
  return 0;
}

}  // namespace worker::serve
