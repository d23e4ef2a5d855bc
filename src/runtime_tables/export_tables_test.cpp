// The tables as a caller sees them: found by UUID, sized, every word callable, the answered slots with their meanings.
#include "runtime_tables/export_tables.h"

#include <gtest/gtest.h>

#include <cstring>
#include <ctime>
#include <string>
#include <vector>

#include "runtime_tables/host.h"

static thread_local CUcontext t_current = nullptr;
static unsigned long long g_number = 1;
namespace runtime_tables {
CUcontext current_context() { return t_current; }
CUcontext primary_context_handle(CUdevice device) {
  return device == 0 ? reinterpret_cast<CUcontext>(0x400000000010ull) : nullptr;
}
int device_count() { return 1; }
CUresult device_identity(int, unsigned char uuid[16], int pci[3]) {
  return memset(uuid, 1, 16), pci[0] = pci[1] = pci[2] = 0, CUDA_SUCCESS;
}
unsigned long long context_number(CUcontext) { return g_number; }
uint64_t per_thread_stream() { return 0x410000000070ull; }
size_t for_each_function(CUmodule, void (*each)(void*, CUfunction), void* user) {
  for (uint64_t i = 1; i <= 3; i++) each(user, reinterpret_cast<CUfunction>(i * 16));
  return 3;
}
}  // namespace runtime_tables
extern "C" CUresult cuDriverGetVersion(int* version) { return *version = 13000, CUDA_SUCCESS; }

