// Loading, what the reply lists, launching with what was listed; answers sent ahead.
#include <algorithm>

#include "wire/image_key.h"
#include "wire/kernel_facts.h"
#include "worker/session_fake.h"

namespace worker {

namespace {
struct Launched { CUfunction f; unsigned grid; int a; long long b; bool extra; size_t bytes; };
Launched g_launched;
std::string g_image;
CUresult launch(CUfunction f, unsigned gx, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream, void** params, void** extra) {
  g_launched = {f, gx, 0, 0, extra != nullptr, 0};
  if (params) {
    memcpy(&g_launched.a, params[0], 4);
    memcpy(&g_launched.b, params[1], 8);
  }
  if (extra) g_launched.bytes = *static_cast<size_t*>(extra[3]);
  return CUDA_SUCCESS;
}
CUkernel const kKernel = reinterpret_cast<CUkernel>(0x9990);
}  // namespace

class Launch : public SessionTest {
 protected:
  void SetUp() override {
    SessionTest::SetUp();
    driver.cuLaunchKernel = launch;
    driver.cuLibraryLoadData = [](CUlibrary* l, const void* image, CUjit_option*, void**, unsigned n, CUlibraryOption*, void**, unsigned) {
      g_image = std::string(static_cast<const char*>(image)) + " " + std::to_string(n);
      *l = reinterpret_cast<CUlibrary>(0x8880);
      return CUDA_SUCCESS;
    };
    driver.cuLibraryUnload = [](CUlibrary) { return CUDA_SUCCESS; };
    driver.cuLibraryGetKernelCount = [](unsigned* n, CUlibrary) { *n = 1; return CUDA_SUCCESS; };
    driver.cuLibraryEnumerateKernels = [](CUkernel* k, unsigned, CUlibrary) { *k = kKernel; return CUDA_SUCCESS; };
    driver.cuKernelGetName = [](const char** name, CUkernel) { *name = "add"; return CUDA_SUCCESS; };
    driver.cuKernelGetParamInfo = [](CUkernel, size_t i, size_t* offset, size_t* size) {
      *offset = i ? 8 : 0;
      *size = i ? 8 : 4;
      return i < 2 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    };
    greet();
  }
  FakeClient::Message load_image() {
    std::string image = "an image";
    unsigned long long size = image.size();
    unsigned options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES, CU_JIT_GLOBAL_SYMBOL_ADDRESSES, CU_JIT_OPTIMIZATION_LEVEL};
    unsigned long long values[] = {0xdead0000, 100, 0xdead0000, 3};
    wire::tfLoad::Args a;
    a.handle = library;
    a.library = 1;
    a.attached = 1;
    a.images = 1;
    a.sizes = &size;
    const unsigned long long keys[4] = {};
    a.keys = keys;
    a.numOptions = 4;
    a.options = options;
    a.values = values;
    auto m = client->wait(wire::op::tfLoad, a, image);
    EXPECT_EQ(0, m.header.result);
    return m;
  }
  // The kernel's number.
  uint64_t load() {
    auto m = load_image();
    auto r = m.reader();
    EXPECT_EQ(1u, r.get<uint32_t>());
    uint64_t kernel = r.get<uint64_t>();
    EXPECT_STREQ("add", r.get_string());
    EXPECT_EQ(2u, r.get<uint32_t>());
    size_t n;
    const uint32_t* offsets = r.get_array<uint32_t>(&n);
    EXPECT_EQ(2u, n);
    EXPECT_EQ(8u, offsets[1]);
    const uint32_t* sizes = r.get_array<uint32_t>(&n);
    EXPECT_EQ(4u, sizes[0]);
    wire::KernelFacts facts;
    facts.get(r);
    size_t logs[2];
    r.get_array<char>(&logs[0]);
    r.get_array<char>(&logs[1]);
    EXPECT_EQ(0u, logs[0]);
    EXPECT_EQ(1u, logs[1]) << "an empty text of the log that was asked for";
    EXPECT_TRUE(r.at_end());
    return kernel;
  }
  void launch_it(uint64_t kernel, const std::string& params) {
    wire::tfLaunch::Args a;
    a.function = kernel;
    a.gridDimX = 17;
    a.paramBytes = unsigned(params.size());
    a.params = reinterpret_cast<const unsigned char*>(params.data());
    client->call(wire::op::tfLaunch, a);
  }
  const uint64_t library = fake_handle(wire::kCUlibrary, 70);
};

