// How grids are run: clusters, time limits, faults with their place, launches beside each other, blocks that wait for each other.
#include <gtest/gtest.h>

#include <chrono>
#include <thread>

#include "softgpu/exec/test_support.h"

namespace softgpu {
namespace {

const char* kHeader = ".version 8.0\n.target sm_90\n.address_size 64\n";

std::string entry(const std::string& name, const std::string& params, const std::string& body, const std::string& directives = "") {
  return kHeader + (".visible .entry " + name + "(" + params + ")" + directives) + "\n{\n.reg .pred %p<9>;\n.reg .b32 %r<40>;\n.reg .b64 %rd<40>;\n" + body + "\nret;\n}\n";
}

// Every thread writes what it sees of its cluster at [out + 64 * its number in the grid].
const char* kWhere = R"(
ld.param.u64 %rd1, [out];
mov.u32 %r1, %ctaid.x;
mov.u32 %r2, %nctaid.x;
mov.u32 %r3, %ctaid.y;
mad.lo.u32 %r1, %r3, %r2, %r1;
mul.wide.u32 %rd2, %r1, 64;
add.u64 %rd1, %rd1, %rd2;
mov.u32 %r4, %clusterid.x; st.global.u32 [%rd1], %r4;
mov.u32 %r4, %clusterid.y; st.global.u32 [%rd1+4], %r4;
mov.u32 %r4, %nclusterid.x; st.global.u32 [%rd1+8], %r4;
mov.u32 %r4, %nclusterid.y; st.global.u32 [%rd1+12], %r4;
mov.u32 %r4, %cluster_ctaid.x; st.global.u32 [%rd1+16], %r4;
mov.u32 %r4, %cluster_ctaid.y; st.global.u32 [%rd1+20], %r4;
mov.u32 %r4, %cluster_nctaid.x; st.global.u32 [%rd1+24], %r4;
mov.u32 %r4, %cluster_nctaid.y; st.global.u32 [%rd1+28], %r4;
mov.u32 %r4, %cluster_ctarank; st.global.u32 [%rd1+32], %r4;
mov.u32 %r4, %cluster_nctarank; st.global.u32 [%rd1+36], %r4;
mov.pred %p1, %is_explicit_cluster;
selp.u32 %r4, 1, 0, %p1; st.global.u32 [%rd1+40], %r4;
)";

TEST(Clusters, SpecialRegisters) {
  TestGpu gpu(entry("where", ".param .u64 out", kWhere));
  auto out = gpu.zeros(64 * 8 * 4);
  gpu.cluster = {2, 2, 1};
  gpu.launch("where", {4, 4}, {1}, out);
  auto v = gpu.download<uint32_t>(out, 16 * 16);
  for (uint32_t y = 0; y < 4; y++)
    for (uint32_t x = 0; x < 4; x++) {
      std::vector<uint32_t> wanted = {x / 2, y / 2, 2, 2, x % 2, y % 2, 2, 2, x % 2 + y % 2 * 2, 4, 1};
      for (size_t i = 0; i < wanted.size(); i++) EXPECT_EQ(v[(y * 4 + x) * 16 + i], wanted[i]) << x << "," << y << " word " << i;
    }
  gpu.cluster = {1, 1, 1};
  gpu.launch("where", {4, 2}, {1}, out);
  v = gpu.download<uint32_t>(out, 16);
  EXPECT_EQ(v[2], 4u);
  EXPECT_EQ(v[9], 1u);
  EXPECT_EQ(v[10], 0u);
}

// Which shared memory an address belongs to: the own block's, the next one's of the cluster, nobody's.
const char* kWhose = R"(
.shared .align 8 .b32 box[4];
ld.param.u64 %rd1, [out];
mov.u32 %r1, %ctaid.x;
mul.wide.u32 %rd2, %r1, 16;
add.u64 %rd2, %rd1, %rd2;
mov.u64 %rd3, box;
cvta.shared.u64 %rd3, %rd3;
xor.b32 %r2, %r1, 1;
mapa.u64 %rd4, %rd3, %r2;
isspacep.shared %p0, %rd3; isspacep.shared::cta %p1, %rd3; isspacep.shared::cluster %p2, %rd3; isspacep.global %p3, %rd3;
isspacep.shared %p4, %rd4; isspacep.shared::cta %p5, %rd4; isspacep.shared::cluster %p6, %rd4; isspacep.global %p7, %rd4;
selp.u32 %r3, 1, 0, %p0; selp.u32 %r4, 2, 0, %p1; or.b32 %r3, %r3, %r4; selp.u32 %r4, 4, 0, %p2; or.b32 %r3, %r3, %r4; selp.u32 %r4, 8, 0, %p3; or.b32 %r3, %r3, %r4;
st.global.u32 [%rd2], %r3;
selp.u32 %r3, 1, 0, %p4; selp.u32 %r4, 2, 0, %p5; or.b32 %r3, %r3, %r4; selp.u32 %r4, 4, 0, %p6; or.b32 %r3, %r3, %r4; selp.u32 %r4, 8, 0, %p7; or.b32 %r3, %r3, %r4;
st.global.u32 [%rd2+4], %r3;
isspacep.shared %p0, %rd1; isspacep.shared::cta %p1, %rd1; isspacep.shared::cluster %p2, %rd1; isspacep.global %p3, %rd1;
selp.u32 %r3, 1, 0, %p0; selp.u32 %r4, 2, 0, %p1; or.b32 %r3, %r3, %r4; selp.u32 %r4, 4, 0, %p2; or.b32 %r3, %r3, %r4; selp.u32 %r4, 8, 0, %p3; or.b32 %r3, %r3, %r4;
st.global.u32 [%rd2+8], %r3;
)";

