// For tests of a session: a driver without a GPU (device memory is host memory, everything is done at once unless `busy`) and a client that
// speaks the protocol by hand over a socket pair. One test at a time; the session runs on a thread of its own.
#pragma once
#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "limiter/memory_quota.h"
#include "wire/opcodes.h"
#include "worker/handlers.h"

namespace worker {

struct Fake {
  std::mutex lock;
  std::condition_variable wake;
  std::vector<std::string> log;                 // calls worth remembering
  std::map<CUdeviceptr, size_t> memory;
  bool busy = false;                            // streams and events are not done
  bool capturing = false;
  CUresult fail_next = CUDA_SUCCESS;            // of the next allocation or copy
  int contexts_set = 0, events = 0, registered = 0;
  uintptr_t next_object = 0x5000;
  std::vector<std::thread> host_functions;
  static Fake& get() { static Fake* f = new Fake; return *f; }
  void reset() {
    for (auto& t : host_functions) t.join();
    host_functions.clear();
    std::lock_guard l(lock);
    for (auto& [p, n] : memory) free(reinterpret_cast<void*>(p));
    memory.clear();
    log.clear();
    busy = capturing = false;
    fail_next = CUDA_SUCCESS;
    contexts_set = events = registered = 0;
  }
  void say(std::string text) {
    std::lock_guard l(lock);
    log.push_back(std::move(text));
    wake.notify_all();
  }
  void set_busy(bool b) {
    std::lock_guard l(lock);
    busy = b;
    wake.notify_all();
  }
  bool wait_for(const std::string& text) {      // until it is in the log
    std::unique_lock l(lock);
    return wake.wait_for(l, std::chrono::seconds(10), [&] { return std::find(log.begin(), log.end(), text) != log.end(); });
  }
  int count(const std::string& text) {
    std::lock_guard l(lock);
    return int(std::count(log.begin(), log.end(), text));
  }
};

inline CUresult fake_failure() {
  std::lock_guard l(Fake::get().lock);
  return std::exchange(Fake::get().fail_next, CUDA_SUCCESS);
}
template <class H>
H fake_object() {
  std::lock_guard l(Fake::get().lock);
  return reinterpret_cast<H>(Fake::get().next_object += 16);
}
inline CUresult fake_wait() {
  Fake& f = Fake::get();
  std::unique_lock l(f.lock);
  f.wake.wait(l, [&] { return !f.busy; });
  return CUDA_SUCCESS;
}
inline CUresult fake_query() {
  std::lock_guard l(Fake::get().lock);
  return Fake::get().busy ? CUDA_ERROR_NOT_READY : CUDA_SUCCESS;
}
inline CUresult fake_allocate(CUdeviceptr* p, size_t n) {
  if (CUresult rc = fake_failure()) return rc;
  if (n > 1ull << 32) return CUDA_ERROR_OUT_OF_MEMORY;
  *p = CUdeviceptr(calloc(1, n + 1));
  std::lock_guard l(Fake::get().lock);
  Fake::get().memory[*p] = n;
  return CUDA_SUCCESS;
}
inline CUresult fake_free(CUdeviceptr p) {
  Fake& f = Fake::get();
  std::lock_guard l(f.lock);
  if (!f.memory.erase(p)) return CUDA_ERROR_INVALID_VALUE;
  free(reinterpret_cast<void*>(p));
  return CUDA_SUCCESS;
}

inline Driver fake_driver() {
  Driver d;
  d.cuCtxSetCurrent = [](CUcontext) { Fake::get().contexts_set++; return CUDA_SUCCESS; };
  d.cuCtxGetDevice = [](CUdevice* device) { *device = 0; return CUDA_SUCCESS; };
  d.cuDeviceGetAttribute = [](int* value, CUdevice_attribute, CUdevice) { *value = 1; return CUDA_SUCCESS; };
  d.cuDevicePrimaryCtxRetain = [](CUcontext* c, CUdevice) { *c = reinterpret_cast<CUcontext>(0x1000); return CUDA_SUCCESS; };
  d.cuDevicePrimaryCtxRelease_v2 = [](CUdevice) { Fake::get().say("release"); return CUDA_SUCCESS; };
  d.cuDevicePrimaryCtxReset_v2 = [](CUdevice) { Fake::get().say("reset"); return CUDA_SUCCESS; };
  d.cuCtxCreate_v2 = [](CUcontext* c, unsigned, CUdevice) { *c = fake_object<CUcontext>(); return CUDA_SUCCESS; };
  d.cuCtxPopCurrent_v2 = [](CUcontext*) { return CUDA_SUCCESS; };
  d.cuCtxDestroy_v2 = [](CUcontext) { Fake::get().say("destroy context"); return CUDA_SUCCESS; };
  d.cuCtxSynchronize = [] { return fake_wait(); };
  d.cuStreamSynchronize = [](CUstream) { Fake::get().say("synchronize"); return fake_wait(); };
  d.cuStreamQuery = [](CUstream) { return fake_query(); };
  d.cuStreamIsCapturing = [](CUstream, CUstreamCaptureStatus* s) {
    *s = Fake::get().capturing ? CU_STREAM_CAPTURE_STATUS_ACTIVE : CU_STREAM_CAPTURE_STATUS_NONE;
    return CUDA_SUCCESS;
  };
  d.cuStreamCreate = [](CUstream* s, unsigned) { *s = fake_object<CUstream>(); return CUDA_SUCCESS; };
  d.cuEventCreate = [](CUevent* e, unsigned) { Fake::get().events++; *e = fake_object<CUevent>(); return CUDA_SUCCESS; };
  d.cuEventDestroy_v2 = [](CUevent) { return CUDA_SUCCESS; };
  d.cuEventRecord = [](CUevent, CUstream) { return CUDA_SUCCESS; };
  d.cuEventQuery = [](CUevent) { return fake_query(); };
  d.cuEventSynchronize = [](CUevent) { return fake_wait(); };
  d.cuMemHostRegister_v2 = [](void*, size_t, unsigned) { Fake::get().registered++; return CUDA_SUCCESS; };
  d.cuMemHostUnregister = [](void*) { Fake::get().registered--; return CUDA_SUCCESS; };
  d.cuMemHostGetDevicePointer_v2 = [](CUdeviceptr* device, void* p, unsigned) { *device = CUdeviceptr(p); return CUDA_SUCCESS; };
  d.cuMemAlloc_v2 = fake_allocate;
  d.cuMemAllocManaged = [](CUdeviceptr* p, size_t n, unsigned) { return fake_allocate(p, n); };
  d.cuMemAllocPitch_v2 = [](CUdeviceptr* p, size_t* pitch, size_t width, size_t height, unsigned) {
    *pitch = (width + 511) / 512 * 512;
    return fake_allocate(p, *pitch * height);
  };
  d.cuMemFree_v2 = fake_free;
  d.cuMemAllocAsync = [](CUdeviceptr* p, size_t n, CUstream) { return fake_allocate(p, n); };
  d.cuMemFreeAsync = [](CUdeviceptr p, CUstream) { return fake_free(p); };
  d.cuMemGetInfo_v2 = [](size_t* free, size_t* total) { *free = 900; *total = 5000; return CUDA_SUCCESS; };
  d.cuMemsetD32Async = [](CUdeviceptr, unsigned value, size_t, CUstream) {
    Fake::get().say("set " + std::to_string(value));
    if (value == 999) Fake::get().set_busy(false);
    return value == 13 ? CUDA_ERROR_INVALID_VALUE : CUDA_SUCCESS;
  };
  d.cuMemcpyHtoDAsync_v2 = [](CUdeviceptr to, const void* from, size_t n, CUstream) {
    if (CUresult rc = fake_failure()) return rc;
    memcpy(reinterpret_cast<void*>(to), from, n);
    return CUDA_SUCCESS;
  };
  d.cuMemcpyDtoHAsync_v2 = [](void* to, CUdeviceptr from, size_t n, CUstream) {
    if (CUresult rc = fake_failure()) return rc;
    memcpy(to, reinterpret_cast<void*>(from), n);
    return CUDA_SUCCESS;
  };
  d.cuMemcpy2DAsync_v2 = [](const CUDA_MEMCPY2D* c, CUstream) {
    if (CUresult rc = fake_failure()) return rc;
    auto* from = c->srcMemoryType == CU_MEMORYTYPE_HOST ? static_cast<const char*>(c->srcHost) : reinterpret_cast<const char*>(c->srcDevice);
    auto* to = c->dstMemoryType == CU_MEMORYTYPE_HOST ? static_cast<char*>(c->dstHost) : reinterpret_cast<char*>(c->dstDevice);
    for (size_t y = 0; y < c->Height; y++) memcpy(to + y * c->dstPitch, from + y * c->srcPitch, c->WidthInBytes);
    return CUDA_SUCCESS;
  };
  d.cuLaunchHostFunc = [](CUstream, CUhostFn fn, void* data) {
    Fake::get().host_functions.emplace_back([=] { fn(data); });
    return CUDA_SUCCESS;
  };
  return d;
}

// The protocol's other end.
class FakeClient {
 public:
  struct Message {
    wire::MessageHeader header{};
    std::vector<uint64_t> body;       // 8-aligned
    std::string bulk;
    wire::Reader reader() const { return wire::Reader(body.data(), header.bytes); }
  };
  explicit FakeClient(int fd) : fd(fd) {}
  ~FakeClient() { close_now(); }
  void close_now() { if (fd >= 0) close(std::exchange(fd, -1)); }

