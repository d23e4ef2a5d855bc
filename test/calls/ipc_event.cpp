// An event of two processes: the guest waits, in a stream and on the host, for work of the owner, and the owner for work of the guest.
#include "two_processes.h"

static int owner(Other& other) {
  Gpu gpu;
  CUevent event = nullptr, plain = nullptr, own = nullptr;
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuEventCreate(&event, CU_EVENT_INTERPROCESS));
  CU(cuEventCreate(&event, CU_EVENT_INTERPROCESS | CU_EVENT_DISABLE_TIMING));
  CU(cuEventCreate(&plain, CU_EVENT_DISABLE_TIMING));
  CUipcEventHandle handle, bad;
  CU(cuIpcGetEventHandle(&handle, event));
  CHECK(cuIpcGetEventHandle(&bad, plain) != CUDA_SUCCESS);
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuIpcGetEventHandle(nullptr, event));
  CHECK(cuIpcOpenEventHandle(&own, handle) != CUDA_SUCCESS);
  CUdeviceptr memory = allocate(4096);
  CU(cuMemsetD32_v2(memory, 0, 1024));
  CUipcMemHandle shared;
  CU(cuIpcGetMemHandle(&shared, memory));
  other.put(handle);
  other.put(shared);
  other.wait();                                       // opened
  CUstream stream = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CU(launch(gpu.kernel("slow_store"), 1, 1, stream, memory, 5u, 200000000ull));
  CU(cuEventRecord(event, stream));
  other.turn();
  other.wait();                                       // it has recorded behind its own slow kernel
  CU(cuStreamWaitEvent(stream, event, 0));
  CU(launch(gpu.kernel("add"), 1, 32, stream, memory, 1u, 1000u));
  CU(cuStreamSynchronize(stream));
  CHECK(read_word(memory) == 1012);
  CU(cuEventDestroy_v2(event));
  other.turn();
  return other.end();
}

static int guest(Other& other) {
  Gpu gpu;
  auto handle = other.get<CUipcEventHandle>();
  auto shared = other.get<CUipcMemHandle>();
  CUevent event = nullptr;
  CUdeviceptr memory = 0;
  CUstream stream = nullptr;
  EXPECT(CUDA_ERROR_INVALID_VALUE, cuIpcOpenEventHandle(nullptr, handle));
  CU(cuIpcOpenEventHandle(&event, handle));
  CU(cuIpcOpenMemHandle_v2(&memory, shared, CU_IPC_MEM_LAZY_ENABLE_PEER_ACCESS));
  CU(cuEventQuery(event));                            // never recorded: nothing to wait for
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  other.turn();
  other.wait();
  CU(cuStreamWaitEvent(stream, event, 0));            // until the owner's kernel has stored 5
  CU(launch(gpu.kernel("add"), 1, 32, stream, memory, 1u, 2u));
  CU(cuEventSynchronize(event));
  CU(cuEventQuery(event));
  CU(cuStreamSynchronize(stream));
  CHECK(read_word(memory) == 7);
  float elapsed;
  CHECK(cuEventElapsedTime(&elapsed, event, event) != CUDA_SUCCESS);
  CU(launch(gpu.kernel("slow_store"), 1, 1, stream, memory, 12u, 200000000ull));
  CU(cuEventRecord(event, stream));
  CU(cuCtxSynchronize());
  other.turn();
  other.wait();                                       // the owner has destroyed its handle; this one goes on
  CU(cuEventRecord(event, stream));
  CU(cuEventSynchronize(event));
  CU(cuEventDestroy_v2(event));
  return other.end();
}

int main(int count, char** arguments) {
  Other other(count, arguments);
  return other.is_first() ? owner(other) : guest(other);
}
