// For test_stripes.py: large_copies SECONDS. Copies to and from the device of sizes around the pieces that are dealt out over several connections, from and to
// pageable and page-locked memory, which changes as soon as it may, in two threads.
#include <atomic>
#include <chrono>
#include <thread>

#include "../calls/check.h"

static unsigned word(size_t i, unsigned seed) { return unsigned(i) * 2654435761u + seed; }

// The ways back. into: room for the bytes, all words are checked at once when CUDA says that they are there.
static void read_back(unsigned way, unsigned* into, CUdeviceptr device, size_t bytes, CUstream stream, unsigned seed) {
  const size_t words = bytes / 4, pitch = 36 << 10, width = 32 << 10, rows = bytes / width;
  memset(into, 0xdd, bytes);
  switch (way % 4) {
    case 0:
      CU(cuMemcpyDtoH_v2(into, device, bytes));
      break;
    case 1:
      CU(cuMemcpyDtoHAsync_v2(into, device, bytes, stream));
      CU(cuStreamSynchronize(stream));
      break;
    case 2: {   // nothing but an event's answer
      CUevent event;
      CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
      CU(cuMemcpyDtoHAsync_v2(into, device, bytes, stream));
      CU(cuEventRecord(event, stream));
      while (CUresult rc = cuEventQuery(event)) CHECK(rc == CUDA_ERROR_NOT_READY);
      CU(cuEventDestroy_v2(event));
      break;
    }
    case 3: {   // rows with room between them, which stays as it is
      if (!rows) return CU(cuMemcpyDtoH_v2(into, device, bytes));
      std::vector<unsigned> wide(rows * pitch / 4, 5);
      CUDA_MEMCPY2D c{};
      c.srcMemoryType = CU_MEMORYTYPE_DEVICE; c.srcDevice = device; c.srcPitch = width;
      c.dstMemoryType = CU_MEMORYTYPE_HOST; c.dstHost = wide.data(); c.dstPitch = pitch;
      c.WidthInBytes = width; c.Height = rows;
      CU(cuMemcpy2DAsync_v2(&c, stream));
      CU(cuStreamSynchronize(stream));
      for (size_t y = 0; y < rows; y++)
        for (size_t x = 0; x < pitch / 4; x++) CHECK(wide[y * pitch / 4 + x] == (x < width / 4 ? word(y * width / 4 + x, seed) : 5));
      return;
    }
  }
  for (size_t i = 0; i < words; i++) CHECK(into[i] == word(i, seed));
}

static void rounds(CUcontext context, unsigned seed, double seconds) {
  CU(cuCtxSetCurrent(context));
  const size_t kMost = 12 << 20;
  CUdeviceptr device = allocate(kMost), second = allocate(kMost);
  CUstream stream;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  unsigned *pinned, *pinned_back;
  CU(cuMemHostAlloc((void**)&pinned, kMost, 0));
  CU(cuMemHostAlloc((void**)&pinned_back, kMost, 0));
  std::vector<unsigned> pageable(kMost / 4), back(kMost / 4);
  const auto end = std::chrono::steady_clock::now() + std::chrono::duration<double>(seconds);
  for (unsigned round = 0; round < 28 || std::chrono::steady_clock::now() < end; round++) {
    const size_t piece = 1 << 20, sizes[] = {4, 2 * piece - 4, 2 * piece, 3 * piece + 4, 4 * piece, 5 * piece + 12, kMost};
    const size_t bytes = sizes[round % 7], words = bytes / 4;
    unsigned* from = round % 3 ? pageable.data() : pinned;
    for (size_t i = 0; i < words; i++) from[i] = word(i, round + seed);
    if (round % 2) CU(cuMemcpyHtoDAsync_v2(device, from, bytes, stream));
    else CU(cuMemcpyHtoD_v2(device, from, bytes));
    if (from != pinned || round % 2 == 0) memset(from, 0xee, bytes);   // else it may be read until the stream has been waited for
    CU(cuStreamSynchronize(stream));   // the other copies wait for no stream but their own
    read_back(round / 7, round % 5 < 2 ? pinned_back : back.data(), device, bytes, stream, round + seed);
    // There and back without a wait: the copy to the device takes what the one before it brings.
    CU(cuMemcpyDtoHAsync_v2(pinned_back, device, bytes, stream));
    CU(cuMemcpyHtoDAsync_v2(second, pinned_back, bytes, stream));
    CU(cuMemcpyDtoHAsync_v2(back.data(), second, bytes, stream));
    CU(cuStreamSynchronize(stream));
    for (size_t i = 0; i < words; i++) CHECK(back[i] == word(i, round + seed));
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
  CU(cuMemFreeHost(pinned_back));
  CU(cuMemFree_v2(device));
  CU(cuMemFree_v2(second));
}

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  Gpu gpu;
  std::thread other(rounds, gpu.context, 7u, atof(argv[1]));
  rounds(gpu.context, 1, atof(argv[1]));
  other.join();
}
