// Managed memory of which each side touches a little: 256 MiB, single pages of it from host and kernels, several streams and threads, small
// allocations that share pages, ranges that end in the middle of one.
#include <thread>

#include "check.h"

int main() {
  Gpu gpu;
  int concurrent = 0;
  CU(cuDeviceGetAttribute(&concurrent, CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS, gpu.device));
  if (!concurrent) return skip("the device says that host and kernels cannot use managed memory at once");
  constexpr size_t kBytes = 256u << 20, kWords = kBytes / 4, kStep = 3 << 20;
  CUdeviceptr address = 0;
  CU(cuMemAllocManaged(&address, kBytes, CU_MEM_ATTACH_GLOBAL));
  auto* words = (volatile unsigned*)(uintptr_t)address;
  for (size_t i = 0; i < kWords; i += kStep) words[i] = (unsigned)i;
  CU(launch(gpu.kernel("add"), 4, 256, nullptr, address, 1024u, 5u));
  CU(launch(gpu.kernel("add"), 4, 256, nullptr, address + 4 * kStep, 1024u, 6u));
  CU(cuCtxSynchronize());
  CHECK(words[0] == 5 && words[1] == 5 && words[1023] == 5 && words[1024] == 0);
  CHECK(words[kStep] == kStep + 6 && words[kStep + 1] == 6);
  for (size_t i = 2 * kStep; i < kWords; i += kStep) CHECK(words[i] == i);
  CHECK(words[kWords - 1] == 0);
  for (size_t i = 0; i < 1 << 20; i++) words[i] = (unsigned)i;       // 4 MiB in a row, then read in a row what a kernel made of it
  CU(launch(gpu.kernel("add"), (1 << 20) / 256, 256, nullptr, address, 1u << 20, 1u));
  CU(cuCtxSynchronize());
  for (size_t i = 0; i < 1 << 20; i++) CHECK(words[i] == i + 1);

  // A stream and a part of one range for each of four threads.
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < 4; t++)
    threads.emplace_back([&, t] {
      CU(cuCtxSetCurrent(gpu.context));
      CUstream stream = nullptr;
      CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
      auto* mine = words + t * 5000;                                // parts meet within a page
      CUfunction add = nullptr;
      CU(cuModuleGetFunction(&add, gpu.module, "add"));
      for (unsigned round = 0; round < 30; round++) {
        for (unsigned i = 0; i < 5000; i += 50) mine[i] = round * 1000 + i;
        CU(launch(add, 20, 256, stream, address + t * 20000, 5000u, t + 1));
        CU(cuStreamSynchronize(stream));
        for (unsigned i = 0; i < 5000; i += 50) CHECK(mine[i] == round * 1000 + i + t + 1);
      }
      CU(cuStreamDestroy_v2(stream));
    });
  for (auto& t : threads) t.join();

  // The host's turn comes when the kernel's is over, also without a wait: what it reads is the kernel's.
  words[0] = 0;
  for (unsigned round = 1; round <= 20; round++) {
    CU(launch(gpu.kernel("add"), 1, 1, nullptr, address, 1u, 1u));
    words[1] = round;
    CU(cuCtxSynchronize());
    CHECK(words[0] == round && words[1] == round);
  }

  CUdeviceptr small[64];
  for (unsigned i = 0; i < 64; i++) {
    CU(cuMemAllocManaged(&small[i], 4 + i * 50, CU_MEM_ATTACH_GLOBAL));
    *(volatile unsigned*)(uintptr_t)small[i] = i;
  }
  for (unsigned i = 0; i < 64; i += 2) CU(cuMemFree_v2(small[i]));
  for (unsigned i = 1; i < 64; i += 2) CU(launch(gpu.kernel("add"), 1, 1, nullptr, small[i], 1u, 100u));
  CU(cuCtxSynchronize());
  for (unsigned i = 1; i < 64; i += 2) CHECK(*(volatile unsigned*)(uintptr_t)small[i] == i + 100);
  for (unsigned i = 1; i < 64; i += 2) CU(cuMemFree_v2(small[i]));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemFree_v2(address + 4096));
  CU(cuMemFree_v2(address));
}
