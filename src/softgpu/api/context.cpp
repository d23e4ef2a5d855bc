// The library's state and the contexts: start, stop, the stack of each thread, and the calls of the manual's chapter "Context Management".
// Any thread may call.
#include "softgpu/api/context.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/log.h"
#include "runtime_tables/context_storage.h"
#include "softgpu/api/graph.h"
#include "softgpu/api/memory.h"
#include "softgpu/api/module.h"
#include "softgpu/api/pool.h"
#include "softgpu/api/shared_usage.h"
#include "softgpu/api/stream.h"
#include "softgpu/api/visible.h"

namespace softgpu::api {

thread_local bool t_in_callback = false;

namespace {
enum class Phase { fresh, ready, ended };
std::atomic<Phase> g_phase{Phase::fresh};
std::vector<std::unique_ptr<Device>>* g_devices = nullptr;   // never freed: executor threads may outlive main()
std::atomic<uint64_t> g_next_id{1};

struct AtExit {
  ~AtExit() { g_phase.store(Phase::ended); }
} g_at_exit;

void initialize() {
  auto* devices = new std::vector<std::unique_ptr<Device>>;
  const Profile& p = profile();
  if (!p.error.empty()) base::complain("%s", p.error.c_str());
  for (int index : visible_devices(getenv("CUDA_VISIBLE_DEVICES"), p))
    devices->push_back(std::make_unique<Device>(int(devices->size()), index, p.devices[size_t(index)]));
  g_devices = devices;
  for (auto& device : *devices) device->default_pool = device->current_pool = make_default_pool(device.get());
  pthread_atfork(nullptr, nullptr, [] { g_phase.store(Phase::fresh); });
}
}  // namespace

// A T for each thread. The main thread's is never ended: what libraries have registered with atexit runs after its thread-local objects
// are gone, and still calls (cuFFT does).
template <class T>
static T& of_this_thread() {
  static thread_local T* object = nullptr;
  struct End {
    ~End() {
      if (gettid() == getpid()) return;
      delete object;
      object = nullptr;
    }
  };
  static thread_local End end;
  if (!object) object = (static_cast<void>(end), new T);
  return *object;
}

std::vector<ContextRef>& context_stack() { return of_this_thread<std::vector<ContextRef>>(); }

Registry<CUcontext, Context>& contexts() {
  static auto* all = new Registry<CUcontext, Context>;
  return *all;
}

int device_count() { return g_devices ? int(g_devices->size()) : 0; }
Device* device_of(CUdevice dev) { return dev >= 0 && dev < device_count() ? (*g_devices)[size_t(dev)].get() : nullptr; }

uint64_t Device::allocate(uint64_t bytes, uint64_t alignment) {
  uint64_t address = memory.allocate(bytes, alignment);
  if (!address) return 0;
  widen(address, bytes);
  return address;
}

void Device::widen(uint64_t address, uint64_t bytes) {
  for (uint64_t low = lowest; address < low && !lowest.compare_exchange_weak(low, address);) {}
  for (uint64_t high = highest; address + bytes > high && !highest.compare_exchange_weak(high, address + bytes);) {}
}

void Device::free(uint64_t address) { memory.free(address); }

bool SharedBudget::take(uint64_t bytes) { return take_shared(index, bytes, capacity); }
void SharedBudget::give(uint64_t bytes) { give_shared(index, bytes); }

CUresult initialized() {
  if (t_in_callback) return CUDA_ERROR_NOT_PERMITTED;
  switch (g_phase.load(std::memory_order_acquire)) {
    case Phase::ready: return CUDA_SUCCESS;
    case Phase::ended: return CUDA_ERROR_DEINITIALIZED;
    default: return CUDA_ERROR_NOT_INITIALIZED;
  }
}

ContextRef current_context() { return context_stack().empty() ? nullptr : context_stack().back(); }

CUresult enter_any(ContextRef* current) {
  TRY(initialized());
  if (context_stack().empty()) return CUDA_ERROR_INVALID_CONTEXT;
  *current = context_stack().back();
  return (*current)->alive ? CUDA_SUCCESS : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

CUresult enter(ContextRef* current) {
  TRY(enter_any(current));
  return (*current)->error();
}

CUresult find_context(CUcontext h, ContextRef* out) {
  if (!h) return enter_any(out);
  *out = contexts().find(h);
  if (!*out) return CUDA_ERROR_INVALID_CONTEXT;
  return (*out)->alive ? CUDA_SUCCESS : CUDA_ERROR_CONTEXT_IS_DESTROYED;
}

void Context::start() {
  static constexpr size_t kDefaults[kLimitCount] = {1024, 1 << 20, 8 << 20, 2, 2048, 64, 0, 0, 0, 0};
  for (size_t i = 0; i < kLimitCount; i++) limits[i] = kDefaults[i];
  error_ = 0;
  peers = 0;
  id = g_next_id++;
  std::lock_guard lock(submit);
  legacy = std::make_shared<Stream>(shared_from_this(), 0u, 0, true);
  alive = true;
}

void Context::stop() {
  alive = false;                      // polling waits of this context give up
  synchronize();
  ContextRef self = shared_from_this();
  streams_of_ended_context(self);
  events_of_ended_context(self);
  modules_of_ended_context(self);
  memory_of_ended_context(self);
  textures_of_ended_context(self);
  arrays_of_ended_context(self);
  std::lock_guard lock(submit);
  streams.clear();
  legacy.reset();
}

CUresult Context::synchronize() {
  std::vector<Point> ends;
  {
    std::lock_guard lock(submit);
    std::erase_if(streams, [](const StreamRef& s) { return s->destroyed && s->idle(); });
    ends = tails();
  }
  for (auto& t : ends) t.wait();
  return error();
}

std::vector<Point> Context::tails() {
  std::vector<Point> ends;
  for (auto& s : streams) ends.push_back(s->tail());
  if (legacy) ends.push_back(legacy->tail());
  return ends;
}

StreamRef Context::per_thread_stream() {
  struct Mine {
    std::vector<std::pair<uint64_t, StreamRef>> by_context;   // context id: a reset context gets a new stream
    ~Mine() { for (auto& [id, s] : by_context) s->destroyed = true; }
  };
  Mine& mine = of_this_thread<Mine>();
  uint64_t now = id;
  for (auto& [known, s] : mine.by_context)
    if (known == now) return s;
  auto s = std::make_shared<Stream>(shared_from_this(), 0u, 0, false);
  s->handle = CU_STREAM_PER_THREAD;
  std::lock_guard lock(submit);
  streams.push_back(s);
  mine.by_context.emplace_back(now, s);
  return s;
}

std::vector<ContextRef> contexts_of(Device* device) {
  std::vector<ContextRef> all;
  contexts().take_if([&](Context& c) {
    if (c.device == device && c.alive) all.push_back(c.shared_from_this());
    return false;
  });
  std::sort(all.begin(), all.end(), [](const ContextRef& a, const ContextRef& b) { return a->id < b->id; });
  return all;
}

void synchronize_device(Device* device) {
  for (auto& c : contexts_of(device)) c->synchronize();
}

bool valid_context_flags(unsigned flags) {
  unsigned schedule = flags & CU_CTX_SCHED_MASK;
  return !(flags & ~unsigned(CU_CTX_FLAGS_MASK)) && (schedule == 0 || schedule == 1 || schedule == 2 || schedule == 4);
}

}  // namespace softgpu::api

using namespace softgpu::api;

extern "C" {

CUresult cuInit(unsigned int Flags) {
  if (g_phase == Phase::ended) return CUDA_ERROR_DEINITIALIZED;
  REQUIRE(Flags == 0);
  static pid_t initialized_in = 0;
  static std::mutex m;
  std::lock_guard lock(m);
  if (initialized_in == 0) {
    initialize();
    initialized_in = getpid();
  } else if (initialized_in != getpid()) {
    return CUDA_ERROR_NOT_INITIALIZED;    // a fork of a process that had a GPU
  }
  if (device_count() == 0) return CUDA_ERROR_NO_DEVICE;
  Phase fresh = Phase::fresh;
  g_phase.compare_exchange_strong(fresh, Phase::ready);
  return CUDA_SUCCESS;
}

CUresult cuCtxCreate_v2(CUcontext* pctx, unsigned int flags, CUdevice dev) {
  TRY(initialized());
  REQUIRE(pctx && valid_context_flags(flags));
  Device* device = device_of(dev);
  if (!device) return CUDA_ERROR_INVALID_DEVICE;
  auto context = std::make_shared<Context>(device, flags, false);
  *pctx = contexts().add(context);
  context->start();
  context_stack().push_back(context);
  return CUDA_SUCCESS;
}

CUresult cuCtxCreate_v3(CUcontext* pctx, CUexecAffinityParam*, int numParams, unsigned int flags, CUdevice dev) {
  if (numParams != 0) return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY;
  return cuCtxCreate_v2(pctx, flags, dev);
}

CUresult cuCtxCreate_v4(CUcontext* pctx, CUctxCreateParams* params, unsigned int flags, CUdevice dev) {
  if (params && (params->numExecAffinityParams != 0 || params->cigParams)) return CUDA_ERROR_NOT_SUPPORTED;
  return cuCtxCreate_v2(pctx, flags, dev);
}

CUresult cuCtxDestroy_v2(CUcontext ctx) {
  TRY(initialized());
  REQUIRE(ctx);
  ContextRef context = contexts().find(ctx);
  if (!context || context->primary) return CUDA_ERROR_INVALID_CONTEXT;
  runtime_tables::context_storage_destroy(ctx);   // while the context still answers
  if (!contexts().take(ctx)) return CUDA_ERROR_INVALID_CONTEXT;
  context->stop();
  if (!context_stack().empty() && context_stack().back() == context) context_stack().pop_back();
  return CUDA_SUCCESS;
}

CUresult cuCtxPushCurrent_v2(CUcontext ctx) {
  TRY(initialized());
  REQUIRE(ctx);
  ContextRef context = contexts().find(ctx);
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  context_stack().push_back(context);
  return CUDA_SUCCESS;
}

CUresult cuCtxPopCurrent_v2(CUcontext* pctx) {
  TRY(initialized());
  if (context_stack().empty()) return CUDA_ERROR_INVALID_CONTEXT;
  if (pctx) *pctx = context_stack().back()->handle;
  context_stack().pop_back();
  return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext ctx) {
  TRY(initialized());
  auto& stack = context_stack();
  ContextRef context = ctx ? contexts().find(ctx) : nullptr;
  if (ctx && !context) return CUDA_ERROR_INVALID_CONTEXT;
  if (!stack.empty()) stack.pop_back();
  if (context) stack.push_back(context);
  return CUDA_SUCCESS;
}

CUresult cuCtxGetCurrent(CUcontext* pctx) {
  TRY(initialized());
  REQUIRE(pctx);
  ContextRef context = current_context();
  *pctx = context ? context->handle : nullptr;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetDevice(CUdevice* device) {
  ContextRef context;
  TRY(initialized());
  REQUIRE(device);
  if (!(context = current_context())) return CUDA_ERROR_INVALID_CONTEXT;
  *device = context->device->ordinal;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetDevice_v2(CUdevice* device, CUcontext ctx) {
  if (!ctx) return cuCtxGetDevice(device);
  TRY(initialized());
  REQUIRE(device);
  ContextRef context = contexts().find(ctx);
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  *device = context->device->ordinal;
  return CUDA_SUCCESS;
}

CUresult cuCtxSynchronize_v2(CUcontext ctx) {
  TRY(initialized());
  ContextRef context;
  TRY(find_context(ctx, &context));
  TRY(refuse_during_capture(context));
  TRY(context->error());
  return context->synchronize();
}
CUresult cuCtxSynchronize(void) { return cuCtxSynchronize_v2(nullptr); }

CUresult cuCtxGetApiVersion(CUcontext ctx, unsigned int* version) {
  TRY(initialized());
  REQUIRE(version);
  ContextRef context;
  TRY(find_context(ctx, &context));
  *version = 3020;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetId(CUcontext ctx, unsigned long long* ctxId) {
  TRY(initialized());
  REQUIRE(ctxId);
  ContextRef context;
  TRY(find_context(ctx, &context));
  *ctxId = context->id;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetFlags(unsigned int* flags) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(flags);
  *flags = context->flags;
  return CUDA_SUCCESS;
}

CUresult cuCtxSetFlags(unsigned int flags) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(valid_context_flags(flags));
  context->flags = flags;
  return CUDA_SUCCESS;
}

}  // extern "C"
