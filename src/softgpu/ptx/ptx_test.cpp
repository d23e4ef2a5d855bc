// The PTX front end: tokens, numbers, declarations, scopes, and what it refuses and how it says so.
#include <gtest/gtest.h>

#include <random>

#include "softgpu/exec/test_support.h"
#include "softgpu/ptx/lexer.h"

namespace softgpu {
namespace {

const std::string kHead = ".version 8.0\n.target sm_80\n.address_size 64\n";   // three lines

Outcome try_load(const std::string& ptx) {
  Memory memory(16 << 20);
  std::unique_ptr<Module> m;
  std::span<const uint8_t> image(reinterpret_cast<const uint8_t*>(ptx.data()), ptx.size());
  return load({&image, 1}, memory, 121, &m);
}

std::string kernel(const std::string& body) { return kHead + ".visible .entry k(.param .u64 p)\n{\n" + body + "\nret;\n}\n"; }   // body starts in line 6

// Runs a body with %out = the address of 64 words and gives the words.
std::vector<uint32_t> run_body(const std::string& body, unsigned threads = 32, const std::string& before = "") {
  TestGpu gpu(kHead + before + ".visible .entry k(.param .u64 p)\n{\n.reg .b64 %out;\nld.param.u64 %out, [p];\n" + body + "\nret;\n}\n");
  auto out = gpu.zeros(64 * 4);
  gpu.launch("k", {1}, {threads}, out);
  return gpu.download<uint32_t>(out, 64);
}

}  // namespace

TEST(Lexer, Tokens) {
  auto t = tokenize("add.s32 %r1,%tid.x, -5; // x\n/* a\nb */ @!%p bra $L_1;\n.reg.b32 r<3>; ld.shared::cta.u32 ld.L2::128B.u32 0f3F800000 1.5e-3 \"a;b\"");
  std::vector<std::string> want{"add.s32", "%r1", ",", "%tid.x", ",", "-", "5", ";", "@", "!", "%p", "bra", "$L_1", ";", ".reg", ".b32", "r", "<", "3", ">", ";", "ld.shared::cta.u32", "ld.L2::128B.u32", "0f3F800000", "1.5e-3", "a;b", ""};
  ASSERT_EQ(t.size(), want.size());
  for (size_t i = 0; i < t.size(); i++) EXPECT_EQ(t[i].text, want[i]) << i;
  EXPECT_EQ(t[8].line, 3u);
  EXPECT_EQ(t.back().line, 4u);
  EXPECT_THROW(tokenize("/* never ends"), PtxError);
  EXPECT_THROW(tokenize("\"never ends"), PtxError);
  EXPECT_THROW(tokenize("a \x01 b"), PtxError);
}

TEST(Lexer, Numbers) {
  Number n;
  ASSERT_TRUE(parse_number("0x1F", &n));
  EXPECT_EQ(n.bits, 31u);
  ASSERT_TRUE(parse_number("017", &n));
  EXPECT_EQ(n.bits, 15u);
  ASSERT_TRUE(parse_number("0b101", &n));
  EXPECT_EQ(n.bits, 5u);
  ASSERT_TRUE(parse_number("4294967295U", &n));
  EXPECT_EQ(n.bits, 0xffffffffu);
  ASSERT_TRUE(parse_number("0f3F800000", &n));
  EXPECT_EQ(n.value, 1.0);
  ASSERT_TRUE(parse_number("0d3FF0000000000000", &n));
  EXPECT_EQ(n.value, 1.0);
  ASSERT_TRUE(parse_number("1.5", &n));
  EXPECT_EQ(n.value, 1.5);
  EXPECT_FALSE(parse_number("0x", &n) && false);
  EXPECT_FALSE(parse_number("12abc", &n));
  EXPECT_FALSE(parse_number("0fxyz", &n));
}

TEST(Ptx, RefusalsNameLineAndInstruction) {
  auto expect = [](const std::string& body, const std::string& text) {
    Outcome o = try_load(kernel(body));
    EXPECT_EQ(o.result, 218) << body;
    EXPECT_EQ(o.text, text) << body;
  };
  expect("frobnicate.s32 %r1, 2;", "ptxas application ptx input, line 6; error   : Not a name of any known instruction: 'frobnicate.s32'");
  expect("\n.reg .b32 %r<3>;\nadd.weird.s32 %r1, %r1, 2;", "ptxas application ptx input, line 8; error   : unknown modifier '.weird' of 'add.weird.s32'");
  expect(".reg .b32 %r<3>;\nadd.sat.u32 %r1, %r1, 2;", "ptxas application ptx input, line 7; error   : unsupported instruction 'add.sat.u32'");
  expect(".reg .b32 %r<3>;\nadd.s32 %r1, %r9, 2;", "ptxas application ptx input, line 7; error   : Unknown symbol '%r9' in 'add.s32'");
  expect(".reg .b32 %r<3>;\nadd.s32 %r1, %r2;", "ptxas application ptx input, line 7; error   : Arguments mismatch for instruction 'add.s32'");
  expect(".reg .b32 %r<3>; .reg .b64 %q;\nadd.s64 %q, %r1, 2;", "ptxas application ptx input, line 7; error   : operand of the wrong size in 'add.s64'");
  expect("bra nowhere;", "ptxas application ptx input, line 6; error   : unknown label 'nowhere'");
  expect("wgmma.fence.sync.aligned;", "ptxas application ptx input, line 6; error   : unsupported instruction 'wgmma.fence.sync.aligned': warpgroup matrices (sm_90a)");
  expect("@%p1 bra x;", "ptxas application ptx input, line 6; error   : unknown predicate '%p1'");
  expect("call nobody;", "ptxas application ptx input, line 6; error   : call of the unknown function 'nobody'");
  expect(".local .b8 big[1000000];", "ptxas application ptx input, line 6; error   : variable 'big' needs more than 512 KiB of local memory");
  EXPECT_EQ(try_load("hello").result, 200);
  EXPECT_EQ(try_load(".target sm_80\n").result, 200);
  EXPECT_EQ(try_load(kHead + ".entry k() {").result, 218);
  EXPECT_EQ(try_load(kHead + ".global .u32 x[4] = {1,2,3,4,5};").result, 218);
  EXPECT_EQ(try_load(kHead + ".global .u32 x; .global .u32 x;").result, 218);
  EXPECT_EQ(try_load(kHead + ".shared .align 4 .b8 big[60000];\n.entry k() { .reg .b32 %r; mov.u32 %r, big; ret; }").result, 218);
}

TEST(Ptx, DeepNestingIsRefusedNotFollowed) {
  EXPECT_EQ(try_load(kHead + ".global .u32 x[4] = " + std::string(200000, '{')).result, 218);
  EXPECT_EQ(try_load(kernel(std::string(200000, '{'))).result, 218);
  EXPECT_EQ(try_load(kernel("add.s32 " + std::string(200000, '{') + ";")).result, 218);
}

TEST(Ptx, ScopesHideRegistersAndLabels) {
  auto r = run_body(R"(
    .reg .b32 %r<4>; .reg .pred %p;
    mov.u32 %r1, 5;
    { .reg .b32 %r1; mov.u32 %r1, 7; bra DONE; mov.u32 %r1, 8; DONE: st.global.u32 [%out], %r1; }
    { bra DONE; DONE: st.global.u32 [%out+4], %r1; }
    setp.eq.u32 %p, %r1, 5;
    @!%p mov.u32 %r1, 99;
    @%p add.u32 %r1, %r1, 1;
    st.global.u32 [%out+8], %r1;)", 1);
  EXPECT_EQ(r[0], 7u);
  EXPECT_EQ(r[1], 5u);
  EXPECT_EQ(r[2], 6u);
}

TEST(Ptx, InitialisersAndAddresses) {
  auto r = run_body(R"(
    .reg .b32 %r<4>; .reg .b64 %q<4>;
    ld.global.u64 %q1, [table+8]; ld.u32 %r1, [%q1]; st.global.u32 [%out], %r1;
    ld.global.u32 %r1, [bytes]; st.global.u32 [%out+4], %r1;
    ld.global.f32 %r1, [floats+4]; st.global.u32 [%out+8], %r1;
    mov.u64 %q2, words; ld.const.u32 %r1, [%q2+4]; st.global.u32 [%out+12], %r1;
    ld.global.u8 %r1, [half_address+1]; mov.u64 %q3, words; cvt.u32.u64 %r2, %q3; shr.u32 %r2, %r2, 8; and.b32 %r2, %r2, 255; sub.u32 %r1, %r1, %r2; st.global.u32 [%out+16], %r1;)", 1,
      ".const .align 4 .u32 words[2] = {11, 22};\n.global .align 8 .u64 table[2] = {generic(words), generic(words)+4};\n"
      ".global .align 1 .b8 bytes[4] = {1, 2, 3, 255};\n.global .f32 floats[2] = {0f3F800000, -2.5};\n"
      ".global .align 1 .b8 half_address[2] = {0xFF(words), 0xFF00(words)};\n");
  EXPECT_EQ(r[0], 22u);
  EXPECT_EQ(r[1], 0xff030201u);
  EXPECT_EQ(r[2], 0xc0200000u);
  EXPECT_EQ(r[3], 22u);
  EXPECT_EQ(r[4], 0u);
}

