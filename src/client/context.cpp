// Contexts: local state (client/context.h), and the calls that make and end them.
#include "client/context.h"

#include "client/devices.h"
#include "client/memory_map.h"
#include "client/mirror.h"
#include "client/remote.h"
#include "runtime_tables/context_storage.h"
#include "wire/cuda_context.h"

namespace client {

static Device g_devices[kMaxDevices];
static Context g_primary[kMaxDevices];
static std::atomic<int> g_device_count{0};
static std::atomic<unsigned long long> g_next_id{1};
static teleport::Lock g_lock;                      // retains, releases, resets

static constexpr int kStack = 64;
static thread_local Context* t_stack[kStack];
static thread_local int t_depth = 0;
struct ThreadStream { uint64_t context, stream; };
static thread_local ThreadStream t_streams[16];    // stand-ins for CU_STREAM_PER_THREAD

Context* current() { return t_depth ? t_stack[t_depth - 1] : nullptr; }
CUcontext current_context() {
  Context* c = current();
  return c ? handle_of<CUcontext>(c->handle) : nullptr;
}
Context* find_context(CUcontext handle) {
  uint64_t h = number_of(handle);
  return wire::is_handle(h, wire::kCUcontext) ? static_cast<Context*>(teleport::handle_object(h)) : nullptr;
}
bool context_active(CUcontext handle) {
  Context* c = find_context(handle);
  return c && c->active.load(std::memory_order_acquire);
}
CUcontext primary_context_handle(CUdevice device) {
  return device >= 0 && device < device_count() ? handle_of<CUcontext>(g_primary[device].handle) : nullptr;
}
static std::atomic<Context*> g_first{nullptr};
static std::atomic<bool> g_several{false};
static void note_use(Context* c) {
  Context* first = nullptr;
  if (!g_first.compare_exchange_strong(first, c) && first != c) g_several.store(true, std::memory_order_relaxed);
}
bool several_contexts() { return g_several.load(std::memory_order_relaxed); }
int device_count() { return g_device_count.load(std::memory_order_acquire); }
const Device& device_info(int device) { return g_devices[device]; }
unsigned long long context_number(CUcontext handle) {
  Context* c = find_context(handle);
  return c ? c->id : 0;
}
unsigned long long next_context_number() { return g_next_id.fetch_add(1); }
CUresult device_identity(int device, unsigned char uuid[16], int pci[3]) {
  if (device < 0 || device >= device_count()) return CUDA_ERROR_INVALID_DEVICE;
  memcpy(uuid, g_devices[device].uuid, 16);
  memcpy(pci, g_devices[device].pci, sizeof g_devices[device].pci);
  return CUDA_SUCCESS;
}

int learn_devices() {
  int count = 0;
  if (int rc = remote::cuDeviceGetCount(&count)) return rc;
  if (count > kMaxDevices) count = kMaxDevices;
  for (int i = 0; i < count; i++) {
    Device& d = g_devices[i];
    const struct { CUdevice_attribute attribute; int* to; } wanted[] = {
        {CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_BLOCK, &d.max_threads_per_block},
        {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_X, &d.max_block[0]}, {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Y, &d.max_block[1]}, {CU_DEVICE_ATTRIBUTE_MAX_BLOCK_DIM_Z, &d.max_block[2]},
        {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_X, &d.max_grid[0]}, {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Y, &d.max_grid[1]}, {CU_DEVICE_ATTRIBUTE_MAX_GRID_DIM_Z, &d.max_grid[2]},
        {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK, &d.max_shared_per_block}, {CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, &d.max_shared_optin},
        {CU_DEVICE_ATTRIBUTE_CLUSTER_LAUNCH, &d.clusters},
        {CU_DEVICE_ATTRIBUTE_PCI_DOMAIN_ID, &d.pci[0]}, {CU_DEVICE_ATTRIBUTE_PCI_BUS_ID, &d.pci[1]}, {CU_DEVICE_ATTRIBUTE_PCI_DEVICE_ID, &d.pci[2]}};
    for (auto& w : wanted)
      if (int rc = remote::cuDeviceGetAttribute(w.to, w.attribute, i)) return rc;
    CUuuid uuid{};
    if (int rc = remote::cuDeviceGetUuid_v2(&uuid, i)) return rc;
    memcpy(d.uuid, &uuid, 16);
    Context& c = g_primary[i];
    c.device = i;
    c.primary = true;
    c.id = g_next_id.fetch_add(1);
    c.handle = teleport::mint_handle(wire::kCUcontext, &c);
  }
  g_device_count.store(count, std::memory_order_release);
  return count ? 0 : int(CUDA_ERROR_NO_DEVICE);
}

uint64_t per_thread_stream() {
  Context* c = current();
  if (!c) return 0;
  ThreadStream* free_slot = nullptr;
  for (ThreadStream& t : t_streams) {
    if (t.context == c->id) return t.stream;   // by id: a reset context's streams are gone
    if (!t.context && !free_slot) free_slot = &t;
  }
  CUstream stream{};
  if (!free_slot || remote::cuStreamCreate(&stream, CU_STREAM_DEFAULT)) return 0;
  *free_slot = {c->id, number_of(stream)};
  return free_slot->stream;
}

static CUresult push(Context* c) {
  if (t_depth == kStack) return CUDA_ERROR_INVALID_VALUE;
  t_stack[t_depth++] = c;
  return CUDA_SUCCESS;
}

// The last retain went, or a reset: every object of the context dies with it.
static CUresult end_primary(Context& c, CUresult (*tell)(CUdevice)) {
  if (c.active.load(std::memory_order_relaxed)) runtime_tables::context_storage_destroy(handle_of<CUcontext>(c.handle));
  unmirror_all(c.handle);
  CUresult rc = tell(c.device);
  c.active.store(false, std::memory_order_release);
  c.id = g_next_id.fetch_add(1);
  remove_ranges_of(c.handle);
  for (uint16_t op : {wire::op::cuModuleGetGlobal_v2, wire::op::cuLibraryGetGlobal, wire::op::cuLibraryGetManaged})   // their addresses went with it
    teleport::Session::current()->drop_cached(op);
  return rc;
}

}  // namespace client

