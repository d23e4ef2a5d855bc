// A kernel that is given a number that is no texture fails with an error, in the worker's process as in this one; nothing crashes.
// (NVIDIA's GPUs read zeros for many such numbers, so this is for the software GPU.)
#include "textures.h"

int main() {
  Gpu gpu;
  char name[256] = "";
  CU(cuDeviceGetName(name, sizeof name, gpu.device));
  if (strncmp(name, "NVIDIA", 6) == 0) return skip("hardware reads zeros");
  CUtexObject nonsense = 0x123456789abcull;
  CUdeviceptr at = allocate(16), out = allocate(16);
  CU(launch(texture_kernel("sample2d"), 1, 1, nullptr, nonsense, at, out, 1u));
  EXPECT(CUDA_ERROR_ILLEGAL_ADDRESS, cuCtxSynchronize());
}
