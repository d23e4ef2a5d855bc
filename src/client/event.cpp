// Events are plain lines, except that bad flags have to be refused at the call, which a queued call cannot do, and that what is done to an
// event of several processes has to be done when the call returns: the program may tell the other process in its own way.
#include <atomic>
#include <mutex>
#include <set>

#include "client/capture.h"
#include "client/progress.h"
#include "client/remote.h"
#include "client/stream.h"
#include "wire/cuda_event.h"
#include "wire/cuda_stream.h"

using namespace client;

static std::mutex g_lock;
static std::atomic<bool> g_any{false};
static std::set<CUevent>& interprocess() {
  static auto* events = new std::set<CUevent>;   // never destroyed: other threads may still run at exit
  return *events;
}
static void note_interprocess(CUevent event) {
  std::lock_guard lock(g_lock);
  interprocess().insert(event);
  g_any = true;
}
static bool is_interprocess(CUevent event) {
  if (!g_any) return false;
  std::lock_guard lock(g_lock);
  return interprocess().count(event) != 0;
}
static CUresult done(CUresult rc, CUevent event, CUstream stream) {   // when the worker answers the question it has done what was queued before
  if (rc != CUDA_SUCCESS || !is_interprocess(event)) return rc;
  CUstreamCaptureStatus status;
  rc = remote::cuStreamIsCapturing(stream, &status);
  return rc == CUDA_ERROR_STREAM_CAPTURE_IMPLICIT ? CUDA_SUCCESS : rc;
}

EXPORT CUresult cuEventCreate(CUevent* phEvent, unsigned int Flags) {
  if (int error = caller().error) return CUresult(error);
  constexpr unsigned kKnown = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
  if (Flags & ~kKnown || (Flags & CU_EVENT_INTERPROCESS && !(Flags & CU_EVENT_DISABLE_TIMING))) return CUDA_ERROR_INVALID_VALUE;
  CUresult rc = remote::cuEventCreate(phEvent, Flags);
  if (rc == CUDA_SUCCESS && Flags & CU_EVENT_INTERPROCESS) note_interprocess(*phEvent);
  return rc;
}
EXPORT CUresult cuIpcOpenEventHandle(CUevent* phEvent, CUipcEventHandle handle) {
  CUresult rc = remote::cuIpcOpenEventHandle(phEvent, handle);
  if (rc == CUDA_SUCCESS) note_interprocess(*phEvent);
  return rc;
}
EXPORT CUresult cuEventDestroy_v2(CUevent hEvent) {
  forget_record(number_of(hEvent));
  return remote::cuEventDestroy_v2(hEvent);
}
EXPORT CUresult cuEventDestroy(CUevent hEvent) { return cuEventDestroy_v2(hEvent); }
EXPORT CUresult cuEventRecord(CUevent hEvent, CUstream hStream) { return cuEventRecordWithFlags(hEvent, hStream, CU_EVENT_RECORD_DEFAULT); }
EXPORT CUresult cuEventRecordWithFlags(CUevent hEvent, CUstream hStream, unsigned int flags) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (flags & ~unsigned(CU_EVENT_RECORD_EXTERNAL)) return CUDA_ERROR_INVALID_VALUE;
  if (!at.context) return CUDA_ERROR_INVALID_CONTEXT;
  const uint64_t event = number_of(hEvent), stream = at.stream(hStream);
  if (!known(event, wire::kCUevent, true) || !known(stream, wire::kCUstream)) return CUDA_ERROR_INVALID_HANDLE;
  if (flags) stop_following_events();   // each launch of the captured graph records it
  CUresult rc;
  {
    teleport::Call call(*at.session, flags ? wire::op::cuEventRecordWithFlags : wire::op::cuEventRecord, at.context, at.flags);
    if (flags) {
      wire::cuEventRecordWithFlags::Args a;
      a.hEvent = event;
      a.hStream = stream;
      a.flags = flags;
      a.put(call.in());
    } else {
      wire::cuEventRecord::Args a;
      a.hEvent = event;
      a.hStream = stream;
      a.put(call.in());
    }
    if (is_interprocess(hEvent)) forget_record(event);   // others record it too
    else note_recorded(event, at, stream, call.number());
    rc = CUresult(call.send());
  }
  order_recorded(at, stream);
  if (rc == CUDA_SUCCESS && !flags && capturing()) capture_recorded(stream, hEvent);
  return done(rc, hEvent, hStream);
}
static CUresult wait_event(CUstream stream, CUevent event, unsigned flags) {
  Caller at = caller();
  wire::cuStreamWaitEvent::Args a;
  a.hStream = at.stream(stream);
  a.hEvent = number_of(event);
  a.Flags = flags;
  if (!known(a.hStream, wire::kCUstream) || !known(a.hEvent, wire::kCUevent, true)) return CUDA_ERROR_INVALID_HANDLE;
  teleport::Reply reply;
  return ask(at, wire::op::cuStreamWaitEvent, a, &reply);
}
EXPORT CUresult cuStreamWaitEvent(CUstream hStream, CUevent hEvent, unsigned int Flags) {
  if (Flags & ~unsigned(CU_EVENT_WAIT_EXTERNAL)) return caller().error ? CUresult(caller().error) : CUDA_ERROR_INVALID_VALUE;
  // A wait by which a stream joins a capture is queued like any other; one that the driver may refuse, because of a capture, waits for its answer.
  if (capturing() && !(Flags & CU_EVENT_WAIT_EXTERNAL) && !caller().error && capture_join(caller().stream(hStream), hEvent) == Join::ask) return wait_event(hStream, hEvent, Flags);
  return done(remote::cuStreamWaitEvent(hStream, hEvent, Flags), hEvent, hStream);
}
