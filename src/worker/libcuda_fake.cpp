// Plays a libcuda in the tests of the worker's process model. TF_FAKE_DRIVER tells it how to behave:
//   ok (the default) | no_device | init_fails | crash | crash_in_session (only where a session process loads it) | fail_in_session
//   crash_in_session_while_there=FILE: as long as the file exists
// Built with TF_FAKE_CLIENT it plays our client's library, which a worker must pass over.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

namespace {
bool behaves(const char* how) {
  const char* set = getenv("TF_FAKE_DRIVER");
  return set && strcmp(set, how) == 0;
}
bool in_session() {
  char line[4096] = "";
  int fd = open("/proc/self/cmdline", O_RDONLY);
  ssize_t n = fd >= 0 ? read(fd, line, sizeof line) : 0;
  if (fd >= 0) close(fd);
  return n > 0 && memmem(line, size_t(n), "\0--session", 11) != nullptr;
}
bool file_there() {
  const char* set = getenv("TF_FAKE_DRIVER");
  const char* file = set ? strchr(set, '=') : nullptr;
  return file && access(file + 1, F_OK) == 0;
}
}  // namespace

extern "C" {
__attribute__((visibility("default"))) int cuInit(unsigned) {
  if (behaves("init_fails")) return 100;
  if (behaves("crash")) abort();
  if (in_session()) {
    if (behaves("crash_in_session") || file_there()) abort();
    if (behaves("fail_in_session")) return 999;
  }
  return 0;
}
__attribute__((visibility("default"))) int cuDeviceGetCount(int* count) {
  *count = behaves("no_device") ? 0 : 2;
  return 0;
}
__attribute__((visibility("default"))) int nvmlInit_v2() { return 0; }   // the same file plays libnvidia-ml where a test needs one
#ifdef TF_FAKE_CLIENT
__attribute__((visibility("default"))) int tensor_fusion_client_marker;
#endif
}