TEST(Ptx, CarryChains) {
  auto r = run_body(R"(
    .reg .b32 %r<9>;
    mov.u32 %r1, 0xffffffff; mov.u32 %r2, 1;
    add.cc.u32 %r3, %r1, %r2; addc.cc.u32 %r4, %r1, 0; addc.u32 %r5, 0, 0;
    st.global.u32 [%out], %r3; st.global.u32 [%out+4], %r4; st.global.u32 [%out+8], %r5;
    sub.cc.u32 %r3, 0, 1; subc.cc.u32 %r4, 5, 0; subc.u32 %r5, 7, 0;
    st.global.u32 [%out+12], %r3; st.global.u32 [%out+16], %r4; st.global.u32 [%out+20], %r5;
    mad.lo.cc.u32 %r3, %r1, %r1, %r1; madc.hi.u32 %r4, %r1, %r1, 0;
    st.global.u32 [%out+24], %r3; st.global.u32 [%out+28], %r4;)", 1);
  EXPECT_EQ((std::vector<uint32_t>(r.begin(), r.begin() + 6)), (std::vector<uint32_t>{0, 0, 1, 0xffffffff, 4, 7}));
  uint64_t whole = 0xffffffffull * 0xffffffffull + 0xffffffffull;
  EXPECT_EQ(r[6], static_cast<uint32_t>(whole));
  EXPECT_EQ(r[7], static_cast<uint32_t>(whole >> 32));
}

