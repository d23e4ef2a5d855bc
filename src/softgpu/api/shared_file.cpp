// See shared_file.h.
#include "softgpu/api/shared_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <cstring>

#include "softgpu/api/context.h"

namespace softgpu::api {

namespace {
constexpr int kFixedSize = F_SEAL_SHRINK | F_SEAL_GROW;

void print_name(const SharedFile& file, char (&out)[96]) {
  int n = snprintf(out, sizeof out, "softgpu-%c-%016" PRIx64 "%016" PRIx64 "-", file.kind, file.token[0], file.token[1]);
  for (uint8_t byte : file.device) n += snprintf(out + n, sizeof out - size_t(n), "%02x", byte);
}
}  // namespace

int make_shared_file(char kind, uint64_t bytes, const uint8_t device[16], SharedFile* out) {
  out->kind = kind;
  out->bytes = bytes;
  memcpy(out->device, device, 16);
  if (getrandom(out->token, sizeof out->token, 0) != sizeof out->token) return -1;
  char name[96];
  print_name(*out, name);
  int fd = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
  if (fd < 0) return -1;
  if (ftruncate(fd, off_t(bytes)) == 0 && fcntl(fd, F_ADD_SEALS, kFixedSize | F_SEAL_SEAL) == 0) return fd;
  close(fd);
  return -1;
}

bool describe_shared_file(int fd, SharedFile* out) {
  char path[64], target[192] = {}, name[96], expected[128];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(path, target, sizeof target - 1);
  int at = 0;
  if (n <= 0 || sscanf(target, "/memfd:softgpu-%c-%16" SCNx64 "%16" SCNx64 "-%n", &out->kind, &out->token[0], &out->token[1], &at) != 3) return false;
  for (int i = 0; i < 16; i++)
    if (sscanf(target + at + 2 * i, "%2hhx", &out->device[i]) != 1) return false;
  print_name(*out, name);
  snprintf(expected, sizeof expected, "/memfd:%s (deleted)", name);
  struct stat status;
  if (strcmp(target, expected) != 0 || fstat(fd, &status) != 0 || status.st_size <= 0) return false;
  out->bytes = uint64_t(status.st_size);
  int seals = fcntl(fd, F_GET_SEALS);
  return seals >= 0 && (seals & kFixedSize) == kFixedSize;
}

int open_shared_file(int pid, int fd, const SharedFile& wanted) {
  char path[64];
  snprintf(path, sizeof path, "/proc/%d/fd/%d", pid, fd);
  int mine = open(path, O_RDWR | O_CLOEXEC);
  if (mine < 0) return -1;
  SharedFile found;
  if (describe_shared_file(mine, &found) && found.kind == wanted.kind && memcmp(found.token, wanted.token, sizeof found.token) == 0 &&
      memcmp(found.device, wanted.device, sizeof found.device) == 0)
    return mine;
  close(mine);
  return -1;
}

int device_with(const uint8_t uuid[16]) {
  for (int i = 0; i < device_count(); i++)
    if (memcmp(device_of(i)->profile.uuid, uuid, 16) == 0) return i;
  return -1;
}

}  // namespace softgpu::api
