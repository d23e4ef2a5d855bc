// The protocol's edges, the order of calls, who leads, handles, late errors, nonsense from the client.
#include <algorithm>
#include <random>

#include "worker/session_fake.h"

namespace worker {

using Protocol = SessionTest;
constexpr uint16_t kReply = wire::kWantsReply;

TEST_F(Protocol, HelloIsAnswered) {
  auto r = client->hello();
  EXPECT_EQ(wire::HelloStatus::ok, r.status);
  EXPECT_EQ(wire::kMagic, r.magic);
  EXPECT_EQ(wire::kVersion, r.version);
  EXPECT_EQ(7u, r.session);
  client->close_now();
  runner.join();
  EXPECT_EQ(0, status);
}

TEST_F(Protocol, HelloMayCarryTokens) {
  wire::Hello h;
  h.auth_bytes = 5;
  h.token_bytes = 17;
  char text[8 + 24] = {};
  client->put(&h, sizeof h);
  client->put(text, sizeof text);
  wire::HelloReply r;
  ASSERT_TRUE(client->get(&r, sizeof r));
  EXPECT_EQ(wire::HelloStatus::ok, r.status);
  client->context = 0;
  EXPECT_EQ(0, synchronize());
}

TEST_F(Protocol, BadHelloIsRefusedWithWords) {
  struct { wire::Hello h; wire::HelloStatus status; const char* word; } cases[] = {
      {{}, wire::HelloStatus::bad_magic, "no tensor-fusion client"},
      {{}, wire::HelloStatus::bad_version, "versions 9 to 12"},
      {{}, wire::HelloStatus::refused, "too long"},
      {{}, wire::HelloStatus::refused, "too long"}};
  memcpy(&cases[0].h.magic, "GET / HT", 8);
  cases[1].h.oldest_version = 9;
  cases[1].h.version = 12;
  cases[2].h.token_bytes = wire::kMaxHelloText + 1;
  cases[3].h.auth_bytes = ~0u;
  for (auto& c : cases) {
    restart(0);
    client->put(&c.h, sizeof c.h);
    wire::HelloReply r;
    ASSERT_TRUE(client->get(&r, sizeof r));
    EXPECT_EQ(c.status, r.status);
    std::string text((r.text_bytes + 7) & ~7u, 0);
    ASSERT_TRUE(client->get(text.data(), text.size()));
    EXPECT_NE(std::string::npos, text.find(c.word)) << text;
    client->close_now();
    runner.join();
    EXPECT_EQ(1, status);
  }
}

TEST_F(Protocol, CallsRunInOrder) {
  greet();
  for (unsigned i = 0; i < 500; i++) set(1000 + i);
  EXPECT_EQ(0, synchronize());
  ASSERT_EQ(500u, Fake::get().log.size());
  for (unsigned i = 0; i < 500; i++) EXPECT_EQ("set " + std::to_string(1000 + i), Fake::get().log[i]);
}

// A call that waits for the GPU holds up nobody: the call that ends the wait comes after it.
TEST_F(Protocol, OthersLeadWhileOneWaits) {
  greet();
  for (int round = 0; round < 20; round++) {
    Fake::get().set_busy(true);
    std::vector<uint64_t> waiting = {client->call(wire::op::cuStreamSynchronize, wire::cuStreamSynchronize::Args{}, kReply),
                                     client->call(wire::op::cuCtxSynchronize, wire::cuCtxSynchronize::Args{}, kReply),
                                     client->call(wire::op::cuStreamSynchronize, wire::cuStreamSynchronize::Args{}, kReply)};
    uint64_t query = client->call(wire::op::cuStreamQuery, wire::cuStreamQuery::Args{}, kReply);
    EXPECT_EQ(CUDA_ERROR_NOT_READY, client->until_reply(query).header.result);
    set(999);   // the fake is done then
    FakeClient::Message m;
    while (!waiting.empty()) {
      ASSERT_TRUE(client->read(&m));
      ASSERT_EQ(wire::Kind::reply, m.header.kind);
      EXPECT_EQ(0, m.header.result);
      auto it = std::find(waiting.begin(), waiting.end(), m.header.call);
      ASSERT_NE(waiting.end(), it);
      waiting.erase(it);
    }
  }
}

// Bulk data that a call has no use for is read over, also by a call that hands over.
TEST_F(Protocol, UnwantedBulkData) {
  greet();
  for (size_t n : {1u, 8u, 1001u, 200'001u}) {
    std::string bulk(n, 'x');
    EXPECT_EQ(0, client->wait(wire::op::cuCtxSynchronize, wire::cuCtxSynchronize::Args{}, bulk).header.result);
    EXPECT_EQ(0, client->wait(wire::op::cuStreamQuery, wire::cuStreamQuery::Args{}, bulk).header.result);
  }
}

TEST_F(Protocol, EndsWhileACallWaits) {
  greet();
  Fake::get().set_busy(true);
  client->call(wire::op::cuStreamSynchronize, wire::cuStreamSynchronize::Args{}, kReply);
  ASSERT_TRUE(Fake::get().wait_for("synchronize"));
  client->close_now();
  runner.join();   // though a thread is inside the driver
  EXPECT_EQ(0, status);
}

// Also when it is the leader that is inside the driver, so that nobody reads the connection.
TEST_F(Protocol, EndsWhileTheLeaderIsStuck) {
  greet();
  driver.cuStreamCreate = [](CUstream*, unsigned) {
    Fake::get().set_busy(true);
    Fake::get().say("stuck");
    return fake_wait();
  };
  wire::cuStreamCreate::Args a;
  a.phStream = fake_handle(wire::kCUstream, 44);
  client->call(wire::op::cuStreamCreate, a);
  ASSERT_TRUE(Fake::get().wait_for("stuck"));
  client->close_now();
  runner.join();
  EXPECT_EQ(0, status);
}

TEST_F(Protocol, LateErrorsComeBeforeTheNextReply) {
  greet();
  for (int round = 0; round < 3; round++) {
    client->others.clear();
    set(1);
    set(13);   // the fake refuses this
    uint64_t failed = client->calls;
    for (int i = 0; i < 1000; i++) set(13);
    EXPECT_EQ(0, synchronize());
    ASSERT_EQ(1u, client->others.size()) << "one is enough: the client keeps the first";
    EXPECT_EQ(wire::Kind::async_error, client->others[0].header.kind);
    EXPECT_EQ(CUDA_ERROR_INVALID_VALUE, client->others[0].header.result);
    EXPECT_EQ(wire::op::cuMemsetD32Async, client->others[0].header.op);
    EXPECT_EQ(failed, client->others[0].header.call);
  }
}

TEST_F(Protocol, NumbersAreOfAKind) {
  greet();
  wire::cuEventCreate::Args e;
  e.phEvent = fake_handle(wire::kCUevent, 40);
  client->call(wire::op::cuEventCreate, e);
  wire::cuEventSynchronize::Args wait_event;
  wait_event.hEvent = e.phEvent;
  EXPECT_EQ(0, client->wait(wire::op::cuEventSynchronize, wait_event).header.result);
  wire::cuStreamSynchronize::Args wait_stream;
  for (uint64_t bad : {e.phEvent, fake_handle(wire::kCUstream, 40), fake_handle(wire::kCUstream, 41), uint64_t(0x12345670), ~uint64_t(0)}) {
    wait_stream.hStream = bad;
    int rc = client->wait(wire::op::cuStreamSynchronize, wait_stream).header.result;
    // The index finds the event; its kind does not fit.
    EXPECT_EQ(CUDA_ERROR_INVALID_HANDLE, rc) << std::hex << bad;
  }
  for (uint64_t reserved : {0, 1, 2}) {
    wait_stream.hStream = reserved;
    EXPECT_EQ(0, client->wait(wire::op::cuStreamSynchronize, wait_stream).header.result);
  }
  wire::cuEventDestroy_v2::Args d;
  d.hEvent = e.phEvent;
  client->call(wire::op::cuEventDestroy_v2, d);
  EXPECT_EQ(CUDA_ERROR_INVALID_HANDLE, client->wait(wire::op::cuEventSynchronize, wait_event).header.result);
}

TEST_F(Protocol, ContextsComeWithCallsAndDie) {
  greet();
  int before = Fake::get().contexts_set;
  for (int i = 0; i < 10; i++) set(1);
  wire::cuEventQuery::Args query;
  wire::cuEventCreate::Args e;
  query.hEvent = e.phEvent = fake_handle(wire::kCUevent, 50);
  client->call(wire::op::cuEventCreate, e);
  EXPECT_EQ(0, client->wait(wire::op::cuEventQuery, query).header.result);
  EXPECT_LE(Fake::get().contexts_set, before + 2) << "the thread's current context is not set again and again";
  client->context = 77;
  EXPECT_EQ(CUDA_ERROR_CONTEXT_IS_DESTROYED, client->wait(wire::op::cuEventQuery, query).header.result);
  client->context = kContextIndex;
  for (int i = 0; i < 8; i++) EXPECT_EQ(0, synchronize());   // so that every thread has led, in this context
  EXPECT_EQ(0, client->wait(wire::op::cuDevicePrimaryCtxReset_v2, wire::cuDevicePrimaryCtxReset_v2::Args{}).header.result);
  EXPECT_EQ(CUDA_ERROR_CONTEXT_IS_DESTROYED, client->wait(wire::op::cuEventQuery, query).header.result);
  wire::cuDevicePrimaryCtxRetain::Args again;
  again.pctx = fake_handle(wire::kCUcontext, kContextIndex);
  EXPECT_EQ(0, client->wait(wire::op::cuDevicePrimaryCtxRetain, again).header.result);
  EXPECT_EQ(CUDA_ERROR_INVALID_HANDLE, client->wait(wire::op::cuEventQuery, query).header.result) << "the event died with the context";
  EXPECT_EQ(0, synchronize());
}

TEST_F(Protocol, CallbacksRunInTheClient) {
  greet();
  wire::tfCallback::Args a;
  a.number = 5;
  client->call(wire::op::tfCallback, a);
  FakeClient::Message m;
  ASSERT_TRUE(client->read(&m));
  EXPECT_EQ(wire::Kind::callback, m.header.kind);
  EXPECT_EQ(5u, m.header.offset);
  wire::tfCallbackDone::Args done;
  done.number = 5;
  client->call(wire::op::tfCallbackDone, done);
  EXPECT_EQ(0, synchronize());
  Fake::get().host_functions[0].join();   // it has been let go
  Fake::get().host_functions.clear();
}

// Who asks for an event too early and wants to be told is told; a destroyed event is not looked at any more.
TEST_F(Protocol, TellsWhenAnEventHasFinished) {
  greet();
  wire::cuEventQuery::Args query;
  wire::cuEventCreate::Args e;
  wire::cuEventDestroy_v2::Args destroy;
  Fake::get().set_busy(true);
  for (uint32_t number : {50, 51}) {
    destroy.hEvent = query.hEvent = e.phEvent = fake_handle(wire::kCUevent, number);
    client->call(wire::op::cuEventCreate, e);
    uint64_t first = client->call(wire::op::cuEventQuery, query, kReply | wire::kTellWhenDone);
    EXPECT_EQ(CUDA_ERROR_NOT_READY, client->until_reply(first).header.result);
    if (number == 50) client->call(wire::op::cuEventDestroy_v2, destroy);
  }
  uint64_t second = client->call(wire::op::cuEventQuery, query, kReply | wire::kTellWhenDone);   // by another thread of the program
  EXPECT_EQ(CUDA_ERROR_NOT_READY, client->until_reply(second).header.result);
  usleep(20'000);
  EXPECT_TRUE(client->others.empty());
  Fake::get().set_busy(false);
  for (uint64_t expected : {second - 1, second}) {
    FakeClient::Message m;
    ASSERT_TRUE(client->read(&m));
    EXPECT_EQ(wire::Kind::event_done, m.header.kind);
    EXPECT_EQ(expected, m.header.call);
    EXPECT_EQ(0, m.header.result);
  }
  EXPECT_EQ(0, synchronize());
  EXPECT_TRUE(client->others.empty());
}

TEST_F(Protocol, EndsWhileACallbackRuns) {
  greet();
  wire::tfCallback::Args a;
  a.number = 6;
  client->call(wire::op::tfCallback, a);
  FakeClient::Message m;
  ASSERT_TRUE(client->read(&m));
  stop();
  Fake::get().host_functions[0].join();
  Fake::get().host_functions.clear();
}

// ---- nonsense

TEST_F(Protocol, HostileHeadersEndTheSession) {
  wire::CallHeader cases[] = {
      {wire::kMaxArguments + 8, wire::op::cuCtxSynchronize, kReply, 0, 0, 0},
      {0xffffffff, wire::op::cuCtxSynchronize, kReply, 0, 0, 0},
      {4, wire::op::cuCtxSynchronize, kReply, 0, 0, 0},
      {0, 0, kReply, 0, 0, 0},
      {0, 0xffff, kReply, 0, 0, 0},
      {0, wire::op::kEnd, kReply, 0, 0, 0},
      {0, wire::op::cuCtxSynchronize, kReply, 0, 0, wire::kMaxBulk + 1},
      {0, wire::op::cuCtxSynchronize, kReply, 0, 0, ~0ull},
      {8, wire::op::cuCtxSynchronize, kReply, 0, 0, 0},     // more arguments than the call has
  };
  for (auto& c : cases) {
    restart(0);
    greet();
    client->put(&c, sizeof c);
    uint64_t zero = 0;
    client->put(&zero, c.bytes == 8 ? 8 : 0);
    runner.join();
    EXPECT_EQ(1, status) << c.op << " " << c.bytes;
  }
}

TEST_F(Protocol, TruncatedAnywhere) {
  wire::Hello hello;
  wire::cuDevicePrimaryCtxRetain::Args retain;
  retain.pctx = fake_handle(wire::kCUcontext, kContextIndex);
  void* memory = calloc(1, 4096);
  wire::tfWrite::Args write;
  write.device = CUdeviceptr(memory);
  write.widthInBytes = write.pitch = 77;
  write.rows = write.depth = 1;
  wire::tfRead::Args read;
  read.device = write.device;
  read.widthInBytes = read.pitch = 77;
  read.rows = read.depth = 1;
  std::string all(reinterpret_cast<char*>(&hello), sizeof hello);
  all += FakeClient::bytes_of(wire::op::cuDevicePrimaryCtxRetain, retain, kReply, 0);
  all += FakeClient::bytes_of(wire::op::tfWrite, write, 0, kContextIndex, std::string(77, 'x'));
  all += FakeClient::bytes_of(wire::op::tfRead, read, 0, kContextIndex);
  all += FakeClient::bytes_of(wire::op::cuCtxSynchronize, wire::cuCtxSynchronize::Args{}, kReply, kContextIndex);
  for (size_t n = 0; n <= all.size(); n++) {
    stop();
    begin();
    client->put(all.data(), n);
    shutdown(client->fd, SHUT_WR);
    char rest[4096];
    while (recv(client->fd, rest, sizeof rest, 0) > 0) {}
    runner.join();
    EXPECT_TRUE(status == 0 || status == 1);
  }
  free(memory);
}

// Random arguments for every call there is. The fake has few of the driver's functions: what is tested is what stands before them.
TEST_F(Protocol, RandomArguments) {
  std::mt19937_64 random(42);
  for (uint16_t op = 1; op < wire::op::kEnd; op++) {
    if (!handler_of(op)) continue;
    for (int round = 0; round < 6; round++) {
      stop();
      begin();
      greet();
      std::vector<uint64_t> words(random() % 24);
      for (auto& w : words) {
        w = random();
        if (random() % 2) w &= 0x0101010101010101;          // plausible flags and small numbers
        else if (random() % 3 == 0) w &= 0xff;
      }
      const uint64_t bulk = random() % 3 ? 0 : random() % 100;
      wire::CallHeader h{uint32_t(words.size() * 8), op, uint16_t(random() % 4), kContextIndex, 0, bulk};
      char zeros[104] = {};
      client->put(&h, sizeof h);
      client->put(words.data(), words.size() * 8);
      client->put(zeros, (bulk + 7) / 8 * 8);
      shutdown(client->fd, SHUT_WR);
      char rest[4096];
      while (recv(client->fd, rest, sizeof rest, 0) > 0) {}
      runner.join();
    }
  }
}

}  // namespace worker
