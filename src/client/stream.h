// What other objects ask of streams.
#pragma once
#include <stdint.h>

#include "abi/cuda_abi.h"

namespace client {
bool any_non_blocking();                       // some stream of this process runs without regard to the default one
CUresult check_stream(CUstream stream);        // of the calling thread: the error that any call about it answers
CUcontext stream_context(CUstream stream);     // that it was made in
struct Caller;
bool one_out(uint64_t stream);   // a host function that work called in that stream now may come after has not run
void wait_host_functions(const Caller& at, uint64_t stream);   // those of that stream (as it travels) have run: they may write what a copy then reads
}  // namespace client
