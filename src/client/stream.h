// What other objects ask of streams.
#pragma once
#include "abi/cuda_abi.h"

namespace client {
bool capturing();                              // some stream of this process may be capturing
CUcontext stream_context(CUstream stream);     // that it was made in
}  // namespace client