// A client may leave the images out; without them it is asked for them, and the session goes on.
TEST_F(Launch, ImagesThatAreNotKeptAreAskedFor) {
  unsigned long long size = 100;
  const unsigned long long keys[4] = {1, 2, 3, 4};
  wire::tfLoad::Args a;
  a.handle = library;
  a.library = 1;
  a.images = 1;
  a.sizes = &size;
  a.keys = keys;
  EXPECT_EQ(wire::kImagesWanted, client->wait(wire::op::tfLoad, a).header.result);
  size = 1ull << 60;
  EXPECT_EQ(wire::kImagesWanted, client->wait(wire::op::tfLoad, a).header.result) << "no memory is taken for what is not there";
  load();
}

TEST_F(Launch, ParametersArriveWhereTheKernelWantsThem) {
  uint64_t kernel = load();
  EXPECT_EQ("an image 3", g_image) << "the buffer and its size, and the level";
  EXPECT_TRUE(wire::is_handle(kernel, wire::kCUkernel));
  std::string params(16, 0);
  int a = 5;
  long long b = 1ll << 40;
  memcpy(params.data(), &a, 4);
  memcpy(params.data() + 8, &b, 8);
  launch_it(kernel, params);
  EXPECT_EQ(0, synchronize());
  EXPECT_TRUE(client->others.empty());
  EXPECT_EQ(reinterpret_cast<CUfunction>(kKernel), g_launched.f);
  EXPECT_EQ(17u, g_launched.grid);
  EXPECT_EQ(a, g_launched.a);
  EXPECT_EQ(b, g_launched.b);
  EXPECT_FALSE(g_launched.extra);
  launch_it(kernel, params.substr(0, 8));   // fewer than the kernel has: as they are
  EXPECT_EQ(0, synchronize());
  EXPECT_TRUE(client->others.empty());
  EXPECT_TRUE(g_launched.extra);
  EXPECT_EQ(8u, g_launched.bytes);
}

// Of a library with many kernels only the names are told: the driver takes its time for the rest. Each kernel's is told when it is used.
TEST_F(Launch, ManyKernelsAreListedByName) {
  static int asked;
  asked = 0;
  driver.cuFuncGetParamInfo = [](CUfunction, size_t, size_t*, size_t*) { return CUDA_ERROR_INVALID_VALUE; };
  driver.cuLibraryGetKernelCount = [](unsigned* n, CUlibrary) { *n = 100; return CUDA_SUCCESS; };
  driver.cuLibraryEnumerateKernels = [](CUkernel* k, unsigned n, CUlibrary) {
    for (unsigned i = 0; i < n; i++) k[i] = reinterpret_cast<CUkernel>(0x9990 + 16 * i);
    return CUDA_SUCCESS;
  };
  driver.cuKernelGetParamInfo = [](CUkernel, size_t i, size_t* offset, size_t* size) {
    asked++;
    *offset = i * 8;
    *size = i ? 8 : 4;
    return i < 2 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
  };
  driver.cuKernelGetAttribute = [](int* value, CUfunction_attribute a, CUkernel, CUdevice) { asked++; *value = 100 + a; return CUDA_SUCCESS; };
  auto m = load_image();
  wire::Reader r = m.reader();
  EXPECT_EQ(100u, r.get<uint32_t>());
  std::vector<uint64_t> kernels;
  for (int i = 0; i < 100; i++) {
    size_t n;
    wire::KernelFacts facts;
    kernels.push_back(r.get<uint64_t>());
    r.get_string();
    EXPECT_EQ(~0u, r.get<uint32_t>());
    r.get_array<uint32_t>(&n);
    r.get_array<uint32_t>(&n);
    facts.get(r);
    EXPECT_EQ(0u, facts.known);
  }
  EXPECT_TRUE(r.ok());
  EXPECT_EQ(0, asked);
  launch_it(kernels[7], "0123456789abcdef");   // not known yet: as it is
  EXPECT_EQ(0, synchronize());
  EXPECT_TRUE(g_launched.extra);
  wire::tfKernel::Args a;
  a.handle = kernels[7];
  m = client->wait(wire::op::tfKernel, a);
  EXPECT_EQ(0, m.header.result);
  r = m.reader();
  size_t n;
  wire::KernelFacts facts;
  EXPECT_EQ(1u, r.get<uint32_t>());
  EXPECT_EQ(kernels[7], r.get<uint64_t>());
  r.get_string();
  EXPECT_EQ(2u, r.get<uint32_t>());
  EXPECT_EQ(8u, r.get_array<uint32_t>(&n)[1]);
  EXPECT_EQ(4u, r.get_array<uint32_t>(&n)[0]);
  facts.get(r);
  EXPECT_EQ(100 + CU_FUNC_ATTRIBUTE_NUM_REGS, facts.values[CU_FUNC_ATTRIBUTE_NUM_REGS]);
  launch_it(kernels[7], "0123456789abcdef");
  EXPECT_EQ(0, synchronize());
  EXPECT_FALSE(g_launched.extra);
  EXPECT_EQ(reinterpret_cast<CUfunction>(0x9990 + 16 * 7), g_launched.f);
  for (uint64_t bad : {uint64_t(0), library, fake_handle(wire::kCUkernel, 5000)}) {
    a.handle = bad;
    EXPECT_EQ(CUDA_ERROR_INVALID_HANDLE, client->wait(wire::op::tfKernel, a).header.result);
  }
}

