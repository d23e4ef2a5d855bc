// Work of one stream runs in the order of its calls: kernels, memsets and copies of a sequence that does not commute.
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction step = gpu.kernel("step");
  CUstream streams[4];
  CUdeviceptr values = allocate(4 * 256);
  unsigned expected[4];
  for (int s = 0; s < 4; s++) CU(cuStreamCreate(&streams[s], s % 2 ? CU_STREAM_NON_BLOCKING : CU_STREAM_DEFAULT));
  for (int s = 0; s < 4; s++) {
    CU(cuMemsetD32Async(values + s * 256, s, 1, streams[s]));
    expected[s] = s;
  }
  for (unsigned i = 0; i < 500; i++)
    for (int s = 0; s < 4; s++) {
      CU(launch(step, 1, 1, streams[s], values + s * 256, i + s));
      expected[s] = expected[s] * 3 + i + s;
      if (i == 250) {
        CU(cuMemcpyDtoDAsync_v2(values + s * 256 + 64, values + s * 256, 4, streams[s]));
        CU(cuMemsetD32Async(values + s * 256, 77, 1, streams[s]));
        expected[s] = 77;
      }
    }
  for (int s = 0; s < 4; s++) CU(cuStreamSynchronize(streams[s]));
  for (int s = 0; s < 4; s++) CHECK(read_word(values + s * 256) == expected[s]);
  for (int s = 0; s < 4; s++) CU(cuStreamDestroy_v2(streams[s]));
}