TEST(Ptx, PackUnpackAndIndexedBranch) {
  auto r = run_body(R"(
    .reg .b32 %r<9>; .reg .b16 %h<4>; .reg .b64 %q<4>; .reg .pred %p;
    mov.u32 %r1, 0x44332211; mov.b32 {%h1, %h2}, %r1; mov.b32 %r2, {%h2, %h1}; st.global.u32 [%out], %r2;
    mov.b64 %q1, {%r1, %r2}; mov.b64 {%r3, %r4}, %q1; xor.b32 %r3, %r3, %r4; st.global.u32 [%out+4], %r3;
    mov.u32 %r5, %tid.x; rem.u32 %r6, %r5, 3;
    ts: .branchtargets A, B, C;
    brx.idx %r6, ts;
    A: mov.u32 %r7, 100; bra END;
    B: mov.u32 %r7, 200; bra END;
    C: mov.u32 %r7, 300;
    END: cvt.u64.u32 %q2, %r5; shl.b64 %q2, %q2, 2; add.u64 %q2, %q2, %out; add.u32 %r7, %r7, %r5; st.global.u32 [%q2+32], %r7;)");
  EXPECT_EQ(r[0], 0x22114433u);
  EXPECT_EQ(r[1], 0x44332211u ^ 0x22114433u);
  for (unsigned i = 0; i < 32; i++) EXPECT_EQ(r[8 + i], (i % 3 + 1) * 100 + i);
}

