// Small helpers for tests that run kernels: a device with one module, typed arguments, uploads and downloads. Tests only, one thread.
#pragma once
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <fstream>
#include <initializer_list>
#include <sstream>
#include <string>
#include <vector>

#include "softgpu/engine.h"

namespace softgpu {

inline std::string read_file(const std::string& path) {
  std::ifstream f(path, std::ios::binary);
  EXPECT_TRUE(f.good()) << path;
  std::stringstream s;
  s << f.rdbuf();
  return s.str();
}

struct TestGpu {
  Memory memory{256u << 20};
  std::unique_ptr<Module> module;
  Outcome loaded;
  uint32_t dynamic_shared = 0;
  bool cooperative = false;
  std::array<uint32_t, 3> cluster = {1, 1, 1};
  uint32_t stack_bytes = 1024, time_limit_ms = 0;
  std::string printed;

  explicit TestGpu(const std::string& ptx) {
    std::span<const uint8_t> image(reinterpret_cast<const uint8_t*>(ptx.data()), ptx.size());
    loaded = load({&image, 1}, memory, 121, &module);
    EXPECT_EQ(loaded.result, 0) << loaded.text;
  }
  uint64_t zeros(size_t bytes) {
    uint64_t a = memory.allocate(bytes);
    EXPECT_NE(a, 0u);
    std::memset(reinterpret_cast<void*>(a), 0, bytes);
    return a;
  }
  template <class T> uint64_t upload(const std::vector<T>& v) {
    uint64_t a = zeros(v.size() * sizeof(T) + 1);
    std::memcpy(reinterpret_cast<void*>(a), v.data(), v.size() * sizeof(T));
    return a;
  }
  template <class T> std::vector<T> download(uint64_t a, size_t n) {
    std::vector<T> v(n);
    std::memcpy(v.data(), reinterpret_cast<void*>(a), n * sizeof(T));
    return v;
  }
  template <class... A> Outcome try_launch(const char* name, std::initializer_list<unsigned> grid, std::initializer_list<unsigned> block, A... args) {
    const Kernel* k = module ? module->kernel(name) : nullptr;
    if (!k) return {500, std::string("no kernel ") + name};
    const KernelInfo* info = nullptr;
    for (auto& i : module->kernels()) if (i.name == name) info = &i;
    std::vector<uint8_t> params(info->param_bytes + 64);
    size_t i = 0;
    [[maybe_unused]] auto put = [&](const void* p, size_t n) {
      ASSERT_LT(i, info->params.size()) << "too many arguments";
      ASSERT_EQ(info->params[i].size, n) << "argument " << i;
      std::memcpy(&params[info->params[i].offset], p, n);
      i++;
    };
    (put(&args, sizeof args), ...);
    Launch l;
    size_t d = 0;
    for (unsigned g : grid) l.grid[d++] = g;
    d = 0;
    for (unsigned b : block) l.block[d++] = b;
    l.dynamic_shared_bytes = dynamic_shared;
    l.cooperative = cooperative;
    std::copy(cluster.begin(), cluster.end(), l.cluster);
    l.explicit_cluster = cluster != std::array<uint32_t, 3>{1, 1, 1};
    l.stack_bytes = stack_bytes;
    l.time_limit_ms = time_limit_ms;
    l.params = params.data();
    l.print = [](void* user, const char* text, size_t n) { static_cast<TestGpu*>(user)->printed.append(text, n); };
    l.print_user = this;
    return run(*k, l, memory);
  }
  template <class... A> void launch(const char* name, std::initializer_list<unsigned> grid, std::initializer_list<unsigned> block, A... args) {
    Outcome r = try_launch(name, grid, block, args...);
    ASSERT_EQ(r.result, 0) << r.text;
  }
};

}  // namespace softgpu
