// In which order copies between devices happen: cuMemcpyPeer with what both contexts do, the asynchronous form with its stream, also when an event of one
// device orders a stream of the other. Devices are used in turn by one thread, and at once by two. One device: skipped.
#include <thread>

#include "check.h"

struct Card {
  CUcontext context = nullptr;
  CUmodule module = nullptr;
  CUfunction slow = nullptr, add = nullptr;
  CUdeviceptr memory = 0;
  CUdevice device;
  explicit Card(CUdevice device) : device(device) {
    CU(cuDevicePrimaryCtxRetain(&context, device));
    use();
    CU(cuModuleLoadData(&module, kernels_ptx));
    CU(cuModuleGetFunction(&slow, module, "slow_store"));
    CU(cuModuleGetFunction(&add, module, "add"));
    memory = allocate(4096);
    CU(cuMemsetD32_v2(memory, 0, 1024));
    CU(cuCtxSynchronize());
  }
  void use() const {
    CUdevice now = -1;
    CU(cuCtxSetCurrent(context));
    CU(cuCtxGetDevice(&now));
    CHECK(now == device);
  }
};

constexpr unsigned long long kLong = 100'000'000;   // ns

static void synchronous(const Card& zero, const Card& one) {
  for (const Card* current : {&zero, &one}) {
    zero.use();
    CU(cuMemsetD32_v2(zero.memory, 0, 1024));
    CU(cuCtxSynchronize());
    one.use();
    CU(launch(one.slow, 1, 1, nullptr, one.memory, 7u, kLong));       // the source is written late
    zero.use();
    CU(launch(zero.slow, 1, 1, nullptr, zero.memory, 1u, kLong / 2)); // and so is the destination, before the copy
    current->use();
    CU(cuMemcpyPeer(zero.memory, zero.context, one.memory, one.context, 4096));
    one.use();
    CU(cuMemsetD32_v2(one.memory, 9, 1024));                         // behind the copy
    zero.use();
    CU(launch(zero.add, 1, 32, nullptr, zero.memory, 1u, 100u));     // too
    CHECK(read_word(zero.memory) == 107);
    one.use();
    CHECK(read_word(one.memory) == 9);
    CU(cuCtxSynchronize());
  }
}

static void in_a_stream(const Card& zero, const Card& one) {
  CUstream there = nullptr, here = nullptr;
  CUevent written = nullptr, copied = nullptr;
  one.use();
  CU(cuStreamCreate(&there, CU_STREAM_NON_BLOCKING));
  CU(cuEventCreate(&written, CU_EVENT_DISABLE_TIMING));
  zero.use();
  CU(cuStreamCreate(&here, CU_STREAM_NON_BLOCKING));
  CU(cuEventCreate(&copied, CU_EVENT_DISABLE_TIMING));
  for (unsigned round = 1; round < 20; round++) {
    one.use();
    CU(launch(one.slow, 1, 1, there, one.memory, round, kLong / 20));
    CU(cuEventRecord(written, there));
    zero.use();
    CU(cuStreamWaitEvent(here, written, 0));                           // an event of the other device
    CU(cuMemcpyPeerAsync(zero.memory, zero.context, one.memory, one.context, 4, here));
    CU(cuEventRecord(copied, here));
    one.use();
    CU(cuStreamWaitEvent(there, copied, 0));
    CU(launch(one.add, 1, 32, there, one.memory, 1u, 1000u));
    zero.use();
    CU(cuStreamSynchronize(here));
    CHECK(read_word(zero.memory) == round);
  }
  one.use();
  CU(cuStreamSynchronize(there));
  CU(cuEventSynchronize(written));
  CU(cuStreamDestroy_v2(there));
  CU(cuEventDestroy_v2(written));
  zero.use();
  CU(cuStreamDestroy_v2(here));
  CU(cuEventDestroy_v2(copied));
}

static void threads(const Card& zero, const Card& one) {
  auto work = [](const Card* card) {
    card->use();
    CUdeviceptr mine = allocate(1 << 20);
    CUstream stream = nullptr;
    CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    for (unsigned round = 0; round < 200; round++) {
      CU(cuMemsetD32Async(mine, round, 1 << 18, stream));
      CU(launch(card->add, 1024, 256, stream, mine, 1u << 18, unsigned(card->device) * 1000u + 1u));
      unsigned last = 0;
      CU(cuMemcpyDtoHAsync_v2(&last, mine + (1 << 20) - 4, 4, stream));
      CU(cuStreamSynchronize(stream));
      CHECK(last == round + unsigned(card->device) * 1000u + 1u);
    }
    CU(cuMemFree_v2(mine));
    CU(cuStreamDestroy_v2(stream));
  };
  std::thread a(work, &zero), b(work, &one), c(work, &one);
  a.join(), b.join(), c.join();
}

int main() {
  int devices = 0;
  CU(cuInit(0));
  CU(cuDeviceGetCount(&devices));
  if (devices < 2) return skip("one device only");
  Card zero(0), one(1);
  synchronous(zero, one);
  in_a_stream(zero, one);
  threads(zero, one);
  zero.use();
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuMemcpyPeer(0, zero.context, one.memory, one.context, 4));
}
