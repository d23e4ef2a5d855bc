// CUDA's fat binaries: finds the PTX in what cuModuleLoadData and cuLibraryLoadData get. Pure functions over bytes; any thread.
// A size that a header gives is checked against the bytes that are there before it is used; nothing here trusts its input.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace softgpu {

constexpr uint32_t kWrapperMagic = 0x466243b1;     // {magic, version, container*, containers**} in .nvFatBinSegment
constexpr uint32_t kContainerMagic = 0xba55ed50;   // {magic, u16 version, u16 header bytes, u64 bytes of entries}

struct FatbinEntry {
  enum Kind : uint16_t { Ptx = 1, Elf = 2 };   // others exist (8: LTO IR) and are skipped
  uint16_t kind = 0;
  uint32_t arch = 0;           // 75 for sm_75
  uint64_t flags = 0;
  uint64_t plain_bytes = 0;    // of the text once unpacked; 0: as stored
  std::span<const uint8_t> payload;
};
constexpr uint64_t kFlagLz4 = 0x2000, kFlagZstd = 0x8000, kFlagArchSpecific = 0x100000, kFlagFamily = 0x200000;
constexpr uint64_t kFlagLinked = 1ull << 62;      // our own: all entries with it form one module together (pack_linked)
constexpr uint64_t kMostPlainBytes = 1ull << 30;

// The entries of a container; none when it is malformed.
std::optional<std::vector<FatbinEntry>> read_container(std::span<const uint8_t> bytes);

// The text of a PTX entry; none when its compressed form is broken.
std::optional<std::string> unpack(const FatbinEntry& entry);

// Decodes an LZ4 block that gives exactly plain_bytes; none when it does not.
std::optional<std::string> lz4_block(std::span<const uint8_t> in, uint64_t plain_bytes);

// What an image is and the PTX to use for a compute capability (121 for 12.1). result as in Outcome: 0, 200 or 209.
// With several images one empty or PTX-less container is no error as long as another has PTX: the caller decides.
struct PtxChoice {
  int result = 0;
  std::string error;
  std::string text;
  std::vector<std::string> further;   // texts that are linked with it: the image came from pack_linked
};
PtxChoice choose_ptx(std::span<const uint8_t> image, int compute_capability);

// What cuLinkComplete gives: a container whose texts load() links again, by symbol.
std::vector<uint8_t> pack_linked(std::span<const std::string> texts, int compute_capability);

// The containers inside what nvcc -dc and ar make: an ELF object or an archive of such. None: neither, or without GPU code.
std::vector<std::span<const uint8_t>> containers_in_object(std::span<const uint8_t> bytes);

}  // namespace softgpu
