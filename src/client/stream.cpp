// Streams: which context each was made in, and flags that have to be refused at the call. (Captures: capture.cpp.)
#include "client/context.h"
#include "client/remote.h"
#include "client/stream.h"

namespace client {

static std::atomic<bool> g_non_blocking{false};

CUresult check_stream(CUstream stream) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (!at.context) return CUDA_ERROR_INVALID_CONTEXT;
  return known(at.stream(stream), wire::kCUstream) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_HANDLE;
}

bool any_non_blocking() { return g_non_blocking.load(std::memory_order_relaxed); }

}  // namespace client

using namespace client;

// A stream belongs to the context that was current when it was made; this thread's is the answer for the default streams.
EXPORT CUresult cuStreamGetCtx(CUstream hStream, CUcontext* pctx) {
  if (CUresult rc = check_stream(hStream)) return rc;
  if (!pctx) return CUDA_ERROR_INVALID_VALUE;
  *pctx = stream_context(hStream);
  return CUDA_SUCCESS;
}
EXPORT CUresult cuStreamGetCtx_v2(CUstream hStream, CUcontext* pCtx, CUgreenCtx* pGreenCtx) {
  if (pGreenCtx) *pGreenCtx = nullptr;
  return cuStreamGetCtx(hStream, pCtx);
}
EXPORT CUresult cuStreamCreateWithPriority(CUstream* phStream, unsigned int flags, int priority) {
  if (flags & ~unsigned(CU_STREAM_NON_BLOCKING)) return caller().error ? CUresult(caller().error) : CUDA_ERROR_INVALID_VALUE;
  CUresult rc = remote::cuStreamCreateWithPriority(phStream, flags, priority);
  if (flags & CU_STREAM_NON_BLOCKING) g_non_blocking.store(true, std::memory_order_relaxed);
  if (!rc) teleport::adopt_handle(number_of(*phStream), current());
  return rc;
}
EXPORT CUresult cuStreamCreate(CUstream* phStream, unsigned int Flags) {
  if (Flags & ~unsigned(CU_STREAM_NON_BLOCKING)) return caller().error ? CUresult(caller().error) : CUDA_ERROR_INVALID_VALUE;
  CUresult rc = remote::cuStreamCreate(phStream, Flags);
  if (Flags & CU_STREAM_NON_BLOCKING) g_non_blocking.store(true, std::memory_order_relaxed);
  if (!rc) teleport::adopt_handle(number_of(*phStream), current());
  return rc;
}

CUcontext client::stream_context(CUstream stream) {
  uint64_t h = number_of(stream);
  auto* c = wire::is_handle(h, wire::kCUstream) ? static_cast<Context*>(teleport::handle_object(h)) : nullptr;
  return c ? handle_of<CUcontext>(c->handle) : current_context();
}
