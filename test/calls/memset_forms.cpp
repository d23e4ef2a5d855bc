// All widths of cuMemset, plain, asynchronous and two-dimensional.
#include "check.h"

int main() {
  Gpu gpu;
  CUdeviceptr memory = allocate(4096);
  CUstream stream = nullptr;
  CU(cuStreamCreate(&stream, 0));
  CU(cuMemsetD8_v2(memory, 0xab, 4096));
  CHECK(read_words(memory, 1024) == std::vector<unsigned>(1024, 0xabababab));
  CU(cuMemsetD16_v2(memory, 0x1234, 2048));
  CHECK(read_words(memory, 1024) == std::vector<unsigned>(1024, 0x12341234));
  CU(cuMemsetD32_v2(memory, 0xdeadbeef, 1024));
  CHECK(read_words(memory, 1024) == std::vector<unsigned>(1024, 0xdeadbeef));
  CU(cuMemsetD8Async(memory + 1, 0, 2, stream));
  CU(cuMemsetD16Async(memory + 6, 7, 1, stream));
  CU(cuMemsetD32Async(memory + 8, 9, 1, stream));
  CU(cuStreamSynchronize(stream));
  auto words = read_words(memory, 4);
  CHECK(words[0] == 0xde0000ef && words[1] == 0x0007beef && words[2] == 9 && words[3] == 0xdeadbeef);
  CU(cuMemsetD2D32_v2(memory, 64, 1, 3, 4));  // three words in each of four rows
  words = read_words(memory, 64);
  for (int row = 0; row < 4; row++) CHECK(words[row * 16 + 2] == 1 && words[row * 16 + 3] != 1);
  CU(cuMemsetD2D8Async(memory, 64, 2, 1, 2, stream));
  CU(cuStreamSynchronize(stream));
  words = read_words(memory, 64);
  CHECK((words[0] & 0xff) == 2 && (words[16] & 0xff) == 2 && words[32] == 1);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemsetD32_v2(memory + 1, 0, 1));  // not aligned
  CU(cuMemsetD8_v2(memory, 0, 0));
}
