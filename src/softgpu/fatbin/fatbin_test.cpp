// Fat binaries: what nvcc writes (testdata/small.cu, plain, LZ4, zstd), choice of the image, and every kind of damage.
#include <gtest/gtest.h>
#include <zstd.h>

#include <cstring>
#include <fstream>
#include <random>
#include <sstream>

#include "softgpu/engine.h"
#include "softgpu/fatbin/fatbin.h"

namespace softgpu {
namespace {

using Bytes = std::vector<uint8_t>;

Bytes file(const std::string& name) {
  std::ifstream f("fatbin/testdata/" + name, std::ios::binary);
  EXPECT_TRUE(f.good()) << name;
  std::stringstream s;
  s << f.rdbuf();
  std::string t = s.str();
  return Bytes(t.begin(), t.end());
}

template <class T> void put(Bytes& b, size_t at, T v) { std::memcpy(&b[at], &v, sizeof v); }

struct Part {
  uint32_t arch;
  uint64_t flags = 0;
  std::string payload;
  uint64_t plain = 0;
  uint16_t kind = 1;
};

Bytes container(const std::vector<Part>& parts) {
  Bytes b(16);
  put<uint32_t>(b, 0, kContainerMagic);
  put<uint16_t>(b, 4, 1);
  put<uint16_t>(b, 6, 16);
  for (const Part& p : parts) {
    size_t at = b.size(), padded = (p.payload.size() + 7) / 8 * 8;
    b.resize(at + 64 + padded);
    put<uint16_t>(b, at, p.kind);
    put<uint32_t>(b, at + 4, 64);
    put<uint64_t>(b, at + 8, padded);
    put<uint32_t>(b, at + 16, p.flags & (kFlagLz4 | kFlagZstd) ? static_cast<uint32_t>(p.payload.size()) : 0);
    put<uint32_t>(b, at + 28, p.arch);
    put<uint64_t>(b, at + 40, p.flags);
    put<uint64_t>(b, at + 56, p.plain);
    std::memcpy(&b[at + 64], p.payload.data(), p.payload.size());
  }
  put<uint64_t>(b, 8, b.size() - 16);
  return b;
}

std::string zstd(const std::string& s) {
  std::string out(ZSTD_compressBound(s.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), s.data(), s.size(), 3));
  return out;
}

int result_of(const Bytes& b, int cc = 121) { return choose_ptx(b, cc).result; }

}  // namespace

TEST(Fatbin, ReadsWhatNvccWrites) {
  for (const char* name : {"small_plain.fatbin", "small_lz4.fatbin", "small_zstd.fatbin"}) {
    Bytes b = file(name);
    EXPECT_EQ(image_bytes(b.data()), b.size()) << name;
    PtxChoice c = choose_ptx(b, 121);
    EXPECT_EQ(c.result, 0) << name << c.error;
    EXPECT_NE(c.text.find(".target sm_120"), std::string::npos) << name;
    EXPECT_NE(c.text.find("small"), std::string::npos);
    EXPECT_NE(choose_ptx(b, 90).text.find(".target sm_75"), std::string::npos) << name;
    EXPECT_EQ(result_of(b, 70), 209);
  }
  EXPECT_EQ(result_of(file("small_elf.fatbin")), 209);
}

TEST(Fatbin, LoadsIntoAModule) {
  Memory memory(1 << 20);
  for (const char* name : {"small_plain.fatbin", "small_lz4.fatbin", "small_zstd.fatbin"}) {
    Bytes b = file(name);
    std::span<const uint8_t> image(b);
    std::unique_ptr<Module> m;
    Outcome o = load({&image, 1}, memory, 121, &m);
    ASSERT_EQ(o.result, 0) << o.text;
    ASSERT_NE(m->kernel("small"), nullptr);
    EXPECT_EQ(m->kernel("large"), nullptr);
  }
}

