// What a video instruction says, packed into 64 bits. Written by ptx/decode_video.cpp, read by exec/ops_video.cpp (plain data only: it is
// compiled for several instruction sets).
#pragma once
#include <cstdint>

namespace softgpu {

enum class VideoOp : uint8_t { Add, Sub, AbsDiff, Min, Max, Average, Set, Shl, Shr, Mad };

struct VideoBits {
  VideoOp op = VideoOp::Add;
  uint8_t lanes = 1;
  bool signed_d = false, signed_a = false, signed_b = false, saturate = false, clamp = false, plus_one = false;
  uint8_t second = 0;    // 0 none, 1 add, 2 min, 3 max: how c joins
  uint8_t compare = 0;   // eq ne lt le gt ge
  uint8_t shift = 0;     // 0, 1: by 7, 2: by 15
  uint8_t negate = 0;    // bit 0 the product, bit 1 c
  uint8_t d = 0;         // scalar: part (0 all, 1-4 a byte, 5-6 a half); lanes: mask of those written
  uint16_t a = 0, b = 0; // scalar: part; lanes: 4 bits a lane, its place in the two registers together

  uint64_t pack() const {
    return static_cast<uint64_t>(op) | static_cast<uint64_t>(lanes) << 4 | static_cast<uint64_t>(signed_d) << 8 | static_cast<uint64_t>(signed_a) << 9 |
           static_cast<uint64_t>(signed_b) << 10 | static_cast<uint64_t>(saturate) << 11 | static_cast<uint64_t>(clamp) << 12 | static_cast<uint64_t>(plus_one) << 13 |
           static_cast<uint64_t>(second) << 14 | static_cast<uint64_t>(compare) << 16 | static_cast<uint64_t>(shift) << 20 | static_cast<uint64_t>(negate) << 22 |
           static_cast<uint64_t>(d) << 24 | static_cast<uint64_t>(a) << 32 | static_cast<uint64_t>(b) << 48;
  }
  static VideoBits unpack(uint64_t v) {
    VideoBits r;
    r.op = static_cast<VideoOp>(v & 15), r.lanes = v >> 4 & 15;
    r.signed_d = v >> 8 & 1, r.signed_a = v >> 9 & 1, r.signed_b = v >> 10 & 1, r.saturate = v >> 11 & 1, r.clamp = v >> 12 & 1, r.plus_one = v >> 13 & 1;
    r.second = v >> 14 & 3, r.compare = v >> 16 & 15, r.shift = v >> 20 & 3, r.negate = v >> 22 & 3;
    r.d = static_cast<uint8_t>(v >> 24), r.a = static_cast<uint16_t>(v >> 32), r.b = static_cast<uint16_t>(v >> 48);
    return r;
  }
};

}  // namespace softgpu
