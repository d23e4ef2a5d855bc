// Every linear form of cuMemcpy, between host and device and with addresses of either kind (unified addressing).
#include "check.h"

int main() {
  Gpu gpu;
  const size_t count = 1000, bytes = count * sizeof(unsigned);
  std::vector<unsigned> source(count), target(count);
  for (size_t i = 0; i < count; i++) source[i] = i * 2654435761u;
  CUdeviceptr a = allocate(bytes), b = allocate(bytes);
  CUstream stream = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  auto arrived = [&] {
    bool same = target == source;
    target.assign(count, 0);
    CU(cuMemsetD8_v2(a, 0, bytes));
    CU(cuMemsetD8_v2(b, 0, bytes));
    CU(cuCtxSynchronize());
    return same;
  };
  auto unified = [](void* host) { return (CUdeviceptr)(uintptr_t)host; };

  CU(cuMemcpyHtoD_v2(a, source.data(), bytes));
  CU(cuMemcpyDtoD_v2(b, a, bytes));
  CU(cuMemcpyDtoH_v2(target.data(), b, bytes));
  CHECK(arrived());

  CU(cuMemcpyHtoDAsync_v2(a, source.data(), bytes, stream));
  CU(cuMemcpyDtoDAsync_v2(b, a, bytes, stream));
  CU(cuMemcpyDtoHAsync_v2(target.data(), b, bytes, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(arrived());

  CU(cuMemcpy(a, unified(source.data()), bytes));
  CU(cuMemcpy(b, a, bytes));
  CU(cuMemcpy(unified(target.data()), b, bytes));
  CHECK(arrived());

  CU(cuMemcpyAsync(a, unified(source.data()), bytes, stream));
  CU(cuMemcpyAsync(b, a, bytes, stream));
  CU(cuMemcpyAsync(unified(target.data()), b, bytes, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(arrived());

  CU(cuMemcpy(unified(target.data()), unified(source.data()), bytes));  // host to host
  CHECK(arrived());
  CU(cuMemcpyHtoD_v2(a + 4, source.data(), 10));  // odd places and sizes
  CU(cuMemcpyDtoH_v2((char*)target.data() + 1, a + 5, 9));
  CHECK(memcmp((char*)target.data() + 1, (char*)source.data() + 1, 9) == 0);
  CU(cuMemcpyPeer(b, gpu.context, a, gpu.context, 64));
  CHECK(read_words(b, 16) == read_words(a, 16));
}
