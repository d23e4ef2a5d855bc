// Freeing twice, freeing what was never allocated, copying from and to freed or too short memory: refused, nothing harmed.
#include "check.h"

int main() {
  Gpu gpu;
  const CUresult bad = CUDA_ERROR_INVALID_VALUE;
  const size_t bytes = 4 << 20;  // large enough for a mapping of its own
  std::vector<char> host(2 * bytes, 5);
  CUdeviceptr kept = allocate(64), memory = allocate(bytes);
  CU(cuMemsetD32_v2(kept, 42, 16));
  EXPECT(bad, cuMemFree_v2(memory + 256));
  CU(cuMemFree_v2(memory));
  EXPECT(bad, cuMemFree_v2(memory));
  EXPECT(bad, cuMemFree_v2(0x1000));
  EXPECT(bad, cuMemcpyHtoD_v2(memory, host.data(), 64));
  EXPECT(bad, cuMemcpyDtoH_v2(host.data(), memory, 64));
  EXPECT(bad, cuMemsetD8_v2(memory, 0, 64));
  CUdeviceptr again = allocate(bytes);
  EXPECT(bad, cuMemcpyHtoD_v2(again, host.data(), 2 * bytes));
  CU(cuMemcpyHtoD_v2(again, host.data(), bytes));
  CHECK(read_word(kept) == 42);
  CHECK(read_word(again) == 0x05050505);
}
