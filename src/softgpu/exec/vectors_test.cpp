// Compares every instruction of vectors.h with what an NVIDIA H200 gave (testdata/vectors_h200.txt.zst, made by vectors_record.cpp).
#include <zstd.h>

#include <bit>

#include "softgpu/exec/half.h"
#include "softgpu/exec/test_support.h"
#include "softgpu/exec/warp_vectors.h"

namespace softgpu {
namespace {

double value_of(char letter, uint64_t bits) {
  switch (letter) {
    case 'f': return std::bit_cast<float>(static_cast<uint32_t>(bits));
    case 'd': return std::bit_cast<double>(bits);
    case 'b': return brain_to_float(static_cast<uint16_t>(bits));
    default: return half_to_float(static_cast<uint16_t>(bits));
  }
}

// Approximate functions: relative 2^-20 for f32 (2^-9 for f16 and for f32's tanh, 2^-7 for bf16), the same class of number at the edges.
bool close(const Vector& v, uint64_t got, uint64_t want) {
  if (got == want) return true;
  char letter = v.operands[0];
  if (letter == 'x') return close({v.instruction, "h", true}, got & 0xffff, want & 0xffff) && close({v.instruction, "h", true}, got >> 16, want >> 16);
  if (letter == 'y') return close({v.instruction, "b", true}, got & 0xffff, want & 0xffff) && close({v.instruction, "b", true}, got >> 16, want >> 16);
  double a = value_of(letter, got), b = value_of(letter, want);
  if (std::isnan(a) || std::isnan(b)) return std::isnan(a) && std::isnan(b);
  if (std::isinf(a) || std::isinf(b)) return a == b;
  double scale = std::fmax(std::fabs(a), std::fabs(b));
  std::string name = v.instruction;
  bool rough = letter == 'h' || name.substr(0, 4) == "tanh";
  double floor = name.substr(0, 3) == "sin" || name.substr(0, 3) == "cos" || name.substr(0, 3) == "lg2" ? 1.0 : 0;   // absolute error there
  return std::fabs(a - b) <= std::fmax(scale, floor) * (letter == 'b' ? 0x1p-7 : rough ? 0x1p-9 : 0x1p-20) || (letter == 'h' && std::fabs(a - b) <= 0x1p-24);
}

}  // namespace

TEST(Vectors, AgreeWithTheHardware) {
  std::string packed = read_file("exec/testdata/vectors_h200.txt.zst"), text(16 << 20, '\0');
  size_t n = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
  ASSERT_FALSE(ZSTD_isError(n));
  text.resize(n);
  std::istringstream lines(text);
  TestGpu gpu(vectors_ptx());
  ASSERT_TRUE(gpu.module);
  uint64_t p[6];
  for (uint64_t& x : p) x = gpu.zeros(kVectorLanes * 16);
  for (size_t k = 0; k < vectors().size(); k++) {
    const Vector& v = vectors()[k];
    std::string name, hex;
    ASSERT_TRUE(lines >> name >> hex);
    ASSERT_EQ(name, vector_name(v)) << "the record is of another list: run vectors_record again";
    for (size_t o = 1; v.operands[o]; o++)
      for (int lane = 0; lane < kVectorLanes; lane++) {
        uint64_t value = vector_input(v.operands[o], static_cast<int>(k), static_cast<int>(o), lane);
        std::memcpy(reinterpret_cast<uint8_t*>(p[o]) + lane * letter_bytes(v.operands[o]), &value, static_cast<size_t>(letter_bytes(v.operands[o])));
      }
    gpu.launch(("v" + std::to_string(k)).c_str(), {1}, {kVectorLanes}, p[0], p[1], p[2], p[3], p[4], p[5]);
    int bytes = letter_bytes(v.operands[0]), bad = 0;
    ASSERT_EQ(hex.size(), static_cast<size_t>(kVectorLanes * bytes * 2));
    std::string first;
    for (int lane = 0; lane < kVectorLanes; lane++) {
      uint64_t want = 0, got = 0;
      for (int b = 0; b < bytes; b++) want |= std::stoull(hex.substr(static_cast<size_t>((lane * bytes + b) * 2), 2), nullptr, 16) << (8 * b);
      std::memcpy(&got, reinterpret_cast<uint8_t*>(p[0]) + lane * bytes, static_cast<size_t>(bytes));
      if (v.approximate ? close(v, got, want) : got == want) continue;
      if (bad++ < 3) {
        std::ostringstream s;
        s << "\n  lane " << lane << std::hex << ": got " << got << " want " << want << " from";
        for (size_t o = 1; v.operands[o]; o++) s << " " << vector_input(v.operands[o], static_cast<int>(k), static_cast<int>(o), lane);
        first += s.str();
      }
    }
    if (v.deviates) EXPECT_NE(bad, 0) << v.instruction << " agrees: no longer an exception";
    else EXPECT_EQ(bad, 0) << v.instruction << first;
  }
}

TEST(Vectors, LanesTogetherAgreeWithTheHardware) {
  std::string packed = read_file("exec/testdata/warp_h200.txt.zst"), text(16 << 20, '\0');
  size_t n = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
  ASSERT_FALSE(ZSTD_isError(n));
  text.resize(n);
  std::istringstream lines(text);
  TestGpu gpu(warp_ptx());
  ASSERT_TRUE(gpu.module);
  for (size_t k = 0; k < warp_vectors().size(); k++) {
    std::string name, hex;
    ASSERT_TRUE(lines >> name >> hex);
    ASSERT_EQ(name, "w" + std::to_string(k));
    uint64_t out = gpu.zeros(kWarpWords * 4), in = gpu.upload(warp_inputs(k));
    gpu.launch(name.c_str(), {1}, {32}, out, in);
    auto got = gpu.download<uint32_t>(out, kWarpWords);
    int bad = 0;
    for (size_t i = 0; i < got.size(); i++) {
      uint32_t want = 0;
      for (size_t b = 0; b < 4; b++) want |= static_cast<uint32_t>(std::stoul(hex.substr((i * 4 + b) * 2, 2), nullptr, 16)) << (8 * b);
      if (got[i] != want && bad++ < 4) ADD_FAILURE() << warp_vectors()[k] << "\n lane " << i / 32 << ", result " << i % 32 / 2 << ": got " << std::hex << got[i] << " want " << want;
    }
    gpu.memory.free(out);
    gpu.memory.free(in);
  }
}

TEST(Advanced, AgreesWithTheHardware) {
  std::string packed = read_file("exec/testdata/advanced_h200.txt.zst"), text(16 << 20, '\0');
  size_t n = ZSTD_decompress(text.data(), text.size(), packed.data(), packed.size());
  ASSERT_FALSE(ZSTD_isError(n));
  text.resize(n);
  for (const char* target : {"80", "90", "120"}) {
    std::istringstream lines(text);
    TestGpu gpu(read_file(std::string("ptx/testdata/advanced_") + target + ".ptx"));
    for (const AdvancedKernel& k : kAdvanced) {
      std::string name, hex;
      ASSERT_TRUE(lines >> name >> hex);
      ASSERT_EQ(name, k.name);
      uint64_t out = gpu.zeros(kAdvancedWords * 4);
      gpu.launch(k.name, {1}, {k.threads}, out);
      auto got = gpu.download<uint32_t>(out, kAdvancedWords);
      int bad = 0;
      for (size_t i = 0; i < got.size(); i++) {
        uint32_t want = 0;
        for (size_t b = 0; b < 4; b++) want |= static_cast<uint32_t>(std::stoul(hex.substr((i * 4 + b) * 2, 2), nullptr, 16)) << (8 * b);
        if (got[i] != want && bad++ < 4) ADD_FAILURE() << k.name << " of compute_" << target << ", word " << i << ": got " << std::hex << got[i] << " want " << want;
      }
      gpu.memory.free(out);
    }
  }
}

TEST(Advanced, GridBarrierOfACooperativeLaunch) {
  for (const char* target : {"80", "90", "120"}) {
    TestGpu gpu(read_file(std::string("ptx/testdata/advanced_") + target + ".ptx"));
    gpu.cooperative = true;
    uint64_t out = gpu.zeros(kAdvancedWords * 4);
    gpu.launch("grid_barrier", {40}, {96}, out);
    EXPECT_EQ(gpu.download<int>(out, 2), (std::vector<int>{120, 0})) << target;
    gpu.cooperative = false;
    EXPECT_NE(gpu.try_launch("grid_barrier", {2}, {32}, out).result, 0) << target;   // grid.sync traps in an ordinary launch
  }
}

}  // namespace softgpu
