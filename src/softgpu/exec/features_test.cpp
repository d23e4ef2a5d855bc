// Runs the kernels of ptx/testdata/kernels.cu that use more of the language: printf, assert, calls, warps, atomics, mathematics, errors.
#include <gtest/gtest.h>

#include <bit>
#include <thread>

#include "softgpu/exec/half.h"
#include "softgpu/exec/test_support.h"

namespace softgpu {

class Features : public ::testing::TestWithParam<const char*> {
 protected:
  Features() : gpu(read_file(std::string("ptx/testdata/kernels_") + GetParam() + ".ptx")) {}
  TestGpu gpu;
};
INSTANTIATE_TEST_SUITE_P(Targets, Features, ::testing::Values("75", "80", "90", "120"));

TEST_P(Features, Printf) {
  auto text = gpu.upload(std::vector<char>{'h', 'i', 0});
  gpu.launch("say", {1}, {32}, 2, 3.14159, text);
  EXPECT_EQ(gpu.printed, "thread 0 of block 0:  3.14 hi 1099511627776 x%\nthread 1 of block 0:  3.14 hi 1099511627776 x%\n");
}

TEST_P(Features, Assert) {
  std::vector<int> v(100, 1);
  v[70] = 42;
  auto d = gpu.upload(v);
  Outcome r = gpu.try_launch("check", {4}, {32}, d, 100);
  EXPECT_EQ(r.result, 710);
  EXPECT_NE(r.text.find("block: [2,0,0], thread: [6,0,0] Assertion `i >= n || v[i] != 42` failed."), std::string::npos) << r.text;
  EXPECT_EQ(gpu.printed, r.text + "\n");
}

TEST_P(Features, SinglePrecisionMathematics) {
  int n = 1000;
  std::vector<float> x(n);
  for (int i = 0; i < n; i++) x[i] = (i - 500) * 0.037f;
  auto in = gpu.upload(x), out = gpu.zeros(12 * n * 4);
  gpu.launch("transcendental", {4}, {256}, in, out, n);
  auto r = gpu.download<float>(out, 12 * n);
  auto near = [&](int row, int i, double want, double ulps) {
    double unit = want == 0 ? 1e-38 : std::ldexp(1.0, std::max(-149, std::ilogb((float)want) - 23));
    ASSERT_LE(std::fabs(r[row * n + i] - want), ulps * unit) << "row " << row << " x " << x[i] << " got " << r[row * n + i] << " want " << want;
  };
  for (int i = 0; i < n; i++) {
    double v = x[i], a = std::fabs(v);
    near(0, i, std::sin(v), 2);
    near(1, i, std::cos((double)(x[i] * 1e6f)), 2);   // Payne-Hanek: carry chains, a table, local memory
    near(2, i, std::exp(v), 2);
    near(3, i, std::log((double)(std::fabs(x[i]) + 0.5f)), 2);
    near(4, i, std::pow(a, (double)1.7f), 8);
    near(5, i, std::sqrt(a), 0.5);
    near(6, i, std::tanh(v), 2);
    near(7, i, std::erf(v), 2);
    if (v != 0) near(8, i, 1 / v, 0.5);
    near(9, i, 1 / std::sqrt((double)(std::fabs(x[i]) + 1)), 2);
    near(10, i, std::exp(v), 2 + a * 1.2);
    near(11, i, std::lgamma((double)(std::fabs(x[i]) + 0.1f)), 60);
  }
}

TEST_P(Features, DoublePrecisionMathematics) {
  int n = 500;
  std::vector<double> x(n);
  for (int i = 0; i < n; i++) x[i] = (i - 250) * 0.0777 + 0.001;
  auto in = gpu.upload(x), out = gpu.zeros(9 * n * 8);
  gpu.launch("transcendental64", {2}, {256}, in, out, n);
  auto r = gpu.download<double>(out, 9 * n);
  auto near = [&](int row, int i, double want, double ulps) {
    double unit = std::ldexp(1.0, std::ilogb(want) - 52);
    ASSERT_LE(std::fabs(r[row * n + i] - want), ulps * unit) << "row " << row << " x " << x[i] << " got " << r[row * n + i] << " want " << want;
  };
  for (int i = 0; i < n; i++) {
    double v = x[i], a = std::fabs(v);
    near(0, i, std::sin(v), 2);
    near(1, i, std::exp(v), 2);
    near(2, i, std::log(a + 0.5), 2);
    near(3, i, std::pow(a, 1.7), 2);
    near(4, i, std::sqrt(a), 0);
    near(5, i, 1 / v, 0);
    near(6, i, v / 3.0, 0);
    near(7, i, std::cbrt(v), 2);
    near(8, i, std::fmod(v, 0.37), 0);
  }
}

TEST_P(Features, WideIntegers) {
  int n = 257;
  std::vector<long long> a(n), b(n);
  uint64_t s = 12345;
  for (int i = 0; i < n; i++) {
    s = s * 6364136223846793005ull + 1442695040888963407ull;
    a[i] = (long long)s;
    s = s * 6364136223846793005ull + 1442695040888963407ull;
    b[i] = (long long)(s >> (i % 60));
  }
  b[3] = 0;
  auto da = gpu.upload(a), db = gpu.upload(b), out = gpu.zeros(14 * n * 8);
  gpu.launch("wide_integers", {3}, {128}, da, db, out, n);
  auto r = gpu.download<long long>(out, 14 * n);
  for (int i = 0; i < n; i++) {
    uint64_t ux = a[i], uy = b[i];
    long long x = a[i], y = b[i];
    EXPECT_EQ((uint64_t)r[i], ux + uy);
    EXPECT_EQ((uint64_t)r[n + i], ux * uy);
    EXPECT_EQ(r[2 * n + i], y ? x / y : 0);
    EXPECT_EQ(r[3 * n + i], y ? x % y : 0);
    EXPECT_EQ(r[4 * n + i], (long long)((__int128)x * y >> 64));
    EXPECT_EQ(r[5 * n + i], x >> (y & 63));
    EXPECT_EQ((uint64_t)r[6 * n + i], ux >> (y & 63));
    EXPECT_EQ(r[7 * n + i], std::popcount(ux) + 100 * (uy ? __builtin_clzll(uy) : 64) + 10000 * __builtin_ffsll(x));
    uint64_t rev = 0;
    for (int k = 0; k < 64; k++) rev |= (ux >> k & 1) << (63 - k);
    EXPECT_EQ((uint64_t)r[8 * n + i], rev);
    EXPECT_EQ(r[9 * n + i], std::min(x, y));
    EXPECT_EQ(r[11 * n + i], (unsigned char)x + (short)y + (signed char)(x >> 8));
    if ((unsigned)y) { EXPECT_EQ(r[12 * n + i], (unsigned)((unsigned)x / (unsigned)y + (unsigned)x % (unsigned)y)); }
    uint64_t both = (uint64_t)(unsigned)y << 32 | (unsigned)x;
    unsigned perm = 0;
    for (int k = 0; k < 4; k++) perm |= (unsigned)(both >> (8 * (0x3715 >> (4 * k) & 7)) & 0xff) << (8 * k);
    EXPECT_EQ((unsigned)r[13 * n + i], perm + (unsigned)(both << 11 >> 32));
  }
}

TEST_P(Features, Halves) {
  int n = 512;
  std::vector<uint16_t> a(n), b(n);
  for (int i = 0; i < n; i++) a[i] = float_to_half((i - 256) * 0.0371f), b[i] = float_to_half(3.0f / (i + 1));
  auto da = gpu.upload(a), db = gpu.upload(b), out = gpu.zeros(9 * n * 2);
  gpu.launch("halves", {2}, {256}, da, db, out, n);
  auto r = gpu.download<uint16_t>(out, 9 * n);
  for (int i = 0; i < n; i++) {
    double x = half_to_float(a[i]), y = half_to_float(b[i]);
    EXPECT_EQ(r[i], double_to_half(x + y));
    EXPECT_EQ(r[n + i], double_to_half(x * y));
    EXPECT_EQ(r[2 * n + i], double_to_half(x * y + x));
    EXPECT_EQ(r[3 * n + i], x < y ? a[i] : b[i]);
    EXPECT_EQ(r[4 * n + i], float_to_half((float)x * 0.3f));
    EXPECT_EQ(r[5 * n + i], double_to_half(x + half_to_float(double_to_half(x * x)))) << x;
    EXPECT_EQ(r[6 * n + i], double_to_half(y + half_to_float(double_to_half(y * y))));
    EXPECT_EQ(r[7 * n + i], (x > y ? a[i] : b[i]) ^ 0x8000);
    EXPECT_EQ(r[8 * n + i], double_to_half(std::sqrt(std::fabs(x))));
  }
}

TEST_P(Features, BrainFloats) {
  int n = 512;
  std::vector<uint16_t> a(n), b(n);
  for (int i = 0; i < n; i++) a[i] = float_to_brain((i - 256) * 0.0371f), b[i] = float_to_brain(3.0f / (i + 1));
  auto da = gpu.upload(a), db = gpu.upload(b), out = gpu.zeros(5 * n * 2);
  gpu.launch("bfloats", {2}, {256}, da, db, out, n);
  auto r = gpu.download<uint16_t>(out, 5 * n);
  for (int i = 0; i < n; i++) {
    double x = brain_to_float(a[i]), y = brain_to_float(b[i]);
    EXPECT_EQ(r[i], double_to_brain(x + y)) << i;
    EXPECT_EQ(r[n + i], double_to_brain(x * y));
    if (GetParam() != std::string("75")) { EXPECT_EQ(r[2 * n + i], double_to_brain(x * y + x)); }
    EXPECT_EQ(r[3 * n + i], float_to_brain((float)x * 0.3f));
    EXPECT_EQ(r[4 * n + i], x > y ? a[i] : b[i]);
  }
}

TEST_P(Features, Recursion) {
  auto out = gpu.zeros(64 * 4);
  gpu.launch("recursion", {1}, {64}, out);
  auto r = gpu.download<int>(out, 64);
  int fib[12] = {0, 1, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89};
  for (int i = 0; i < 64; i++) EXPECT_EQ(r[i], fib[i % 12]) << i;
}

TEST_P(Features, VirtualFunctionsAndFunctionPointers) {
  auto out = gpu.zeros(40 * 4);
  uint64_t before = gpu.memory.used();
  gpu.launch("indirect", {1}, {40}, out);
  auto r = gpu.download<float>(out, 40);
  for (int i = 0; i < 40; i++) EXPECT_EQ(r[i], (i & 1 ? 1.0f : 3.0f) * i * i + (i % 3 == 0 ? 11 : 20)) << i;
  EXPECT_EQ(gpu.memory.used(), before);   // new and delete
}

TEST_P(Features, ConstantsGlobalsAndLocalArrays) {
  auto out = gpu.zeros(32 * 4);
  gpu.launch("globals", {2}, {32}, out);
  auto r = gpu.download<float>(out, 32);
  for (int i = 0; i < 32; i++) EXPECT_EQ(r[i], 1 + (i & 3) + ((i * 3) & 7) * i);
  bool seen = false;
  for (auto& g : gpu.module->globals())
    if (g.name == "counter") {
      seen = true;
      EXPECT_EQ(*reinterpret_cast<int*>(g.address), 7 + 64);
      EXPECT_EQ(g.bytes, 4u);
    } else if (g.name == "weights") {
      EXPECT_TRUE(g.constant);
      EXPECT_EQ(g.bytes, 16u);
    }
  EXPECT_TRUE(seen);
}

TEST_P(Features, VotesMatchesAndShuffles) {
  std::vector<int> x(32);
  for (int i = 0; i < 32; i++) x[i] = (i * 7) % 11 - 5;
  auto in = gpu.upload(x), out = gpu.zeros(32 * 8 * 4);
  gpu.launch("votes", {1}, {32}, in, out);
  auto r = gpu.download<unsigned>(out, 32 * 8);
  unsigned positive = 0;
  for (int i = 0; i < 32; i++) positive |= (unsigned)(x[i] > 0) << i;
  for (int i = 0; i < 32; i++) {
    unsigned same = 0;
    for (int k = 0; k < 32; k++) same |= (unsigned)((x[k] & 3) == (x[i] & 3)) << k;
    unsigned* o = &r[i * 8];
    EXPECT_EQ(o[0], positive);
    EXPECT_EQ(o[1], same);
    EXPECT_EQ(o[2], 1u);
    EXPECT_EQ(o[3], 1u);
    EXPECT_EQ(o[4], x[i] > 0 ? positive : 0);
    EXPECT_EQ((int)o[5], i >= 3 ? x[i - 3] : x[i]);
    EXPECT_EQ((int)o[6], x[(i & ~7) | ((i * 7) & 7)]);
    EXPECT_EQ(o[7], (unsigned)std::popcount(positive) + 3000);
  }
}

TEST_P(Features, Atomics) {
  std::vector<int> i{0, 0, 0, 0};
  std::vector<unsigned> u{~0u, 0, 0, 0, 50, 0};
  std::vector<unsigned long long> l{0, 0};
  auto di = gpu.upload(i), du = gpu.upload(u), dl = gpu.upload(l), df = gpu.zeros(4), dd = gpu.zeros(8), dh = gpu.zeros(4);
  gpu.launch("atomics", {8}, {64}, di, du, dl, df, dd, dh);
  i = gpu.download<int>(di, 4);
  u = gpu.download<unsigned>(du, 6);
  l = gpu.download<unsigned long long>(dl, 2);
  unsigned x = 0;
  int dec = 50;
  for (int t = 0; t < 512; t++) x ^= t, dec = dec == 0 ? 100 : dec - 1;
  EXPECT_EQ(i, (std::vector<int>{511 * 256, -511, 511, 511 * 256}));
  EXPECT_EQ(u, (std::vector<unsigned>{0, ~0u, x, 512, (unsigned)dec, 9}));
  EXPECT_EQ(l[0], (511ull * 256) << 20);
  EXPECT_EQ(l[1], 511u);
  EXPECT_EQ(gpu.download<float>(df, 1)[0], 256.0f);
  EXPECT_EQ(gpu.download<double>(dd, 1)[0], 128.0);
  EXPECT_EQ(gpu.download<uint32_t>(dh, 1)[0], (uint32_t)float_to_half(1024) << 16 | float_to_half(512));
}

TEST_P(Features, LockHeldByALaneOfTheSameWarp) {
  auto lock = gpu.zeros(4), value = gpu.zeros(4);
  gpu.launch("spin_lock", {4}, {64}, lock, value);
  EXPECT_EQ(gpu.download<int>(value, 1)[0], 256);
}

TEST_P(Features, BlocksMayWaitForLaterBlocks) {
  auto flag = gpu.zeros(20 * 4);
  gpu.launch("wait_for_next", {20}, {32}, flag);
  EXPECT_EQ(gpu.download<int>(flag, 20), std::vector<int>(20, 1));
}

TEST_P(Features, OutOfBoundsIsReportedWithItsPlace) {
  auto p = gpu.zeros(100 * 4);
  Outcome r = gpu.try_launch("out_of_bounds", {1}, {32}, p, 90);
  EXPECT_EQ(r.result, 700);
  EXPECT_NE(r.text.find("kernel out_of_bounds"), std::string::npos) << r.text;
  EXPECT_NE(r.text.find("block (0,0,0), thread (10,0,0)"), std::string::npos) << r.text;
  EXPECT_NE(r.text.find("PTX line "), std::string::npos) << r.text;
  EXPECT_EQ(gpu.try_launch("out_of_bounds", {1}, {8}, p, 90).result, 0);   // the device goes on
  EXPECT_EQ(gpu.try_launch("out_of_bounds", {1}, {1}, uint64_t{0}, 0).result, 700);
  EXPECT_EQ(gpu.try_launch("out_of_bounds", {1}, {1}, ~uint64_t{3}, 0).result, 700);
  gpu.memory.free(p);
  EXPECT_EQ(gpu.try_launch("out_of_bounds", {1}, {1}, p, 0).result, 700);
}

TEST_P(Features, MisalignedAndTrap) {
  auto p = gpu.zeros(100);
  EXPECT_EQ(gpu.try_launch("misaligned", {1}, {32}, p).result, 716);
  Outcome r = gpu.try_launch("trap", {1}, {32});
  EXPECT_EQ(r.result, 719);
  EXPECT_NE(r.text.find("thread (3,0,0)"), std::string::npos) << r.text;
}

TEST_P(Features, ParametersByValue) {
  struct Big { int v[20]; char c; double d; } b{};
  b.v[7] = 1000, b.c = 3, b.d = 0.5e6;
  auto out = gpu.zeros(8);
  gpu.launch("big_parameter", {1}, {1}, 5, b, char{7}, out, 7);
  EXPECT_EQ(gpu.download<long long>(out, 1)[0], 5 + 1000 + 3 + 500000 + 7);
}

TEST_P(Features, HostRangesAreReachable) {
  std::vector<int> host(64);
  gpu.memory.add_host_range(host.data(), 64 * 4);
  gpu.launch("out_of_bounds", {1}, {32}, (uint64_t)host.data(), 0);
  EXPECT_EQ(host[31], 1);
  EXPECT_EQ(host[32], 0);
  gpu.memory.remove_host_range(host.data());
  EXPECT_EQ(gpu.try_launch("out_of_bounds", {1}, {32}, (uint64_t)host.data(), 0).result, 700);
}

TEST_P(Features, KernelInfo) {
  for (auto& k : gpu.module->kernels()) {
    EXPECT_GE(k.registers, 1u);
    if (k.name == "matmul") { EXPECT_EQ(k.static_shared_bytes, 2048u); }
    if (k.name == "reduce_shared") { EXPECT_EQ(k.static_shared_bytes, 0u); }
    if (k.name == "globals") { EXPECT_GE(k.local_bytes, 32u); }
    if (k.name == "big_parameter") {
      ASSERT_EQ(k.params.size(), 5u);
      EXPECT_EQ(k.params[1].offset, 8u);
      EXPECT_EQ(k.params[1].size, 96u);
      EXPECT_EQ(k.params[4].offset, 120u);
      EXPECT_EQ(k.param_bytes, 124u);
    }
    EXPECT_EQ(k.ptx_version, (unsigned)std::atoi(GetParam()));
  }
}

TEST_P(Features, LaunchesFromManyThreads) {
  std::vector<std::thread> t;
  std::vector<uint64_t> out(4);
  for (auto& o : out) o = gpu.zeros(64 * 4);
  for (int k = 0; k < 4; k++)
    t.emplace_back([&, k] { for (int i = 0; i < 20; i++) gpu.launch("recursion", {1}, {64}, out[k]); });
  for (auto& x : t) x.join();
  for (auto o : out) EXPECT_EQ(gpu.download<int>(o, 64)[11], 89);
}

TEST_P(Features, StopEndsAHungKernel) {
  auto flag = gpu.zeros(2 * 4);
  std::atomic<bool> stop{false};
  Launch l;
  l.grid[0] = 1;
  l.block[0] = 32;
  const Kernel* k = gpu.module->kernel("spin_lock");   // whose lock nobody frees
  *reinterpret_cast<int*>(flag) = 1;
  uint64_t args[2] = {flag, flag + 4};
  l.params = args;
  l.stop = &stop;
  std::thread killer([&] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); stop = true; });
  EXPECT_EQ(run(*k, l, gpu.memory).result, 719);
  killer.join();
}

