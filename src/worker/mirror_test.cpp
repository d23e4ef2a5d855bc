// Host memory that stands in the worker for a client's: pages at the client's address, bytes in both directions, and nothing beyond them for
// clients that ask for more.
#include "worker/mirror.h"

#include <sys/mman.h>

#include "wire/patch.h"
#include "worker/session_fake.h"

namespace worker {

TEST(PageCounts, RangesThatSharePagesComeAndGo) {
  PageCounts c;
  EXPECT_FALSE(c.covers(0x1000, 1));
  c.change(0x1100, 0x1200, 1);
  c.change(0x1800, 0x3100, 1);
  EXPECT_TRUE(c.covers(0x1000, 0x3000));
  EXPECT_FALSE(c.covers(0x1000, 0x3001));
  EXPECT_FALSE(c.covers(0xfff, 2));
  c.change(0x1100, 0x1200, -1);
  EXPECT_TRUE(c.covers(0x1000, 0x3000));
  c.change(0x8000, 0x9000, 1);
  EXPECT_FALSE(c.covers(0x3000, 0x6000)) << "a hole";
  c.change(0x4000, 0x8000, 1);
  EXPECT_TRUE(c.covers(0x1000, 0x8000));
  c.change(0x1800, 0x3100, -1);
  EXPECT_FALSE(c.covers(0x1000, 1));
  EXPECT_FALSE(c.covers(0x4000, ~0ull));
  EXPECT_FALSE(c.covers(0x4000, 0));
}

class MirrorTest : public SessionTest {
 protected:
  static constexpr uint64_t kAddress = 0x4000'0000'1000;
  void SetUp() override {
    SessionTest::SetUp();
    greet();
  }
  int map(uint64_t address, uint64_t bytes, unsigned long long* place) {
    wire::tfMirrorMap::Args a;
    a.address = address;
    a.bytes = bytes;
    a.want_place = a.want_device = true;
    auto m = client->wait(wire::op::tfMirrorMap, a);
    wire::tfMirrorMap::Outs o;
    unsigned long long device = 0;
    o.place = place;
    o.device = &device;
    o.n_place = o.n_device = 1;
    auto r = m.reader();
    if (m.header.result == 0) o.get(r, true);
    return m.header.result;
  }
  FakeClient::Message read(unsigned patience, std::vector<unsigned long long> addresses, std::vector<unsigned> sizes) {
    wire::tfMirrorRead::Args a;
    a.patience = patience;
    a.count = unsigned(sizes.size());
    a.addresses = addresses.data();
    a.sizes = sizes.data();
    return client->wait(wire::op::tfMirrorRead, a);
  }
  void write(uint64_t address, const std::string& bytes) {
    wire::tfMirrorWrite::Args a;
    a.address = address;
    a.bytes = bytes.size();
    client->call(wire::op::tfMirrorWrite, a, 0, bytes);
  }
};

TEST_F(MirrorTest, BytesGoThereAndComeBack) {
  unsigned long long place = 0;
  ASSERT_EQ(0, map(kAddress + 8, 5000, &place));
  EXPECT_EQ(kAddress + 8, place);
  EXPECT_EQ(1, Fake::get().registered);
  write(kAddress, std::string(8192, 'x'));
  alignas(8) uint8_t now[256] = {}, twin[256] = {};
  memset(now + 16, 'y', 12);
  wire::Buffer patches;
  wire::diff(kAddress + 4096, now, twin, sizeof now, patches);
  client->call(wire::op::tfMirrorWrite, wire::tfMirrorWrite::Args{}, 0, std::string(reinterpret_cast<char*>(patches.data()), patches.size()));
  auto m = read(0, {kAddress + 4096, kAddress}, {32, 4});
  EXPECT_EQ(0, m.header.result);
  EXPECT_EQ("xxxxxxxxxxxxxxxxyyyyyyyyyyyyxxxxxxxx", std::string(m.bulk.begin(), m.bulk.end()));
  wire::tfMirrorUnmap::Args a;
  a.place = place;
  EXPECT_EQ(0, client->wait(wire::op::tfMirrorUnmap, a).header.result);
  EXPECT_EQ(0, Fake::get().registered);
  EXPECT_NE(0, read(0, {kAddress}, {4}).header.result);
  EXPECT_EQ(CUDA_ERROR_INVALID_VALUE, client->wait(wire::op::tfMirrorUnmap, a).header.result);
}

TEST_F(MirrorTest, WhereTheAddressIsTakenAnotherIsTold) {
  void* taken = mmap(reinterpret_cast<void*>(kAddress), 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
  ASSERT_NE(MAP_FAILED, taken);
  unsigned long long place = 0;
  EXPECT_EQ(0, map(kAddress + 100, 100, &place));
  EXPECT_NE(kAddress + 100, place);
  EXPECT_EQ(100u, place % 4096);
  munmap(taken, 4096);
}

TEST_F(MirrorTest, ReadingWaitsForWorkAsLongAsItIsAsked) {
  unsigned long long place = 0;
  ASSERT_EQ(0, map(kAddress, 4096, &place));
  Fake::get().set_busy(true);
  EXPECT_EQ(CUDA_ERROR_NOT_READY, read(50, {kAddress}, {4}).header.result) << "with the bytes all the same";
  std::thread later([] { usleep(50'000); Fake::get().set_busy(false); });
  EXPECT_EQ(0, read(5000, {kAddress}, {4}).header.result);
  later.join();
}

TEST_F(MirrorTest, NothingElseCanBeReadOrWritten) {
  unsigned long long place = 0;
  EXPECT_NE(0, map(~0ull - 5, 4096, &place));
  EXPECT_NE(0, map(kAddress, 0, &place));
  ASSERT_EQ(0, map(kAddress, 4096, &place));
  EXPECT_NE(0, read(0, {kAddress + 4095}, {2}).header.result);
  EXPECT_NE(0, read(0, {uint64_t(&place)}, {8}).header.result);
  EXPECT_NE(0, read(0, {}, {}).header.result);
  write(uint64_t(&place), "12345678");
  EXPECT_EQ(-1, synchronize()) << "the session has ended";
  EXPECT_EQ(kAddress, place);
}

}  // namespace worker
