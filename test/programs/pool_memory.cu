// Memory in stream order: allocated and freed like any other work, taken from pools that keep what was freed and can be trimmed.
#include <cstdint>
#include "buffer.h"

__global__ void fill(unsigned* p, int n, unsigned seed) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) p[i] = seed + i;
}
__global__ void fold(const unsigned* p, int n, unsigned long long* sum) {
  unsigned long long mine = 0;
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) mine += p[i];
  atomicAdd(sum, mine);
}

int main() {
  print_device();
  const int n = 1 << 14, kRounds = 24;
  Buffer<unsigned long long> sums(kRounds);
  cudaStream_t streams[3];
  cudaEvent_t filled;
  cudaMemPool_t pool, own;
  CHECK(cudaEventCreateWithFlags(&filled, cudaEventDisableTiming));
  for (auto& stream : streams) CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  CHECK(cudaDeviceGetDefaultMemPool(&pool, 0));
  uint64_t keep = ~0ull, used = 1, most = 0, reserved = 0;
  CHECK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &keep));

  for (int round = 0; round < kRounds; round++) {  // made in one stream, used in another, freed there
    cudaStream_t maker = streams[round % 3], user = streams[(round + 1) % 3];
    int size = n + 1000 * (round % 5);
    unsigned* p;
    CHECK(cudaMallocAsync(&p, size * sizeof *p, maker));
    fill<<<8, 128, 0, maker>>>(p, size, round);
    CHECK(cudaEventRecord(filled, maker));
    CHECK(cudaStreamWaitEvent(user, filled, 0));
    fold<<<8, 128, 0, user>>>(p, size, sums + round);
    CHECK(cudaFreeAsync(p, user));
  }
  for (auto stream : streams) CHECK(cudaStreamSynchronize(stream));
  bool right = true;
  std::vector<unsigned long long> got = sums.host();
  for (int round = 0; round < kRounds; round++) {
    unsigned long long size = n + 1000 * (round % 5);
    right &= got[round] == size * round + size * (size - 1) / 2;
  }
  CHECK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &used));
  CHECK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemHigh, &most));
  CHECK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &reserved));
  const bool given_back = used == 0 && most >= n * sizeof(unsigned);  // all is free; how much the pool keeps is its own affair …
  CHECK(cudaMemPoolTrimTo(pool, 0));  // … until it is told to keep nothing
  uint64_t left = 1;
  CHECK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReservedMemCurrent, &left));
  if (!given_back || left) printf("%llu bytes in use, %llu kept after the trim\n", (unsigned long long)used, (unsigned long long)left);
  right &= given_back && left == 0;

  cudaMemPoolProps properties{};
  properties.allocType = cudaMemAllocationTypePinned, properties.location.type = cudaMemLocationTypeDevice;
  CHECK(cudaMemPoolCreate(&own, &properties));
  unsigned *a, *b;
  CHECK(cudaMallocFromPoolAsync(&a, n * sizeof *a, own, streams[0]));
  CHECK(cudaMallocFromPoolAsync(&b, n * sizeof *b, own, streams[0]));
  CHECK(cudaMemPoolGetAttribute(own, cudaMemPoolAttrUsedMemCurrent, &used));
  right &= used >= 2 * n * sizeof(unsigned) && a != b;
  fill<<<8, 128, 0, streams[0]>>>(a, n, 7);
  CHECK(cudaMemcpyAsync(b, a, n * sizeof *a, cudaMemcpyDeviceToDevice, streams[0]));
  std::vector<unsigned> copy(n);
  CHECK(cudaMemcpyAsync(copy.data(), b, n * sizeof *b, cudaMemcpyDeviceToHost, streams[0]));
  CHECK(cudaFreeAsync(a, streams[0]));
  CHECK(cudaFreeAsync(b, streams[0]));
  CHECK(cudaStreamSynchronize(streams[0]));
  for (int i = 0; i < n; i++) right &= copy[i] == 7u + i;
  CHECK(cudaMemPoolDestroy(own));
  for (auto stream : streams) CHECK(cudaStreamDestroy(stream));
  CHECK(cudaEventDestroy(filled));
  char line[120];
  snprintf(line, sizeof line, "24 rounds over three streams used %llu KB at most and kept %llu KB, then a pool of its own", (unsigned long long)most >> 10, (unsigned long long)reserved >> 10);
  return verdict(right, line);
}
