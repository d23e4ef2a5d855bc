// See image_store.h.
#include "worker/image_store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>

#include "base/log.h"
#include "wire/image_key.h"

namespace worker {
namespace {

using base::Digest;
constexpr char kPrefix[] = "tensor-fusion-images-";
constexpr size_t kNameLength = 32;   // of a Digest in hexadecimal

// each(name): every file of a folder. Nothing where it cannot be read.
template <class F>
void for_each_file(const std::string& folder, F each) {
  DIR* dir = opendir(folder.c_str());
  if (!dir) return;
  while (dirent* entry = readdir(dir))
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) each(std::string(entry->d_name));
  closedir(dir);
}

void remove_folder(const std::string& folder) {
  for_each_file(folder, [&](const std::string& name) { unlink((folder + "/" + name).c_str()); });
  rmdir(folder.c_str());
}

base::Fd lock_folder(const std::string& folder) {
  base::Fd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd && flock(fd.get(), LOCK_EX | LOCK_NB) != 0) fd.reset();
  return fd;
}

bool parse(const std::string& name, Digest* digest) {
  if (name.size() != kNameLength || name.find_first_not_of("0123456789abcdef") != std::string::npos) return false;
  digest->hi = strtoull(name.substr(0, 16).c_str(), nullptr, 16);
  digest->lo = strtoull(name.substr(16).c_str(), nullptr, 16);
  return true;
}

Digest random_key() {
  Digest key;
  if (getrandom(&key, sizeof key, 0) != ssize_t(sizeof key)) abort();   // no safe answer, and Linux always has one
  return key;
}

}  // namespace

ImageFolder::ImageFolder() {
  const char* place = getenv("TMPDIR");
  const std::string temporary = place && *place ? place : "/tmp";
  for_each_file(temporary, [&](const std::string& name) {
    struct stat s;
    const std::string old = temporary + "/" + name;
    if (name.rfind(kPrefix, 0) == 0 && lstat(old.c_str(), &s) == 0 && s.st_uid == geteuid() && lock_folder(old)) remove_folder(old);
  });
  path_ = temporary + "/" + kPrefix + "XXXXXX";
  if (mkdtemp(path_.data()) && (lock_ = lock_folder(path_))) return;
  base::log(base::Level::warn, "no folder for module images in %s (%s): clients send them again at each start", temporary.c_str(), strerror(errno));
  path_.clear();
}

ImageFolder::~ImageFolder() {
  if (!path_.empty()) remove_folder(path_);
}

ImageStore::ImageStore(std::string folder, uint64_t most)
    : folder_(std::move(folder)), most_(most), key_(random_key()), names_(wire::kImageNameKey), tags_(key_) {}

std::string ImageStore::file(Digest name) const {
  char text[kNameLength + 1];
  snprintf(text, sizeof text, "%016llx%016llx", static_cast<unsigned long long>(name.hi), static_cast<unsigned long long>(name.lo));
  return folder_ + "/" + text;
}

std::vector<Digest> ImageStore::names() const {
  std::vector<Digest> all;
  if (folder_.empty()) return all;
  for_each_file(folder_, [&](const std::string& name) {
    Digest digest;
    if (parse(name, &digest) && all.size() < wire::kMostImageNames) all.push_back(digest);
  });
  return all;
}

bool ImageStore::find(Digest name, Digest tag, void* to, uint64_t bytes) const {
  if (folder_.empty()) return false;
  base::Fd fd(open(file(name).c_str(), O_RDONLY | O_NOFOLLOW | O_CLOEXEC));
  struct stat s;
  if (!fd || fstat(fd.get(), &s) != 0 || uint64_t(s.st_size) != bytes) return false;
  for (uint64_t at = 0; at < bytes;) {
    const ssize_t n = pread(fd.get(), static_cast<char*>(to) + at, bytes - at, off_t(at));
    if (n <= 0) return false;
    at += uint64_t(n);
  }
  if (!(tags_.of(to, bytes) == tag)) {
    base::log(base::Level::warn, "a kept module image is not the one that the client means: it will be sent");
    return false;
  }
  futimens(fd.get(), nullptr);   // used now
  return true;
}

void ImageStore::keep(const void* image, uint64_t bytes) const {
  if (folder_.empty() || bytes == 0 || bytes > most_ / 4) return;
  const std::string place = file(names_.of(image, bytes));
  std::string fresh = folder_ + "/new-XXXXXX";
  base::Fd fd(mkostemp(fresh.data(), O_CLOEXEC));
  if (!fd) return;
  bool good = true;
  for (uint64_t at = 0; good && at < bytes;) {
    const ssize_t n = write(fd.get(), static_cast<const char*>(image) + at, bytes - at);
    if (n > 0) at += uint64_t(n);
    else good = n < 0 && errno == EINTR;
  }
  if (good) good = rename(fresh.c_str(), place.c_str()) == 0;
  if (!good) unlink(fresh.c_str());
  make_room();
}

// Until what is kept is within the limit. Two sessions may do this at once: then a little more goes than need be.
void ImageStore::make_room() const {
  struct Image { std::string path; uint64_t bytes; timespec used; };
  std::vector<Image> images;
  uint64_t total = 0;
  for_each_file(folder_, [&](const std::string& name) {
    struct stat s;
    const std::string path = folder_ + "/" + name;
    if (lstat(path.c_str(), &s) != 0) return;
    images.push_back({path, uint64_t(s.st_size), s.st_mtim});
    total += uint64_t(s.st_size);
  });
  if (total <= most_) return;
  std::sort(images.begin(), images.end(), [](const Image& a, const Image& b) {
    return a.used.tv_sec != b.used.tv_sec ? a.used.tv_sec < b.used.tv_sec : a.used.tv_nsec < b.used.tv_nsec;
  });
  for (const Image& image : images) {
    if (total <= most_) break;
    if (unlink(image.path.c_str()) == 0) total -= image.bytes;
  }
}

}  // namespace worker
