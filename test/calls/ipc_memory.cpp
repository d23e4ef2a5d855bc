// An allocation that two processes use: exported by one, opened by the other, written by both; opened twice it counts; what is exported
// small and from inside gives the whole; the owner cannot open its own.
#include "two_processes.h"

constexpr size_t kWords = 3 << 18;   // 3 MiB

static int owner(Other& other) {
  Gpu gpu;
  CUdeviceptr big = allocate(kWords * 4), small = allocate(100), beside = allocate(100), pool = 0, opened = 0;
  CU(launch(gpu.kernel("fill"), kWords / 256, 256, nullptr, big, unsigned(kWords), 7u));     // still running when it is exported
  CU(cuMemsetD32_v2(small, 11, 25));
  CU(cuMemsetD32_v2(beside, 22, 25));
  CUipcMemHandle handle, again, of_small, bad;
  CU(cuIpcGetMemHandle(&handle, big));
  CU(cuIpcGetMemHandle(&again, big));
  CHECK(memcmp(&handle, &again, sizeof handle) == 0);
  CU(cuIpcGetMemHandle(&of_small, small));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuIpcGetMemHandle(nullptr, big));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuIpcGetMemHandle(&bad, 0));
  CU(cuMemAllocAsync(&pool, 4096, nullptr));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuIpcGetMemHandle(&bad, pool));
  CHECK(cuIpcOpenMemHandle_v2(&opened, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS) == CUDA_ERROR_INVALID_CONTEXT);
  CHECK(read_words(big, kWords)[kWords - 1] == kWords - 1 + 7);
  other.put(handle);
  other.put(of_small);
  other.wait();                                      // it has added 1 to every word
  CHECK(read_words(big, kWords)[1000] == 1008 && read_word(small) == 33 && read_word(beside) == 22);
  CU(launch(gpu.kernel("add"), kWords / 256, 256, nullptr, big, unsigned(kWords), 100u));
  CU(cuCtxSynchronize());
  other.turn();
  other.wait();                                      // it has read that, and keeps the memory open
  CU(cuMemFree_v2(big));
  CUdeviceptr next = allocate(kWords * 4);           // may get the same address, but not the same bytes
  CU(cuMemsetD32_v2(next, 0, kWords));
  CU(cuCtxSynchronize());
  other.turn();
  other.wait();
  CHECK(read_word(next) == 0);
  CU(cuMemFree_v2(small));
  CU(cuMemFree_v2(beside));
  return other.end();
}

static int guest(Other& other) {
  Gpu gpu;
  auto handle = other.get<CUipcMemHandle>(), of_small = other.get<CUipcMemHandle>();
  CUdeviceptr p = 0, twice = 0, small = 0, base = 0;
  size_t bytes = 0;
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuIpcOpenMemHandle_v2(&p, handle, 2));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuIpcOpenMemHandle_v2(nullptr, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS));
  CU(cuIpcOpenMemHandle_v2(&p, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS));
  CU(cuIpcOpenMemHandle_v2(&twice, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS));
  CHECK(p && p == twice);
  CU(cuIpcCloseMemHandle(p));                        // once: it is still open
  CU(cuMemGetAddressRange_v2(&base, &bytes, p + 100));
  CHECK(base == p && bytes >= kWords * 4);
  unsigned type = 0;
  CU(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, p));
  CHECK(type == CU_MEMORYTYPE_DEVICE);
  CHECK(read_words(p, kWords)[kWords - 1] == kWords - 1 + 7);
  CU(launch(gpu.kernel("add"), kWords / 256, 256, nullptr, p, unsigned(kWords), 1u));
  CU(cuIpcOpenMemHandle_v2(&small, of_small, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS));
  CHECK(read_word(small) == 11);
  CU(cuMemsetD32_v2(small, 33, 1));
  CU(cuIpcCloseMemHandle(small));
  CU(cuCtxSynchronize());
  other.turn();
  other.wait();
  CHECK(read_words(p, kWords)[1000] == 1108);
  other.turn();
  other.wait();                                      // the owner has freed it
  CHECK(read_words(p, kWords)[1000] == 1108);
  CU(cuIpcCloseMemHandle(p));
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuIpcCloseMemHandle(p));
  EXPECT(CUDA_ERROR_NOT_PERMITTED, cuIpcOpenMemHandle_v2(&p, handle, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS));
  other.turn();
  return other.end();
}

int main(int count, char** arguments) {
  Other other(count, arguments);
  return other.is_first() ? owner(other) : guest(other);
}
