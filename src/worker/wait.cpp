// Waiting for the GPU. A short wait is polled for while this thread leads and no call is there to be run, because handing over costs more than
// it; a longer one is left to the driver, with another thread leading.
#include "base/futex.h"
#include "worker/event_watch.h"
#include "worker/handlers.h"

namespace worker {

static constexpr uint64_t kPoll = 30'000;   // ns

// query() -> CUresult is asked until it says something else than NOT_READY.
template <class F>
static int poll(Session& s, F query) {
  int rc;
  const uint64_t until = base::now_ns() + s.spin_ns(kPoll);
  while ((rc = query()) == CUDA_ERROR_NOT_READY && !s.more_calls() && base::now_ns() < until) base::pause();
  return rc;
}

// A query that succeeds tells all that a wait does, except to the driver's memory pools: what was freed in stream order goes back to the system, or can be
// trimmed, only after a wait (measured: cuMemPoolTrimTo after queries alone keeps everything). The wait then takes a microsecond.
int Session::wait_stream(Request& q, CUstream stream) {
  q.waited = true;
  if (driver.cuStreamQuery)
    if (int rc = poll(*this, [&] { return int(driver.cuStreamQuery(stream)); }); rc != CUDA_ERROR_NOT_READY)
      return rc || !pool_memory_freed() ? rc : worker::call(driver.cuStreamSynchronize, stream);
  let_others_lead(q);
  return worker::call(driver.cuStreamSynchronize, stream);
}

namespace serve {

int cuStreamSynchronize(Session& s, Request& q, wire::cuStreamSynchronize::Args& a, wire::cuStreamSynchronize::Outs&) {
  CUstream stream;
  if (!s.real(a.hStream, wire::kCUstream, &stream)) return CUDA_ERROR_INVALID_HANDLE;
  return s.wait_stream(q, stream);
}

int cuEventSynchronize(Session& s, Request& q, wire::cuEventSynchronize::Args& a, wire::cuEventSynchronize::Outs&) {
  CUevent event;
  if (!s.real(a.hEvent, wire::kCUevent, &event)) return CUDA_ERROR_INVALID_HANDLE;
  q.waited = true;
  if (s.driver.cuEventQuery)
    if (int rc = poll(s, [&] { return int(s.driver.cuEventQuery(event)); }); rc != CUDA_ERROR_NOT_READY)
      return rc || !s.pool_memory_freed() ? rc : call(s.driver.cuEventSynchronize, event);
  s.let_others_lead(q);
  return call(s.driver.cuEventSynchronize, event);
}

// A query that says "done" lets the program look at what was copied and printed, as a wait does.
int cuStreamQuery(Session& s, Request& q, wire::cuStreamQuery::Args& a, wire::cuStreamQuery::Outs&) {
  CUstream stream;
  if (!s.real(a.hStream, wire::kCUstream, &stream)) return CUDA_ERROR_INVALID_HANDLE;
  int rc = call(s.driver.cuStreamQuery, stream);
  q.waited = rc == 0;
  return rc;
}

int cuEventQuery(Session& s, Request& q, wire::cuEventQuery::Args& a, wire::cuEventQuery::Outs&) {
  CUevent event;
  if (!s.real(a.hEvent, wire::kCUevent, &event)) return CUDA_ERROR_INVALID_HANDLE;
  int rc = call(s.driver.cuEventQuery, event);
  q.waited = rc == 0;
  if (rc == CUDA_ERROR_NOT_READY && q.header.flags & wire::kTellWhenDone) s.event_watch().add(q.call, event, s.use_context(q.header.context));
  return rc;
}

}  // namespace serve
}  // namespace worker