using namespace client;

EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext* pctx, CUdevice dev) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (!pctx) return CUDA_ERROR_INVALID_VALUE;
  if (dev < 0 || dev >= device_count()) return CUDA_ERROR_INVALID_DEVICE;
  Context& c = g_primary[dev];
  g_lock.lock();
  CUresult rc = CUDA_SUCCESS;
  if (c.retained == 0 || !c.active) {
    wire::cuDevicePrimaryCtxRetain::Args a;
    a.pctx = c.handle;
    a.dev = dev;
    teleport::Reply reply;
    rc = ask(at, wire::op::cuDevicePrimaryCtxRetain, a, &reply);
    if (!rc) c.active.store(true, std::memory_order_release), note_use(&c);
  }
  if (!rc) c.retained++;
  g_lock.unlock();
  if (!rc) *pctx = handle_of<CUcontext>(c.handle);
  return rc;
}

EXPORT CUresult cuDevicePrimaryCtxRelease_v2(CUdevice dev) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (dev < 0 || dev >= device_count()) return CUDA_ERROR_INVALID_DEVICE;
  Context& c = g_primary[dev];
  g_lock.lock();
  CUresult rc = CUDA_SUCCESS;
  if (c.retained == 0) rc = CUDA_ERROR_INVALID_CONTEXT;
  else if (--c.retained == 0 && c.active) rc = end_primary(c, remote::cuDevicePrimaryCtxRelease_v2);
  g_lock.unlock();
  return rc;
}

EXPORT CUresult cuDevicePrimaryCtxReset_v2(CUdevice dev) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (dev < 0 || dev >= device_count()) return CUDA_ERROR_INVALID_DEVICE;
  g_lock.lock();
  CUresult rc = end_primary(g_primary[dev], remote::cuDevicePrimaryCtxReset_v2);
  g_lock.unlock();
  return rc;
}

