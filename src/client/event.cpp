// Events are plain lines; only bad flags have to be refused at the call, which a queued call cannot do.
#include "client/remote.h"

using namespace client;

EXPORT CUresult cuEventCreate(CUevent* phEvent, unsigned int Flags) {
  if (int error = caller().error) return CUresult(error);
  constexpr unsigned kKnown = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
  if (Flags & ~kKnown || (Flags & CU_EVENT_INTERPROCESS && !(Flags & CU_EVENT_DISABLE_TIMING))) return CUDA_ERROR_INVALID_VALUE;
  return remote::cuEventCreate(phEvent, Flags);
}