TEST(Clusters, WhoseSharedMemory) {
  TestGpu gpu(entry("whose", ".param .u64 out", kWhose));
  auto out = gpu.zeros(2 * 16);
  gpu.cluster = {2, 1, 1};
  gpu.launch("whose", {2}, {1}, out);
  auto v = gpu.download<uint32_t>(out, 8);
  for (size_t block = 0; block < 2; block++) {
    EXPECT_EQ(v[block * 4], 1u | 2 | 4) << block;       // .shared, ::cta, ::cluster
    EXPECT_EQ(v[block * 4 + 1], 4u) << block;           // ::cluster alone
    EXPECT_EQ(v[block * 4 + 2], 8u) << block;           // .global
  }
}

TEST(Multiprocessors, BlocksAreSpread) {
  TestGpu gpu(entry("processor", ".param .u64 out", R"(
ld.param.u64 %rd1, [out];
mov.u32 %r1, %ctaid.x; mov.u32 %r2, %nctaid.x; mov.u32 %r3, %ctaid.y;
mad.lo.u32 %r1, %r3, %r2, %r1;
mul.wide.u32 %rd2, %r1, 8;
add.u64 %rd1, %rd1, %rd2;
mov.u32 %r4, %smid; mov.u32 %r5, %nsmid;
st.global.v2.u32 [%rd1], {%r4, %r5};
)"));
  auto out = gpu.zeros(40 * 8);
  gpu.launch("processor", {5, 8}, {1}, out);
  auto v = gpu.download<uint32_t>(out, 80);
  for (uint32_t i = 0; i < 40; i++) {
    EXPECT_EQ(v[2 * i], i % 16) << i;
    EXPECT_EQ(v[2 * i + 1], 16u) << i;
  }
}

// Each block passes its number on to the next of its cluster: by mapa on 32-bit and on generic addresses, by atomics, and reads it back.
const char* kRing = R"(
.shared .align 8 .b32 box[4];
ld.param.u64 %rd1, [out];
mov.u32 %r1, %ctaid.x;
mov.u32 %r2, %cluster_ctarank;
mov.u32 %r3, %cluster_nctarank;
mov.u32 %r10, %tid.x;
mov.u32 %r6, box;
mov.u32 %r7, 0;
setp.ne.u32 %p2, %r10, 0;
@%p2 bra ready;
st.shared.u32 [box], %r7;
st.shared.u32 [box+4], %r7;
st.shared.u32 [box+8], %r7;
ready:
barrier.cluster.arrive.release.aligned;
barrier.cluster.wait.acquire.aligned;
add.u32 %r4, %r2, 1;
rem.u32 %r4, %r4, %r3;
mapa.shared::cluster.u32 %r5, %r6, %r4;
setp.ne.u32 %p1, %r10, 5;
@!%p1 st.shared::cluster.u32 [%r5], %r1;
cvta.shared.u64 %rd3, %r6_wide;
mapa.u64 %rd4, %rd3, %r4;
@!%p1 st.u32 [%rd4+4], %r1;
atom.shared::cluster.add.u32 %r8, [%r5+8], 1;
getctarank.shared::cluster.u32 %r11, %r5;
getctarank.u64 %r12, %rd4;
getctarank.u64 %r13, %rd3;
barrier.cluster.arrive;
barrier.cluster.wait;
@%p1 bra done;
mul.wide.u32 %rd2, %r1, 32;
add.u64 %rd1, %rd1, %rd2;
ld.shared.u32 %r9, [box]; st.global.u32 [%rd1], %r9;
ld.shared.u32 %r9, [box+4]; st.global.u32 [%rd1+4], %r9;
ld.shared.u32 %r9, [box+8]; st.global.u32 [%rd1+8], %r9;
st.global.u32 [%rd1+12], %r11;
st.global.u32 [%rd1+16], %r12;
st.global.u32 [%rd1+20], %r13;
st.global.u32 [%rd1+24], %r4;
done:
)";

