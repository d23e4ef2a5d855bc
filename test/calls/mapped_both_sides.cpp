// Host and kernels write different words of the same memory, in turns and at once, for many rounds; kernels that reach it only through a pointer
// in device memory; memsets, copies, stream values and host functions on it.
#include <unistd.h>
#include "check.h"

static const char kCode[] = R"(.version 7.0
.target sm_70
.address_size 64
// Thread i adds value to word 2 * i + 1 of the memory that *where points to.
.visible .entry add_odd(.param .u64 where, .param .u32 pairs, .param .u32 value)
{
  .reg .pred %p<2>;
  .reg .b32 %r<8>;
  .reg .b64 %rd<6>;
  ld.param.u64 %rd1, [where];
  ld.param.u32 %r1, [pairs];
  ld.param.u32 %r2, [value];
  mov.u32 %r3, %ctaid.x;
  mov.u32 %r4, %ntid.x;
  mov.u32 %r5, %tid.x;
  mad.lo.u32 %r6, %r3, %r4, %r5;
  setp.ge.u32 %p1, %r6, %r1;
  @%p1 bra DONE;
  ld.global.u64 %rd2, [%rd1];
  mul.wide.u32 %rd3, %r6, 8;
  add.u64 %rd4, %rd2, %rd3;
  ld.global.u32 %r7, [%rd4+4];
  add.u32 %r7, %r7, %r2;
  st.global.u32 [%rd4+4], %r7;
DONE:
  ret;
}
)";

static CUfunction add_odd;
static CUdeviceptr where;                                   // device memory that holds a pointer

static void rounds(volatile unsigned* words, CUdeviceptr device, unsigned pairs, int count) {
  CU(cuMemcpyHtoD_v2(where, &device, 8));
  for (unsigned i = 0; i < 2 * pairs; i++) words[i] = 0;
  unsigned even = 0, odd = 0;
  for (int round = 1; round <= count; round++) {
    CU(launch(add_odd, (pairs + 127) / 128, 128, nullptr, where, pairs, (unsigned)round));
    odd += (unsigned)round;
    for (unsigned i = (unsigned)round % 7; i < pairs; i += 7) words[2 * i] = (unsigned)round;   // while the kernel runs
    even = (unsigned)round;
    CU(cuCtxSynchronize());
    for (unsigned i = 0; i < pairs; i += 1 + i / 16) {
      if (words[2 * i + 1] != odd) printf("round %d pairs %u word %u: %u not %u\n", round, pairs, 2*i+1, words[2*i+1], odd);
      CHECK(words[2 * i + 1] == odd);
    }
    for (unsigned i = (unsigned)round % 7; i < pairs; i += 7) CHECK(words[2 * i] == even);
  }
  std::vector<unsigned> copy = read_words(device, 2 * pairs);   // the device has seen all of it
  for (unsigned i = 0; i < 2 * pairs; i++) CHECK(copy[i] == words[i]);
}

static void count_up(void* word) { *(unsigned*)word += 1; }
static void double_late(void* word) {
  usleep(3000);
  *(unsigned*)word *= 2;
}

