// Events are plain lines; only bad flags have to be refused at the call, which a queued call cannot do.
#include "client/remote.h"

using namespace client;

EXPORT CUresult cuEventCreate(CUevent* phEvent, unsigned int Flags) {
  if (int error = caller().error) return CUresult(error);
  constexpr unsigned kKnown = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
  if (Flags & ~kKnown || (Flags & CU_EVENT_INTERPROCESS && !(Flags & CU_EVENT_DISABLE_TIMING))) return CUDA_ERROR_INVALID_VALUE;
  return remote::cuEventCreate(phEvent, Flags);
}
EXPORT CUresult cuEventRecordWithFlags(CUevent hEvent, CUstream hStream, unsigned int flags) {
  if (flags & ~unsigned(CU_EVENT_RECORD_EXTERNAL)) return caller().error ? CUresult(caller().error) : CUDA_ERROR_INVALID_VALUE;
  return remote::cuEventRecordWithFlags(hEvent, hStream, flags);
}
EXPORT CUresult cuStreamWaitEvent(CUstream hStream, CUevent hEvent, unsigned int Flags) {
  if (Flags & ~unsigned(CU_EVENT_WAIT_EXTERNAL)) return caller().error ? CUresult(caller().error) : CUDA_ERROR_INVALID_VALUE;
  return remote::cuStreamWaitEvent(hStream, hEvent, Flags);
}
