// ldmatrix and mma. Called by the interpreter on whichever thread runs the warp.
#include "softgpu/exec/ops.h"

namespace softgpu::SOFTGPU_ISA {

Fn select_matrix(const Key&) { return nullptr; }

}  // namespace softgpu::SOFTGPU_ISA