std::string ring(const std::string& directives = "") {
  std::string body = kRing;
  body.replace(body.find("cvta.shared.u64 %rd3, %r6_wide;"), 31, "cvt.u64.u32 %rd5, %r6;\ncvta.shared.u64 %rd3, %rd5;");
  return entry("ring", ".param .u64 out", body, directives);
}

void check_ring(TestGpu& gpu, unsigned blocks, unsigned cluster, unsigned threads) {
  auto out = gpu.zeros(32 * blocks);
  gpu.launch("ring", {blocks}, {threads}, out);
  auto v = gpu.download<uint32_t>(out, 8 * blocks);
  for (unsigned b = 0; b < blocks; b++) {
    unsigned rank = b % cluster, before = b - rank + (rank + cluster - 1) % cluster;
    EXPECT_EQ(v[b * 8], before);
    EXPECT_EQ(v[b * 8 + 1], before);
    EXPECT_EQ(v[b * 8 + 2], threads);
    EXPECT_EQ(v[b * 8 + 3], (rank + 1) % cluster);
    EXPECT_EQ(v[b * 8 + 4], (rank + 1) % cluster);
    EXPECT_EQ(v[b * 8 + 5], rank);
    EXPECT_EQ(v[b * 8 + 6], (rank + 1) % cluster);
  }
}

TEST(Clusters, SharedMemoryOfOtherBlocks) {
  TestGpu gpu(ring());
  for (uint32_t size : {1u, 2u, 3u, 8u, 16u}) {
    gpu.cluster = {size, 1, 1};
    check_ring(gpu, size * 5, size, 6);
    check_ring(gpu, size * 3, size, 200);
  }
}

TEST(Clusters, TheKernelsOwnDimensions) {
  TestGpu gpu(ring(" .explicitcluster .reqnctapercluster 4, 1, 1"));
  EXPECT_EQ(gpu.module->kernels()[0].required_cluster[0], 4u);
  EXPECT_TRUE(gpu.module->kernels()[0].explicit_cluster);
}

