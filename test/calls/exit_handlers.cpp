// Libraries call from handlers that they registered with atexit; the context of the main thread is still current there.
#include "check.h"

static CUdeviceptr g_memory;

static void at_exit() {
  CUcontext current = nullptr;
  unsigned type = 0;
  CUresult results[] = {cuCtxGetCurrent(&current), cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, g_memory), cuMemFree_v2(g_memory)};
  for (CUresult r : results) {
    if (r == CUDA_SUCCESS || r == CUDA_ERROR_DEINITIALIZED) continue;
    printf("answered %d\n", int(r));
    fflush(stdout);
    _Exit(1);
  }
}

int main() {
  atexit(at_exit);
  Gpu gpu;
  g_memory = allocate(1 << 20);
  static thread_local struct Last { ~Last() { CUcontext c; cuCtxGetCurrent(&c); } } last;
  (void)last;
  CU(cuCtxSynchronize());
  exit(0);
}
