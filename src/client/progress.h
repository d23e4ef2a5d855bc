// What the GPU is known to have finished, so that asking about it again need not go to the worker: a stream that was waited for has finished all
// that was called before the wait, and so have the events recorded in it. Calls are told apart by their numbers in the session. Any thread.
// The tables are small and forgetful: what they do not know, the worker is asked.
#pragma once
#include <stdint.h>

#include "client/remote.h"

namespace client {

// A wait with that call number for `stream` (as it travels) in `context`, or for all of the context, has succeeded.
void note_stream_done(uint32_t context, uint64_t stream, uint64_t call);
void note_context_done(uint32_t context, uint64_t call);
bool nothing_since_wait(const Caller& at, uint64_t stream);   // no call has been made since the last such wait

// Events: recorded by that call, into that stream; recorded in a way that is not followed here (0: not any more); finished?
void note_recorded(uint64_t event, const Caller& at, uint64_t stream, uint64_t call);
void forget_record(uint64_t event);
bool known_done(uint64_t event);
void note_event_done(uint64_t event, uint64_t asked);   // the worker has said so, to a question with that call number

CUresult wait_for_stream(const Caller& at, uint64_t stream);  // cuStreamSynchronize with a stream as it travels

}  // namespace client
