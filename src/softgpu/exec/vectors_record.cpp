// Runs every instruction of vectors.h on the machine's NVIDIA GPU and writes the results: argv[1] = output file; argv[2] = "warp": those of
// warp_vectors.h instead; any other argv[2] = a PTX file of ptx/testdata/advanced.cu: its kernels. Needs libcuda only;
// built by hand: g++ -std=c++20 -Isrc src/softgpu/exec/vectors_record.cpp -ldl -o record
#include <dlfcn.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>

#include "softgpu/exec/warp_vectors.h"

using namespace softgpu;

template <class F> F* sym(void* lib, const char* name) {
  void* p = dlsym(lib, name);
  if (!p) std::printf("no %s\n", name), std::exit(1);
  return reinterpret_cast<F*>(p);
}
#define CHECK(call) if (int r = (call)) { std::printf("%s: %d\n", #call, r); return 1; }

int main(int argc, char** argv) {
  void* lib = dlopen("libcuda.so.1", RTLD_NOW);
  if (argc < 2 || !lib) return 1;
  auto init = sym<int(unsigned)>(lib, "cuInit");
  auto device_get = sym<int(int*, int)>(lib, "cuDeviceGet");
  auto retain = sym<int(void**, int)>(lib, "cuDevicePrimaryCtxRetain");
  auto set = sym<int(void*)>(lib, "cuCtxSetCurrent");
  auto load = sym<int(void**, const void*, unsigned, int*, void**)>(lib, "cuModuleLoadDataEx");
  auto function = sym<int(void**, void*, const char*)>(lib, "cuModuleGetFunction");
  auto alloc = sym<int(uint64_t*, size_t)>(lib, "cuMemAlloc_v2");
  auto up = sym<int(uint64_t, const void*, size_t)>(lib, "cuMemcpyHtoD_v2");
  auto down = sym<int(void*, uint64_t, size_t)>(lib, "cuMemcpyDtoH_v2");
  auto launch = sym<int(void*, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned, void*, void**, void**)>(lib, "cuLaunchKernel");
  int device;
  void *ctx, *module;
  CHECK(init(0));
  CHECK(device_get(&device, 0));
  CHECK(retain(&ctx, device));
  CHECK(set(ctx));
  static char log[65536];
  bool warp = argc > 2 && std::string(argv[2]) == "warp";
  int options[2] = {5, 6};
  void* values[2] = {log, reinterpret_cast<void*>(sizeof log)};
  std::string ptx = vectors_ptx();
  if (warp) ptx = warp_ptx();
  else if (argc > 2) {
    std::ifstream file(argv[2]);
    std::stringstream text;
    text << file.rdbuf();
    ptx = text.str();
  }
  if (int r = load(&module, ptx.c_str(), 2, options, values)) {
    std::printf("load: %d\n%s\n", r, log);
    std::FILE* f = std::fopen((std::string(argv[1]) + ".ptx").c_str(), "w");
    std::fputs(ptx.c_str(), f);
    std::fclose(f);
    return 1;
  }
  uint64_t p[6];
  for (uint64_t& x : p) CHECK(alloc(&x, kVectorLanes * 16));
  std::FILE* f = std::fopen(argv[1], "wb");
  auto line = [&](const char* name, const std::vector<uint8_t>& out) {   // the name, then the results as hex digits
    std::fprintf(f, "%s ", name);
    for (uint8_t b : out) std::fprintf(f, "%02x", b);
    std::fprintf(f, "\n");
  };
  if (warp) {
    uint64_t out, in;
    CHECK(alloc(&out, kWarpWords * 4));
    CHECK(alloc(&in, kWarpWords * 4));
    for (size_t k = 0; k < warp_vectors().size(); k++) {
      std::vector<uint8_t> result(kWarpWords * 4), input = warp_inputs(k);
      CHECK(up(out, result.data(), result.size()));
      CHECK(up(in, input.data(), input.size()));
      void* fn;
      CHECK(function(&fn, module, ("w" + std::to_string(k)).c_str()));
      void* args[2] = {&out, &in};
      CHECK(launch(fn, 1, 1, 1, 32, 1, 1, 0, nullptr, args, nullptr));
      if (int r = down(result.data(), out, result.size())) {
        std::printf("w%zu %s: %d\n", k, warp_vectors()[k], r);
        return 1;
      }
      line(("w" + std::to_string(k)).c_str(), result);
    }
    std::fclose(f);
    std::printf("recorded %zu warp texts\n", warp_vectors().size());
    return 0;
  }
  if (argc > 2) {
    uint64_t words;
    CHECK(alloc(&words, kAdvancedWords * 4));
    for (const AdvancedKernel& k : kAdvanced) {
      std::vector<uint8_t> out(kAdvancedWords * 4);
      CHECK(up(words, out.data(), out.size()));
      void* fn;
      CHECK(function(&fn, module, k.name));
      void* args[1] = {&words};
      CHECK(launch(fn, 1, 1, 1, k.threads, 1, 1, 0, nullptr, args, nullptr));
      CHECK(down(out.data(), words, out.size()));
      line(k.name, out);
    }
    std::fclose(f);
    return 0;
  }
  for (size_t k = 0; k < vectors().size(); k++) {
    const Vector& v = vectors()[k];
    for (size_t o = 1; v.operands[o]; o++) {
      std::vector<uint8_t> bytes(kVectorLanes * 8);
      int n = letter_bytes(v.operands[o]);
      for (int lane = 0; lane < kVectorLanes; lane++) {
        uint64_t value = vector_input(v.operands[o], static_cast<int>(k), static_cast<int>(o), lane);
        std::memcpy(&bytes[lane * n], &value, n);
      }
      CHECK(up(p[o], bytes.data(), bytes.size()));
    }
    void* fn;
    CHECK(function(&fn, module, ("v" + std::to_string(k)).c_str()));
    void* args[6] = {&p[0], &p[1], &p[2], &p[3], &p[4], &p[5]};
    CHECK(launch(fn, 1, 1, 1, kVectorLanes, 1, 1, 0, nullptr, args, nullptr));
    std::vector<uint8_t> out(kVectorLanes * letter_bytes(v.operands[0]));
    CHECK(down(out.data(), p[0], out.size()));
    line(vector_name(v).c_str(), out);
  }
  std::fclose(f);
  std::printf("recorded %zu instructions\n", vectors().size());
}