TEST(Ptx, PackedSinglePrecisionAndThreeWayMinimum) {
  auto r = run_body(R"(
    .reg .b32 %r<4>; .reg .b64 %q<4>;
    mov.u32 %r1, 0f3F800000; mov.u32 %r2, 0f40000000; mov.b64 %q1, {%r1, %r2};
    add.rn.f32x2 %q2, %q1, %q1; st.global.u64 [%out], %q2;
    fma.rn.ftz.f32x2 %q3, %q1, %q2, %q1; st.global.u64 [%out+8], %q3;
    mov.u32 %r3, 0fC0400000; min.f32 %r1, %r1, %r2, %r3; st.global.u32 [%out+16], %r1;
    max.NaN.f32 %r1, %r3, %r2, 0f7FC00000; st.global.u32 [%out+20], %r1;)", 1);
  EXPECT_EQ((std::vector<uint32_t>(r.begin(), r.begin() + 6)),
            (std::vector<uint32_t>{0x40000000, 0x40800000, 0x40400000, 0x41200000, 0xc0400000, 0x7fffffff}));
}

TEST(Ptx, EightBitFloatMatrices) {   // all of A is 1.5 (e4m3 0x3c), all of B 2 (e5m2 0x40): 32 products of 3 on top of 1
  auto r = run_body(R"(
    .reg .b32 %a, %b, %z, %d<4>;
    mov.u32 %a, 0x3c3c3c3c; mov.u32 %b, 0x40404040; mov.u32 %z, 0f3F800000;
    mma.sync.aligned.m16n8k32.row.col.f32.e4m3.e5m2.f32 {%d0, %d1, %d2, %d3}, {%a, %a, %a, %a}, {%b, %b}, {%z, %z, %z, %z};
    st.global.v4.u32 [%out], {%d0, %d1, %d2, %d3};)");
  for (int i = 0; i < 4; i++) EXPECT_EQ(r[i], 0x42c20000u);   // 97
}

TEST(Ptx, SeveralTextsAreLinkedBySymbol) {
  std::string a = kHead + ".extern .func (.param .b32 r) helper(.param .b32 x);\n.extern .global .u32 shared_word;\n"
                  ".visible .entry k(.param .u64 p) {\n.reg .b32 %r<3>; .reg .b64 %q;\nld.param.u64 %q, [p];\n"
                  "{ .param .b32 x; st.param.b32 [x], 20; .param .b32 y; call.uni (y), helper, (x); ld.param.b32 %r1, [y]; }\n"
                  "ld.global.u32 %r2, [shared_word]; add.u32 %r1, %r1, %r2; st.global.u32 [%q], %r1; ret; }\n";
  std::string b = kHead + ".visible .global .u32 shared_word = 1000;\n.visible .func (.param .b32 r) helper(.param .b32 x) {\n"
                  ".reg .b32 %r<3>; ld.param.b32 %r1, [x]; add.u32 %r1, %r1, 3; st.param.b32 [r], %r1; ret; }\n";
  Memory memory(1 << 20);
  std::span<const uint8_t> images[2] = {{reinterpret_cast<const uint8_t*>(a.data()), a.size()}, {reinterpret_cast<const uint8_t*>(b.data()), b.size()}};
  std::unique_ptr<Module> m;
  Outcome o = load({images, 2}, memory, 121, &m);
  ASSERT_EQ(o.result, 0) << o.text;
  uint64_t out = memory.allocate(4);
  Launch l;
  l.params = &out;
  ASSERT_EQ(run(*m->kernel("k"), l, memory).result, 0);
  EXPECT_EQ(*reinterpret_cast<uint32_t*>(out), 1023u);
  EXPECT_EQ(load({images, 1}, memory, 121, &m).result, 218);   // helper is missing
  std::span<const uint8_t> twice[2] = {images[1], images[1]};
  EXPECT_EQ(load({twice, 2}, memory, 121, &m).result, 218);    // defined twice
}

