// For test_stripes.py: large_copies SECONDS. Copies to the device of sizes around the pieces that are dealt out over several connections, from pageable and
// page-locked memory, whose source changes as soon as it may, in two threads; what arrived is read back.
#include <atomic>
#include <chrono>
#include <thread>

#include "../calls/check.h"

static void rounds(CUcontext context, unsigned seed, double seconds) {
  CU(cuCtxSetCurrent(context));
  const size_t kMost = 12 << 20;
  CUdeviceptr device = allocate(kMost);
  CUstream stream;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  unsigned* pinned;
  CU(cuMemHostAlloc((void**)&pinned, kMost, 0));
  std::vector<unsigned> pageable(kMost / 4), back(kMost / 4);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (unsigned round = 0; round < 12 || std::chrono::steady_clock::now() < end; round++) {
    const size_t piece = 1 << 20, sizes[] = {4, 2 * piece - 4, 2 * piece, 3 * piece + 4, 4 * piece, 5 * piece + 12, kMost};
    const size_t bytes = sizes[round % 7], words = bytes / 4;
    unsigned* from = round % 3 ? pageable.data() : pinned;
    for (size_t i = 0; i < words; i++) from[i] = unsigned(i) * 2654435761u + round + seed;
    if (round % 2) CU(cuMemcpyHtoDAsync_v2(device, from, bytes, stream));
    else CU(cuMemcpyHtoD_v2(device, from, bytes));
    if (from != pinned || round % 2 == 0) memset(from, 0xee, bytes);   // else it may be read until the stream has been waited for
    CU(cuMemcpyDtoHAsync_v2(back.data(), device, bytes, stream));
    CU(cuStreamSynchronize(stream));
    for (size_t i = 0; i < words; i++) CHECK(back[i] == unsigned(i) * 2654435761u + round + seed);
  }
  for (int i = 0; i < 20; i++) {   // natively the release waits for the copy
    unsigned* brief;
    CU(cuMemHostAlloc((void**)&brief, kMost, 0));
    for (size_t w = 0; w < kMost / 4; w++) brief[w] = unsigned(w) * 31 + seed;
    CU(cuMemcpyHtoDAsync_v2(device, brief, kMost, stream));
    CU(cuMemFreeHost(brief));
    CU(cuMemcpyDtoHAsync_v2(back.data(), device, kMost, stream));
    CU(cuStreamSynchronize(stream));
    for (size_t w = 0; w < kMost / 4; w++) CHECK(back[w] == unsigned(w) * 31 + seed);
  }
  CU(cuMemFreeHost(pinned));
  CU(cuMemFree_v2(device));
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  Gpu gpu;
  std::thread other(rounds, gpu.context, 7u, atof(argv[1]));
  rounds(gpu.context, 1, atof(argv[1]));
  other.join();
}
