// Data to the device and back through staging blocks: odd sizes, sizes around the blocks', boxes, failures, captures.
#include <algorithm>

#include "worker/session_fake.h"

namespace worker {

class Copy : public SessionTest {
 protected:
  static std::string pattern(size_t n, unsigned seed) {
    std::string s(n, 0);
    for (size_t i = 0; i < n; i++) s[i] = char(i * 131 + i / 251 + seed);
    return s;
  }
  template <class Args>
  static Args box(CUdeviceptr device, size_t width, size_t rows = 1, size_t depth = 1, size_t pitch = 0, size_t slice = 0) {
    Args a;
    a.device = device;
    a.widthInBytes = width;
    a.rows = rows;
    a.depth = depth;
    a.pitch = pitch ? pitch : width;
    a.slice = slice ? slice : a.pitch * rows;
    return a;
  }
  void write(const wire::tfWrite::Args& a, const std::string& data) { client->call(wire::op::tfWrite, a, 0, data); }
  std::string read(const wire::tfRead::Args& a) {
    uint64_t call = client->call(wire::op::tfRead, a);
    EXPECT_EQ(0, synchronize());
    return client->writes[call];
  }
};

TEST_F(Copy, OddSizesThereAndBack) {
  greet();
  unsigned seed = 0;
  for (size_t n : {1u, 2u, 7u, 8u, 9u, 4095u, 4096u, 4097u, 65535u, 65536u, 65537u, (1u << 20) - 1, 1u << 20, (1u << 20) + 1, (3u << 20) + 5, 9u << 20}) {
    CUdeviceptr p = allocate(n);
    std::string data = pattern(n, ++seed);
    write(box<wire::tfWrite::Args>(p, n), data);
    EXPECT_EQ(0, memcmp(reinterpret_cast<void*>(p), data.data(), synchronize() ? 0 : n)) << n;
    EXPECT_EQ(data, read(box<wire::tfRead::Args>(p, n))) << n;
    EXPECT_EQ(0, release(p));
  }
  EXPECT_TRUE(client->others.empty());
}

TEST_F(Copy, ManySmallReadsComeWithOneReply) {
  greet();
  CUdeviceptr p = allocate(1000);
  std::string data = pattern(1000, 3);
  write(box<wire::tfWrite::Args>(p, 1000), data);
  std::vector<uint64_t> calls;
  for (size_t i = 0; i < 300; i++) calls.push_back(client->call(wire::op::tfRead, box<wire::tfRead::Args>(p + i, i % 19 + 1)));
  EXPECT_EQ(0, synchronize());
  for (size_t i = 0; i < 300; i++) EXPECT_EQ(data.substr(i, i % 19 + 1), client->writes[calls[i]]);
}

TEST_F(Copy, Boxes) {
  greet();
  struct { size_t width, rows, depth, pitch, slice; } cases[] = {
      {3, 5, 1, 16, 80}, {100, 3000, 2, 128, 128 * 3001}, {(1 << 20) + 3, 3, 1, (1 << 20) + 64, 4 << 20}, {64, 10, 4, 64, 640}, {1 << 19, 5, 1, 1 << 19, 5 << 19}};
  for (auto& c : cases) {
    CUdeviceptr p = allocate(c.slice * c.depth);
    std::string data = pattern(c.width * c.rows * c.depth, 9);
    write(box<wire::tfWrite::Args>(p, c.width, c.rows, c.depth, c.pitch, c.slice), data);
    EXPECT_EQ(0, synchronize());
    size_t at = 0;
    for (size_t z = 0; z < c.depth; z++)
      for (size_t y = 0; y < c.rows; y++, at += c.width)
        ASSERT_EQ(0, memcmp(reinterpret_cast<char*>(p) + z * c.slice + y * c.pitch, data.data() + at, c.width)) << z << " " << y;
    EXPECT_EQ(data, read(box<wire::tfRead::Args>(p, c.width, c.rows, c.depth, c.pitch, c.slice)));
    release(p);
  }
}

TEST_F(Copy, FailuresAreLateErrorsAndTheStreamGoesOn) {
  greet();
  CUdeviceptr p = allocate(3 << 20);
  Fake::get().fail_next = CUDA_ERROR_ILLEGAL_ADDRESS;
  write(box<wire::tfWrite::Args>(p, (3 << 20) - 3), pattern((3 << 20) - 3, 1));   // the rest of the data is read over
  EXPECT_EQ(0, synchronize());
  ASSERT_EQ(1u, client->others.size());
  EXPECT_EQ(CUDA_ERROR_ILLEGAL_ADDRESS, client->others[0].header.result);
  Fake::get().fail_next = CUDA_ERROR_ILLEGAL_ADDRESS;
  EXPECT_EQ("", read(box<wire::tfRead::Args>(p, 100)));
  EXPECT_EQ(2u, client->others.size());
  write(box<wire::tfWrite::Args>(p, 5), "hello");
  EXPECT_EQ("hello", read(box<wire::tfRead::Args>(p, 5)));
}

TEST_F(Copy, NothingIsCopiedIntoACapture) {
  greet();
  CUdeviceptr p = allocate(8);
  Fake::get().capturing = true;
  write(box<wire::tfWrite::Args>(p, 8), "12345678");
  EXPECT_EQ(0, synchronize());
  ASSERT_EQ(1u, client->others.size());
  EXPECT_EQ(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED, client->others[0].header.result);
}

TEST_F(Copy, EmptyAndHostileBoxes) {
  greet();
  CUdeviceptr p = allocate(64);
  EXPECT_EQ("", read(box<wire::tfRead::Args>(p, 0)));
  EXPECT_EQ("", read(box<wire::tfRead::Args>(p, 0, 100, 100)));
  EXPECT_EQ("", read(box<wire::tfRead::Args>(p, 8, 0, 3)));
  write(box<wire::tfWrite::Args>(p, 0), "");
  EXPECT_EQ(0, synchronize());
  EXPECT_TRUE(client->others.empty());
  auto a = box<wire::tfRead::Args>(p, 1ull << 40, 1ull << 40);
  EXPECT_EQ("", read(a));
  EXPECT_EQ(1u, client->others.size());
  write(box<wire::tfWrite::Args>(p, 8), "more than eight bytes");   // the data and the numbers must agree
  runner.join();
  EXPECT_EQ(1, status);
}

// Data of a stream that is not done is not sent, and blocks that do not come back do not stop the session for ever.
TEST_F(Copy, WaitsForTheGpu) {
  greet();
  CUdeviceptr p = allocate(64);
  write(box<wire::tfWrite::Args>(p, 4), "abcd");
  EXPECT_EQ(0, synchronize());
  Fake::get().set_busy(true);
  uint64_t call = client->call(wire::op::tfRead, box<wire::tfRead::Args>(p, 4));
  wire::cuStreamQuery::Args query;
  EXPECT_EQ(CUDA_ERROR_NOT_READY, client->wait(wire::op::cuStreamQuery, query).header.result);
  EXPECT_EQ(0u, client->writes.count(call));
  for (int i = 0; i < 60; i++) write(box<wire::tfWrite::Args>(p, 1), "x");
  Fake::get().set_busy(false);
  EXPECT_EQ(0, client->wait(wire::op::cuStreamQuery, query).header.result);
  EXPECT_EQ("abcd", client->writes[call]);
}

TEST_F(Copy, MoreThanAllBlocksAtOnce) {
  greet();
  const size_t n = 80 << 20;
  CUdeviceptr p = allocate(n);
  std::string data = pattern(n, 5);
  write(box<wire::tfWrite::Args>(p, n), data);
  uint64_t call = client->call(wire::op::tfRead, box<wire::tfRead::Args>(p, n));
  EXPECT_EQ(0, synchronize());
  EXPECT_TRUE(data == client->writes[call]);
}

}  // namespace worker
