// Copies between two devices: with both contexts named, or by the addresses alone; in streams; in three dimensions. One device: skipped.
#include "check.h"

struct Card {
  CUcontext context = nullptr;
  CUdeviceptr memory = 0;
  Card(CUdevice device, unsigned value) {
    CU(cuDevicePrimaryCtxRetain(&context, device));
    CU(cuCtxSetCurrent(context));
    memory = allocate(1 << 20);
    CU(cuMemsetD32_v2(memory, value, 1 << 18));
    CU(cuCtxSynchronize());
  }
};

int main() {
  int devices = 0;
  CU(cuInit(0));
  CU(cuDeviceGetCount(&devices));
  if (devices < 2) return skip("one device only");
  Card one(1, 11), zero(0, 10);
  CU(cuMemcpyPeer(zero.memory, zero.context, one.memory, one.context, 4096));
  CHECK(read_word(zero.memory) == 11 && read_words(zero.memory, 1025)[1024] == 10);
  CU(cuMemsetD32_v2(zero.memory, 33, 1024));
  CU(cuMemcpyDtoD_v2(one.memory + 4096, zero.memory, 4096));         // the addresses tell the devices
  CU(cuCtxSynchronize());
  CHECK(read_word(one.memory + 4096) == 33 && read_word(one.memory) == 11);
  CUstream stream = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CU(cuMemsetD32Async(zero.memory, 44, 1024, stream));
  CU(cuMemcpyPeerAsync(one.memory + 8192, one.context, zero.memory, zero.context, 4096, stream));
  CU(cuStreamSynchronize(stream));
  CHECK(read_word(one.memory + 8192) == 44);
  CUDA_MEMCPY3D_PEER box{};
  box.srcMemoryType = box.dstMemoryType = CU_MEMORYTYPE_DEVICE;
  box.srcContext = one.context, box.srcDevice = one.memory + 8192, box.srcPitch = 64;
  box.dstContext = zero.context, box.dstDevice = zero.memory, box.dstPitch = 128;
  box.WidthInBytes = 64, box.Height = 8, box.Depth = 1;
  CU(cuMemsetD32_v2(zero.memory, 5, 1024));
  CU(cuMemcpy3DPeer(&box));
  CU(cuCtxSynchronize());
  std::vector<unsigned> words = read_words(zero.memory, 256);
  for (unsigned i = 0; i < 256; i++) CHECK(words[i] == (i % 32 < 16 ? 44u : 5u));
  int owner = -1;
  CUcontext context = nullptr;
  CU(cuPointerGetAttribute(&owner, CU_POINTER_ATTRIBUTE_DEVICE_ORDINAL, one.memory));
  CU(cuPointerGetAttribute(&context, CU_POINTER_ATTRIBUTE_CONTEXT, one.memory));
  CHECK(owner == 1 && context == one.context);
}
