// Host functions: the worker says when the stream has come to one; it runs here, on a thread that runs nothing else, and the stream goes on
// when it has returned.
#include <map>

#include "client/remote.h"

namespace client {

struct Pending { CUhostFn fn; CUstreamCallback callback; CUstream stream; void* data; bool repeats; };
static teleport::Lock g_lock;
static uint64_t g_next = 1;
static std::map<uint64_t, Pending>& pending() {
  static auto* m = new std::map<uint64_t, Pending>;   // never destroyed: the callback thread may still run at exit
  return *m;
}

static void run(uint64_t number) {
  g_lock.lock();
  auto it = pending().find(number);
  bool found = it != pending().end();
  Pending p = found ? it->second : Pending{};
  if (found && !p.repeats) pending().erase(it);
  g_lock.unlock();
  if (!found) return;
  if (p.fn) p.fn(p.data);
  else p.callback(p.stream, CUDA_SUCCESS, p.data);
  if (!p.repeats) teleport::Session::current()->callback_ran();
}

static CUresult enqueue(CUstream stream, Pending p) {
  if (int error = caller().error) return CUresult(error);
  // One that is captured into a graph runs at every launch of it.
  CUstreamCaptureStatus status = CU_STREAM_CAPTURE_STATUS_NONE;
  if (CUresult rc = cuStreamIsCapturing(stream, &status)) return rc;
  p.repeats = status == CU_STREAM_CAPTURE_STATUS_ACTIVE;
  g_lock.lock();
  uint64_t number = g_next++;
  pending()[number] = p;
  g_lock.unlock();
  teleport::Session* s = teleport::Session::current();
  s->start_callbacks(run);
  if (!p.repeats) s->callback_sent();
  CUresult rc = remote::tfCallback(number, stream);
  if (rc != CUDA_SUCCESS && !p.repeats) s->callback_ran();
  return rc;
}

}  // namespace client

using namespace client;

EXPORT CUresult cuLaunchHostFunc(CUstream hStream, CUhostFn fn, void* userData) {
  if (!fn) return CUDA_ERROR_INVALID_VALUE;
  return enqueue(hStream, {fn, nullptr, hStream, userData, false});
}
EXPORT CUresult cuStreamAddCallback(CUstream hStream, CUstreamCallback callback, void* userData, unsigned int flags) {
  if (!callback || flags) return CUDA_ERROR_INVALID_VALUE;
  return enqueue(hStream, {nullptr, callback, hStream, userData, false});
}
