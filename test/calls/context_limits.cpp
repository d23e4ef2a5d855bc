// Limits of a context: what was set can be read back.
#include "check.h"

int main() {
  Gpu gpu;
  size_t before = 0, after = 0;
  CU(cuCtxGetLimit(&before, CU_LIMIT_STACK_SIZE));
  CHECK(before >= 512);
  CU(cuCtxSetLimit(CU_LIMIT_STACK_SIZE, 8192));
  CU(cuCtxGetLimit(&after, CU_LIMIT_STACK_SIZE));
  CHECK(after >= 8192);
  CU(cuCtxGetLimit(&before, CU_LIMIT_PRINTF_FIFO_SIZE));
  CHECK(before >= 1 << 20);
  CU(cuCtxSetLimit(CU_LIMIT_PRINTF_FIFO_SIZE, 2 << 20));
  CU(cuCtxGetLimit(&after, CU_LIMIT_PRINTF_FIFO_SIZE));
  CHECK(after >= 2 << 20);
  CU(cuCtxGetLimit(&after, CU_LIMIT_MALLOC_HEAP_SIZE));
  CHECK(after >= 8 << 20);
}