TEST(Ptx, ParametersInRegisters) {
  std::string functions = ".func (.reg .b32 sum, .reg .b64 wide) both(.reg .b32 a, .param .b32 b, .reg .b64 c) {\n.reg .b32 %t; .reg .pred %p; ld.param.b32 %t, [b]; add.u32 sum, a, %t; add.u64 wide, c, 1;\n"
                          "setp.gt.u32 %p, a, 5; @%p ret; add.u32 sum, sum, 100; ret; }\n";
  auto r = run_body(R"(
    .reg .b32 %r<5>; .reg .b64 %q<4>;
    mov.u32 %r1, %tid.x;
    call (%r2, %q1), both, (%r1, 1000, 41);
    mul.wide.u32 %q2, %r1, 4; add.u64 %q2, %q2, %out; cvt.u32.u64 %r3, %q1; add.u32 %r2, %r2, %r3; st.global.u32 [%q2], %r2;)", 8, functions);
  for (unsigned i = 0; i < 8; i++) EXPECT_EQ(r[i], i + 1000 + 42 + (i > 5 ? 0 : 100)) << i;
  r = run_body(R"(
    .reg .b32 %r<5>; .reg .b64 %q<4>;
    list: .calltargets twice;
    shape: .callprototype (.reg .b32 _) _ (.reg .b32 _);
    mov.u64 %q1, twice; mov.u32 %r1, 7;
    call (%r2), %q1, (%r1), list; st.global.u32 [%out], %r2;
    call (%r2), %q1, (9), shape; st.global.u32 [%out+4], %r2;)", 1, ".func (.reg .b32 r) twice(.reg .b32 a) { add.u32 r, a, a; ret; }\n");
  EXPECT_EQ(r[0], 14u);
  EXPECT_EQ(r[1], 18u);
}

TEST(Ptx, StoresThatAnMbarrierCounts) {
  auto r = run_body(R"(
    .shared .align 16 .b8 s[64]; .reg .b32 %r<9>; .reg .b64 %q<3>; .reg .pred %p<3>;
    mov.u32 %r1, s; mov.u32 %r2, %tid.x; setp.eq.u32 %p1, %r2, 0; @!%p1 bra W;
    mbarrier.init.shared.b64 [s+48], 1; st.shared.u32 [s+16], 5; mapa.shared::cluster.u32 %r3, %r1, 0;
    mbarrier.arrive.expect_tx.shared.b64 %q1, [s+48], 28;
    st.async.shared::cluster.mbarrier::complete_tx::bytes.v4.b32 [%r3], {1, 2, 3, 4}, [%r3+48];
    mbarrier.test_wait.shared.b64 %p2, [s+48], %q1; selp.u32 %r8, 100, 0, %p2; st.global.u32 [%out+32], %r8;
    red.async.relaxed.cluster.shared::cluster.mbarrier::complete_tx::bytes.add.u32 [%r3+16], 37, [%r3+48];
    st.async.weak.shared::cluster.mbarrier::complete_tx::bytes.b64 [%r3+24], %q1, [%r3+48];
    W: mbarrier.try_wait.parity.shared.b64 %p2, [s+48], 0; @!%p2 bra W;
    ld.shared.v4.u32 {%r4, %r5, %r6, %r7}, [s]; st.global.v4.u32 [%out], {%r4, %r5, %r6, %r7}; ld.shared.u32 %r4, [s+16]; st.global.u32 [%out+16], %r4;)", 1);
  EXPECT_EQ((std::vector<uint32_t>(r.begin(), r.begin() + 5)), (std::vector<uint32_t>{1, 2, 3, 4, 42}));
  EXPECT_EQ(r[8], 0u);   // not all bytes had come
}

