// Data to the device and back through staging blocks: odd sizes, sizes around the blocks', boxes, failures, captures.
#include <algorithm>
#include <atomic>
#include <map>
#include <set>

#include "wire/stripe.h"
#include "worker/session_fake.h"
#include "worker/stripes.h"

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

// The client's ends of further connections; what is dealt to them is written by threads, as a client does.
class Dealt : public Copy {
 protected:
  void TearDown() override {
    for (int fd : ends_) close(fd);
    Copy::TearDown();
  }
  void connect(unsigned index) {
    int ends[2];
    ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    ends_.push_back(ends[1]);
    client->connections.push_back(ends[1]);
    ASSERT_TRUE(session->stripes().add(index, ends[0]));
  }
  static std::string dealt(const std::string& data, unsigned i, unsigned n) {
    std::string part;
    for (size_t at = i * wire::kStripe; at < data.size(); at += n * wire::kStripe) part += data.substr(at, wire::kStripe);
    EXPECT_EQ(wire::stripe_bytes(data.size(), i, n), part.size());
    return part;
  }
  void deal(CUdeviceptr to, const std::string& data, unsigned connections, uint32_t context = 0) {
    auto a = box<wire::tfWrite::Args>(to, data.size());
    a.connections = connections;
    std::vector<std::thread> senders;
    for (unsigned i = 1; i < connections; i++)
      senders.emplace_back([part = dealt(data, i, connections), fd = ends_[i - 1]] {
        for (size_t at = 0, n; at < part.size(); at += n)
          if ((n = size_t(::send(fd, part.data() + at, part.size() - at, MSG_NOSIGNAL))) > part.size()) return;
      });
    if (context) client->context = context;
    client->call(wire::op::tfWrite, a, 0, dealt(data, 0, connections));
    client->context = kContextIndex;
    for (auto& t : senders) t.join();
  }
  void send_half() {   // of two pieces: the second connection's does not come
    greet();
    connect(1);
    auto a = box<wire::tfWrite::Args>(allocate(2 * wire::kStripe), 2 * wire::kStripe);
    a.connections = 2;
    client->call(wire::op::tfWrite, a, 0, std::string(wire::kStripe, 'x'));
  }
  std::vector<int> ends_;
};

TEST_F(Dealt, AllSizesOverTwoAndThree) {
  greet();
  connect(1);
  connect(2);
  unsigned seed = 0;
  for (unsigned connections : {2u, 3u})
    for (size_t n : {1ul, wire::kStripe, wire::kStripe + 1, 2 * wire::kStripe - 7, 3 * wire::kStripe, 7 * wire::kStripe + 12345, 60 * wire::kStripe + 1}) {
      CUdeviceptr p = allocate(n);
      std::string data = pattern(n, ++seed);
      deal(p, data, connections);
      EXPECT_EQ(0, memcmp(reinterpret_cast<void*>(p), data.data(), synchronize() ? 0 : n)) << n << " over " << connections;
      write(box<wire::tfWrite::Args>(p, 1), "x");   // what follows is not out of step
      EXPECT_EQ("x", read(box<wire::tfRead::Args>(p, 1)));
      EXPECT_EQ(0, release(p));
    }
  EXPECT_TRUE(client->others.empty());
}

TEST_F(Dealt, AnErrorTakesTheDataOffAllConnections) {
  greet();
  connect(1);
  const size_t n = 9 * wire::kStripe + 5;
  CUdeviceptr p = allocate(n);
  std::string data = pattern(n, 1);
  Fake::get().fail_next = CUDA_ERROR_ILLEGAL_ADDRESS;
  deal(p, data, 2);
  EXPECT_EQ(0, synchronize());
  deal(p, data, 2, 99);   // of a context that is not there
  EXPECT_EQ(0, synchronize());
  ASSERT_EQ(2u, client->others.size());
  EXPECT_EQ(CUDA_ERROR_ILLEGAL_ADDRESS, client->others[0].header.result);
  EXPECT_EQ(CUDA_ERROR_CONTEXT_IS_DESTROYED, client->others[1].header.result);
  deal(p, data, 2);
  EXPECT_EQ(0, memcmp(reinterpret_cast<void*>(p), data.data(), synchronize() ? 0 : n));
}

TEST_F(Dealt, MoreConnectionsThanThereAreEndTheSession) {
  greet();
  connect(1);
  EXPECT_FALSE(session->stripes().add(3, dup(ends_[0]))) << "the second is still to come";
  auto a = box<wire::tfWrite::Args>(allocate(64), 64);
  a.connections = 3;
  client->call(wire::op::tfWrite, a, 0, std::string(64, 'x'));
  runner.join();
  EXPECT_EQ(1, status);
}

