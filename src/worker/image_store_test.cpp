// What is kept of module images: found by name, handed out only to who means the same bytes, bounded, gone with the listener.
#include "worker/image_store.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

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
  const std::vector<char> image = content(100'000, 1);
  {
    ImageFolder folder;
    path = folder.path();
    ASSERT_FALSE(path.empty());
    ImageStore one(path), two(path);
    std::vector<char> got(image.size());
    EXPECT_TRUE(one.names().empty());
    EXPECT_FALSE(two.find(name_of(image), tag_of(two, image), got.data(), got.size()));
    one.keep(image.data(), image.size());
    ASSERT_EQ(1u, two.names().size());
    EXPECT_EQ(name_of(image), two.names()[0]);
    EXPECT_TRUE(two.find(name_of(image), tag_of(two, image), got.data(), got.size()));
    EXPECT_EQ(image, got);
    EXPECT_FALSE(two.find(name_of(image), tag_of(one, image), got.data(), got.size())) << "another session's tag";
    EXPECT_FALSE(two.find(name_of(image), tag_of(two, image), got.data(), got.size() - 1)) << "another size";
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
  store.keep(meant.data(), meant.size());
  char text[40];
  snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)name_of(meant).hi, (unsigned long long)name_of(meant).lo);
  std::ofstream(folder.path() + "/" + text, std::ios::binary).write(forged.data(), long(forged.size()));
  std::vector<char> got(meant.size());
  EXPECT_FALSE(store.find(name_of(meant), tag_of(store, meant), got.data(), got.size()));
  store.keep(meant.data(), meant.size());
  EXPECT_TRUE(store.find(name_of(meant), tag_of(store, meant), got.data(), got.size()));
}

TEST(ImageStore, TheLongestUnusedGoFirst) {
  ImageFolder folder;
  ImageStore store(folder.path(), 100'000);
  std::vector<std::vector<char>> images;
  for (char i = 0; i < 6; i++) {
    images.push_back(content(20'000, i));
    std::vector<char> got(20'000);
    if (i == 5) {
      EXPECT_TRUE(store.find(name_of(images[0]), tag_of(store, images[0]), got.data(), got.size()));
    }
    store.keep(images.back().data(), images.back().size());
    usleep(20'000);   // the clock of files is coarse
  }
  EXPECT_EQ(5u, store.names().size());
  std::vector<char> got(20'000);
  EXPECT_TRUE(store.find(name_of(images[0]), tag_of(store, images[0]), got.data(), got.size())) << "used just before";
  EXPECT_FALSE(store.find(name_of(images[1]), tag_of(store, images[1]), got.data(), got.size()));
  const std::vector<char> large = content(30'000, 9);
  store.keep(large.data(), large.size());
  EXPECT_FALSE(store.find(name_of(large), tag_of(store, large), got.data(), 20'000)) << "more than a quarter of the room is not kept";
}

}  // namespace
}  // namespace worker