TEST(Fatbin, ChoosesTheNewestThatRuns) {
  Bytes b = container({{75, 0, "//75"}, {90, kFlagArchSpecific, "//90a"}, {100, kFlagFamily, "//100f"}, {120, kFlagFamily, "//120f"}, {80, 0, "//80"}, {130, 0, "//130"}});
  EXPECT_EQ(choose_ptx(b, 75).text, "//75");
  EXPECT_EQ(choose_ptx(b, 86).text, "//80");
  EXPECT_EQ(choose_ptx(b, 90).text, "//90a");
  EXPECT_EQ(choose_ptx(b, 89).text, "//80");
  EXPECT_EQ(choose_ptx(b, 103).text, "//100f");
  EXPECT_EQ(choose_ptx(b, 121).text, "//120f");
  EXPECT_EQ(choose_ptx(b, 110).text, "//80");
  EXPECT_EQ(choose_ptx(b, 130).text, "//130");
  EXPECT_EQ(result_of(container({})), 209);
  EXPECT_EQ(result_of(container({{75, 0, "elf", 0, 2}, {75, 0, "lto", 0, 8}})), 209);
}

TEST(Fatbin, PlainPtxText) {
  std::string t = "// comment\n/* another */ .version 8.0\n";
  PtxChoice c = choose_ptx({reinterpret_cast<const uint8_t*>(t.c_str()), t.size() + 1}, 121);
  EXPECT_EQ(c.result, 0);
  EXPECT_EQ(c.text, t);
  EXPECT_EQ(image_bytes(t.c_str()), t.size() + 1);
  EXPECT_EQ(image_bytes("hello"), 0u);
  EXPECT_EQ(image_bytes(nullptr), 0u);
  EXPECT_EQ(result_of({'h', 'e', 'l', 'l', 'o'}), 200);
  EXPECT_EQ(result_of({}), 200);
  EXPECT_EQ(result_of({0x7f, 'E', 'L', 'F', 0, 0}), 209);
}

TEST(Fatbin, EveryTruncationIsRefused) {
  for (const char* name : {"small_plain.fatbin", "small_lz4.fatbin", "small_zstd.fatbin"}) {
    Bytes whole = file(name);
    for (size_t n = 0; n < whole.size(); n++) {
      Bytes b(whole.begin(), whole.begin() + static_cast<ptrdiff_t>(n));   // its own allocation: a read past the end is seen by ASan
      EXPECT_EQ(result_of(b), 200) << name << " " << n;
    }
  }
}

TEST(Fatbin, DamagedHeadersAndPayloadsDoNoHarm) {
  std::mt19937 random(7);
  for (const char* name : {"small_plain.fatbin", "small_lz4.fatbin", "small_zstd.fatbin"}) {
    Bytes whole = file(name);
    for (size_t i = 0; i < whole.size(); i++)
      for (uint8_t v : {0x00, 0xff, 0x80}) {
        Bytes b = whole;
        b[i] = v;
        PtxChoice c = choose_ptx(b, 121);
        EXPECT_TRUE(c.result == 0 || c.result == 200 || c.result == 209);
      }
    for (int k = 0; k < 2000; k++) {
      Bytes b = whole;
      for (int j = 0; j < 4; j++) b[random() % b.size()] = static_cast<uint8_t>(random());
      choose_ptx(b, 121);
    }
  }
}

TEST(Fatbin, SizesAreCheckedBeforeTheyAreUsed) {
  std::string text(1000, '.');
  Bytes good = container({{75, kFlagZstd, zstd(text), 1000}});
  EXPECT_EQ(choose_ptx(good, 121).text, text);
  Bytes b = good;
  put<uint64_t>(b, 16 + 56, 999);   // the frame gives more
  EXPECT_EQ(result_of(b), 200);
  put<uint64_t>(b, 16 + 56, ~0ull);
  EXPECT_EQ(result_of(b), 200);
  b = good, put<uint64_t>(b, 8, ~0ull);
  EXPECT_EQ(result_of(b), 200);
  b = good, put<uint64_t>(b, 16 + 8, ~0ull - 64);
  EXPECT_EQ(result_of(b), 200);
  b = good, put<uint32_t>(b, 16 + 4, 0);
  EXPECT_EQ(result_of(b), 200);
  b = good, put<uint32_t>(b, 16 + 16, 0x7fffffff);
  EXPECT_EQ(result_of(b), 200);
  b = good, put<uint64_t>(b, 16 + 40, kFlagLz4);   // not LZ4
  EXPECT_EQ(result_of(b), 200);
}