TEST_F(Dealt, OneThatBreaksEndsTheSession) {
  send_half();
  shutdown(ends_[0], SHUT_RDWR);
  runner.join();
  EXPECT_EQ(1, status);
}

TEST_F(Dealt, TheClientGoesInTheMiddle) {
  send_half();
  close(ends_[0]);
  ends_.clear();
  stop();
}

TEST_F(Dealt, ReadsOfAllSizesToo) {
  greet();
  connect(1);
  unsigned seed = 0;
  for (size_t n : {4ul, wire::kStripe, wire::kStripe + 1, 2 * wire::kStripe, 3 * wire::kStripe + 12345, 70 * wire::kStripe + 1}) {
    if (n == 3 * wire::kStripe + 12345) connect(2);
    CUdeviceptr p = allocate(n);
    std::string data = pattern(n, ++seed);
    memcpy(reinterpret_cast<void*>(p), data.data(), n);
    const unsigned before = client->dealt_messages;
    EXPECT_TRUE(read(box<wire::tfRead::Args>(p, n)) == data) << n;
    EXPECT_EQ(client->dealt_messages > before, n >= 2 * wire::kStripe) << n;
    EXPECT_TRUE(read(box<wire::tfRead::Args>(p + 1, 3)) == data.substr(1, 3)) << "what follows is not out of step";
    EXPECT_EQ(0, release(p));
  }
  EXPECT_TRUE(client->others.empty());
}

// Blocks are used again in other contexts: an event of one that has gone must not come with them.
TEST_F(Dealt, AContextGoesWhileItsReadIsBeingSent) {
  static thread_local CUcontext current;
  static std::mutex lock;
  static std::map<CUevent, CUcontext> made_in;
  static std::set<CUcontext> gone;
  static std::atomic<int> stale;
  made_in.clear(), gone.clear(), stale = 0;
  driver.cuCtxSetCurrent = [](CUcontext c) { current = c; return CUDA_SUCCESS; };
  driver.cuCtxDestroy_v2 = [](CUcontext c) { std::lock_guard l(lock); gone.insert(c); return CUDA_SUCCESS; };
  driver.cuEventCreate = [](CUevent* e, unsigned) { *e = fake_object<CUevent>(); std::lock_guard l(lock); made_in[*e] = current; return CUDA_SUCCESS; };
  auto use = [](CUevent e) { std::lock_guard l(lock); stale += int(gone.count(made_in[e])); return CUDA_SUCCESS; };
  driver.cuEventDestroy_v2 = use;
  driver.cuEventQuery = use;
  greet();
  connect(1);
  const size_t n = 2 * wire::kStripe;
  CUdeviceptr p = allocate(n);
  std::string data = pattern(n, 1);
  memcpy(reinterpret_cast<void*>(p), data.data(), n);
  wire::cuCtxCreate_v2::Args create;
  create.pctx = fake_handle(wire::kCUcontext, 9);
  ASSERT_EQ(0, client->wait(wire::op::cuCtxCreate_v2, create).header.result);
  client->context = 9;
  client->takes_dealt = false;
  client->call(wire::op::tfRead, box<wire::tfRead::Args>(p, n));
  wire::cuCtxDestroy_v2::Args destroy;
  destroy.ctx = create.pctx;
  ASSERT_EQ(0, client->wait(wire::op::cuCtxDestroy_v2, destroy).header.result);
  EXPECT_EQ(1u, client->dealt_messages);
  EXPECT_EQ(1u, gone.size());
  std::string piece(wire::kStripe, 0);
  ASSERT_TRUE(FakeClient::get_from(ends_[0], piece.data(), piece.size()));
  EXPECT_TRUE(piece == data.substr(wire::kStripe));
  client->context = kContextIndex;
  client->takes_dealt = true;
  for (int i = 0; i < 20; i++) EXPECT_TRUE(read(box<wire::tfRead::Args>(p, n)) == data);
  EXPECT_EQ(0, stale);
}

// The session's end does not wait for what a client that takes nothing has not taken.
TEST_F(Dealt, ReadsThatNobodyTakes) {
  greet();
  connect(1);
  const size_t n = 30 * wire::kStripe;
  CUdeviceptr p = allocate(n);
  client->call(wire::op::tfRead, box<wire::tfRead::Args>(p, n));
  usleep(100'000);   // both connections are full
  stop();
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