namespace {

struct Words {
  const void* const* words = nullptr;
  template <class... A>
  uint64_t call(int slot, A... arguments) const {
    return reinterpret_cast<uint64_t (*)(A...)>(const_cast<void*>(words[slot]))(arguments...);
  }
};

// UUID in the manual's notation.
CUresult request(const std::string& text, const void** table) {
  CUuuid uuid;
  std::string digits;
  for (char c : text)
    if (c != '-') digits += c;
  for (size_t i = 0; i < 16; i++) uuid.bytes[i] = char(std::stoi(digits.substr(i * 2, 2), nullptr, 16));
  return cuGetExportTable(table, &uuid);
}
Words table(const std::string& text) {
  const void* t = nullptr;
  EXPECT_EQ(request(text, &t), CUDA_SUCCESS) << text;
  return {static_cast<const void* const*>(t)};
}
uint32_t low(uint64_t value) { return uint32_t(value); }  // CUresult comes back in 32 bits

constexpr char kCudart[] = "6BD5FB6C-5BF4-E74A-8987-D93912FD9DF9", kHooks[] = "A094798C-2E74-2E74-93F2-0800200C0A66",
               kTls[] = "42D85A81-23F6-CB47-8298-F6E78A3AECDC", kStorage[] = "C693336E-1121-DF11-A8C3-68F355D89593",
               kChecks[] = "263E8860-7CD2-6143-92F6-BBD5006DFA7E", kIntegrity[] = "D4082055-BDE6-704B-8D34-BA123C66E1F2",
               kContext[] = "21318C60-9714-3248-8CA6-41FF7324C8F2", kTpc[] = "1734DC26-800D-4745-8726-C0F1E7DD8BCA",
               kModule[] = "6E163FBE-B958-444D-835C-E182AFF1991E", kJit[] = "DA9151D3-3AE6-CC41-A5C0-4F26D533E328";

TEST(ExportTables, SizesAndEmptyWords) {
  struct {
    const char* uuid;
    uint64_t bytes;
    int empty;
  } expected[] = {{kCudart, 104, 10},  {kHooks, 56, 0},     {kTls, 24, 0},
                  {kChecks, 120, 0},   {kIntegrity, 24, 0}, {"F8CFF951-2146-8B4E-B9E2-FB469E7C0DD9", 24, 0},
                  {kContext, 744, 91}, {kTpc, 136, 0},      {kModule, 792, 93},
                  {kJit, 56, 0}};
  for (auto& e : expected) {
    Words t = table(e.uuid);
    EXPECT_EQ(reinterpret_cast<uint64_t>(t.words[0]), e.bytes) << e.uuid;
    for (int i = 1; i < int(e.bytes / 8); i++) EXPECT_EQ(t.words[i] == nullptr, i == e.empty) << e.uuid << " word " << i;
  }
  for (int i = 0; i < 3; i++) EXPECT_NE(table(kStorage).words[i], nullptr);  // no size word here
}

TEST(ExportTables, UnknownOnesAreRefused) {
  for (auto* uuid :
       {"00000000-0000-0000-0000-000000000000", "B10541E1-F7C7-C74A-9F64-F223BE99F1E2", "69A28E9F-2449-8B47-B030-C5DA330EA4E9"}) {
    const void* t = &t;
    EXPECT_EQ(request(uuid, &t), CUDA_ERROR_INVALID_VALUE);
    EXPECT_EQ(t, nullptr);
  }
}

TEST(ExportTables, UnansweredSlotsSaySo) {
  EXPECT_EQ(low(table(kCudart).call(1)), uint32_t(CUDA_ERROR_NOT_SUPPORTED));
  EXPECT_EQ(low(table(kContext).call(92)), uint32_t(CUDA_ERROR_NOT_SUPPORTED));
  EXPECT_EQ(low(table(kTpc).call(4, nullptr, nullptr)), uint32_t(CUDA_ERROR_NOT_SUPPORTED));
  EXPECT_NE(table(kContext).words[91 + 1], table(kContext).words[90]);  // a function of its own, so that the log names it
}

TEST(ExportTables, PrimaryContext) {
  CUcontext context = nullptr;
  EXPECT_EQ(low(table(kCudart).call(2, &context, 0)), 0u);
  EXPECT_EQ(context, runtime_tables::primary_context_handle(0));
  EXPECT_EQ(low(table(kCudart).call(2, &context, 1)), uint32_t(CUDA_ERROR_INVALID_DEVICE));
}

TEST(ExportTables, CallbackFlagsAreZero) {
  for (auto [slot, expected] : {std::pair{2, 0x400u}, {6, 0xeu}}) {
    uint32_t* flags = nullptr;
    uint64_t n = 0;
    table(kHooks).call(slot, &flags, &n);
    ASSERT_EQ(n, expected);
    for (uint64_t i = 0; i < n; i++) ASSERT_EQ(flags[i], 0u);
  }
}

TEST(ExportTables, CurrentContextAndChecks) {
  CUcontext context = nullptr;
  t_current = runtime_tables::primary_context_handle(0);
  EXPECT_EQ(low(table(kTls).call(2, &context)), 0u);
  EXPECT_EQ(context, t_current);
  uint32_t trouble = 7;
  void* untouched = &trouble;
  EXPECT_EQ(low(table(kChecks).call(2, t_current, &trouble, &untouched)), 0u);
  EXPECT_EQ(trouble, 0u);
  EXPECT_EQ(untouched, &trouble);
  EXPECT_EQ(low(table(kChecks).call(3)), 0u);
  void* value = nullptr;
  EXPECT_EQ(low(table(kStorage).call(2, &value, nullptr, &context)), uint32_t(CUDA_ERROR_INVALID_HANDLE));
  EXPECT_EQ(low(table(kStorage).call(0, nullptr, &context, &value, nullptr)), 0u);
  EXPECT_EQ(low(table(kStorage).call(2, &value, t_current, &context)), 0u);
  EXPECT_EQ(value, &value);
  EXPECT_EQ(low(table(kStorage).call(1, nullptr, &context)), 0u);
  t_current = nullptr;
}

TEST(ExportTables, NumbersOfContextsAndStreams) {
  Words t = table(kContext);
  uint64_t number = 0;
  EXPECT_EQ(low(t.call(4, nullptr, &number)), uint32_t(CUDA_ERROR_INVALID_CONTEXT));
  t_current = runtime_tables::primary_context_handle(0);
  EXPECT_EQ(low(t.call(4, t_current, &number)), 0u);
  EXPECT_EQ(number, 1u);
  auto stream_number = [&](uint64_t stream) {
    void* object = nullptr;
    uint64_t n = 0;
    EXPECT_EQ(low(t.call(51, t_current, stream, &object)), 0u);
    EXPECT_NE(object, nullptr);
    EXPECT_EQ(low(t.call(39, t_current, object, &n)), 0u);
    return n;
  };
  std::vector<uint64_t> numbers = {stream_number(0), stream_number(2), stream_number(0x400000000100ull),
                                   stream_number(0x400000000110ull)};
  EXPECT_EQ(stream_number(1), numbers[0]);  // legacy and default are one stream
  EXPECT_EQ(stream_number(0x400000000110ull), numbers[3]);
  g_number = 2;  // after a reset the context has the same handle and another number
  numbers.push_back(stream_number(0));
  for (size_t i = 0; i < numbers.size(); i++)
    for (size_t j = 0; j < i; j++) EXPECT_NE(numbers[i], numbers[j]);
  t_current = nullptr;
}

TEST(ExportTables, FunctionsOfAModule) {
  std::vector<CUfunction> seen;
  auto each = +[](void* user, CUfunction f) { static_cast<std::vector<CUfunction>*>(user)->push_back(f); };
  EXPECT_EQ(low(table(kModule).call(7, nullptr, nullptr, each, &seen)), 3u);
  EXPECT_EQ(seen.size(), 3u);
}

TEST(ExportTables, IntegrityAnswersForItsOwnTables) {
  uint64_t out[2] = {};
  EXPECT_EQ(low(table(kIntegrity).call(1, 13001u, uint64_t(time(nullptr)), out)), 0u);
  EXPECT_EQ(out[0], 0x1841181c03cb675cull);
  uint64_t first[2] = {}, second[2] = {};
  EXPECT_EQ(low(table(kIntegrity).call(1, 13002u, uint64_t(1), first)), 0u);
  EXPECT_EQ(low(table(kIntegrity).call(1, 13002u, uint64_t(2), second)), 0u);
  EXPECT_NE(memcmp(first, second, sizeof first), 0);
}

}  // namespace
