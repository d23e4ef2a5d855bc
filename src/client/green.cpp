// Green contexts are handles like others, but each may also be had as a context, and contexts are the client's business (context.h). Any thread.
#include "client/context.h"
#include "client/remote.h"
#include "runtime_tables/context_storage.h"

namespace client {

struct Converted {
  uint64_t green;
  Context* context;
  Converted* next;
};
static teleport::Lock g_lock;
static Converted* g_converted = nullptr;    // guarded by g_lock; as many as the program asked for

}  // namespace client

using namespace client;

EXPORT CUresult cuCtxFromGreenCtx(CUcontext* pContext, CUgreenCtx hCtx) {
  if (int error = caller().error) return CUresult(error);
  if (!pContext) return CUDA_ERROR_INVALID_VALUE;
  g_lock.lock();
  Converted* c = g_converted;
  while (c && c->green != number_of(hCtx)) c = c->next;
  CUresult rc = CUDA_SUCCESS;
  if (!c) {
    auto* context = new Context;
    context->id = next_context_number();
    context->handle = teleport::mint_handle(wire::kCUcontext, context);
    rc = remote::tfGreenContext(hCtx, context->handle, &context->device);
    if (rc) {
      teleport::forget_handle(context->handle);
    } else {
      context->active = true;
      g_converted = c = new Converted{number_of(hCtx), context, g_converted};
    }
  }
  if (!rc) *pContext = handle_of<CUcontext>(c->context->handle);
  g_lock.unlock();
  return rc;
}

// What was allocated in the context stays: it is the primary context's.
EXPORT CUresult cuGreenCtxDestroy(CUgreenCtx hCtx) {
  if (int error = caller().error) return CUresult(error);
  g_lock.lock();
  Converted** at = &g_converted;
  while (*at && (*at)->green != number_of(hCtx)) at = &(*at)->next;
  Converted* c = *at;
  if (c) *at = c->next;
  g_lock.unlock();
  if (!c) return remote::tfGreenDestroy(hCtx, 0);
  uint64_t context = c->context->handle;
  runtime_tables::context_storage_destroy(handle_of<CUcontext>(context));
  CUresult rc = remote::tfGreenDestroy(hCtx, context);
  c->context->active.store(false, std::memory_order_release);
  teleport::forget_handle(context);
  delete c;
  return rc;
}
