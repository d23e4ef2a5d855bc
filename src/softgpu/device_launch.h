// The second, small part of the seam of engine.h: dynamic parallelism, which this GPU does not have. Any thread.
#pragma once

namespace softgpu {

class Kernel;
bool launches_kernels(const Kernel& kernel);   // it, or a function that it calls, starts kernels: a launch of it answers NOT_SUPPORTED

}  // namespace softgpu
