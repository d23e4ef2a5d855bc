// How long a chunk of cuMemCreate lives when it is shared by descriptor: as long as somebody has the descriptor open, also after its exporter's end,
// and no longer. The descriptor is an ordinary one: it can be duplicated, sent on, and inherited by another program.
#include <fcntl.h>

#include "two_processes.h"

static CUmemAllocationProp shareable() {
  CUmemAllocationProp property{};
  property.type = CU_MEM_ALLOCATION_TYPE_PINNED;
  property.location = {CU_MEM_LOCATION_TYPE_DEVICE, 0};
  property.requestedHandleTypes = CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR;
  return property;
}
static size_t granularity() {
  CUmemAllocationProp property = shareable();
  size_t bytes = 0;
  CU(cuMemGetAllocationGranularity(&bytes, &property, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
  return bytes;
}
static CUdeviceptr map(CUmemGenericAllocationHandle chunk, size_t bytes) {
  CUdeviceptr at = 0;
  CU(cuMemAddressReserve(&at, bytes, 0, 0, 0));
  CU(cuMemMap(at, bytes, 0, chunk, 0));
  CUmemAccessDesc access{{CU_MEM_LOCATION_TYPE_DEVICE, 0}, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
  CU(cuMemSetAccess(at, bytes, &access, 1));
  return at;
}

// Exports one chunk, sends its descriptor and ends at once, without giving anything back.
static int exporter(Other& other) {
  Gpu gpu;
  CUmemAllocationProp property = shareable();
  const size_t bytes = granularity();
  CUmemGenericAllocationHandle chunk = 0;
  CU(cuMemCreate(&chunk, bytes, &property, 0));
  CU(cuMemsetD32_v2(map(chunk, bytes), 0xabcd, bytes / 4));
  int fd = -1;
  CU(cuMemExportToShareableHandle(&fd, chunk, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0));
  CU(cuCtxSynchronize());
  other.put_descriptor(fd);
  other.wait();
  return 0;
}

static void import_and_check(int fd, unsigned wanted, unsigned next) {
  CUmemGenericAllocationHandle chunk = 0;
  CU(cuMemImportFromShareableHandle(&chunk, (void*)(intptr_t)fd, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR));
  const size_t bytes = granularity();
  CUdeviceptr at = map(chunk, bytes);
  CHECK(read_words(at, bytes / 4).back() == wanted);
  CU(cuMemsetD32_v2(at, next, bytes / 4));
  CU(cuCtxSynchronize());
  CU(cuMemUnmap(at, bytes));
  CU(cuMemAddressFree(at, bytes));
  CU(cuMemRelease(chunk));
}

// A program that got the descriptor from the one that started it.
static int heir(int fd) {
  Gpu gpu;
  import_and_check(fd, 2, 3);
  return 0;
}

int main(int count, char** arguments) {
  int types = 0;
  if (count > 2) return heir(atoi(arguments[2]));
  Other other(count, arguments);
  CU(cuInit(0));
  CU(cuDeviceGetAttribute(&types, CU_DEVICE_ATTRIBUTE_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR_SUPPORTED, 0));
  if (!other.is_first()) return types ? exporter(other) : 0;
  if (!types) return skip("the device says that chunks are not shared by descriptor");
  Gpu gpu;
  CUmemAllocationProp property = shareable();
  const size_t bytes = granularity();

  // Exported and closed again, often: nothing stays behind.
  size_t free_before = 0, free_after = 0, total = 0;
  CU(cuMemGetInfo_v2(&free_before, &total));
  for (int i = 0; i < 100; i++) {
    CUmemGenericAllocationHandle chunk = 0;
    int fd = -1, second = -1;
    CU(cuMemCreate(&chunk, 16 * bytes, &property, 0));
    CU(cuMemExportToShareableHandle(&fd, chunk, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0));
    CU(cuMemExportToShareableHandle(&second, chunk, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR, 0));
    CHECK(fd >= 0 && second >= 0 && fd != second);
    int copy = dup(fd);
    close(fd);
    close(copy);
    close(second);
    CU(cuMemRelease(chunk));
  }
  CU(cuMemGetInfo_v2(&free_after, &total));
  CHECK(free_after + 800 * bytes > free_before);      // of 1600; other programs take some meanwhile

  // The exporter has ended: its memory has not.
  int fd = other.get_descriptor();
  other.turn();
  int status = -1;
  CHECK(waitpid(other.pid, &status, 0) == other.pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  int copy = dup(fd);
  close(fd);
  import_and_check(copy, 0xabcd, 1);
  import_and_check(copy, 1, 2);        // again, while it is open

  const int inherited = dup(copy);
  close(copy);
  pid_t pid = fork();
  if (pid == 0) {
    execl("/proc/self/exe", arguments[0], "heir", std::to_string(inherited).c_str(), nullptr);
    _exit(127);
  }
  CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 0);
  import_and_check(inherited, 3, 4);
  close(inherited);
  CUmemGenericAllocationHandle none = 0;
  CHECK(cuMemImportFromShareableHandle(&none, (void*)(intptr_t)inherited, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) != CUDA_SUCCESS);
  int file = open("/dev/null", O_RDONLY);
  CHECK(cuMemImportFromShareableHandle(&none, (void*)(intptr_t)file, CU_MEM_HANDLE_TYPE_POSIX_FILE_DESCRIPTOR) != CUDA_SUCCESS);
  return 0;
}
