// Events are plain lines, except that bad flags have to be refused at the call, which a queued call cannot do, and that what is done to an
// event of several processes has to be done when the call returns: the program may tell the other process in its own way.
#include <atomic>
#include <mutex>
#include <set>

#include "client/remote.h"

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
EXPORT CUresult cuEventRecord(CUevent hEvent, CUstream hStream) { return done(remote::cuEventRecord(hEvent, hStream), hEvent, hStream); }
EXPORT CUresult cuEventRecordWithFlags(CUevent hEvent, CUstream hStream, unsigned int flags) {
  if (flags & ~unsigned(CU_EVENT_RECORD_EXTERNAL)) return caller().error ? CUresult(caller().error) : CUDA_ERROR_INVALID_VALUE;
  return done(remote::cuEventRecordWithFlags(hEvent, hStream, flags), hEvent, hStream);
}
EXPORT CUresult cuStreamWaitEvent(CUstream hStream, CUevent hEvent, unsigned int Flags) {
  if (Flags & ~unsigned(CU_EVENT_WAIT_EXTERNAL)) return caller().error ? CUresult(caller().error) : CUDA_ERROR_INVALID_VALUE;
  return done(remote::cuStreamWaitEvent(hStream, hEvent, Flags), hEvent, hStream);
}