TEST(Lz4, Blocks) {
  auto decode = [](Bytes in, uint64_t n) { return lz4_block(in, n); };
  EXPECT_EQ(decode({0x30, 'a', 'b', 'c'}, 3), "abc");
  EXPECT_EQ(decode({0x34, 'a', 'b', 'c', 3, 0, 0x10, 'x'}, 12), "abcabcabcabx");      // overlapping copy of 8
  EXPECT_EQ(decode({0x1f, 'a', 1, 0, 0, 0x10, 'b'}, 21), std::string(20, 'a') + "b"); // long match: 15 + 0 + 4
  EXPECT_EQ(decode({0x34, 'a', 'b', 'c', 4, 0, 0x10, 'x'}, 12), std::nullopt);       // before the start
  EXPECT_EQ(decode({0x34, 'a', 'b', 'c', 0, 0, 0x10, 'x'}, 12), std::nullopt);       // distance 0
  EXPECT_EQ(decode({0x30, 'a', 'b', 'c'}, 4), std::nullopt);                          // too short
  EXPECT_EQ(decode({0x30, 'a', 'b', 'c'}, 2), std::nullopt);                          // too long
  EXPECT_EQ(decode({0xf0, 255, 255, 255}, 100), std::nullopt);                        // length runs off the end
  EXPECT_EQ(decode({0x30, 'a'}, 3), std::nullopt);
  EXPECT_EQ(decode({}, 1), std::nullopt);
  EXPECT_EQ(decode({0x00}, 1ull << 60), std::nullopt);
}

TEST(Linked, TextsGoInAndComeOut) {
  const std::vector<std::string> texts = {".version 7.0\n.target sm_75\n// one", ".version 7.0\n.target sm_75\n// two", "."};
  Bytes image = pack_linked(texts, 121);
  ASSERT_EQ(image_bytes(image.data()), image.size());
  PtxChoice c = choose_ptx(image, 121);
  ASSERT_EQ(c.result, 0);
  std::vector<std::string> out = {c.text};
  out.insert(out.end(), c.further.begin(), c.further.end());
  EXPECT_EQ(out, texts);
  EXPECT_EQ(choose_ptx(pack_linked({}, 121), 121).result, 209);
}

TEST(Linked, ObjectsAndArchives) {   // an ELF with one section ".nv_fatbin" that holds two containers; an archive with it as a member
  Bytes container = pack_linked(std::vector<std::string>{".version 7.0"}, 75), names = {0, '.', 'n', 'v', '_', 'f', 'a', 't', 'b', 'i', 'n', 0};
  Bytes elf(64), section = container;
  section.insert(section.end(), container.begin(), container.end());
  auto put = [](Bytes& b, size_t at, uint64_t v, size_t n) { std::memcpy(b.data() + at, &v, n); };
  put(elf, 0, 0x464c457f, 4);
  const size_t section_at = elf.size(), names_at = section_at + section.size(), table = (names_at + names.size() + 7) / 8 * 8;
  elf.insert(elf.end(), section.begin(), section.end());
  elf.insert(elf.end(), names.begin(), names.end());
  elf.resize(table + 3 * 64);
  put(elf, 40, table, 8), put(elf, 58, 64, 2), put(elf, 60, 3, 2), put(elf, 62, 2, 2);
  put(elf, table + 64, 1, 4), put(elf, table + 64 + 24, section_at, 8), put(elf, table + 64 + 32, section.size(), 8);
  put(elf, table + 128 + 24, names_at, 8), put(elf, table + 128 + 32, names.size(), 8);
  EXPECT_EQ(containers_in_object(elf).size(), 2u);
  std::string head = "!<arch>\n";
  char member[61];
  std::snprintf(member, sizeof member, "%-16s%-12d%-6d%-6d%-8d%-10zu`\n", "one.o/", 0, 0, 0, 644, elf.size());
  Bytes archive(head.begin(), head.end());
  for (int i = 0; i < 2; i++) {
    archive.insert(archive.end(), member, member + 60);
    archive.insert(archive.end(), elf.begin(), elf.end());
    if (archive.size() % 2) archive.push_back('\n');
  }
  EXPECT_EQ(containers_in_object(archive).size(), 4u);
  for (size_t n = 0; n < archive.size(); n++) containers_in_object({archive.data(), n});   // reads nothing that is not there (checked build)
  for (size_t i = 0; i < elf.size(); i++) {
    Bytes bad = elf;
    bad[i] ^= 0xff;
    containers_in_object(bad);
  }
}

}  // namespace softgpu
