// What the linker of the driver API (cuLink*) reads and writes: objects and archives with containers inside, and the container that
// stands for linked code. Pure functions; any thread.
#include <cstring>

#include "softgpu/fatbin/fatbin.h"

namespace softgpu {
namespace {

constexpr uint32_t kElfMagic = 0x464c457f;
constexpr char kArchiveMagic[] = "!<arch>\n";
constexpr size_t kEntryHeader = 64, kContainerHeader = 16, kMemberHeader = 60;

template <class T> bool get(std::span<const uint8_t> b, uint64_t at, T* out) {
  if (at > b.size() || b.size() - at < sizeof(T)) return false;
  std::memcpy(out, b.data() + at, sizeof(T));
  return true;
}
template <class T> void put(std::vector<uint8_t>& b, size_t at, T v) { std::memcpy(b.data() + at, &v, sizeof v); }

std::span<const uint8_t> part(std::span<const uint8_t> b, uint64_t at, uint64_t bytes) {
  if (at > b.size() || bytes > b.size() - at) return {};
  return b.subspan(at, bytes);
}

// One section may hold several containers, one after the other, each padded to 8 bytes.
void add_containers(std::span<const uint8_t> section, std::vector<std::span<const uint8_t>>* out) {
  uint64_t at = 0;
  uint32_t magic;
  uint16_t header;
  uint64_t body;
  while (get(section, at, &magic)) {
    if (magic != kContainerMagic) {
      at += 8;
      continue;
    }
    if (!get(section, at + 6, &header) || !get(section, at + 8, &body) || body > section.size()) return;
    auto container = part(section, at, header + body);
    if (container.empty()) return;
    out->push_back(container);
    at += (header + body + 7) / 8 * 8;
  }
}

// ELF64: sections whose name says that GPU code is inside.
void add_object(std::span<const uint8_t> b, std::vector<std::span<const uint8_t>>* out) {
  uint64_t table, names_at, names_bytes;
  uint16_t size, count, names;
  if (!get(b, 40, &table) || !get(b, 58, &size) || !get(b, 60, &count) || !get(b, 62, &names) || size < 64) return;
  if (!get(b, table + uint64_t{names} * size + 24, &names_at) || !get(b, table + uint64_t{names} * size + 32, &names_bytes)) return;
  auto strings = part(b, names_at, names_bytes);
  if (strings.empty() || strings.back() != 0) return;
  for (uint64_t i = 0; i < count; i++) {
    uint32_t name;
    uint64_t at, bytes;
    const uint64_t header = table + i * size;
    if (!get(b, header, &name) || !get(b, header + 24, &at) || !get(b, header + 32, &bytes) || name >= strings.size()) return;
    const char* text = reinterpret_cast<const char*>(strings.data()) + name;
    if (!std::strcmp(text, ".nv_fatbin") || !std::strcmp(text, "__nv_relfatbin")) add_containers(part(b, at, bytes), out);
  }
}

}  // namespace

std::vector<std::span<const uint8_t>> containers_in_object(std::span<const uint8_t> b) {
  std::vector<std::span<const uint8_t>> out;
  uint32_t magic;
  const size_t start = sizeof kArchiveMagic - 1;
  if (b.size() >= start && !std::memcmp(b.data(), kArchiveMagic, start)) {
    for (uint64_t at = start; at < b.size() && b.size() - at >= kMemberHeader;) {
      char digits[11] = {};
      std::memcpy(digits, b.data() + at + 48, 10);
      auto member = part(b, at + kMemberHeader, std::strtoull(digits, nullptr, 10));
      if (member.empty()) break;
      if (get(member, 0, &magic) && magic == kElfMagic) add_object(member, &out);
      at += kMemberHeader + (member.size() + 1) / 2 * 2;
    }
  } else if (get(b, 0, &magic) && magic == kElfMagic) {
    add_object(b, &out);
  }
  return out;
}

std::vector<uint8_t> pack_linked(std::span<const std::string> texts, int compute_capability) {
  std::vector<uint8_t> out(kContainerHeader);
  for (const std::string& t : texts) {
    const size_t at = out.size(), padded = (t.size() + 8) / 8 * 8;   // ends with at least one NUL
    out.resize(at + kEntryHeader + padded);
    put<uint16_t>(out, at, FatbinEntry::Ptx);
    put<uint32_t>(out, at + 4, kEntryHeader);
    put<uint64_t>(out, at + 8, padded);
    put<uint32_t>(out, at + 28, static_cast<uint32_t>(compute_capability));
    put<uint64_t>(out, at + 40, kFlagLinked);
    std::memcpy(out.data() + at + kEntryHeader, t.data(), t.size());
  }
  put<uint32_t>(out, 0, kContainerMagic);
  put<uint16_t>(out, 4, 1);
  put<uint16_t>(out, 6, kContainerHeader);
  put<uint64_t>(out, 8, out.size() - kContainerHeader);
  return out;
}

}  // namespace softgpu