// As after a device assertion: the error is the context's.
TEST_F(Launch, WhyALayoutIsNotKnown) {
  driver.cuFuncGetParamInfo = [](CUfunction, size_t, size_t*, size_t*) { return CUDA_ERROR_INVALID_VALUE; };
  wire::tfKernel::Args a;
  a.handle = load();
  EXPECT_EQ(0, client->wait(wire::op::tfKernel, a).header.result);
  driver.cuKernelGetParamInfo = [](CUkernel, size_t, size_t*, size_t*) { return CUDA_ERROR_ASSERT; };
  auto told = client->wait(wire::op::tfKernel, a);
  EXPECT_EQ(CUDA_ERROR_ASSERT, told.header.result);
  auto r = told.reader();
  EXPECT_EQ(1u, r.get<uint32_t>());
}

TEST_F(Launch, UnknownLayoutGoesByBuffer) {
  uint64_t function = fake_handle(wire::kCUfunction, 71);
  driver.cuModuleGetFunction = [](CUfunction* f, CUmodule, const char*) { *f = reinterpret_cast<CUfunction>(0x7770); return CUDA_SUCCESS; };
  wire::cuModuleGetFunction::Args a;
  a.hfunc = function;
  a.name = "f";
  EXPECT_EQ(0, client->wait(wire::op::cuModuleGetFunction, a).header.result);
  launch_it(function, "twelve bytes");
  EXPECT_EQ(0, synchronize());
  EXPECT_TRUE(g_launched.extra);
  EXPECT_EQ(12u, g_launched.bytes);
}

// Launches into several streams are issued by several threads (launch_lanes.h), in order within each stream, and all before any other call.
class LaunchLanesTest : public Launch {
 protected:
  void SetUp() override {
    options.cores = 16;
    Launch::SetUp();
  }
};

struct Issued { CUstream stream; long long number; std::thread::id thread; };
std::mutex g_issued_lock;
std::vector<Issued> g_issued;

