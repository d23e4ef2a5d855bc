// Walks fat binaries and picks the PTX. Pure functions; any thread.
#include "softgpu/fatbin/fatbin.h"

#include <zstd.h>

#include <cstring>

#include "softgpu/engine.h"

namespace softgpu {
namespace {

constexpr uint64_t kSmallestEntryHeader = 64;
constexpr uint64_t kMostTextBytes = 1ull << 30;   // of PTX text given without a length

template <class T> T get(std::span<const uint8_t> b, size_t at) {   // the caller has checked at + sizeof(T) <= b.size()
  T v;
  std::memcpy(&v, b.data() + at, sizeof v);
  return v;
}

// May PTX for `arch` run on compute capability cc? Plain PTX runs on anything newer; "a" on its own only, "f" within its family.
bool runs_on(const FatbinEntry& e, uint32_t cc) {
  if (e.flags & kFlagArchSpecific) return e.arch == cc;
  if (e.flags & kFlagFamily) return e.arch / 10 == cc / 10 && e.arch <= cc;
  return e.arch <= cc;
}

bool looks_like_ptx(std::span<const uint8_t> b) {   // blanks and comments, then .version
  size_t i = 0;
  while (i < b.size()) {
    uint8_t c = b[i];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      i++;
    } else if (c == '/' && i + 1 < b.size() && b[i + 1] == '/') {
      while (i < b.size() && b[i] != '\n') i++;
    } else if (c == '/' && i + 1 < b.size() && b[i + 1] == '*') {
      for (i += 2; i + 1 < b.size() && !(b[i] == '*' && b[i + 1] == '/'); i++) {
      }
      i += 2;
    } else {
      return b.size() - i >= 8 && std::memcmp(&b[i], ".version", 8) == 0;
    }
  }
  return false;
}

}  // namespace

std::optional<std::vector<FatbinEntry>> read_container(std::span<const uint8_t> b) {
  if (b.size() < 16 || get<uint32_t>(b, 0) != kContainerMagic) return std::nullopt;
  uint64_t header = get<uint16_t>(b, 6), body = get<uint64_t>(b, 8);
  if (header < 16 || header > b.size() || body > b.size() - header) return std::nullopt;
  std::vector<FatbinEntry> out;
  size_t at = header, end = header + body;
  while (at < end) {
    uint64_t left = end - at;
    if (left < kSmallestEntryHeader) return std::nullopt;
    FatbinEntry e;
    e.kind = get<uint16_t>(b, at);
    uint64_t head = get<uint32_t>(b, at + 4), padded = get<uint64_t>(b, at + 8), packed = get<uint32_t>(b, at + 16);
    e.arch = get<uint32_t>(b, at + 28);
    e.flags = get<uint64_t>(b, at + 40);
    e.plain_bytes = get<uint64_t>(b, at + 56);
    if (head < kSmallestEntryHeader || head > left || padded > left - head || packed > padded) return std::nullopt;
    bool compressed = e.flags & (kFlagLz4 | kFlagZstd);
    if (compressed && (packed == 0 || e.plain_bytes == 0)) return std::nullopt;
    if (!compressed) e.plain_bytes = 0;
    e.payload = b.subspan(at + head, compressed ? packed : padded);
    out.push_back(e);
    at += head + padded;
  }
  return out;
}

std::optional<std::string> unpack(const FatbinEntry& e) {
  std::optional<std::string> text;
  if (e.flags & kFlagZstd) {
    if (e.plain_bytes > kMostPlainBytes) return std::nullopt;
    // The frame's own idea of its size must agree before the memory is taken.
    unsigned long long says = ZSTD_getFrameContentSize(e.payload.data(), e.payload.size());
    if (says == ZSTD_CONTENTSIZE_ERROR || (says != ZSTD_CONTENTSIZE_UNKNOWN && says != e.plain_bytes)) return std::nullopt;
    text.emplace(e.plain_bytes, '\0');
    size_t n = ZSTD_decompress(text->data(), text->size(), e.payload.data(), e.payload.size());
    if (ZSTD_isError(n) || n != e.plain_bytes) return std::nullopt;
  } else if (e.flags & kFlagLz4) {
    text = lz4_block(e.payload, e.plain_bytes);
  } else {
    text.emplace(reinterpret_cast<const char*>(e.payload.data()), e.payload.size());
  }
  if (text) text->resize(strnlen(text->data(), text->size()));   // padded with zeros
  return text;
}

PtxChoice choose_ptx(std::span<const uint8_t> image, int compute_capability) {
  PtxChoice r;
  auto fail = [&](int code, const char* what) {
    r.result = code;
    r.error = what;
    return r;
  };
  if (image.size() < 4) return fail(200, "image is too short");
  uint32_t magic = get<uint32_t>(image, 0);
  if (magic == 0x464c457f) return fail(209, "the image has machine code only (ELF): this device runs PTX");
  if (magic != kContainerMagic) {
    if (!looks_like_ptx(image)) return fail(200, "neither a fat binary nor PTX");
    r.text.assign(reinterpret_cast<const char*>(image.data()), strnlen(reinterpret_cast<const char*>(image.data()), image.size()));
    return r;
  }
  auto entries = read_container(image);
  if (!entries) return fail(200, "malformed fat binary");
  const FatbinEntry* best = nullptr;
  for (const FatbinEntry& e : *entries) {
    if (e.kind != FatbinEntry::Ptx || !runs_on(e, static_cast<uint32_t>(compute_capability))) continue;
    if (!best || e.arch > best->arch) best = &e;
  }
  if (!best) return fail(209, entries->empty() ? "the fat binary is empty" : "the fat binary has no PTX that this device can run");
  auto text = unpack(*best);
  if (!text) return fail(200, "the PTX in the fat binary cannot be decompressed");
  r.text = std::move(*text);
  if (best->flags & kFlagLinked)
    for (const FatbinEntry& e : *entries)
      if (&e != best && e.kind == FatbinEntry::Ptx && (e.flags & kFlagLinked)) r.further.push_back(unpack(e).value_or(""));
  return r;
}

uint64_t image_bytes(const void* image) {
  if (!image) return 0;
  uint32_t magic;
  std::memcpy(&magic, image, 4);
  const uint8_t* p = static_cast<const uint8_t*>(image);
  if (magic == kContainerMagic) {
    uint16_t header;
    uint64_t body;
    std::memcpy(&header, p + 6, 2);
    std::memcpy(&body, p + 8, 8);
    return header >= 16 && body < (1ull << 40) ? header + body : 0;
  }
  if (magic == 0x464c457f) {   // ELF64: up to the end of the section or program headers, whichever is later
    uint64_t phoff, shoff;
    uint16_t phentsize, phnum, shentsize, shnum;
    if (p[4] != 2) return 0;
    std::memcpy(&phoff, p + 32, 8);
    std::memcpy(&shoff, p + 40, 8);
    std::memcpy(&phentsize, p + 54, 2);
    std::memcpy(&phnum, p + 56, 2);
    std::memcpy(&shentsize, p + 58, 2);
    std::memcpy(&shnum, p + 60, 2);
    if (phoff > (1ull << 40) || shoff > (1ull << 40)) return 0;
    uint64_t a = phoff + uint64_t{phentsize} * phnum, b = shoff + uint64_t{shentsize} * shnum;
    return a > b ? a : b;
  }
  if (!looks_like_ptx({p, strnlen(reinterpret_cast<const char*>(p), kMostTextBytes)})) return 0;
  return strlen(reinterpret_cast<const char*>(p)) + 1;
}

}  // namespace softgpu