// e2m3, e3m2, e2m1 and scales have no record of real hardware: values from the formats' definitions.
TEST(Ptx, FloatsOfSixAndFourBits) {
  auto r = run_body(R"(
    .reg .b32 %r<9>; .reg .b16 %h<9>; .reg .b8 %b;
    mov.u32 %r1, 0f40E00000; mov.u32 %r2, 0fBE000000;
    cvt.rn.satfinite.e2m3x2.f32 %h1, %r1, %r2; cvt.u32.u16 %r3, %h1; st.global.u32 [%out], %r3; cvt.rn.f16x2.e2m3x2 %r3, %h1; st.global.u32 [%out+4], %r3;
    cvt.rn.satfinite.e3m2x2.f32 %h1, %r1, %r2; cvt.u32.u16 %r3, %h1; st.global.u32 [%out+8], %r3; cvt.rn.f16x2.e3m2x2 %r3, %h1; st.global.u32 [%out+12], %r3;
    mov.u32 %r4, 0f42C80000; mov.u32 %r5, 0fBFC00000; cvt.rn.satfinite.e2m1x2.f32 %b, %r4, %r5; cvt.u32.u8 %r3, %b; st.global.u32 [%out+16], %r3;
    cvt.rp.satfinite.ue8m0x2.f32 %h1, %r1, %r4; cvt.u32.u16 %r3, %h1; st.global.u32 [%out+20], %r3; cvt.rn.bf16x2.ue8m0x2 %r3, %h1; st.global.u32 [%out+24], %r3;
    mov.u32 %r6, %laneid; mov.u32 %r7, 0fC0400000; min.abs.f32 %r3, %r7, %r1, 0f40000000; st.global.u32 [%out+28], %r3;
    mov.b16 %h2, 0x3e00; add.rn.f32.f16 %r3, %h2, %r1; st.global.u32 [%out+32], %r3;)", 1);
  EXPECT_EQ(r[0], 0x1e21u);      // 7 = 1.75 * 4; -1/8 = the smallest normal's step: -1 * 2^-3
  EXPECT_EQ(r[1], 0x4700b000u);
  EXPECT_EQ(r[2], 0x1722u);      // 7 = 1.75 * 2^2 (bias 3), -1/8 = subnormal 2 of steps 2^-4
  EXPECT_EQ(r[3], 0x4700b000u);
  EXPECT_EQ(r[4], 0x7bu);        // 100 saturates to 6; -1.5
  EXPECT_EQ(r[5], 0x8286u);      // 2^3, 2^7
  EXPECT_EQ(r[6], 0x41004300u);
  EXPECT_EQ(r[7], 0x40000000u);
  EXPECT_EQ(r[8], 0x41080000u);
}

// Lanes take different amounts; a function gives its own back when it returns, stackrestore on request.
TEST(Ptx, Alloca) {
  std::string functions = ".func (.reg .b32 sum) fill(.reg .b32 n) {\n.reg .b64 %q<5>; .reg .b32 %r<4>; .reg .pred %p;\nmul.wide.u32 %q1, n, 4; alloca.u64 %q2, %q1, 16; and.b64 %q3, %q2, 15;\n"
                          "cvt.u32.u64 sum, %q3; mov.u32 %r1, 0; mov.u64 %q3, %q2;\nW: setp.ge.u32 %p, %r1, n; @%p bra D; st.local.u32 [%q3], %r1; add.u64 %q3, %q3, 4; add.u32 %r1, %r1, 1; bra W;\n"
                          "D: mov.u32 %r1, 0; mov.u64 %q3, %q2;\nV: setp.ge.u32 %p, %r1, n; @%p ret; ld.local.u32 %r2, [%q3]; add.u32 sum, sum, %r2; add.u64 %q3, %q3, 4; add.u32 %r1, %r1, 1; bra V; }\n";
  std::string body = R"(
    .reg .b32 %r<6>; .reg .b64 %q<6>; .reg .pred %p;
    mov.u32 %r1, %tid.x; add.u32 %r1, %r1, 10; mov.u32 %r4, 0; mov.u32 %r5, 0;
    stacksave.u64 %q1;
    L: call (%r2), fill, (%r1); add.u32 %r4, %r4, %r2; alloca.u64 %q2, 2000, 64; st.local.u32 [%q2+1996], %r4; stackrestore.u64 %q1;
    add.u32 %r5, %r5, 1; setp.lt.u32 %p, %r5, 100; @%p bra L;
    mov.u32 %r3, %tid.x; mul.wide.u32 %q3, %r3, 4; add.u64 %q3, %q3, %out; st.global.u32 [%q3], %r4;)";
  auto r = run_body(body, 32, functions);
  for (unsigned i = 0; i < 32; i++) EXPECT_EQ(r[i], 100 * ((i + 10) * (i + 9) / 2)) << i;
  TestGpu gpu(kHead + functions + ".visible .entry k(.param .u64 p)\n{ .reg .b32 %r; call (%r), fill, (1000000); ret; }\n");
  EXPECT_EQ(gpu.try_launch("k", {1}, {32}, uint64_t{0}).result, 719);   // more than there is
}