  bool put(const void* p, size_t n) {
    for (auto* at = static_cast<const char*>(p); n;) {
      ssize_t sent = ::send(fd, at, n, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      at += sent;
      n -= size_t(sent);
    }
    return true;
  }
  bool get(void* p, size_t n) { return get_from(fd, p, n); }
  static bool get_from(int fd, void* p, size_t n) {
    for (auto* at = static_cast<char*>(p); n;) {
      ssize_t got = recv(fd, at, n, 0);
      if (got <= 0) return false;
      at += got;
      n -= size_t(got);
    }
    return true;
  }
  wire::HelloReply hello() {
    wire::Hello h;
    wire::HelloReply r{};
    r.status = wire::HelloStatus(99);
    put(&h, sizeof h);
    if (!get(&r, sizeof r)) r.status = wire::HelloStatus(98);
    return r;
  }
  // The bytes of a call.
  template <class Args>
  static std::string bytes_of(uint16_t op, const Args& a, uint16_t flags, uint32_t context, const std::string& bulk = "") {
    wire::Buffer b;
    wire::Writer w(b);
    a.put(w);
    w.align();
    wire::CallHeader h{uint32_t(b.size()), op, flags, context, 0, bulk.size()};
    std::string all(reinterpret_cast<char*>(&h), sizeof h);
    all.append(reinterpret_cast<char*>(b.data()), b.size());
    all += bulk;
    all.append((8 - bulk.size() % 8) % 8, '\0');
    return all;
  }
  template <class Args>
  uint64_t call(uint16_t op, const Args& a, uint16_t flags = 0, const std::string& bulk = "") {
    std::string all = bytes_of(op, a, flags, context, bulk);
    put(all.data(), all.size());
    return ++calls;
  }
  bool read(Message* m) {
    if (!get(&m->header, sizeof m->header)) return false;
    m->body.resize(m->header.bytes / 8);
    m->bulk.resize(m->header.bulk_bytes);
    if (m->header.connection && !takes_dealt) return get(m->body.data(), m->header.bytes);
    if (const uint32_t c = m->header.connection) return c <= connections.size() && get(m->body.data(), m->header.bytes) && get_from(connections[c - 1], m->bulk.data(), m->bulk.size());
    char padding[8];
    return get(m->body.data(), m->header.bytes) && get(m->bulk.data(), m->bulk.size()) && get(padding, (8 - m->bulk.size() % 8) % 8);
  }
  // Reads until the reply to `number`, applying host_writes to `writes` and remembering what else came.
  Message until_reply(uint64_t number) {
    Message m;
    while (read(&m)) {
      if (m.header.kind == wire::Kind::reply && m.header.call == number) return m;
      if (m.header.kind == wire::Kind::host_write) {
        if (m.header.connection) dealt_messages++;
        std::string& to = writes[m.header.call];
        if (to.size() < m.header.offset + m.bulk.size()) to.resize(m.header.offset + m.bulk.size());
        to.replace(m.header.offset, m.bulk.size(), m.bulk);
      } else {
        others.push_back(m);
      }
    }
    m.header = {};
    m.header.result = -1;
    return m;
  }
  template <class Args>
  Message wait(uint16_t op, const Args& a, const std::string& bulk = "") { return until_reply(call(op, a, wire::kWantsReply, bulk)); }

  int fd;
  std::vector<int> connections;        // further ones, from index 1; not closed here
  uint32_t context = 0;
  uint64_t calls = 0;
  std::map<uint64_t, std::string> writes;
  std::vector<Message> others;
  bool takes_dealt = true;             // else their data stay where they are
  unsigned dealt_messages = 0;         // whose data came over one of connections
};

constexpr uint32_t kContextIndex = 1;
inline uint64_t fake_handle(unsigned kind, uint32_t index) { return wire::make_handle(kind, 0, index); }

class SessionTest : public testing::Test {
 protected:
  void SetUp() override { start(0); }
  void TearDown() override {
    stop();
    Fake::get().reset();
  }
  void start(uint64_t limit) {
    driver = fake_driver();
    quota = std::make_unique<limiter::MemoryQuota>();
    ASSERT_TRUE(quota->create(limit));
    begin();
  }
  void begin() {
    int ends[2];
    ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends));
    options.driver = &driver;
    options.quota = quota.get();
    options.session_id = 7;
    session = std::make_unique<Session>(ends[0], options);
    client = std::make_unique<FakeClient>(ends[1]);
    runner = std::thread([this] { status = session->run(); });
  }
  void stop() {
    if (client) client->close_now();
    if (runner.joinable()) runner.join();
    Fake::get().set_busy(false);
    session.reset();
    client.reset();
  }
  void restart(uint64_t limit) {
    stop();
    start(limit);
  }
  // Hello and a context.
  void greet() {
    ASSERT_EQ(wire::HelloStatus::ok, client->hello().status);
    wire::cuDevicePrimaryCtxRetain::Args a;
    a.pctx = fake_handle(wire::kCUcontext, kContextIndex);
    ASSERT_EQ(0, client->wait(wire::op::cuDevicePrimaryCtxRetain, a).header.result);
    client->context = kContextIndex;
  }
  int synchronize() { return client->wait(wire::op::cuCtxSynchronize, wire::cuCtxSynchronize::Args{}).header.result; }
  CUdeviceptr allocate(size_t n, int* rc = nullptr) {
    wire::cuMemAlloc_v2::Args a;
    a.want_dptr = true;
    a.bytesize = n;
    auto m = client->wait(wire::op::cuMemAlloc_v2, a);
    if (rc) *rc = m.header.result;
    CUdeviceptr p = 0;
    wire::cuMemAlloc_v2::Outs o;
    o.dptr = &p;
    o.n_dptr = 1;
    auto r = m.reader();
    if (m.header.result == 0) o.get(r, true);
    return p;
  }
  int release(CUdeviceptr p) {
    wire::cuMemFree_v2::Args a;
    a.dptr = p;
    return client->wait(wire::op::cuMemFree_v2, a).header.result;
  }
  void set(unsigned value) {
    wire::cuMemsetD32Async::Args a;
    a.ui = value;
    client->call(wire::op::cuMemsetD32Async, a);
  }
  Driver driver;
  ServeOptions options;
  std::unique_ptr<limiter::MemoryQuota> quota;
  std::unique_ptr<Session> session;
  std::unique_ptr<FakeClient> client;
  std::thread runner;
  int status = -1;
};

}  // namespace worker