TEST(Clusters, AddressesOutsideTheClusterFault) {
  TestGpu gpu(entry("wild", ".param .u32 rank, .param .u32 offset", R"(
.shared .align 4 .b32 box[4];
ld.param.u32 %r1, [rank];
ld.param.u32 %r2, [offset];
mov.u32 %r3, box;
mapa.shared::cluster.u32 %r4, %r3, %r1;
add.u32 %r4, %r4, %r2;
ld.shared::cluster.u32 %r5, [%r4];
)"));
  gpu.cluster = {2, 1, 1};
  EXPECT_EQ(gpu.try_launch("wild", {2}, {1}, 1u, 12u).result, 0);
  EXPECT_EQ(gpu.try_launch("wild", {2}, {1}, 2u, 0u).result, 719);
  EXPECT_EQ(gpu.try_launch("wild", {2}, {1}, 1u, 16u).result, 700);
  EXPECT_EQ(gpu.try_launch("wild", {2}, {1}, 1u, 2u << 24).result, 700);
  EXPECT_EQ(gpu.try_launch("wild", {2}, {1}, 1u, 1u).result, 716);
}

TEST(Clusters, ABarrierThatNotAllReachEnds) {
  TestGpu gpu(entry("uneven", "", R"(
mov.u32 %r1, %cluster_ctarank;
setp.eq.u32 %p1, %r1, 0;
@%p1 bra.uni wait;
loop: bra loop;
wait:
barrier.cluster.arrive;
barrier.cluster.wait;
)"));
  gpu.cluster = {2, 1, 1};
  gpu.time_limit_ms = 50;
  EXPECT_EQ(gpu.try_launch("uneven", {2}, {64}).result, 702);
}

TEST(Clusters, ThreadsThatExitAreNotWaitedFor) {
  TestGpu gpu(entry("leave", ".param .u64 out", R"(
ld.param.u64 %rd1, [out];
mov.u32 %r1, %cluster_ctarank;
mov.u32 %r2, %tid.x;
setp.gt.u32 %p1, %r2, 40;
@%p1 exit;
barrier.cluster.arrive;
setp.eq.u32 %p2, %r2, 3;
@%p2 exit;
barrier.cluster.wait;
atom.global.add.u32 %r3, [%rd1], 1;
)"));
  gpu.cluster = {2, 1, 1};
  auto out = gpu.zeros(4);
  gpu.launch("leave", {4}, {64}, out);
  EXPECT_EQ(gpu.download<uint32_t>(out, 1)[0], 4u * 40);
}

TEST(Faults, SayWhatLiesNear) {
  TestGpu gpu(entry("store", ".param .u64 to", "ld.param.u64 %rd1, [to];\nst.global.u32 [%rd1], 1;"));
  auto a = gpu.zeros(1000);
  char base[40];
  std::snprintf(base, sizeof base, "0x%llx", static_cast<unsigned long long>(a));
  Outcome r = gpu.try_launch("store", {1}, {1}, a + 1024 + 96);
  EXPECT_EQ(r.result, 700);
  EXPECT_NE(r.text.find("kernel store, PTX line 10, block (0,0,0), thread (0,0,0)"), std::string::npos) << r.text;
  EXPECT_NE(r.text.find(std::string("120 bytes behind the nearest allocation, 1000 bytes at ") + base), std::string::npos) << r.text;
  r = gpu.try_launch("store", {1}, {1}, a - 8);
  EXPECT_NE(r.text.find("8 bytes before the nearest allocation"), std::string::npos) << r.text;
  r = gpu.try_launch("store", {1}, {1}, a + 2);
  EXPECT_EQ(r.result, 716);
  EXPECT_NE(r.text.find("in the allocation of 1000 bytes"), std::string::npos) << r.text;
}

const char* kSpin = "ld.param.u64 %rd1, [flag];\nagain: ld.volatile.global.u32 %r1, [%rd1];\nsetp.eq.u32 %p1, %r1, 0;\n@%p1 bra again;";

TEST(Watchdog, EndsAKernelThatHangs) {
  TestGpu gpu(entry("spin", ".param .u64 flag", kSpin));
  auto flag = gpu.zeros(4);
  gpu.time_limit_ms = 40;
  for (unsigned blocks : {1u, 7u, 600u}) {
    Outcome r = gpu.try_launch("spin", {blocks}, {64}, flag);
    EXPECT_EQ(r.result, 702);
    EXPECT_NE(r.text.find("kernel spin: still running after 40 ms"), std::string::npos) << r.text;
  }
}

TEST(Watchdog, CountsLongGridsOfShortBlocks) {
  TestGpu gpu(entry("short", "", ""));
  gpu.time_limit_ms = 20;
  EXPECT_EQ(gpu.try_launch("short", {2147483647u}, {1024}).result, 702);
  gpu.time_limit_ms = 60000;
  EXPECT_EQ(gpu.try_launch("short", {1000}, {1024}).result, 0);
}

TEST(Watchdog, NobodyComesToABarrier) {   // found without any time limit
  TestGpu gpu(entry("uneven", "", "mov.u32 %r1, %tid.x;\nsetp.gt.u32 %p1, %r1, 31;\n@%p1 bra other;\nbar.sync 1, 64;\nbra end;\nother: bar.sync 2, 64;\nend:"));
  Outcome r = gpu.try_launch("uneven", {3}, {64});
  EXPECT_EQ(r.result, 719);
  EXPECT_NE(r.text.find("a barrier that not all threads of the block reach"), std::string::npos) << r.text;
}

TEST(Stack, HasTheLimitThatWasSet) {
  TestGpu gpu(std::string(kHeader) + R"(
.visible .func (.param .b32 out) deep(.param .b32 n)
{
.reg .pred %p<2>;
.reg .b32 %r<5>;
.local .align 4 .b8 room[64];
ld.param.u32 %r1, [n];
mov.u32 %r3, 0;
setp.eq.u32 %p1, %r1, 0;
@%p1 bra end;
sub.u32 %r2, %r1, 1;
{
.param .b32 a;
.param .b32 b;
st.param.b32 [a], %r2;
call.uni (b), deep, (a);
ld.param.b32 %r3, [b];
}
add.u32 %r3, %r3, 1;
end:
st.param.b32 [out], %r3;
ret;
}
.visible .entry recurse(.param .u64 to, .param .u32 n)
{
.reg .b32 %r<3>;
.reg .b64 %rd<2>;
ld.param.u64 %rd1, [to];
ld.param.u32 %r1, [n];
{
.param .b32 a;
.param .b32 b;
st.param.b32 [a], %r1;
call.uni (b), deep, (a);
ld.param.b32 %r2, [b];
}
st.global.u32 [%rd1], %r2;
ret;
}
)");
  auto out = gpu.zeros(4);
  gpu.launch("recurse", {1}, {32}, out, 40);
  EXPECT_EQ(gpu.download<uint32_t>(out, 1)[0], 40u);
  Outcome r = gpu.try_launch("recurse", {1}, {32}, out, 1000);
  EXPECT_EQ(r.result, 700);
  EXPECT_NE(r.text.find("calls nested too deeply"), std::string::npos) << r.text;
  gpu.stack_bytes = 32 << 10;
  gpu.launch("recurse", {1}, {32}, out, 1000);
  EXPECT_EQ(gpu.download<uint32_t>(out, 1)[0], 1000u);
  EXPECT_EQ(gpu.try_launch("recurse", {1}, {1}, out, -1).result, 700);
}

TEST(Streams, OneLaunchSpinsOnAnother) {   // as kernels of two streams: both make progress whatever the pool does
  TestGpu gpu(entry("spin", ".param .u64 flag", kSpin));
  TestGpu other(entry("set", ".param .u64 flag", "ld.param.u64 %rd1, [flag];\natom.global.add.u32 %r1, [%rd1], 1;"));
  auto flag = other.zeros(4);
  gpu.memory.add_host_range(reinterpret_cast<void*>(flag), 4);
  Outcome first[3];
  std::vector<std::thread> threads;
  for (Outcome& o : first) threads.emplace_back([&] { o = gpu.try_launch("spin", {200}, {64}, flag); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  other.launch("set", {100}, {32}, flag);
  for (auto& t : threads) t.join();
  for (Outcome& o : first) EXPECT_EQ(o.result, 0) << o.text;
  EXPECT_EQ(other.download<uint32_t>(flag, 1)[0], 3200u);
}

}  // namespace
}  // namespace softgpu
