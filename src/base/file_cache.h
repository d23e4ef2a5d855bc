// A folder of files found by name and bounded in bytes: who opens one has used it, and those used longest ago go first. Several processes may share the
// folder: a file is there as a whole or not at all, and what is in it never changes. Nothing here fails loudly: what cannot be kept is not there.
// Any thread; header-only.
#pragma once
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "base/content_hash.h"
#include "base/fd.h"

namespace base {

inline constexpr size_t kDigestName = 32;   // characters of a Digest as a file's name: hexadecimal
inline std::string digest_name(Digest d) {
  char text[kDigestName + 1];
  snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(d.hi), static_cast<unsigned long long>(d.lo));
  return text;
}

// each(name): every file of a folder. Nothing where it cannot be read.
template <class F>
void for_each_file(const std::string& folder, F each) {
  DIR* dir = opendir(folder.c_str());
  if (!dir) return;
  while (dirent* entry = readdir(dir))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) each(std::string(entry->d_name));
  closedir(dir);
}

// All n bytes from offset `at`, or false.
inline bool read_whole(int fd, void* to, uint64_t n, uint64_t at) {
  for (uint64_t got = 0; got < n;) {
    const ssize_t more = pread(fd, static_cast<char*>(to) + got, n - got, off_t(at + got));
    if (more <= 0 && !(more < 0 && errno == EINTR)) return false;
    if (more > 0) got += uint64_t(more);
  }
  return true;
}

class FileCache {
 public:
  struct Part { const void* p; uint64_t bytes; };
  FileCache(std::string folder, uint64_t most) : folder_(std::move(folder)), most_(most) {}   // an empty folder: keeps nothing
  const std::string& folder() const { return folder_; }

  // Open for reading, with its size; or none. Another user's file is none, but for root's.
  Fd find(const std::string& name, uint64_t* bytes) const {
    if (folder_.empty()) return Fd();
    Fd fd(open((folder_ + "/" + name).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
    struct stat s;
    if (!fd || fstat(fd.get(), &s) != 0 || !S_ISREG(s.st_mode) || (s.st_uid != geteuid() && s.st_uid != 0)) return Fd();
    futimens(fd.get(), nullptr);   // used now
    *bytes = uint64_t(s.st_size);
    return fd;
  }
  // The parts one behind the other. False: not kept, among others because it is more than a quarter of the room.
  bool keep(const std::string& name, std::initializer_list<Part> parts) {
    uint64_t bytes = 0;
    for (const Part& p : parts) bytes += p.bytes;
    if (folder_.empty() || bytes > most_ / 4) return false;
    std::string fresh = folder_ + "/new-XXXXXX";
    Fd fd(mkostemp(&fresh[0], O_CLOEXEC));
    if (!fd) return false;
    bool good = true;
    for (const Part& p : parts) good = good && write_whole(fd.get(), p.p, p.bytes);
    if (good) good = rename(fresh.c_str(), (folder_ + "/" + name).c_str()) == 0;
    if (!good) unlink(fresh.c_str());
    else if (since_.fetch_add(bytes, std::memory_order_relaxed) + bytes > most_ / 16) make_room();
    return good;
  }
  void drop(const std::string& name) const { unlink((folder_ + "/" + name).c_str()); }

 private:
  static bool write_whole(int fd, const void* p, uint64_t n) {
    for (uint64_t at = 0; at < n;) {
      const ssize_t more = write(fd, static_cast<const char*>(p) + at, n - at);
      if (more < 0 && errno != EINTR) return false;
      if (more > 0) at += uint64_t(more);
    }
    return true;
  }
  // Until what is kept is within the limit. Two processes may do this at once: then a little more goes than need be.
  void make_room() {
    struct File { std::string path; uint64_t bytes; timespec used; };
    since_.store(0, std::memory_order_relaxed);
    std::vector<File> files;
    uint64_t total = 0;
    for_each_file(folder_, [&](const std::string& name) {
      struct stat s;
      std::string path = folder_ + "/" + name;
      if (lstat(path.c_str(), &s) != 0 || !S_ISREG(s.st_mode)) return;
      files.push_back({std::move(path), uint64_t(s.st_size), s.st_mtim});
      total += uint64_t(s.st_size);
    });
    if (total <= most_) return;
    std::sort(files.begin(), files.end(), [](const File& a, const File& b) {
      return a.used.tv_sec != b.used.tv_sec ? a.used.tv_sec < b.used.tv_sec : a.used.tv_nsec < b.used.tv_nsec;
    });
    for (const File& file : files) {
      if (total <= most_) break;
      if (unlink(file.path.c_str()) == 0) total -= file.bytes;
    }
  }
  std::string folder_;
  uint64_t most_;
  std::atomic<uint64_t> since_{UINT64_MAX / 2};   // bytes kept since the folder was counted; at first nobody has counted it
};

}  // namespace base
