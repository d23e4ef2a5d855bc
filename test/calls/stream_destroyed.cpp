// A destroyed stream, or a chunk of memory that never was, is an error at the call, not a crash or a silent success: our client checks its handles.
// (NVIDIA's driver itself follows such a handle to its death, so directly on it this program is left out.)
#include "check.h"

int main() {
  Gpu gpu;
  CUfunction fill = gpu.kernel("fill");
  CUdeviceptr memory = allocate(64);
  CUstream stream = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CU(launch(fill, 1, 16, stream, memory, 16u, 1u));
  CU(cuStreamSynchronize(stream));
  CU(cuStreamDestroy_v2(stream));
  CHECK(cuStreamSynchronize(stream) != CUDA_SUCCESS);
  CHECK(cuStreamQuery(stream) != CUDA_SUCCESS);
  CHECK(cuStreamDestroy_v2(stream) != CUDA_SUCCESS);
  int file = -1;
  CUmemAllocationProp property{};
  CHECK(cuMemExportToShareableHandle(&file, 0x1234, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0) != CUDA_SUCCESS);
  CHECK(cuMemGetAllocationPropertiesFromHandle(&property, 0x1234) != CUDA_SUCCESS);
  CHECK(cuMemMap(memory, 2 << 20, 0, 0x1234, 0) != CUDA_SUCCESS || cuStreamSynchronize(nullptr) != CUDA_SUCCESS);
  CHECK(cuMemRelease(0x1234) != CUDA_SUCCESS || cuStreamSynchronize(nullptr) != CUDA_SUCCESS);

  CU(launch(fill, 1, 16, nullptr, memory, 16u, 3u));  // the session is unharmed
  CHECK(read_word(memory) == 3);
}