TEST_F(LaunchLanesTest, KeepTheOrderOfEachStreamAndFinishBeforeOtherCalls) {
  driver.cuLaunchKernel = [](CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, CUstream stream, void** params, void**) {
    Issued i{stream, 0, std::this_thread::get_id()};
    memcpy(&i.number, params[1], 8);
    std::lock_guard lock(g_issued_lock);
    g_issued.push_back(i);
    return CUDA_SUCCESS;
  };
  uint64_t kernel = load(), streams[6];
  for (int i = 0; i < 6; i++) {
    wire::cuStreamCreate::Args a;
    streams[i] = a.phStream = fake_handle(wire::kCUstream, 200 + 64 * i);   // all in one slot of the streams that are remembered
    client->call(wire::op::cuStreamCreate, a);
  }
  constexpr int kRounds = 20, kLaunches = 600;
  for (int round = 0; round < kRounds; round++) {
    for (int i = 0; i < kLaunches; i++) {
      std::string params(16, 0);
      long long number = round * kLaunches + i;
      memcpy(params.data() + 8, &number, 8);
      wire::tfLaunch::Args a;
      a.function = kernel;
      a.hStream = streams[round % 2 ? i % 6 : i / 7 % 4];
      a.paramBytes = 16;
      a.params = reinterpret_cast<const unsigned char*>(params.data());
      client->call(wire::op::tfLaunch, a);
    }
    ASSERT_EQ(0, synchronize());
    std::lock_guard lock(g_issued_lock);
    ASSERT_EQ(size_t(round + 1) * kLaunches, g_issued.size()) << "the call after them ran before they were all issued";
  }
  std::map<CUstream, long long> last;
  std::map<std::thread::id, int> threads;
  for (const Issued& i : g_issued) {
    threads[i.thread]++;
    auto [at, first] = last.emplace(i.stream, -1);
    EXPECT_LT(at->second, i.number);
    at->second = i.number;
  }
  EXPECT_EQ(6u, last.size());
  EXPECT_GT(threads.size(), 2u) << "one thread issued them all";
}

TEST_F(Launch, UnloadedKernelsAreGone) {
  uint64_t kernel = load();
  wire::cuLibraryUnload::Args a;
  a.library = library;
  client->call(wire::op::cuLibraryUnload, a);
  launch_it(kernel, std::string(16, 0));
  EXPECT_EQ(0, synchronize());
  ASSERT_EQ(1u, client->others.size());
  EXPECT_EQ(CUDA_ERROR_INVALID_HANDLE, client->others[0].header.result);
  EXPECT_NE(kernel, load()) << "numbers are not used again";
}

TEST_F(Launch, PrefetchAnswersAsTheCallsWould) {
  driver.cuDeviceGetCount = [](int* n) { *n = 1; return CUDA_SUCCESS; };
  driver.cuDeviceGet = [](CUdevice* d, int) { *d = 0; return CUDA_SUCCESS; };
  driver.cuDeviceGetAttribute = [](int* v, CUdevice_attribute a, CUdevice) { *v = a == CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS ? 0 : 1000 + a; return CUDA_SUCCESS; };
  driver.cuDeviceGetName = [](char* name, int, CUdevice) { strcpy(name, "Fake"); return CUDA_SUCCESS; };
  auto m = client->wait(wire::op::tfPrefetch, wire::tfPrefetch::Args{});
  auto r = m.reader();
  struct Entry { uint16_t op, zero; uint32_t context, key_bytes; int32_t result; uint32_t body_bytes, zero2; };
  std::map<std::pair<int, std::string>, std::string> answers;
  while (r.left() >= sizeof(Entry)) {
    Entry e = r.get<Entry>();
    ASSERT_EQ(0u, e.key_bytes % 8 + e.body_bytes % 8);
    std::string key(reinterpret_cast<const char*>(r.raw(e.key_bytes)), e.key_bytes);
    answers[{e.op, key}] = std::string(reinterpret_cast<const char*>(r.raw(e.body_bytes)), e.body_bytes);
  }
  ASSERT_TRUE(r.ok());
  for (auto [attribute, value] : {std::pair{CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 1000 + CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT},
                                  std::pair{CU_DEVICE_ATTRIBUTE_PAGEABLE_MEMORY_ACCESS, 0}}) {
    wire::cuDeviceGetAttribute::Args a;
    a.want_pi = true;
    a.attrib = attribute;
    auto asked = client->wait(wire::op::cuDeviceGetAttribute, a);
    std::string bytes = FakeClient::bytes_of(wire::op::cuDeviceGetAttribute, a, 0, 0).substr(sizeof(wire::CallHeader));
    EXPECT_EQ(std::string(reinterpret_cast<char*>(asked.body.data()), asked.header.bytes), (answers[{wire::op::cuDeviceGetAttribute, bytes}]));
    wire::cuDeviceGetAttribute::Outs o;
    int got = -1;
    o.pi = &got;
    o.n_pi = 1;
    auto reader = asked.reader();
    ASSERT_TRUE(o.get(reader, true));
    EXPECT_EQ(value, got);
  }
}

}  // namespace worker
