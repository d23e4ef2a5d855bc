// See image_store.h.
#include "worker/image_store.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <utility>

#include "base/log.h"
#include "wire/image_key.h"

namespace worker {
namespace {

using base::Digest;
constexpr char kPrefix[] = "tensor-fusion-images-";
void remove_folder(const std::string& folder) {
  base::for_each_file(folder, [&](const std::string& name) { unlink((folder + "/" + name).c_str()); });
  rmdir(folder.c_str());
}

base::Fd lock_folder(const std::string& folder) {
  base::Fd fd(open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (fd && flock(fd.get(), LOCK_EX | LOCK_NB) != 0) fd.reset();
  return fd;
}

bool parse(const std::string& name, Digest* digest) {
  if (name.size() != base::kDigestName || name.find_first_not_of("0123456789abcdef") != std::string::npos) return false;
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
  base::for_each_file(temporary, [&](const std::string& name) {
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

Image::Image(Image&& other) noexcept : p_(std::exchange(other.p_, nullptr)), bytes_(other.bytes_), mapped_(other.mapped_) {}
Image::~Image() {
  if (mapped_ && p_) munmap(p_, bytes_ + kZeros);
  else free(p_);
}
Image Image::allocate(uint64_t bytes) {
  Image image;
  const size_t room = (bytes + kZeros + 63) / 64 * 64;
  if (posix_memalign(&image.p_, 64, room)) image.p_ = nullptr;
  if (image.p_) memset(static_cast<uint8_t*>(image.p_) + bytes, 0, room - bytes);
  image.bytes_ = bytes;
  return image;
}
Image Image::map(int fd, uint64_t bytes) {
  Image image;
  void* p = mmap(nullptr, bytes + kZeros, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
  if (p == MAP_FAILED) return image;
  image.p_ = p;
  image.bytes_ = bytes;
  image.mapped_ = true;
  return image;
}

ImageStore::ImageStore(std::string folder, uint64_t most) : files_(std::move(folder), most), key_(random_key()), names_(wire::kImageNameKey), tags_(key_) {}

std::vector<Digest> ImageStore::names() const {
  std::vector<Digest> all;
  if (files_.folder().empty()) return all;
  base::for_each_file(files_.folder(), [&](const std::string& name) {
    Digest digest;
    if (parse(name, &digest) && all.size() < wire::kMostImageNames) all.push_back(digest);
  });
  return all;
}

Image ImageStore::find(Digest name, Digest tag, uint64_t bytes) const {
  uint64_t size = 0;
  const base::Fd fd = files_.find(base::digest_name(name), &size);
  if (!fd || size != bytes + Image::kZeros) return Image();
  Image image = Image::map(fd.get(), bytes);
  if (image && !(tags_.of(image.data(), bytes) == tag)) {
    base::log(base::Level::warn, "a kept module image is not the one that the client means: it will be sent");
    return Image();
  }
  return image;
}

void ImageStore::keep(const Image& image) {
  if (image.bytes() == 0) return;
  static const char zeros[Image::kZeros] = {};
  files_.keep(base::digest_name(names_.of(image.data(), image.bytes())), {{image.data(), image.bytes()}, {zeros, sizeof zeros}});
}

}  // namespace worker
