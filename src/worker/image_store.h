// Module images that some client of this worker has sent, kept by content for all of its clients: files in a folder that lives as long as the
// listening process, which makes and removes it. Session processes look up and add; an image that is in the folder need not be sent again.
//
// Two hashes guard an image. Its name is the hash under a fixed key, by which it is found. A client also sends a tag, the hash under a key that
// the session made at random: it is computed anew over what is in the file, so that somebody who knows the fixed key and makes a second image
// with the same name gets nobody else to run it. Any thread.
#pragma once
#include <stdint.h>

#include <string>
#include <vector>

#include "base/content_hash.h"
#include "base/fd.h"
#include "base/file_cache.h"

namespace worker {

// The listener's part: a folder in TMPDIR or /tmp, empty and this user's alone, gone when the object is. Folders of listeners that were killed go too.
class ImageFolder {
 public:
  ImageFolder();
  ~ImageFolder();
  const std::string& path() const { return path_; }   // empty: none could be made, images are not kept

 private:
  std::string path_;
  base::Fd lock_;                                      // held while this listener lives
};

// The bytes of an image, followed by zeros that may be read: PTX text ends with one. Mapped from the store's file, whose pages all sessions share, or memory of
// its own. The driver may go on reading them for as long as the object lives.
class Image {
 public:
  static constexpr uint64_t kZeros = 64;
  Image() = default;
  Image(Image&& other) noexcept;
  Image& operator=(Image&& other) = delete;
  ~Image();
  static Image allocate(uint64_t bytes);               // to be filled; empty: out of memory
  static Image map(int fd, uint64_t bytes);            // a file of bytes + kZeros
  explicit operator bool() const { return p_ != nullptr; }
  void* data() const { return p_; }
  uint64_t bytes() const { return bytes_; }

 private:
  void* p_ = nullptr;
  uint64_t bytes_ = 0;
  bool mapped_ = false;
};

class ImageStore {
 public:
  static constexpr uint64_t kMostBytes = 2ull << 30;   // kept; the images used longest ago go first
  explicit ImageStore(std::string folder, uint64_t most = kMostBytes);
  base::Digest key() const { return key_; }            // of this session's tags
  std::vector<base::Digest> names() const;             // of what is there now
  // The image of so many bytes; empty: it is not there, or not what the tag says.
  Image find(base::Digest name, base::Digest tag, uint64_t bytes) const;
  void keep(const Image& image);

 private:
  base::FileCache files_;
  base::Digest key_;
  base::ContentHash names_, tags_;
};

}  // namespace worker
