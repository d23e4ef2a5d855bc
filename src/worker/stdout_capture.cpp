// See stdout_capture.h. The memory files only grow; pages that were read are punched out of it, because truncating could
// drop what the driver writes at that moment.
#include "worker/stdout_capture.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

namespace worker {
namespace {
constexpr uint64_t kFreeStep = 1 << 20;   // bytes, a multiple of any page size
}

StdoutCapture::StdoutCapture() {
  fflush(stdout);
  for (int i = 0; i < 2; i++) {
    File& file = files_[i];
    file.original = fcntl(i + 1, F_DUPFD_CLOEXEC, 3);
    file.fd = memfd_create(i == 0 ? "tensor-fusion-stdout" : "tensor-fusion-stderr", MFD_CLOEXEC);
    if (i == 0 && file.original >= 0) base::log_to(file.original);
    if (file.fd < 0 || dup2(file.fd, i + 1) < 0)
      base::log(base::Level::warn, "what GPU code prints to fd %d stays on the worker: %s", i + 1, strerror(errno));
  }
  setvbuf(stdout, nullptr, _IONBF, 0);   // libcuda prints through this process's stdio
}

StdoutCapture::~StdoutCapture() {
  fflush(stdout);
  for (int i = 0; i < 2; i++) {
    if (files_[i].original >= 0) dup2(files_[i].original, i + 1);   // the copy stays open: the log may be using it
    if (files_[i].fd >= 0) close(files_[i].fd);
  }
}

uint64_t StdoutCapture::written(const File& file) const {
  struct stat info;
  return file.fd >= 0 && fstat(file.fd, &info) == 0 ? uint64_t(info.st_size) : 0;
}

bool StdoutCapture::pending() const {
  for (const File& file : files_)
    if (written(file) > file.taken) return true;
  return false;
}

size_t StdoutCapture::take(int which, char* buffer, size_t n) {
  if (which != 1 && which != 2) return 0;
  File& file = files_[which - 1];
  if (file.fd < 0) return 0;
  ssize_t got;
  do got = pread(file.fd, buffer, n, off_t(file.taken));
  while (got < 0 && errno == EINTR);
  if (got <= 0) return 0;
  file.taken += uint64_t(got);
  if (uint64_t end = file.taken & ~(kFreeStep - 1); end > file.freed) {
    fallocate(file.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, off_t(file.freed), off_t(end - file.freed));
    file.freed = end;
  }
  return size_t(got);
}

}  // namespace worker