TEST(Ptx, DirectivesThatOnlyTellOfTheProgram) {
  EXPECT_EQ(try_load(".version 9.0\n.target sm_121a, debug\n.address_size 64\n.file 1 \"a.cu\", 1, 2\n.pragma \"nounroll\";\n"
                     ".weak .func stop() .noreturn .attribute(.unified(1, 2)) { exit; }\n.visible .func other();\n.alias other, stop;\n"
                     ".visible .entry k(.param .align 8 .b8 p[16], .param .u64 .ptr .global .align 4 q) .maxntid 32, 1, 1 .minnctapersm 2 .maxnreg 64 .maxclusterrank 1 .pragma \"x\";\n"
                     "{ .pragma \"nounroll\"; .loc 1 2 3, function_name $L__info, inlined_at 1 2 3\n .reg .b32 %r; mov.u32 %r, %reserved_smem_offset_begin; mov.u32 %r, %pm3; mov.u32 %r, %envreg7;\n"
                     ".reg .b64 %q; mov.u64 %q, %gridid; mov.u64 %q, %clock64; mov.u32 %r, %clock_hi; mov.u32 %r, %globaltimer_lo; mov.u32 %r, %globaltimer_hi; mov.u64 %q, %pm0_64; ret; }\n"
                     ".section .debug_str {\ninfo: .b8 0, 1\n}\n").text, "");
}

TEST(Ptx, WildCallsAndBranchesAreFaults) {
  TestGpu gpu(kernel(".reg .b64 %q; ld.param.u64 %q, [p];\nproto: .callprototype _ ();\ncall %q, proto;"));
  EXPECT_EQ(gpu.try_launch("k", {1}, {1}, uint64_t{64}).result, 700);
  EXPECT_EQ(gpu.try_launch("k", {1}, {1}, ~uint64_t{0}).result, 700);
  EXPECT_EQ(gpu.try_launch("k", {1}, {1}, uint64_t{0x5f5f000000000010}).result, 700);   // the kernel itself
  TestGpu wild(kernel(".reg .b32 %r; ld.param.u32 %r, [p];\nts: .branchtargets A; brx.idx %r, ts; A: exit;"));
  EXPECT_EQ(wild.try_launch("k", {1}, {32}, uint64_t{0}).result, 0);
  EXPECT_EQ(wild.try_launch("k", {1}, {32}, uint64_t{1}).result, 715);
}

TEST(Ptx, EndlessRecursionIsAFault) {
  TestGpu gpu(kHead + ".func f() { .local .b8 x[64]; call f; ret; }\n.visible .entry k() { call f; ret; }\n");
  EXPECT_EQ(gpu.try_launch("k", {1}, {32}).result, 700);
}

TEST(Ptx, BarrierThatNotAllReachIsAFaultNotAHang) {
  TestGpu gpu(kernel(".reg .pred %p; .reg .b32 %r; mov.u32 %r, %tid.x; setp.lt.u32 %p, %r, 32; @%p bar.sync 1, 64; @!%p bar.sync 2, 96;"));
  EXPECT_EQ(gpu.try_launch("k", {1}, {64}, uint64_t{0}).result, 719);
}

