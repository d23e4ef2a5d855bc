// Instructions in which the lanes of a warp work together, as PTX that both a real GPU (vectors_record.cpp) and this engine
// (vectors_test.cpp) run. Tests only. Each is a kernel of one warp; <D4r> in its text is a brace list of four registers named D.
// Kinds: r any 32 bits · h, b pairs of small f16, bf16 integers · f small f32 integer · d small f64 integer · e, g four small e4m3, e5m2 integers
// · l any 64 bits. D and E are results, stored after the text; everything else is loaded before it. [%s] is the lane's 64 bytes of shared memory,
// %sm the start of the warp's 2048 (zeroed), %p %t %u %q free registers.
#pragma once
#include "softgpu/exec/vectors.h"

namespace softgpu {

inline const std::vector<const char*>& warp_vectors() {
#define MMA(shape, d, a, b, c, types, after) "mma.sync.aligned." shape "." types after " <D" d ">, <A" a ">, <B" b ">, <C" c ">"
  static const std::vector<const char*> kTexts = {
      MMA("m16n8k8.row.col", "4f", "2h", "1h", "4f", "f32.f16.f16.f32", ""), MMA("m16n8k8.row.col", "2r", "2h", "1h", "2h", "f16.f16.f16.f16", ""), MMA("m16n8k16.row.col", "4f", "4h", "2h", "4f", "f32.f16.f16.f32", ""), MMA("m16n8k16.row.col", "2r", "4h", "2h", "2h", "f16.f16.f16.f16", ""),
      MMA("m16n8k8.row.col", "4f", "2b", "1b", "4f", "f32.bf16.bf16.f32", ""), MMA("m16n8k16.row.col", "4f", "4b", "2b", "4f", "f32.bf16.bf16.f32", ""), MMA("m16n8k4.row.col", "4f", "2f", "1f", "4f", "f32.tf32.tf32.f32", ""), MMA("m16n8k8.row.col", "4f", "4f", "2f", "4f", "f32.tf32.tf32.f32", ""),
      MMA("m8n8k4.row.col", "2d", "1d", "1d", "2d", "f64.f64.f64.f64", ""), MMA("m16n8k4.row.col", "4d", "2d", "1d", "4d", "f64.f64.f64.f64", ""), MMA("m16n8k8.row.col", "4d", "4d", "2d", "4d", "f64.f64.f64.f64", ""), MMA("m16n8k16.row.col", "4d", "8d", "4d", "4d", "f64.f64.f64.f64", ""),
      MMA("m8n8k16.row.col", "2r", "1r", "1r", "2r", "s32.s8.s8.s32", ""), MMA("m8n8k16.row.col.satfinite", "2r", "1r", "1r", "2r", "s32.u8.s8.s32", ""), MMA("m16n8k16.row.col", "4r", "2r", "1r", "4r", "s32.s8.u8.s32", ""), MMA("m16n8k32.row.col", "4r", "4r", "2r", "4r", "s32.u8.u8.s32", ""), MMA("m16n8k32.row.col.satfinite", "4r", "4r", "2r", "4r", "s32.s8.s8.s32", ""),
      MMA("m8n8k32.row.col", "2r", "1r", "1r", "2r", "s32.s4.s4.s32", ""), MMA("m16n8k32.row.col", "4r", "2r", "1r", "4r", "s32.u4.s4.s32", ""), MMA("m16n8k64.row.col", "4r", "4r", "2r", "4r", "s32.s4.u4.s32", ""), MMA("m16n8k64.row.col.satfinite", "4r", "4r", "2r", "4r", "s32.u4.u4.s32", ""),
      MMA("m8n8k128.row.col", "2r", "1r", "1r", "2r", "s32.b1.b1.s32", ".xor.popc"), MMA("m16n8k128.row.col", "4r", "2r", "1r", "4r", "s32.b1.b1.s32", ".and.popc"), MMA("m16n8k256.row.col", "4r", "4r", "2r", "4r", "s32.b1.b1.s32", ".xor.popc"), MMA("m16n8k256.row.col", "4r", "4r", "2r", "4r", "s32.b1.b1.s32", ".and.popc"),
      MMA("m16n8k32.row.col", "4f", "4e", "2e", "4f", "f32.e4m3.e4m3.f32", ""), MMA("m16n8k32.row.col", "4f", "4e", "2g", "4f", "f32.e4m3.e5m2.f32", ""), MMA("m16n8k32.row.col", "4f", "4g", "2g", "4f", "f32.e5m2.e5m2.f32", ""), MMA("m16n8k16.row.col", "4f", "2e", "1g", "4f", "f32.e4m3.e5m2.f32", ""), MMA("m16n8k32.row.col", "2r", "4e", "2e", "2h", "f16.e4m3.e4m3.f16", ""),
      MMA("m8n8k4.row.col", "8f", "2h", "2h", "8f", "f32.f16.f16.f32", ""), MMA("m8n8k4.col.row", "8f", "2h", "2h", "8f", "f32.f16.f16.f32", ""), MMA("m8n8k4.row.row", "4r", "2h", "2h", "4h", "f16.f16.f16.f16", ""), MMA("m8n8k4.col.col", "8f", "2h", "2h", "4h", "f32.f16.f16.f16", ""),
#undef MMA
      // wmma through memory: opaque fragments, so only what comes out in memory is compared
      "st.shared.v4.b32 [%s], <A4h>; bar.sync 0; .reg .b32 %m<8>, %n<8>, %o<8>; wmma.load.a.sync.aligned.row.m16n16k16.shared.f16 {%m0, %m1, %m2, %m3, %m4, %m5, %m6, %m7}, [%sm], 64; wmma.load.b.sync.aligned.col.m16n16k16.shared.f16 {%n0, %n1, %n2, %n3, %n4, %n5, %n6, %n7}, [%sm], 64; wmma.load.c.sync.aligned.row.m16n16k16.shared.f16 {%o0, %o1, %o2, %o3}, [%sm], 64; wmma.mma.sync.aligned.row.col.m16n16k16.f16.f16 {%o0, %o1, %o2, %o3}, {%m0, %m1, %m2, %m3, %m4, %m5, %m6, %m7}, {%n0, %n1, %n2, %n3, %n4, %n5, %n6, %n7}, {%o0, %o1, %o2, %o3}; wmma.store.d.sync.aligned.col.m16n16k16.shared.f16 [%sm], {%o0, %o1, %o2, %o3}, 64; bar.sync 0; ld.shared.v4.b32 <D4r>, [%s]",
      "st.shared.v4.b32 [%s], <A4r>; bar.sync 0; .reg .b32 %m<2>, %n<2>, %o<8>; wmma.load.a.sync.aligned.row.m16n16k16.shared.s8 {%m0, %m1}, [%sm], 64; wmma.load.b.sync.aligned.col.m16n16k16.shared.s8 {%n0, %n1}, [%sm], 64; wmma.load.c.sync.aligned.row.m16n16k16.shared.s32 {%o0, %o1, %o2, %o3, %o4, %o5, %o6, %o7}, [%sm], 16; wmma.mma.sync.aligned.row.col.m16n16k16.s32.s8.s8.s32.satfinite {%o0, %o1, %o2, %o3, %o4, %o5, %o6, %o7}, {%m0, %m1}, {%n0, %n1}, {%o0, %o1, %o2, %o3, %o4, %o5, %o6, %o7}; wmma.store.d.sync.aligned.row.m16n16k16.shared.s32 [%sm], {%o0, %o1, %o2, %o3, %o4, %o5, %o6, %o7}, 16; bar.sync 0; ld.shared.v4.b32 <D4r>, [%s]",
      "st.shared.v4.b32 [%s], <A4r>; bar.sync 0; .reg .b32 %m, %n, %o<2>; wmma.load.a.sync.aligned.row.m8n8k32.shared.s4 {%m}, [%sm], 128; wmma.load.b.sync.aligned.col.m8n8k32.shared.s4 {%n}, [%sm+16], 128; wmma.load.c.sync.aligned.row.m8n8k32.shared.s32 {%o0, %o1}, [%sm], 16; wmma.mma.sync.aligned.row.col.m8n8k32.s32.s4.s4.s32 {%o0, %o1}, {%m}, {%n}, {%o0, %o1}; wmma.store.d.sync.aligned.row.m8n8k32.shared.s32 [%sm], {%o0, %o1}, 16; bar.sync 0; ld.shared.v4.b32 <D4r>, [%s]",
      "st.shared.v4.b32 [%s], <A4r>; bar.sync 0; .reg .b32 %m, %n, %o<2>; wmma.load.a.sync.aligned.row.m8n8k128.shared.b1 {%m}, [%sm], 512; wmma.load.b.sync.aligned.col.m8n8k128.shared.b1 {%n}, [%sm+64], 512; wmma.load.c.sync.aligned.row.m8n8k128.shared.s32 {%o0, %o1}, [%sm], 16; wmma.mma.xor.popc.sync.aligned.row.col.m8n8k128.s32.b1.b1.s32 {%o0, %o1}, {%m}, {%n}, {%o0, %o1}; wmma.store.d.sync.aligned.row.m8n8k128.shared.s32 [%sm], {%o0, %o1}, 16; bar.sync 0; ld.shared.v4.b32 <D4r>, [%s]",
      "st.shared.v4.b32 [%s], <A4f>; bar.sync 0; .reg .b32 %m<4>, %n<4>, %o<8>; wmma.load.a.sync.aligned.row.m16n16k8.shared.tf32 {%m0, %m1, %m2, %m3}, [%sm], 16; wmma.load.b.sync.aligned.col.m16n16k8.shared.tf32 {%n0, %n1, %n2, %n3}, [%sm], 16; wmma.load.c.sync.aligned.row.m16n16k8.shared.f32 {%o0, %o1, %o2, %o3, %o4, %o5, %o6, %o7}, [%sm], 16; wmma.mma.sync.aligned.row.col.m16n16k8.f32.tf32.tf32.f32 {%o0, %o1, %o2, %o3, %o4, %o5, %o6, %o7}, {%m0, %m1, %m2, %m3}, {%n0, %n1, %n2, %n3}, {%o0, %o1, %o2, %o3, %o4, %o5, %o6, %o7}; wmma.store.d.sync.aligned.row.m16n16k8.shared.f32 [%sm], {%o0, %o1, %o2, %o3, %o4, %o5, %o6, %o7}, 16; bar.sync 0; ld.shared.v4.b32 <D4r>, [%s]",
      // matrix moves
      "st.shared.v4.b32 [%s], <A4r>; bar.sync 0; ldmatrix.sync.aligned.m8n8.x1.shared.b16 <D1r>, [%s]", "st.shared.v4.b32 [%s], <A4r>; bar.sync 0; ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 <D2r>, [%s]", "st.shared.v4.b32 [%s], <A4r>; bar.sync 0; ldmatrix.sync.aligned.m8n8.x4.shared.b16 <D4r>, [%s]", "st.shared.v4.b32 [%s], <A4r>; bar.sync 0; ldmatrix.sync.aligned.m8n8.x4.trans.shared::cta.b16 <D4r>, [%s]",
      "stmatrix.sync.aligned.m8n8.x1.shared.b16 [%s], <A1r>; bar.sync 0; ld.shared.v4.b32 <D4r>, [%s]", "stmatrix.sync.aligned.m8n8.x2.trans.shared.b16 [%s], <A2r>; bar.sync 0; ld.shared.v4.b32 <D4r>, [%s]", "stmatrix.sync.aligned.m8n8.x4.shared.b16 [%s], <A4r>; bar.sync 0; ld.shared.v4.b32 <D4r>, [%s]", "stmatrix.sync.aligned.m8n8.x4.trans.shared.b16 [%s], <A4r>; bar.sync 0; ld.shared.v4.b32 <D4r>, [%s]", "movmatrix.sync.aligned.m8n8.trans.b16 $D, $A ;// <D1r> <A1r>\n",
      // lanes
      "shfl.sync.up.b32 $D|%p, $A, 3, 0, -1; selp.u32 $E, 1, 0, %p ;// <D1r> <A1r> <E1r>\n", "shfl.sync.down.b32 $D|%p, $A, $B, 31, -1; selp.u32 $E, 1, 0, %p ;// <D1r> <A1r> <B1r> <E1r>\n", "shfl.sync.bfly.b32 $D|%p, $A, 5, 0x1807, -1; selp.u32 $E, 1, 0, %p ;// <D1r> <A1r> <E1r>\n", "shfl.sync.idx.b32 $D|%p, $A, $B, 0x1007, -1; selp.u32 $E, 1, 0, %p ;// <D1r> <A1r> <B1r> <E1r>\n",
      "redux.sync.add.s32 $D, $A, -1; redux.sync.min.u32 $E, $A, -1 ;// <D1r> <A1r> <E1r>\n", "redux.sync.max.s32 $D, $A, -1; redux.sync.and.b32 $E, $A, -1 ;// <D1r> <A1r> <E1r>\n", "redux.sync.or.b32 $D, $A, -1; redux.sync.xor.b32 $E, $A, -1 ;// <D1r> <A1r> <E1r>\n",
      "setp.lt.s32 %p, $A, 0; vote.sync.ballot.b32 $D, %p, -1; vote.sync.any.pred %p, !%p, -1; selp.u32 $E, 1, 0, %p ;// <D1r> <A1r> <E1r>\n", "setp.ne.s32 %p, $A, 0; vote.sync.all.pred %p, %p, -1; selp.u32 $E, 1, 0, %p; setp.ne.s32 %p, $A, 7; vote.sync.uni.pred %p, %p, -1; selp.u32 $D, 1, 0, %p ;// <D1r> <A1r> <E1r>\n",
      "and.b32 %t, $A, 3; match.any.sync.b32 $D, %t, -1; cvt.u64.u32 %q, %t; match.any.sync.b64 $E, %q, -1 ;// <D1r> <A1r> <E1r>\n", "shr.u32 %t, %lane, 5; match.all.sync.b32 $D|%p, %t, -1; selp.u32 $E, 1, 0, %p ;// <D1r> <A1r> <E1r>\n", "elect.sync $D|%p, -1; selp.u32 $E, 1, 0, %p ;// <D1r> <E1r>\n", "activemask.b32 $D; fns.b32 $E, $D, %lane, 2 ;// <D1r> <E1r>\n",
      "setp.lt.u32 %p, %lane, 20; @!%p bra L; elect.sync $D|%p, 0xfffff; selp.u32 $E, 1, 0, %p; L: mov.u32 %t, 0;// <D1r> <E1r>\n",
      "setp.lt.s32 %p, $A, 0; barrier.cta.red.popc.u32 $D, 0, %p; bar.red.and.pred %p, 1, 32, !%p; selp.u32 $E, 1, 0, %p ;// <D1r> <A1r> <E1r>\n", "setp.lt.s32 %p, $A, 0; barrier.red.or.aligned.pred %p, 2, %p; selp.u32 $E, 1, 0, %p; bar.warp.sync -1; barrier.sync.aligned 3, 32; mov.u32 $D, 0 ;// <D1r> <A1r> <E1r>\n",
      // mbarrier and asynchronous copies; <A4r> is put where the copy reads
      "setp.eq.u32 %p, %lane, 0; @%p mbarrier.init.shared.b64 [%sm], 32; bar.sync 0; mbarrier.arrive.shared.b64 %q, [%sm]; W: mbarrier.test_wait.shared.b64 %p, [%sm], %q; @!%p bra W; mbarrier.arrive.shared.b64 _, [%sm]; V: mbarrier.try_wait.parity.shared::cta.b64 %p, [%sm], 1; @!%p bra V; mbarrier.test_wait.parity.shared.b64 %p, [%sm], 0; selp.u32 $D, 1, 0, %p ;// <D1r>\n",
      "setp.eq.u32 %p, %lane, 0; @%p mbarrier.init.shared.b64 [%sm], 33; bar.sync 0; mbarrier.arrive.noComplete.shared.b64 %q, [%sm], 1; bar.sync 0; @%p mbarrier.arrive.shared.b64 %q, [%sm]; mbarrier.pending_count.b64 $D, %q; W: mbarrier.try_wait.parity.shared.b64 %p, [%sm], 0, 1000; @!%p bra W; mbarrier.arrive_drop.shared.b64 %q, [%sm]; mov.u32 $D, 5 ;// <D1r>\n",
      "st.shared.v4.b32 [%s], <A4r>; setp.eq.u32 %p, %lane, 0; @%p mbarrier.init.shared.b64 [%sm+1024], 1; @%p fence.mbarrier_init.release.cluster; fence.proxy.async.shared::cta; bar.sync 0; @!%p bra W; cp.async.bulk.global.shared::cta.bulk_group [%out], [%sm], 512; cp.async.bulk.commit_group; cp.async.bulk.wait_group 0; fence.proxy.async; mbarrier.arrive.expect_tx.release.cta.shared::cta.b64 %q, [%sm+1024], 512; cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes [%sm+512], [%out], 512, [%sm+1024]; W: mbarrier.try_wait.parity.acquire.cta.shared::cta.b64 %p, [%sm+1024], 0; @!%p bra W; ld.shared.v4.b32 <D4r>, [%s+512]",
      "st.shared.v4.b32 [%s], <A4r>; setp.eq.u32 %p, %lane, 0; fence.proxy.async.shared::cta; bar.sync 0; @!%p bra W; cp.async.bulk.global.shared::cta.bulk_group [%out], [%sm], 512; cp.async.bulk.commit_group; cp.async.bulk.wait_group 0; cp.reduce.async.bulk.global.shared::cta.bulk_group.add.u32 [%out], [%sm], 512; cp.async.bulk.commit_group; cp.async.bulk.wait_group 0; cp.reduce.async.bulk.global.shared::cta.bulk_group.xor.b32 [%out], [%sm], 256; cp.async.bulk.commit_group; cp.async.bulk.wait_group.read 0; cp.async.bulk.wait_group 0; W: bar.sync 0; mul.wide.u32 %q, %lane, 16; add.u64 %q, %q, %out; ld.relaxed.gpu.global.u32 $D, [%q]; ld.relaxed.gpu.global.u32 $E, [%q+4] ;// <D1r> <E1r>\n",
      "st.shared.v4.b32 [%s], <A4h>; setp.eq.u32 %p, %lane, 0; fence.proxy.async.shared::cta; bar.sync 0; @!%p bra W; cp.async.bulk.global.shared::cta.bulk_group [%out], [%sm], 512; cp.async.bulk.commit_group; cp.async.bulk.wait_group 0; cp.reduce.async.bulk.global.shared::cta.bulk_group.add.noftz.f16 [%out], [%sm], 512; cp.async.bulk.commit_group; cp.async.bulk.wait_group 0; W: bar.sync 0; mul.wide.u32 %q, %lane, 16; add.u64 %q, %q, %out; ld.relaxed.gpu.global.u32 $D, [%q]; ld.relaxed.gpu.global.u32 $E, [%q+4] ;// <D1r> <E1r>\n",
  };
  return kTexts;
}

struct WarpRegister { char name; int count; char kind; bool result() const { return name == 'D' || name == 'E'; } int bytes() const { return kind == 'd' || kind == 'l' ? 8 : 4; } };
inline std::vector<WarpRegister> warp_registers(std::string_view text) {
  std::vector<WarpRegister> r;
  for (size_t i = 0; i + 4 < text.size(); i++)
    if (text[i] == '<' && text[i + 4] == '>') r.push_back({text[i + 1], text[i + 2] - '0', text[i + 3]});
  return r;
}
constexpr int kWarpWords = 32 * 32;   // 32-bit words of a lane's inputs or results, all lanes: register i of lane l at word 64 bits * (l * 16 + i)

inline uint64_t warp_input(char kind, size_t vector, int index, int lane) {
  uint64_t s = vector * 977 + static_cast<uint64_t>(index) * 131 + static_cast<uint64_t>(lane) + 12345;
  for (int i = 0; i < 6; i++) s ^= s << 13, s ^= s >> 7, s ^= s << 17;
  uint64_t r = s * 0x2545f4914f6cdd1dull;
  auto small = [&](int i) { return static_cast<int>(r >> (16 * i + 20) & 7) - 3; };   // -3 … 4, exact in every format
  auto pattern = [](double v, int mantissa, int bias) -> uint32_t {
    uint64_t b = 0;
    std::memcpy(&b, &v, 8);
    uint32_t sign = static_cast<uint32_t>(b >> 63), e = static_cast<uint32_t>(b >> 52 & 0x7ff);
    int exponent_bits = bias == 15 ? 5 : bias == 127 ? 8 : 4;
    if (!e) return sign << (mantissa + exponent_bits);
    return sign << (mantissa + exponent_bits) | static_cast<uint32_t>(static_cast<int>(e) - 1023 + bias) << mantissa | static_cast<uint32_t>(b >> (52 - mantissa) & ((1u << mantissa) - 1));
  };
  switch (kind) {
    case 'h': return pattern(small(0), 10, 15) | pattern(small(1), 10, 15) << 16;
    case 'b': return pattern(small(0), 7, 127) | pattern(small(1), 7, 127) << 16;
    case 'f': return pattern(small(0), 23, 127);
    case 'e': return pattern(small(0), 3, 7) | pattern(small(1), 3, 7) << 8 | pattern(small(2), 3, 7) << 16 | pattern(-small(0), 3, 7) << 24;
    case 'g': return pattern(small(0), 2, 15) | pattern(small(1), 2, 15) << 8 | pattern(small(2), 2, 15) << 16 | pattern(-small(0), 2, 15) << 24;
    case 'd': { double v = small(0); uint64_t b; std::memcpy(&b, &v, 8); return b; }
    case 'l': return r;
    default: return r >> 32;
  }
}

inline std::vector<uint8_t> warp_inputs(size_t vector) {
  std::vector<uint8_t> bytes(kWarpWords * 4);
  int at = 0;
  for (const WarpRegister& r : warp_registers(warp_vectors()[vector])) {
    if (r.result()) continue;
    for (int i = 0; i < r.count; i++, at++)
      for (int lane = 0; lane < 32; lane++) {
        uint64_t v = warp_input(r.kind, vector, at, lane);
        std::memcpy(&bytes[static_cast<size_t>(lane * 128 + at * 8)], &v, 8);
      }
  }
  return bytes;
}

// A module with a kernel w<k>(out, in) per text, each for 32 threads. in and out: kWarpWords words; out of the text itself: %out, %place.
inline std::string warp_ptx(int first = 0, int last = 1 << 30) {
  std::string s = ".version 8.7\n.target sm_90\n.address_size 64\n.shared .align 128 .b8 sm[2048];\n";
  for (size_t k = static_cast<size_t>(first); k < warp_vectors().size() && static_cast<int>(k) < last; k++) {
    std::string text = warp_vectors()[k], before, after;
    s += ".visible .entry w" + std::to_string(k) + "(.param .u64 p0, .param .u64 p1)\n{\n.reg .pred %p; .reg .b32 %t, %u, %lane, %s, %sm; .reg .b64 %q, %in, %out, %place;\n"
         "mov.u32 %lane, %tid.x; mov.u32 %sm, sm; mad.lo.u32 %s, %lane, 16, %sm; ld.param.u64 %q, [p1]; mad.wide.u32 %in, %lane, 128, %q; ld.param.u64 %out, [p0]; mad.wide.u32 %place, %lane, 16, %out;\n"
         "mov.u32 %t, 0; mad.lo.u32 %u, %lane, 64, %sm; st.shared.v4.b32 [%u], {%t, %t, %t, %t}; st.shared.v4.b32 [%u+16], {%t, %t, %t, %t}; st.shared.v4.b32 [%u+32], {%t, %t, %t, %t}; st.shared.v4.b32 [%u+48], {%t, %t, %t, %t}; bar.sync 0;\n";
    int in = 0, out = 0;
    for (const WarpRegister& r : warp_registers(text)) {
      std::string bits = std::to_string(8 * r.bytes()), list;
      for (int i = 0; i < r.count; i++) {
        std::string name = std::string("%") + r.name + std::to_string(i);
        s += ".reg .b" + bits + " " + name + ";\n";
        if (!r.result()) s += "ld.global.b" + bits + " " + name + ", [%in+" + std::to_string(8 * in++) + "];\n";
        else s += "mov.b" + bits + " " + name + ", 0;\n", after += "st.global.b" + bits + " [%q+" + std::to_string(8 * out++) + "], " + name + ";\n";
        list += (i ? ", " : "") + name;
      }
      std::string mark = {'<', r.name, static_cast<char>('0' + r.count), r.kind, '>'};
      text.replace(text.find(mark), 5, "{" + list + "}");
      for (size_t at; (at = text.find(std::string("$") + r.name)) != text.npos;) text.replace(at, 2, std::string("%") + r.name + "0");
    }
    text = text.substr(0, text.find(";//"));   // behind it: registers that the text only names
    s += text + ";\nbar.sync 0; ld.param.u64 %q, [p0]; mad.wide.u32 %q, %lane, 128, %q;\n" + after + "ret;\n}\n";
  }
  return s;
}

}  // namespace softgpu
