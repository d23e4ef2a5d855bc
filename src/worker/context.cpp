// The calls of api/cuda/context.api that make and end contexts. The client's number of a context is bound to the driver's object here; which
// context a call runs in comes with every call (Session::use_context).
#include "worker/event_watch.h"
#include "worker/handlers.h"
#include "worker/memory.h"
#include "worker/mirror.h"
#include "worker/staging.h"

namespace worker::serve {

// Ends a context by driver_call; its number and those of what it holds are dead at once. owns_memory: its allocations go with it.
template <class F>
static int end_context(Session& s, Request& q, CUcontext context, uint32_t index, F driver_call, bool owns_memory = true) {
  if (!context) {
    s.let_others_lead(q);
    return driver_call();
  }
  if (s.use_context(index)) s.send_finished_reads();
  s.unbind_context(index);
  call(s.driver.cuCtxSetCurrent, CUcontext(nullptr));
  s.forget_context();
  s.let_others_lead(q);
  s.event_watch().context_going(context);
  s.staging().context_going(context);
  int rc = driver_call();
  s.staging().context_gone(context);
  if (owns_memory) {
    s.memory().context_gone(index);
    s.mirror().context_gone(index);
  }
  return rc;
}

// The driver's primary context of a device and the client's index for it; null and 0: not retained by this session.
static CUcontext primary(Session& s, CUdevice device, uint32_t* index) {
  auto it = s.primaries.find(device);
  if (it == s.primaries.end()) return nullptr;
  *index = it->second.index;
  return it->second.real;
}

int cuDevicePrimaryCtxRetain(Session& s, Request&, wire::cuDevicePrimaryCtxRetain::Args& a, wire::cuDevicePrimaryCtxRetain::Outs&) {
  CUcontext context = nullptr;
  int rc = call(s.driver.cuDevicePrimaryCtxRetain, &context, a.dev);
  if (rc) return rc;
  s.bind(a.pctx, wire::kCUcontext, context);
  Session::Primary& p = s.primaries[a.dev];
  p.real = context;
  p.index = wire::handle_index(a.pctx);
  p.retained++;
  return 0;
}

int cuDevicePrimaryCtxRelease_v2(Session& s, Request& q, wire::cuDevicePrimaryCtxRelease_v2::Args& a, wire::cuDevicePrimaryCtxRelease_v2::Outs&) {
  uint32_t index = 0;
  CUcontext context = primary(s, a.dev, &index);
  if (context && --s.primaries[a.dev].retained > 0) return call(s.driver.cuDevicePrimaryCtxRelease_v2, a.dev);
  s.primaries.erase(a.dev);
  return end_context(s, q, context, index, [&s, device = a.dev] { return call(s.driver.cuDevicePrimaryCtxRelease_v2, device); });
}

// Retained as often as before, but dead until the next Retain.
int cuDevicePrimaryCtxReset_v2(Session& s, Request& q, wire::cuDevicePrimaryCtxReset_v2::Args& a, wire::cuDevicePrimaryCtxReset_v2::Outs&) {
  uint32_t index = 0;
  CUcontext context = primary(s, a.dev, &index);
  return end_context(s, q, context, index, [&s, device = a.dev] { return call(s.driver.cuDevicePrimaryCtxReset_v2, device); });
}

int cuCtxCreate_v2(Session& s, Request&, wire::cuCtxCreate_v2::Args& a, wire::cuCtxCreate_v2::Outs&) {
  CUcontext context = nullptr, popped = nullptr;
  int rc = call(s.driver.cuCtxCreate_v2, &context, a.flags, a.dev);
  if (rc) return rc;
  call(s.driver.cuCtxPopCurrent_v2, &popped);   // it is this thread's current one now; calls say themselves what they run in
  s.forget_context();
  s.bind(a.pctx, wire::kCUcontext, context);
  return 0;
}

int cuCtxDestroy_v2(Session& s, Request& q, wire::cuCtxDestroy_v2::Args& a, wire::cuCtxDestroy_v2::Outs&) {
  CUcontext context;
  if (!s.real(a.ctx, wire::kCUcontext, &context) || !context) return CUDA_ERROR_INVALID_CONTEXT;
  return end_context(s, q, context, wire::handle_index(a.ctx), [&s, context] { return call(s.driver.cuCtxDestroy_v2, context); });
}

// What a green context is as a context. The client asks once for each.
int tfGreenContext(Session& s, Request&, wire::tfGreenContext::Args& a, wire::tfGreenContext::Outs& o) {
  CUgreenCtx green;
  CUcontext context = nullptr;
  if (!s.real(a.green, wire::kCUgreenCtx, &green) || !green) return CUDA_ERROR_INVALID_HANDLE;
  if (int rc = call(s.driver.cuCtxFromGreenCtx, &context, green)) return rc;
  s.bind(a.context, wire::kCUcontext, context);
  return s.use_context(wire::handle_index(a.context)) ? call(s.driver.cuCtxGetDevice, o.device) : int(CUDA_ERROR_INVALID_CONTEXT);
}

int tfGreenDestroy(Session& s, Request& q, wire::tfGreenDestroy::Args& a, wire::tfGreenDestroy::Outs&) {
  CUgreenCtx green;
  CUcontext context = nullptr;
  if (!s.take(a.green, wire::kCUgreenCtx, &green) || !green) return CUDA_ERROR_INVALID_HANDLE;
  if (a.context && !s.real(a.context, wire::kCUcontext, &context)) context = nullptr;
  return end_context(s, q, context, wire::handle_index(a.context), [&s, green] { return call(s.driver.cuGreenCtxDestroy, green); },
                     false);   // what was allocated in it is the primary context's
}

int cuCtxSynchronize(Session& s, Request& q, wire::cuCtxSynchronize::Args&, wire::cuCtxSynchronize::Outs&) {
  s.let_others_lead(q);
  return call(s.driver.cuCtxSynchronize);
}

int cuCtxSynchronize_v2(Session& s, Request& q, wire::cuCtxSynchronize_v2::Args& a, wire::cuCtxSynchronize_v2::Outs&) {
  CUcontext context;
  if (!s.real(a.ctx, wire::kCUcontext, &context)) return CUDA_ERROR_INVALID_CONTEXT;
  const uint32_t index = context ? wire::handle_index(a.ctx) : q.header.context;
  s.let_others_lead(q);
  if (context && s.driver.cuCtxSynchronize_v2) return s.driver.cuCtxSynchronize_v2(context);
  return s.use_context(index) ? call(s.driver.cuCtxSynchronize) : int(CUDA_ERROR_INVALID_CONTEXT);
}

}  // namespace worker::serve