static void every_way(Gpu& gpu, unsigned* words, CUdeviceptr device, bool managed) {   // 64 KiB
  constexpr unsigned kWords = 16384;
  auto* seen = (volatile unsigned*)words;
  CU(cuMemsetD32_v2(device, 7, kWords));                    // done on return: it is host memory
  CHECK(seen[0] == 7 && seen[kWords - 1] == 7);
  seen[3] = 8;
  CU(cuMemsetD32Async(device + 64, 9, 16, nullptr));
  CU(cuStreamSynchronize(nullptr));
  CHECK(seen[3] == 8 && seen[15] == 7 && seen[16] == 9 && seen[31] == 9 && seen[32] == 7);
  CUdeviceptr other = allocate(kWords * 4);
  seen[40] = 41;
  CU(cuMemcpyDtoD_v2(other, device, kWords * 4));
  CHECK(read_word(other + 160) == 41 && read_word(other + 12) == 8);
  CU(cuMemsetD32_v2(other, 5, kWords));
  CU(cuMemcpyDtoHAsync_v2(words, other, kWords * 2, nullptr));
  CU(cuStreamSynchronize(nullptr));
  CHECK(seen[0] == 5 && seen[kWords / 2 - 1] == 5 && seen[kWords / 2] == 7);
  for (unsigned i = 0; i < kWords; i++) seen[i] = i;
  CU(cuMemcpyHtoDAsync_v2(other, words, kWords * 4, nullptr));
  CU(launch(gpu.kernel("add"), kWords / 256, 256, nullptr, other, kWords, 1u));
  CU(cuMemcpyDtoH_v2(words + 100, other, 400));
  CHECK(seen[100] == 1 && seen[199] == 100 && seen[200] == 200);
  CU(cuMemcpy((CUdeviceptr)(uintptr_t)words, other, 4000));
  CHECK(seen[100] == 101);
  CUDA_MEMCPY2D box{};                                      // rows of 64 bytes, 256 apart
  box.srcMemoryType = CU_MEMORYTYPE_DEVICE; box.srcDevice = other; box.srcPitch = 64;
  box.dstMemoryType = CU_MEMORYTYPE_HOST; box.dstHost = words; box.dstPitch = 256;
  box.WidthInBytes = 64; box.Height = 16;
  CU(cuMemcpy2D_v2(&box));
  CHECK(seen[0] == 1 && seen[64] == 17 && seen[15 * 64] == 241 && seen[16] == 17);
  std::vector<unsigned> whole(kWords + 512, 3);
  CU(cuMemcpyDtoH_v2(whole.data(), other, kWords * 4));
  CHECK(whole[0] == 1);

  if (managed) {                                            // streams do not write values there; remotely the next wait says so
    CUresult rc = cuStreamWriteValue32_v2(nullptr, device + 40, 1234, 0);
    CHECK((rc ? rc : cuStreamSynchronize(nullptr)) == CUDA_ERROR_INVALID_VALUE);
  } else {
    seen[10] = 0;
    CU(cuStreamWriteValue32_v2(nullptr, device + 40, 1234, 0));
    CU(cuStreamSynchronize(nullptr));
    CHECK(seen[10] == 1234);
    seen[11] = 55;
    CU(cuStreamWaitValue32_v2(nullptr, device + 44, 55, CU_STREAM_WAIT_VALUE_EQ));
    CU(cuStreamSynchronize(nullptr));
  }
  // A host function between two kernels: each sees what the one before it wrote.
  seen[12] = 0;
  for (int i = 0; i < 10; i++) {
    CU(launch(gpu.kernel("add"), 1, 1, nullptr, device + 48, 1u, 10u));
    CU(cuLaunchHostFunc(nullptr, count_up, words + 12));
  }
  CU(cuStreamSynchronize(nullptr));
  CHECK(seen[12] == 110);
  // The same over two streams that an event ties together.
  CUstream one = nullptr, two = nullptr;
  CUevent event = nullptr;
  CU(cuStreamCreate(&one, CU_STREAM_NON_BLOCKING));
  CU(cuStreamCreate(&two, CU_STREAM_NON_BLOCKING));
  CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  seen[12] = 0;
  unsigned wanted = 0;
  for (int i = 0; i < 10; i++) {
    wanted = 2 * wanted + 10;
    CU(cuLaunchHostFunc(one, double_late, words + 12));
    CU(cuEventRecord(event, one));
    CU(cuStreamWaitEvent(two, event, 0));
    CU(launch(gpu.kernel("add"), 1, 1, two, device + 48, 1u, 10u));
    CU(cuEventRecord(event, two));
    CU(cuStreamWaitEvent(one, event, 0));
  }
  CU(cuCtxSynchronize());
  CHECK(seen[12] == wanted);
  // And by an event of the whole context, where the driver has such.
  CUcontext context = nullptr;
  CU(cuCtxGetCurrent(&context));
  seen[12] = 5;
  CU(cuLaunchHostFunc(one, double_late, words + 12));
  if (cuCtxRecordEvent(context, event) == CUDA_SUCCESS && cuStreamWaitEvent(two, event, 0) == CUDA_SUCCESS) {
    CU(launch(gpu.kernel("add"), 1, 1, two, device + 48, 1u, 10u));
    const CUresult rc = cuCtxSynchronize();
    CHECK(rc != CUDA_SUCCESS || seen[12] == 20);
  }
  CU(cuEventDestroy_v2(event));
  CU(cuStreamDestroy_v2(one));
  CU(cuStreamDestroy_v2(two));
  CU(cuMemFree_v2(other));
}

int main() {
  Gpu gpu;
  int can = 0, managed = 0;
  CU(cuDeviceGetAttribute(&can, CU_DEVICE_ATTRIBUTE_CAN_USE_HOST_POINTER_FOR_REGISTERED_MEM, gpu.device));
  CU(cuDeviceGetAttribute(&managed, CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS, gpu.device));
  if (!can) return skip("the device says that kernels cannot touch host memory");
  CUmodule module = nullptr;
  CU(cuModuleLoadData(&module, kCode));
  CU(cuModuleGetFunction(&add_odd, module, "add_odd"));
  where = allocate(8);
  unsigned *small = nullptr, *medium = nullptr;
  CU(cuMemHostAlloc((void**)&small, 4096, CU_MEMHOSTALLOC_DEVICEMAP));
  CU(cuMemHostAlloc((void**)&medium, 64 << 10, CU_MEMHOSTALLOC_DEVICEMAP));
  CUdeviceptr device = 0;
  CU(cuMemHostGetDevicePointer_v2(&device, small, 0));
  rounds(small, device, 512, 200);
  CU(cuMemHostGetDevicePointer_v2(&device, medium, 0));
  rounds(medium, device, 8192, 100);
  every_way(gpu, medium, device, false);
  auto* heap = (unsigned*)malloc(20000);
  CU(cuMemHostRegister_v2(heap, 20000, CU_MEMHOSTREGISTER_DEVICEMAP));
  CU(cuMemHostGetDevicePointer_v2(&device, heap, 0));
  rounds(heap, device, 2500, 50);
  CU(launch(add_odd, 20, 128, nullptr, where, 2500u, 1u));
  unsigned before = 50 * 51 / 2;
  CU(cuMemHostUnregister(heap));                            // what the kernel has done stays
  CHECK(heap[1] == before + 1 && heap[4999] == before + 1);
  free(heap);
  CU(cuMemFreeHost(small));
  CU(cuMemFreeHost(medium));
  if (managed) {
    CU(cuMemAllocManaged(&device, 64 << 10, CU_MEM_ATTACH_GLOBAL));
    every_way(gpu, (unsigned*)(uintptr_t)device, device, true);
    CU(cuMemFree_v2(device));
  }
  CU(cuMemFree_v2(where));
}
