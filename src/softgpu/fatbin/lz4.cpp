// Decoder of LZ4 blocks. Pure function; any thread.
#include <cstring>

#include "softgpu/fatbin/fatbin.h"

namespace softgpu {

std::optional<std::string> lz4_block(std::span<const uint8_t> in, uint64_t plain_bytes) {
  // A block grows at most 255-fold, so a header that promises more is wrong before anything is allocated.
  if (plain_bytes > kMostPlainBytes || plain_bytes > in.size() * 255 + 64) return std::nullopt;
  std::string out(plain_bytes, '\0');
  size_t i = 0, o = 0;
  auto length = [&](size_t start, size_t* n) {   // nibble, then bytes while they are 255
    *n = start;
    if (start != 15) return true;
    uint8_t b;
    do {
      if (i >= in.size()) return false;
      *n += b = in[i++];
    } while (b == 255);
    return true;
  };
  while (i < in.size()) {
    uint8_t token = in[i++];
    size_t n;
    if (!length(token >> 4, &n) || n > in.size() - i || n > out.size() - o) return std::nullopt;
    std::memcpy(out.data() + o, in.data() + i, n);
    i += n, o += n;
    if (i == in.size()) break;   // the last sequence has literals only
    if (in.size() - i < 2) return std::nullopt;
    size_t distance = in[i] | static_cast<size_t>(in[i + 1]) << 8;
    i += 2;
    if (!length(token & 15, &n)) return std::nullopt;
    n += 4;
    if (distance == 0 || distance > o || n > out.size() - o) return std::nullopt;
    for (size_t k = 0; k < n; k++, o++) out[o] = out[o - distance];   // may overlap itself
  }
  if (o != out.size()) return std::nullopt;
  return out;
}

}  // namespace softgpu
