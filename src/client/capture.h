// Captures under way in this process, as far as the client must know them: which streams take part (so that copies and launches into them are known
// to be nodes, and the question needs no reply), and what their modes forbid. The graphs are the worker's. Any thread.
#pragma once
#include <stdint.h>

#include "abi/cuda_abi.h"

namespace client {

bool capturing();                                       // any at all: one load
bool captures(uint64_t stream);                         // this stream (as it travels) takes part in one
int refuse_capturing(uint64_t stream);                  // the stream captures, and this call cannot be captured: the code, and the capture is spoilt
void capture_recorded(uint64_t stream, CUevent event);  // an event was recorded in the stream: others may join by it
// A wait for the event: will it join, or go on in, the stream's capture without complaint? If so the stream is in it from now on.
enum class Join { nothing, joins, ask };
Join capture_join(uint64_t stream, CUevent event);

}  // namespace client