EXPORT CUresult cuDevicePrimaryCtxSetFlags_v2(CUdevice dev, unsigned int flags) {
  CUresult rc = remote::cuDevicePrimaryCtxSetFlags_v2(dev, flags);
  if (!rc) g_primary[dev].flags = flags;
  return rc;
}
EXPORT CUresult cuDevicePrimaryCtxRelease(CUdevice dev) { return cuDevicePrimaryCtxRelease_v2(dev); }
EXPORT CUresult cuDevicePrimaryCtxReset(CUdevice dev) { return cuDevicePrimaryCtxReset_v2(dev); }
EXPORT CUresult cuDevicePrimaryCtxSetFlags(CUdevice dev, unsigned int flags) { return cuDevicePrimaryCtxSetFlags_v2(dev, flags); }

EXPORT CUresult cuDevicePrimaryCtxGetState(CUdevice dev, unsigned int* flags, int* active) {
  if (int error = caller().error) return CUresult(error);
  if (!flags || !active) return CUDA_ERROR_INVALID_VALUE;
  if (dev < 0 || dev >= device_count()) return CUDA_ERROR_INVALID_DEVICE;
  *flags = g_primary[dev].flags;
  *active = g_primary[dev].active.load(std::memory_order_acquire);
  return CUDA_SUCCESS;
}

EXPORT CUresult cuCtxCreate_v2(CUcontext* pctx, unsigned int flags, CUdevice dev) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (!pctx) return CUDA_ERROR_INVALID_VALUE;
  if (dev < 0 || dev >= device_count()) return CUDA_ERROR_INVALID_DEVICE;
  if (t_depth == kStack) return CUDA_ERROR_INVALID_VALUE;
  auto* c = new Context;
  c->device = dev;
  c->flags = flags;
  c->id = g_next_id.fetch_add(1);
  c->handle = teleport::mint_handle(wire::kCUcontext, c);
  wire::cuCtxCreate_v2::Args a;
  a.pctx = c->handle;
  a.flags = flags;
  a.dev = dev;
  teleport::Reply reply;
  CUresult rc = ask(at, wire::op::cuCtxCreate_v2, a, &reply);
  if (rc) {
    teleport::forget_handle(c->handle);
    return rc;
  }
  c->active = true;
  note_use(c);
  push(c);
  *pctx = handle_of<CUcontext>(c->handle);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxCreate(CUcontext* pctx, unsigned int flags, CUdevice dev) { return cuCtxCreate_v2(pctx, flags, dev); }
// Execution affinity and CIG parameters cannot be offered remotely.
EXPORT CUresult cuCtxCreate_v3(CUcontext* pctx, CUexecAffinityParam* paramsArray, int numParams, unsigned int flags, CUdevice dev) {
  if (paramsArray || numParams) return CUresult(unsupported("cuCtxCreate_v3 with execution affinity", CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY));
  return cuCtxCreate_v2(pctx, flags, dev);
}
EXPORT CUresult cuCtxCreate_v4(CUcontext* pctx, CUctxCreateParams* ctxCreateParams, unsigned int flags, CUdevice dev) {
  if (ctxCreateParams && (ctxCreateParams->numExecAffinityParams || ctxCreateParams->cigParams))
    return CUresult(unsupported("cuCtxCreate_v4 with parameters", CUDA_ERROR_NOT_SUPPORTED));
  return cuCtxCreate_v2(pctx, flags, dev);
}

EXPORT CUresult cuCtxDestroy_v2(CUcontext ctx) {
  if (int error = caller().error) return CUresult(error);
  if (!ctx) return CUDA_ERROR_INVALID_VALUE;
  Context* c = find_context(ctx);
  if (!c || c->primary) return CUDA_ERROR_INVALID_CONTEXT;
  runtime_tables::context_storage_destroy(ctx);
  unmirror_all(c->handle);
  CUresult rc = remote::cuCtxDestroy_v2(ctx);
  remove_ranges_of(c->handle);
  c->active.store(false, std::memory_order_release);
  if (current() == c) t_depth--;
  return rc;
}
EXPORT CUresult cuCtxDestroy(CUcontext ctx) { return cuCtxDestroy_v2(ctx); }
EXPORT CUresult cuCtxAttach(CUcontext* pctx, unsigned int) {
  if (!pctx) return CUDA_ERROR_INVALID_VALUE;
  *pctx = current_context();
  return *pctx ? CUDA_SUCCESS : CUDA_ERROR_INVALID_CONTEXT;
}
EXPORT CUresult cuCtxDetach(CUcontext ctx) { return cuCtxDestroy_v2(ctx); }

