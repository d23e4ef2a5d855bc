// A launch that may touch other devices' memory too. Apart from engine.h, which every instruction's code includes. Any thread may call.
#pragma once
#include "softgpu/engine.h"

namespace softgpu {

// As run() with the launch's own memory alone; peers must outlive the run.
Outcome run(const Kernel& kernel, const Launch& launch, Memory& memory, std::span<const Memory* const> peers);

}  // namespace softgpu
