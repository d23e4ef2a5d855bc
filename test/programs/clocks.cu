// Clocks and what the machine says of itself to a kernel: clock64, globaltimer, nanosleep, the processor, warp and lane numbers, events.
#include <algorithm>
#include <set>
#include "buffer.h"

struct Seen {
  long long before, after;
  unsigned long long time_before, time_after;
  unsigned lane, warp, processor, processors, mask_below;
};

__global__ void look(Seen* out, float* work) {
  Seen& seen = out[blockIdx.x * blockDim.x + threadIdx.x];
  seen.before = clock64();
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(seen.time_before));
  float x = threadIdx.x;
  for (int i = 0; i < 200; i++) x = x * 1.0001f + 0.5f;
  work[blockIdx.x * blockDim.x + threadIdx.x] = x;
  __nanosleep(2000);
  asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(seen.time_after));
  asm volatile("mov.u32 %0, %%laneid;" : "=r"(seen.lane));
  asm volatile("mov.u32 %0, %%warpid;" : "=r"(seen.warp));
  asm volatile("mov.u32 %0, %%smid;" : "=r"(seen.processor));
  asm volatile("mov.u32 %0, %%nsmid;" : "=r"(seen.processors));
  asm volatile("mov.u32 %0, %%lanemask_lt;" : "=r"(seen.mask_below));
  seen.after = clock64();
}

int main() {
  print_device();
  const int kBlocks = 24, kThreads = 96;
  Buffer<Seen> out(kBlocks * kThreads);
  Buffer<float> work(kBlocks * kThreads);
  cudaEvent_t begin, end;
  CHECK(cudaEventCreate(&begin));
  CHECK(cudaEventCreate(&end));
  CHECK(cudaEventRecord(begin));
  look<<<kBlocks, kThreads>>>(out, work);
  CHECK(cudaEventRecord(end));
  CHECK(cudaEventSynchronize(end));
  float milliseconds = 0;
  CHECK(cudaEventElapsedTime(&milliseconds, begin, end));

  bool right = milliseconds > 0;
  std::set<unsigned> used;
  unsigned long long first = ~0ull, last = 0;
  std::vector<Seen> all = out.host();
  for (int i = 0; i < kBlocks * kThreads; i++) {
    const Seen& seen = all[i];
    right &= seen.after > seen.before && seen.time_after >= seen.time_before;
    right &= seen.lane == unsigned(i % kThreads % 32) && seen.mask_below == (1u << seen.lane) - 1;
    right &= seen.warp == all[i / 32 * 32].warp && seen.processor == all[i / kThreads * kThreads].processor;  // a warp is one, a block stays where it is
    right &= seen.processor < seen.processors;
    used.insert(seen.processor), first = std::min(first, seen.time_before), last = std::max(last, seen.time_after);
  }
  right &= last > first && used.size() > 1;
  CHECK(cudaEventDestroy(begin));
  CHECK(cudaEventDestroy(end));
  char line[120];
  snprintf(line, sizeof line, "24 blocks on %zu of %u processors, %.2f ms by the device's own timer, %.2f ms between events", used.size(), all[0].processors, (last - first) * 1e-6, milliseconds);
  return verdict(right, line);
}