TEST(Ptx, SharedAndLocalBounds) {
  std::string shared = kHead + ".shared .align 4 .b8 s[64];\n.visible .entry k(.param .u64 p) { .reg .b32 %r<3>; ld.param.u32 %r1, [p]; mov.u32 %r2, s; add.u32 %r2, %r2, %r1; st.shared.u32 [%r2], %r1; ret; }\n";
  TestGpu a(shared);
  EXPECT_EQ(a.try_launch("k", {1}, {32}, uint64_t{60}).result, 0);
  EXPECT_EQ(a.try_launch("k", {1}, {32}, uint64_t{64}).result, 700);
  EXPECT_EQ(a.try_launch("k", {1}, {32}, uint64_t{0xfffffffc}).result, 700);
  EXPECT_EQ(a.try_launch("k", {1}, {32}, uint64_t{2}).result, 716);
  std::string local = kHead + ".visible .entry k(.param .u64 p) { .local .align 4 .b8 s[64]; .reg .b64 %q<3>; ld.param.u64 %q1, [p]; mov.u64 %q2, s; add.u64 %q2, %q2, %q1; st.local.u32 [%q2], 1; ret; }\n";
  TestGpu b(local);
  EXPECT_EQ(b.try_launch("k", {1}, {32}, uint64_t{60}).result, 0);
  EXPECT_EQ(b.try_launch("k", {1}, {32}, uint64_t{64}).result, 700);
  EXPECT_EQ(b.try_launch("k", {1}, {32}, ~uint64_t{3}).result, 700);
}

TEST(Ptx, SeveralVariablesInOneDirective) {
  TestGpu g(kHead + ".global .align 8 .u32 a = 5, b[3] = {1, 2, 3}, c;\n.func (.param .b32 r) sum(.param .b32 x, .param .b32 y) { .reg .b32 %r<3>; ld.param.b32 %r0, [x]; ld.param.b32 %r1, [y]; add.u32 %r2, %r0, %r1; st.param.b32 [r], %r2; ret; }\n"
            ".visible .entry k(.param .u64 p) { .reg .b32 %r<4>; .reg .b64 %q; .param .b32 pr, px, py; .local .v2 .b32 u, v; ld.param.u64 %q, [p]; ld.global.u32 %r0, [a]; ld.global.u32 %r1, [b+8];\n"
            "st.local.v2.b32 [u], {%r0, %r0}; st.local.v2.b32 [v], {%r1, %r1}; ld.local.u32 %r0, [u+4]; ld.local.u32 %r1, [v+4];\n"
            "st.param.b32 [px], %r0; st.param.b32 [py], %r1; call (pr), sum, (px, py); ld.param.b32 %r3, [pr]; st.global.u32 [%q], %r3; ret; }\n");
  uint64_t out = g.zeros(4);
  g.launch("k", {1}, {1}, out);
  EXPECT_EQ(g.download<uint32_t>(out, 1)[0], 8u);
}

TEST(Ptx, DamagedTextIsRefusedOrLoads) {
  std::string whole = read_file("ptx/testdata/kernels_120.ptx").substr(0, 60000);
  std::mt19937 random(3);
  const char kBytes[] = "{}()[];,.:<>@!%$_-+0x9fabr \n\"/";
  for (int k = 0; k < 150; k++) {
    std::string t = whole;
    for (int j = 0; j < 3; j++) {
      size_t at = random() % t.size();
      switch (random() % 3) {
        case 0: t[at] = kBytes[random() % (sizeof kBytes - 1)]; break;
        case 1: t.erase(at, random() % 20); break;
        default: t.insert(at, t.substr(random() % t.size(), random() % 30));
      }
    }
    int r = try_load(t).result;
    EXPECT_TRUE(r == 0 || r == 200 || r == 218 || r == 2) << r;
  }
  for (size_t n = 0; n < 3000; n += 7) {
    int r = try_load(whole.substr(0, n)).result;
    EXPECT_TRUE(r == 0 || r == 200 || r == 218) << r;
  }
}

}  // namespace softgpu
