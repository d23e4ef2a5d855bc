// Host functions: the worker says when the stream has come to one; it runs here, on a thread that runs nothing else, and the stream goes on
// when it has returned.
#include <map>

#include "client/mirror.h"
#include "client/remote.h"
#include "client/stream.h"

namespace client {

struct Pending { CUhostFn fn; CUstreamCallback callback; CUstream stream; void* data; bool repeats; uint64_t travels; };   // travels: the stream's number
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
  g_lock.unlock();
  if (!found) return;
  host_function(true);
  if (p.fn) p.fn(p.data);
  else p.callback(p.stream, CUDA_SUCCESS, p.data);
  host_function(false);
  if (p.repeats) return;
  g_lock.lock();
  pending().erase(number);
  g_lock.unlock();
  teleport::Session::current()->callback_ran();
}

// One is out in that stream; in any, for the default stream, which waits for others.
static bool one_out(uint64_t stream) {
  bool any = false;
  g_lock.lock();
  for (auto& p : pending()) any |= !p.second.repeats && (stream < wire::kReserved[wire::kCUstream] || p.second.travels == stream);
  g_lock.unlock();
  return any;
}
void wait_host_functions(const Caller& at, uint64_t stream) { at.session->wait_callbacks(one_out, stream); }

static CUresult enqueue(CUstream stream, Pending p) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  p.travels = at.stream(stream);
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
  if (rc != CUDA_SUCCESS && !p.repeats) {
    g_lock.lock();
    pending().erase(number);
    g_lock.unlock();
    s->callback_ran();
  }
  return rc;
}

}  // namespace client

using namespace client;

EXPORT CUresult cuLaunchHostFunc(CUstream hStream, CUhostFn fn, void* userData) {
  if (!fn) return CUDA_ERROR_INVALID_VALUE;
  return enqueue(hStream, {fn, nullptr, hStream, userData, false, 0});
}
EXPORT CUresult cuStreamAddCallback(CUstream hStream, CUstreamCallback callback, void* userData, unsigned int flags) {
  if (!callback || flags) return CUDA_ERROR_INVALID_VALUE;
  return enqueue(hStream, {nullptr, callback, hStream, userData, false, 0});
}
