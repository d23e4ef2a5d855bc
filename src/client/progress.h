// What the GPU is known to have finished, so that asking about it again need not go to the worker: a stream that was waited for has finished all
// that was called before the wait, and so have the events recorded in it. Calls are told apart by their numbers in the session. Any thread.
// The tables are small and forgetful: what they do not know, the worker is asked.
#pragma once
#include <stdint.h>

#include "client/remote.h"

namespace client {

// An event was recorded by that call, into that stream (as it travels); is recorded in a way that is not followed here, or destroyed.
void note_recorded(uint64_t event, const Caller& at, uint64_t stream, uint64_t call);
void forget_record(uint64_t event);

CUresult wait_for_stream(const Caller& at, uint64_t stream);  // cuStreamSynchronize with a stream as it travels

}  // namespace client