EXPORT CUresult cuCtxSetCurrent(CUcontext ctx) {
  if (int error = caller().error) return CUresult(error);
  if (!ctx) {
    if (t_depth) t_depth--;
    return CUDA_SUCCESS;
  }
  Context* c = find_context(ctx);
  if (!c) return CUDA_ERROR_INVALID_CONTEXT;
  if (!t_depth) return push(c);
  t_stack[t_depth - 1] = c;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxGetCurrent(CUcontext* pctx) {
  if (int error = caller().error) return CUresult(error);
  if (!pctx) return CUDA_ERROR_INVALID_VALUE;
  *pctx = current_context();
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxPushCurrent_v2(CUcontext ctx) {
  if (int error = caller().error) return CUresult(error);
  if (!ctx) return CUDA_ERROR_INVALID_VALUE;
  Context* c = find_context(ctx);
  return c ? push(c) : CUDA_ERROR_INVALID_CONTEXT;
}
EXPORT CUresult cuCtxPopCurrent_v2(CUcontext* pctx) {
  if (int error = caller().error) return CUresult(error);
  if (!t_depth) return CUDA_ERROR_INVALID_CONTEXT;
  if (pctx) *pctx = current_context();
  t_depth--;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxPushCurrent(CUcontext ctx) { return cuCtxPushCurrent_v2(ctx); }
EXPORT CUresult cuCtxPopCurrent(CUcontext* pctx) { return cuCtxPopCurrent_v2(pctx); }

static CUresult context_or_current(CUcontext ctx, Context** c) {
  if (int error = caller().error) return CUresult(error);
  *c = ctx ? find_context(ctx) : current();
  if (*c) return CUDA_SUCCESS;
  return CUDA_ERROR_INVALID_CONTEXT;
}
EXPORT CUresult cuCtxGetDevice_v2(CUdevice* device, CUcontext ctx) {
  Context* c;
  if (CUresult rc = context_or_current(ctx, &c)) return rc;
  if (!device) return CUDA_ERROR_INVALID_VALUE;
  *device = c->device;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxGetDevice(CUdevice* device) { return cuCtxGetDevice_v2(device, nullptr); }
EXPORT CUresult cuCtxGetFlags(unsigned int* flags) {
  Context* c;
  if (CUresult rc = context_or_current(nullptr, &c)) return rc;
  if (!flags) return CUDA_ERROR_INVALID_VALUE;
  *flags = c->flags;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxSetFlags(unsigned int flags) {
  Context* c;
  if (CUresult rc = context_or_current(nullptr, &c)) return rc;
  c->flags = flags;   // how the worker's threads wait is not the program's business
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxGetId(CUcontext ctx, unsigned long long* ctxId) {
  Context* c;
  if (CUresult rc = context_or_current(ctx, &c)) return rc;
  if (!ctxId) return CUDA_ERROR_INVALID_VALUE;
  *ctxId = c->id;
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxGetApiVersion(CUcontext ctx, unsigned int* version) {
  Context* c;
  if (CUresult rc = context_or_current(ctx, &c)) return rc;
  if (!version) return CUDA_ERROR_INVALID_VALUE;
  *version = 3020;   // what a driver answers for contexts of the _v2 interface
  return CUDA_SUCCESS;
}
EXPORT CUresult cuCtxSetLimit(CUlimit limit, size_t value) {
  CUresult rc = remote::cuCtxSetLimit(limit, value);
  if (teleport::Session* s = teleport::Session::current()) s->drop_cached(wire::op::cuCtxGetLimit);
  return rc;
}
