// What is kept of module images: found by name, handed out only to who means the same bytes, bounded, gone with the listener.
#include "worker/image_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <memory>

#include "wire/image_key.h"

namespace worker {
namespace {

std::vector<char> content(size_t n, char seed) {
  std::vector<char> v(n);
  for (size_t i = 0; i < n; i++) v[i] = char(seed + i * 31 + (i >> 8));
  return v;
}
base::Digest name_of(const std::vector<char>& v) { return base::ContentHash(wire::kImageNameKey).of(v.data(), v.size()); }
base::Digest tag_of(const ImageStore& store, const std::vector<char>& v) { return base::ContentHash(store.key()).of(v.data(), v.size()); }

Image image_of(const std::vector<char>& v) {
  Image image = Image::allocate(v.size());
  memcpy(image.data(), v.data(), v.size());
  return image;
}
// Whether the store finds it, and nothing else, zeros behind it.
bool finds(const ImageStore& store, const std::vector<char>& v) {
  const Image found = store.find(name_of(v), tag_of(store, v), v.size());
  if (!found) return false;
  EXPECT_EQ(v.size(), found.bytes());
  auto* bytes = static_cast<const char*>(found.data());
  EXPECT_TRUE(std::equal(v.begin(), v.end(), bytes));
  EXPECT_TRUE(std::all_of(bytes + v.size(), bytes + v.size() + Image::kZeros, [](char c) { return c == 0; }));
  return true;
}

TEST(ContentHash, TellsContentsApart) {
  const base::ContentHash hash({1, 2}), other({1, 3});
  for (size_t n : {0u, 1u, 7u, 8u, 1023u, 1024u, 1025u, 5000u}) {
    std::vector<char> v = content(n, 3);
    const base::Digest d = hash.of(v.data(), n);
    EXPECT_EQ(d, hash.of(v.data(), n));
    EXPECT_FALSE(d == other.of(v.data(), n)) << n;
    EXPECT_EQ(d, (base::ContentHash::of<2>({&other, &hash}, v.data(), n)[1]));
    for (size_t at = 0; at < n; at += n / 7 + 1) {
      v[at] ^= 1;
      EXPECT_FALSE(d == hash.of(v.data(), n)) << n << " " << at;
      v[at] ^= 1;
    }
    v.push_back(0);
    EXPECT_FALSE(d == hash.of(v.data(), n + 1)) << "a zero more, " << n;
  }
  std::vector<char> swapped = content(4096, 3), whole = swapped;
  std::swap_ranges(swapped.begin(), swapped.begin() + 1024, swapped.begin() + 1024);
  EXPECT_FALSE(hash.of(swapped.data(), 4096) == hash.of(whole.data(), 4096)) << "blocks in another order";
}

TEST(ImageStore, KeptForOthersUntilTheListenerEnds) {
  std::string path;
  const std::vector<char> image = content(25 * 4096, 1);   // whole pages: the zeros behind it are on the next
  {
    ImageFolder folder;
    path = folder.path();
    ASSERT_FALSE(path.empty());
    ImageStore one(path), two(path);
    EXPECT_TRUE(one.names().empty());
    EXPECT_FALSE(finds(two, image));
    one.keep(image_of(image));
    ASSERT_EQ(1u, two.names().size());
    EXPECT_EQ(name_of(image), two.names()[0]);
    EXPECT_TRUE(finds(two, image));
    EXPECT_FALSE(two.find(name_of(image), tag_of(one, image), image.size())) << "another session's tag";
    EXPECT_FALSE(two.find(name_of(image), tag_of(two, image), image.size() - 1)) << "another size";
    ImageFolder second;   // of another worker; does not take the first one's away
    EXPECT_NE(path, second.path());
    EXPECT_EQ(1u, two.names().size());
  }
  struct stat s;
  EXPECT_NE(0, stat(path.c_str(), &s));
}

// Somebody who knows how images are named could make another one of the same name. What he left is not taken for the one that is meant.
TEST(ImageStore, AnotherContentOfTheSameNameIsNotHandedOut) {
  ImageFolder folder;
  ImageStore store(folder.path());
  const std::vector<char> meant = content(5000, 1), forged = content(5000, 2);
  store.keep(image_of(meant));
  EXPECT_TRUE(finds(store, meant));
  std::ofstream(folder.path() + "/" + base::digest_name(name_of(meant)), std::ios::binary | std::ios::in).write(forged.data(), long(forged.size()));
  EXPECT_FALSE(finds(store, meant));
  store.keep(image_of(meant));
  EXPECT_TRUE(finds(store, meant));
}

TEST(ImageStore, TheLongestUnusedGoFirst) {
  ImageFolder folder;
  ImageStore store(folder.path(), 100'000);
  std::vector<std::vector<char>> images;
  for (char i = 0; i < 6; i++) {
    images.push_back(content(20'000 - Image::kZeros, i));
    if (i == 5) {
      EXPECT_TRUE(finds(store, images[0]));
    }
    store.keep(image_of(images.back()));
    usleep(20'000);   // the clock of files is coarse
  }
  EXPECT_EQ(5u, store.names().size());
  EXPECT_TRUE(finds(store, images[0])) << "used just before";
  EXPECT_FALSE(finds(store, images[1]));
  const std::vector<char> large = content(30'000, 9);
  store.keep(image_of(large));
  EXPECT_FALSE(finds(store, large)) << "more than a quarter of the room is not kept";
}

// What the driver still reads stays, also when there is no room for it in the folder any more or the folder has gone.
TEST(ImageStore, WhatIsMappedStays) {
  const std::vector<char> image = content(20'000, 1);
  auto folder = std::make_unique<ImageFolder>();
  ImageStore store(folder->path());
  store.keep(image_of(image));
  const Image mapped = store.find(name_of(image), tag_of(store, image), image.size());
  ASSERT_TRUE(mapped);
  folder.reset();
  EXPECT_FALSE(finds(store, image));
  EXPECT_EQ(0, memcmp(mapped.data(), image.data(), image.size()));
}

}  // namespace
}  // namespace worker
