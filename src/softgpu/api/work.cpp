// Doing work: kernels, copies, fills, host functions, waits on memory. perform() runs on executor threads (short copies also on the
// caller's); enqueue() is called by any thread.
#include "softgpu/api/work.h"

#include <chrono>
#include <cstring>
#include <thread>

#include "base/log.h"
#include "softgpu/api/event.h"
#include "softgpu/api/graph.h"
#include "softgpu/api/memory.h"
#include "softgpu/api/module.h"
#include "softgpu/peers.h"
#include "softgpu/api/shared_usage.h"

namespace softgpu::api {

namespace {

constexpr size_t kShortCopy = 64 << 10, kShortSynchronousCopy = 4 << 20;

void print_text(void*, const char* text, size_t n) {
  // The engine sends printf and assert text through one door; assert belongs on stderr.
  static constexpr char kAssert[] = "Assertion `";
  FILE* to = memmem(text, n, kAssert, sizeof kAssert - 1) ? stderr : stdout;
  fwrite(text, 1, n, to);
  fflush(to);
}

bool live_range(Context& context, uint64_t address, uint64_t bytes) {
  return !in_device_window(address) || device_range(context, address, bytes);
}

CUresult run_kernel(const KernelWork& k, Context& context) {
  Launch launch = k.launch;
  launch.params = k.params.data();
  launch.print = print_text;
  launch.stack_bytes = uint32_t(context.limits[CU_LIMIT_STACK_SIZE]);
  launch.heap_bytes = context.limits[CU_LIMIT_MALLOC_HEAP_SIZE];
  launch.multiprocessors = uint32_t(context.device->profile.multiprocessors);
  launch.time_limit_ms = uint32_t(context.device->profile.watchdog_ms);
  const Memory* peers[kMaxDevices];
  size_t peer_count = 0;
  for (unsigned bits = context.peers; bits; bits &= bits - 1) peers[peer_count++] = &device_of(__builtin_ctz(bits))->memory;
  Busy busy(context.device->index);
  Outcome outcome = run(*k.function->kernel, launch, context.device->memory, {peers, peer_count});
  if (outcome.result != 0) base::log(base::Level::error, "kernel %s: %s", k.function->info->name.c_str(), outcome.text.c_str());
  return CUresult(outcome.result);
}

size_t span(size_t width, size_t height, size_t depth, size_t pitch, size_t slice) {
  return height && depth ? (depth - 1) * slice + (height - 1) * pitch + width : 0;
}

// pace = 1 in the profile: a copy over the bus takes as long as the card's PCIe rate says.
struct Paced {
  const double least_ns;
  const int64_t begin = monotonic_ns();
  Paced(const DeviceProfile& p, const CopyWork& c)
      : least_ns(profile().pace && p.pcie_gb_per_s > 0 && in_device_window(c.dst) != in_device_window(c.src)
                     ? double(c.width * c.height * c.depth) / p.pcie_gb_per_s : 0) {}
  ~Paced() {
    if (int64_t rest = int64_t(least_ns) - (monotonic_ns() - begin); rest > 0) std::this_thread::sleep_for(std::chrono::nanoseconds(rest));
  }
};

CUresult run_copy(const CopyWork& c, Context& context) {
  if (!c.width || !c.height || !c.depth) return CUDA_SUCCESS;
  Paced paced(context.device->profile, c);
  const bool staged = !c.staged.empty();
  if (!live_range(context, c.dst, span(c.width, c.height, c.depth, c.dst_pitch, c.dst_slice)) ||
      (!staged && !live_range(context, c.src, span(c.width, c.height, c.depth, c.src_pitch, c.src_slice))))
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  auto* dst = reinterpret_cast<uint8_t*>(c.dst);
  auto* src = staged ? c.staged.data() : reinterpret_cast<const uint8_t*>(c.src);
  for (size_t z = 0; z < c.depth; z++)
    for (size_t y = 0; y < c.height; y++)
      memmove(dst + z * c.dst_slice + y * c.dst_pitch, src + z * c.src_slice + y * c.src_pitch, c.width);
  return CUDA_SUCCESS;
}

CUresult run_memset(const MemsetWork& m, Context& context) {
  size_t row_bytes = m.width * m.element;
  if (!row_bytes || !m.height) return CUDA_SUCCESS;
  if (!live_range(context, m.dst, (m.height - 1) * m.pitch + row_bytes)) return CUDA_ERROR_ILLEGAL_ADDRESS;
  for (size_t y = 0; y < m.height; y++) {
    uint64_t row = m.dst + y * m.pitch;
    if (m.element == 1) memset(reinterpret_cast<void*>(row), int(m.value), m.width);
    if (m.element == 2) std::fill_n(reinterpret_cast<uint16_t*>(row), m.width, uint16_t(m.value));
    if (m.element == 4) std::fill_n(reinterpret_cast<uint32_t*>(row), m.width, m.value);
  }
  return CUDA_SUCCESS;
}

template <class T>
bool value_reached(T now, T wanted, unsigned flags) {
  switch (flags & 3) {
    case CU_STREAM_WAIT_VALUE_GEQ: return std::make_signed_t<T>(now - wanted) >= 0;
    case CU_STREAM_WAIT_VALUE_EQ: return now == wanted;
    case CU_STREAM_WAIT_VALUE_AND: return (now & wanted) != 0;
    default: return T(~(now | wanted)) != 0;
  }
}

template <class T>
CUresult run_value(const ValueWork& v, Context& context) {
  if (!live_range(context, v.address, sizeof(T))) return CUDA_ERROR_ILLEGAL_ADDRESS;
  T* word = reinterpret_cast<T*>(v.address);
  if (!v.wait) {
    __atomic_store_n(word, T(v.value), __ATOMIC_SEQ_CST);
    return CUDA_SUCCESS;
  }
  for (unsigned tries = 0; context.alive; tries++) {
    if (value_reached<T>(__atomic_load_n(word, __ATOMIC_SEQ_CST), T(v.value), v.flags)) break;
    if (tries < 1000) std::this_thread::yield();
    else std::this_thread::sleep_for(std::chrono::microseconds(50));
  }
  return CUDA_SUCCESS;
}

CUresult perform_value(const ValueWork& v, Context& context) {
  return v.wide ? run_value<uint64_t>(v, context) : run_value<uint32_t>(v, context);
}

struct InCallback {
  InCallback() { t_in_callback = true; }
  ~InCallback() { t_in_callback = false; }
};

struct Performer {
  Context& context;
  CUresult operator()(const KernelWork& k) { return run_kernel(k, context); }
  CUresult operator()(const CopyWork& c) { return run_copy(c, context); }
  CUresult operator()(const MemsetWork& m) { return run_memset(m, context); }
  CUresult operator()(const HostWork& h) {
    InCallback in;
    h.function(h.user);
    return CUDA_SUCCESS;
  }
  CUresult operator()(const CallbackWork& c) {
    InCallback in;
    c.function(c.stream, context.error(), c.user);
    return CUDA_SUCCESS;
  }
  CUresult operator()(const ValueWork& v) { return perform_value(v, context); }
  CUresult operator()(const BatchWork& b) {
    for (auto& v : b.operations) TRY(perform_value(v, context));
    return CUDA_SUCCESS;
  }
  CUresult operator()(const FreeWork& f) {
    Allocation a;
    if (f.of_graph) return CUDA_SUCCESS;
    if (take_allocation(f.address, &a, [](const Allocation& x) { return x.kind == MemoryKind::pool; })) release_bytes(a);
    return CUDA_SUCCESS;
  }
  // These have their effect when they are submitted (event.cpp, launch_graph).
  CUresult operator()(const RecordWork&) { return CUDA_SUCCESS; }
  CUresult operator()(const WaitWork&) { return CUDA_SUCCESS; }
  // Their inner graphs are run by graph.cpp.
  CUresult operator()(const ChildWork&) { return CUDA_SUCCESS; }
  CUresult operator()(const ConditionalWork&) { return CUDA_SUCCESS; }
  CUresult operator()(const AllocWork&) { return CUDA_SUCCESS; }
  CUresult operator()(const EmptyWork&) { return CUDA_SUCCESS; }
};

size_t copied_bytes(const Work& work) {
  if (auto* c = std::get_if<CopyWork>(&work)) return c->width * c->height * c->depth;
  if (auto* m = std::get_if<MemsetWork>(&work)) return m->width * m->element * m->height;
  return ~size_t(0);
}

Task make_task(const StreamRef& stream, Work work) {
  Task task;
  task.always = std::holds_alternative<CallbackWork>(work) || std::holds_alternative<FreeWork>(work);
  task.run = [context = stream->context.get(), work = std::move(work)] { return perform(work, *context); };
  return task;
}

}  // namespace

CUresult perform(const Work& work, Context& context) { return std::visit(Performer{context}, work); }

CUresult enqueue(const StreamRef& stream, Work work) {
  if (g_captures.load(std::memory_order_acquire)) {
    CUresult result;
    if (captured(stream, work, &result)) return result;
    TRY(refuse_implicit(stream));
  }
  if (copied_bytes(work) <= kShortCopy && run_now(stream, [&] { return perform(work, *stream->context); })) return CUDA_SUCCESS;
  submit(stream, make_task(stream, std::move(work)));
  return CUDA_SUCCESS;
}

CUresult enqueue_and_wait(const StreamRef& stream, Work work) {
  if (g_captures.load(std::memory_order_acquire)) {
    TRY(refuse_capturing(stream));
    TRY(refuse_implicit(stream));
  }
  if (!(copied_bytes(work) <= kShortSynchronousCopy && run_now(stream, [&] { return perform(work, *stream->context); })))
    submit(stream, make_task(stream, std::move(work))).wait();
  return stream->context->error();
}

}  // namespace softgpu::api
