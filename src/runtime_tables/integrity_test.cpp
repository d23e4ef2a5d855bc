// The digest against the standards that it is made of and against answers of a real driver (testdata/integrity_vectors.txt,
// written by test/gpu/record_integrity.cpp).
#include "runtime_tables/integrity.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "runtime_tables/host.h"
#include "runtime_tables/export_tables.h"

static const void* g_cudart_table[3];
static const void* g_integrity_table[3] = {nullptr, reinterpret_cast<const void*>(0x1234560), nullptr};
namespace runtime_tables {
int device_count() { return 2; }
CUresult device_identity(int device, unsigned char uuid[16], int pci[3]) {
  for (int i = 0; i < 16; i++) uuid[i] = static_cast<unsigned char>(i + 16 * device);
  pci[0] = device;
  pci[1] = 0x1b;
  pci[2] = 2;
  return CUDA_SUCCESS;
}
const void* export_table(Table table) { return table == Table::kIntegrity ? g_integrity_table : g_cudart_table; }
}  // namespace runtime_tables
extern "C" CUresult cuDriverGetVersion(int* version) { return *version = 13000, CUDA_SUCCESS; }

namespace {

std::string hex(const uint8_t* p, size_t n) {
  std::string s;
  char byte[3];
  for (size_t i = 0; i < n; i++) s += (snprintf(byte, sizeof byte, "%02x", p[i]), byte);
  return s;
}

std::string digest(const runtime_tables::IntegrityInputs& inputs) {
  uint8_t out[16];
  runtime_tables::integrity_digest(inputs, out);
  return hex(out, sizeof out);
}

constexpr runtime_tables::IntegrityInputs::Fixed kFixed = {13000,          13002,          0x1234,         0x89abcdef,
                                                   0x7f0011223344, 0x7f0011223300, 0x7f0099887766, 1790000000};

// Expected values: an independent HMAC-MD2 in another language, fed with the same bytes.
TEST(IntegrityDigest, IsHmacMd2OfTheInputsInOrder) {
  runtime_tables::IntegrityDevice devices[2] = {{{}, 0, 0x1b, 0}, {{}, 1, 0x2c, 3}};
  for (int i = 0; i < 16; i++) devices[0].uuid[i] = uint8_t(i), devices[1].uuid[i] = uint8_t(0xf0 + i);
  EXPECT_EQ(digest({kFixed, nullptr, 0}), "bb581df8af590082460501b1f2d8dfc5");
  EXPECT_EQ(digest({kFixed, devices, 2}), "4e49fe77d3652224e6e64ea903aa7157");
}

TEST(IntegrityDigest, DependsOnEachInput) {
  runtime_tables::IntegrityDevice device = {{}, 0, 0x1b, 0};
  std::string before = digest({kFixed, &device, 1});
  for (size_t i = 0; i < sizeof kFixed; i += 4) {
    auto fixed = kFixed;
    reinterpret_cast<uint8_t*>(&fixed)[i] ^= 1;
    EXPECT_NE(digest({fixed, &device, 1}), before) << "byte " << i;
  }
  device.pci_device = 1;
  EXPECT_NE(digest({kFixed, &device, 1}), before);
}

TEST(IntegrityCheck, LowVersionsAreConstant) {
  uint64_t out[2];
  ASSERT_EQ(runtime_tables::integrity_check(13000, 1, out), CUDA_SUCCESS);
  EXPECT_EQ(out[0], 0x3341181c03cb675cull);
  EXPECT_EQ(out[1], 0x8ed383aa1f4cd1e8ull);
  ASSERT_EQ(runtime_tables::integrity_check(12081, 2, out), CUDA_SUCCESS);
  EXPECT_EQ(out[0], 0x1841181c03cb675cull);
  EXPECT_EQ(out[1], 0x8ed383aa1f4cd1e8ull);
}

TEST(IntegrityCheck, GathersThisProcessAndThread) {
  uint64_t out[2];
  ASSERT_EQ(runtime_tables::integrity_check(13002, 1790000000, out), CUDA_SUCCESS);
  runtime_tables::IntegrityDevice devices[2];
  for (int i = 0; i < 2; i++) devices[i] = {{}, i, 0x1b, 2};
  for (int i = 0; i < 32; i++) devices[i / 16].uuid[i % 16] = uint8_t(i);
  runtime_tables::IntegrityInputs inputs{
      {13000, 13002, uint32_t(getpid()), uint32_t(pthread_self()), reinterpret_cast<uint64_t>(g_cudart_table),
       reinterpret_cast<uint64_t>(g_integrity_table), 0x1234560, 1790000000},
      devices,
      2};
  EXPECT_EQ(hex(reinterpret_cast<uint8_t*>(out), 16), digest(inputs));
}

// A line: driver=N version=N process=N thread=N cudart=0xN integrity=0xN function=0xN seconds=N device=UUID:DOMAIN:BUS:DEVICE...
// out=HEX
TEST(IntegrityDigest, AgreesWithARealDriver) {
  std::ifstream file("testdata/integrity_vectors.txt");
  if (!file) GTEST_SKIP() << "no testdata/integrity_vectors.txt";
  int lines = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    runtime_tables::IntegrityInputs inputs{};
    std::vector<runtime_tables::IntegrityDevice> devices;
    std::string expected, word;
    for (std::istringstream words(line); words >> word;) {
      std::string name = word.substr(0, word.find('=')), value = word.substr(word.find('=') + 1);
      uint64_t number = strtoull(value.c_str(), nullptr, 0);
      if (name == "driver") inputs.fixed.driver_version = uint32_t(number);
      if (name == "version") inputs.fixed.check_version = uint32_t(number);
      if (name == "process") inputs.fixed.process = uint32_t(number);
      if (name == "thread") inputs.fixed.thread = uint32_t(number);
      if (name == "cudart") inputs.fixed.cudart_interface_table = number;
      if (name == "integrity") inputs.fixed.integrity_table = number;
      if (name == "function") inputs.fixed.integrity_function = number;
      if (name == "seconds") inputs.fixed.unix_seconds = number;
      if (name == "device") {
        runtime_tables::IntegrityDevice d{};
        for (int i = 0; i < 16; i++) d.uuid[i] = uint8_t(strtoul(value.substr(size_t(i) * 2, 2).c_str(), nullptr, 16));
        ASSERT_EQ(sscanf(value.c_str() + 32, ":%d:%d:%d", &d.pci_domain, &d.pci_bus, &d.pci_device), 3) << line;
        devices.push_back(d);
      }
      if (name == "out") expected = value;
    }
    inputs.devices = devices.data();
    inputs.device_count = uint32_t(devices.size());
    if (inputs.fixed.check_version % 10 < 2) {
      uint64_t out[2];
      runtime_tables::integrity_check(inputs.fixed.check_version, inputs.fixed.unix_seconds, out);
      EXPECT_EQ(hex(reinterpret_cast<uint8_t*>(out), 16), expected) << line;
    } else {
      EXPECT_EQ(digest(inputs), expected) << line;
    }
    lines++;
  }
  EXPECT_GT(lines, 0);
}

}  // namespace