// A loop around a barrier, in which no warp runs for long.
TEST(Stop, EndsALoopAroundABarrier) {
  TestGpu gpu(".version 8.0\n.target sm_75\n.address_size 64\n.visible .entry k() { LOOP: bar.sync 0; bra LOOP; }\n");
  std::atomic<bool> stop{false};
  Launch l;
  l.block[0] = 64;
  l.stop = &stop;
  std::thread killer([&] { std::this_thread::sleep_for(std::chrono::milliseconds(20)); stop = true; });
  EXPECT_EQ(run(*gpu.module->kernel("k"), l, gpu.memory).result, 719);
  killer.join();
}

// Forms of targets above sm_90, which no record of hardware covers.
std::string newer(const std::string& body) {
  return ".version 9.0\n.target sm_121a\n.address_size 64\n.visible .entry k(.param .u64 in, .param .u64 out)\n{\n.reg .b32 %r<20>;\n.reg .f32 %f<20>;\n.reg .pred %p<4>;\n.reg .b64 %d<20>;\n"
         ".shared .align 16 .b8 box[256];\nld.param.u64 %d0, [in];\nld.param.u64 %d1, [out];\nmov.u32 %r0, %tid.x;\n" + body + "\nret;\n}\n";
}

TEST(NewerForms, ReduxOfFloats) {
  TestGpu gpu(newer(R"(
mul.wide.u32 %d2, %r0, 4; add.u64 %d3, %d0, %d2; ld.global.f32 %f0, [%d3];
redux.sync.min.f32 %f1, %f0, -1;
redux.sync.max.f32 %f2, %f0, -1;
redux.sync.min.abs.f32 %f3, %f0, -1;
redux.sync.max.abs.f32 %f4, %f0, -1;
redux.sync.min.NaN.f32 %f5, %f0, -1;
redux.sync.max.abs.NaN.f32 %f6, %f0, -1;
mul.wide.u32 %d2, %r0, 24; add.u64 %d3, %d1, %d2;
st.global.f32 [%d3], %f1; st.global.f32 [%d3+4], %f2; st.global.f32 [%d3+8], %f3; st.global.f32 [%d3+12], %f4; st.global.f32 [%d3+16], %f5; st.global.f32 [%d3+20], %f6;
)"));
  for (bool nan : {false, true}) {
    std::vector<float> x(32);
    for (int i = 0; i < 32; i++) x[i] = static_cast<float>(i % 2 ? -(i + 1) : i + 1) * 0.5f;   // 0.5 -1 1.5 -2 ... 15.5 -16
    if (nan) x[7] = std::nanf("");
    auto out = gpu.zeros(32 * 24);
    gpu.launch("k", {1}, {32}, gpu.upload(x), out);
    auto r = gpu.download<float>(out, 32 * 6);
    for (int i = 0; i < 32; i++) {
      EXPECT_EQ(r[i * 6], -16);
      EXPECT_EQ(r[i * 6 + 1], 15.5);
      EXPECT_EQ(r[i * 6 + 2], 0.5);
      EXPECT_EQ(r[i * 6 + 3], 16);
      for (int j : {4, 5}) {
        if (nan) EXPECT_EQ(std::bit_cast<uint32_t>(r[i * 6 + j]), 0x7fffffffu);
        else EXPECT_EQ(r[i * 6 + j], j == 4 ? -16 : 16);
      }
    }
  }
}

TEST(NewerForms, BulkStoreOfZeros) {   // 48 of 256 bytes, from byte 16 on
  TestGpu gpu(newer(R"(
mov.u32 %r1, box; shl.b32 %r2, %r0, 3; add.u32 %r1, %r1, %r2;
mul.wide.u32 %d2, %r0, 8; add.u64 %d3, %d0, %d2; ld.global.b64 %d4, [%d3];
st.shared.b64 [%r1], %d4;
bar.sync 0;
setp.ne.u32 %p0, %r0, 0;
mov.u64 %d5, 48;
@!%p0 st.bulk.weak.shared::cta [box+16], %d5, 0;
bar.sync 0;
ld.shared.b64 %d4, [%r1];
add.u64 %d3, %d1, %d2; st.global.b64 [%d3], %d4;
)"));
  std::vector<uint64_t> x(32);
  for (size_t i = 0; i < 32; i++) x[i] = 0x0101010101010101u * (i + 1);
  auto out = gpu.zeros(256);
  gpu.launch("k", {1}, {32}, gpu.upload(x), out);
  auto r = gpu.download<uint64_t>(out, 32);
  for (size_t i = 0; i < 32; i++) EXPECT_EQ(r[i], i >= 2 && i < 8 ? 0 : x[i]) << i;
}

TEST(NewerForms, VectorsOf32Bytes) {   // eight words and four of 64 bits go in, and come out in another order
  TestGpu gpu(newer(R"(
mul.wide.u32 %d2, %r0, 64; add.u64 %d3, %d0, %d2; add.u64 %d4, %d1, %d2;
ld.global.v8.b32 {%r1, %r2, %r3, %r4, %r5, %r6, %r7, %r8}, [%d3];
st.global.v8.b32 [%d4], {%r8, %r7, %r6, %r5, %r4, %r3, %r2, %r1};
ld.global.v4.b64 {%d5, %d6, %d7, %d8}, [%d3+32];
st.global.v4.b64 [%d4+32], {%d8, %d7, %d6, %d5};
)"));
  std::vector<uint32_t> x(32 * 16);
  for (size_t i = 0; i < x.size(); i++) x[i] = static_cast<uint32_t>(i * 2654435761u);
  auto out = gpu.zeros(32 * 64);
  gpu.launch("k", {1}, {32}, gpu.upload(x), out);
  auto r = gpu.download<uint32_t>(out, x.size());
  for (size_t lane = 0; lane < 32; lane++)
    for (size_t i = 0; i < 16; i++) {
      size_t from = i < 8 ? 7 - i : 8 + (3 - (i - 8) / 2) * 2 + i % 2;
      EXPECT_EQ(r[lane * 16 + i], x[lane * 16 + from]) << lane << " word " << i;
    }
  Outcome off = gpu.try_launch("k", {1}, {32}, gpu.upload(x) + 8, out);
  EXPECT_EQ(off.result, 716) << off.text;
}

}  // namespace softgpu
