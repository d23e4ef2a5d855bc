// Allocation: alignment, distinct ranges, what cuMemGetAddressRange knows, sizes of zero and beyond the device.
#include <algorithm>
#include "check.h"

int main() {
  Gpu gpu;
  std::vector<std::pair<CUdeviceptr, size_t>> blocks;
  for (size_t bytes : {1ul, 3ul, 512ul, 4097ul, 1ul << 20, 5ul << 20}) {
    CUdeviceptr address = allocate(bytes);
    CHECK(address % 256 == 0);
    blocks.push_back({address, bytes});
  }
  std::sort(blocks.begin(), blocks.end());
  for (size_t i = 1; i < blocks.size(); i++) CHECK(blocks[i - 1].first + blocks[i - 1].second <= blocks[i].first);
  for (auto [address, bytes] : blocks) {
    CUdeviceptr base = 0;
    size_t size = 0;
    CU(cuMemGetAddressRange_v2(&base, &size, address + bytes / 2));
    CHECK(base == address && size == bytes);
  }
  CUdeviceptr pitched = 0, none = 0;
  size_t pitch = 0;
  CU(cuMemAllocPitch_v2(&pitched, &pitch, 100, 10, 4));
  CHECK(pitch >= 100 && pitch % 32 == 0);
  CU(cuMemFree_v2(pitched));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemAlloc_v2(&none, 0));
  EXPECT(CUDA_ERROR_OUT_OF_MEMORY, cuMemAlloc_v2(&none, 1ull << 45));
  for (auto [address, bytes] : blocks) CU(cuMemFree_v2(address));
  CUdeviceptr base = 0;
  size_t size = 0;
  CHECK(cuMemGetAddressRange_v2(&base, &size, blocks.back().first) != CUDA_SUCCESS);
}
