// Words in host memory that one side waits for while the other works, without a call of the API in between: a kernel that spins until the host
// says so, the host that spins until a kernel has written, and both in turns.
#include <atomic>
#include <chrono>
#include <thread>

#include "check.h"

static const char kCode[] = R"(.version 7.0
.target sm_70
.address_size 64
// Waits until *word == value, then stores value into *answer; gives up after many looks, with 0xdead there.
.visible .entry wait_and_answer(.param .u64 word, .param .u64 answer, .param .u32 value)
{
  .reg .pred %p<4>;
  .reg .b32 %r<6>;
  .reg .b64 %rd<3>;
  ld.param.u64 %rd1, [word];
  ld.param.u64 %rd2, [answer];
  ld.param.u32 %r1, [value];
  mov.u32 %r3, 0;
LOOK:
  ld.volatile.global.u32 %r2, [%rd1];
  setp.eq.u32 %p1, %r2, %r1;
  @%p1 bra FOUND;
  add.u32 %r3, %r3, 1;
  setp.lt.u32 %p2, %r3, 100000000;
  @%p2 bra LOOK;
  mov.u32 %r1, 57005;
FOUND:
  st.volatile.global.u32 [%rd2], %r1;
  membar.sys;
  ret;
}
)";

static bool comes(volatile unsigned* word, unsigned value) {   // seen within ten seconds, by looking alone
  for (auto until = std::chrono::steady_clock::now() + std::chrono::seconds(10); std::chrono::steady_clock::now() < until;)
    if (*word == value) return true;
  return false;
}

static void in_turns(Gpu& gpu, CUfunction wait, volatile unsigned* words, CUdeviceptr device) {
  CUstream stream = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  words[0] = 0;
  words[64] = 0;
  for (unsigned round = 1; round <= 20; round++) {
    CU(launch(wait, 1, 1, stream, device, device + 256, round));
    EXPECT(CUDA_ERROR_NOT_READY, cuStreamQuery(stream));
    words[0] = round;                      // the kernel sees it
    CHECK(comes(words + 64, round));       // and the host its answer
    CU(cuStreamSynchronize(stream));
    CHECK(words[64] == round);
  }
  CU(cuStreamDestroy_v2(stream));
  (void)gpu;
}

int main() {
  Gpu gpu;
  int can = 0;
  CU(cuDeviceGetAttribute(&can, CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM, gpu.device));
  if (!can) return skip("the device says that kernels cannot touch host memory");
  CUmodule module = nullptr;
  CUfunction wait = nullptr;
  CU(cuModuleLoadData(&module, kCode));
  CU(cuModuleGetFunction(&wait, module, "wait_and_answer"));

  unsigned *mapped = nullptr, *plain = nullptr, *large = nullptr;
  CUdeviceptr device = 0;
  CU(cuMemHostAlloc((void**)&mapped, 4096, CU_MEMHOSTALLOC_DEVICEMAP));
  in_turns(gpu, wait, mapped, (CUdeviceptr)(uintptr_t)mapped);
  CU(cuMemHostAlloc((void**)&plain, 4096, CU_MEMHOSTALLOC_PORTABLE));   // that a kernel reaches it shows in its parameters alone
  in_turns(gpu, wait, plain, (CUdeviceptr)(uintptr_t)plain);
  CU(cuMemHostAlloc((void**)&large, 1 << 20, CU_MEMHOSTALLOC_DEVICEMAP));
  in_turns(gpu, wait, large + 70000, (CUdeviceptr)(uintptr_t)(large + 70000));

  auto* heap = (unsigned*)malloc(3000);    // in pages that it shares with other memory
  CU(cuMemHostRegister_v2(heap, 3000, CU_MEMHOSTREGISTER_DEVICEMAP));
  CU(cuMemHostGetDevicePointer_v2(&device, heap, 0));
  in_turns(gpu, wait, heap, device);
  CU(cuMemHostUnregister(heap));
  free(heap);

  // Another thread sets the word, while this one waits in the driver.
  mapped[0] = 0;
  CU(launch(wait, 1, 1, nullptr, (CUdeviceptr)(uintptr_t)mapped, (CUdeviceptr)(uintptr_t)(mapped + 64), 77u));
  std::thread setter([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(30));
    *(volatile unsigned*)mapped = 77;
  });
  CU(cuCtxSynchronize());
  setter.join();
  CHECK(*(volatile unsigned*)(mapped + 64) == 77);
  CU(cuMemFreeHost(mapped));
  CU(cuMemFreeHost(plain));
  CU(cuMemFreeHost(large));
}
