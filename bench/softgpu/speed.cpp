// How fast the software GPU is: kernels of kernels.cu through its libcuda and the same work as plain loops (loops.cpp), one JSON line a
// figure. script/bench softgpu runs it as `one` with SOFTGPU_THREADS=1 (CPU time), and as `cores` with one and with two threads (wall time).
#include <cuda.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <functional>
#include <string>
#include <vector>

#include "loops.h"

asm(".pushsection .rodata\nkernels_ptx: .incbin \"" KERNELS_PTX "\"\n.byte 0\n.popsection");
extern "C" const char kernels_ptx[];

namespace {

#define CU(call) must((call), #call)
void must(CUresult result, const char* call) {
  if (result == CUDA_SUCCESS) return;
  fprintf(stderr, "%s: %d\n", call, int(result));
  exit(1);
}
void require(bool right, const char* what) {
  if (right) return;
  fprintf(stderr, "wrong result: %s\n", what);
  exit(1);
}

double now(clockid_t clock) {
  timespec t;
  clock_gettime(clock, &t);
  return double(t.tv_sec) + 1e-9 * double(t.tv_nsec);
}
clockid_t g_clock = CLOCK_PROCESS_CPUTIME_ID;   // on one core; several cores are measured by the wall clock

// The best of many runs in `budget` seconds: the machine may be busy with something else.
double best(const std::function<void()>& run, double budget = 1.5) {
  double least = 1e9, end = now(CLOCK_MONOTONIC) + budget;
  run();
  do {
    double begin = now(g_clock);
    run();
    double took = now(g_clock) - begin;
    if (took < least) least = took;
  } while (now(CLOCK_MONOTONIC) < end);
  return least;
}

bool g_cores = false;   // several cores: the plain loops run only for their results
double loop_time(const std::function<void()>& run) {
  if (!g_cores) return best(run);
  run();
  return 0;
}

void figure(const char* name, const char* unit, double work, double gpu, double loop) {
  printf("{\"name\": \"%s\", \"unit\": \"%s\", \"gpu\": %.6g", name, unit, work / gpu);
  if (loop > 0) printf(", \"loop\": %.6g, \"ratio\": %.4g", work / loop, gpu / loop);
  printf("}\n");
  fflush(stdout);
}
void time_figure(const char* name, const char* unit, double value) { printf("{\"name\": \"%s\", \"unit\": \"%s\", \"gpu\": %.6g}\n", name, unit, value), fflush(stdout); }

CUmodule g_module;
struct Grid { unsigned gx, gy, bx, by; };
template <class... A> void launch(const char* name, Grid g, A... arguments) {
  CUfunction f;
  CU(cuModuleGetFunction(&f, g_module, name));
  void* parameters[] = {&arguments..., nullptr};
  CU(cuLaunchKernel(f, g.gx, g.gy, 1, g.bx, g.by, 1, 0, nullptr, parameters, nullptr));
  CU(cuCtxSynchronize());
}
CUdeviceptr upload(const void* from, size_t bytes) {
  CUdeviceptr p;
  CU(cuMemAlloc(&p, bytes));
  if (from) CU(cuMemcpyHtoD(p, from, bytes));
  return p;
}

const unsigned kElements = 8 << 20;
struct Vectors {   // two inputs and a result, on the host and on the device
  std::vector<float> a, b, c, got;
  CUdeviceptr da, db, dc;
  Vectors() : a(kElements), b(kElements), c(kElements), got(kElements) {
    for (unsigned i = 0; i < kElements; i++) a[i] = float(i % 1000), b[i] = float(i % 77) + 0.5f;
    da = upload(a.data(), kElements * 4), db = upload(b.data(), kElements * 4), dc = upload(nullptr, kElements * 4);
  }
  ~Vectors() { for (CUdeviceptr p : {da, db, dc}) CU(cuMemFree(p)); }
};

void vector_add() {
  Vectors v;
  double gpu = best([&] { launch("vector_add", {kElements / 256, 1, 256, 1}, v.da, v.db, v.dc, kElements); });
  double loop = loop_time([&] { loops::vector_add(v.a.data(), v.b.data(), v.c.data(), kElements); });
  CU(cuMemcpyDtoH(v.got.data(), v.dc, kElements * 4));
  require(v.got == v.c, "vector add");
  figure("vector add", "GB/s", kElements * 12e-9, gpu, loop);
}

void reduce_shared() {
  Vectors v;
  double gpu = best([&] { launch("reduce_shared", {kElements / 256, 1, 256, 1}, v.da, v.dc, kElements); });
  double loop = loop_time([&] { loops::reduce_blocks(v.a.data(), v.c.data(), kElements); });
  CU(cuMemcpyDtoH(v.got.data(), v.dc, kElements / 64));
  require(memcmp(v.got.data(), v.c.data(), kElements / 64) == 0, "shared-memory reduction");
  figure("shared-memory reduction", "Gelem/s", kElements * 1e-9, gpu, loop);
}

void reduce_shuffle() {
  Vectors v;
  float zero = 0, sum = 0;
  double gpu = best([&] {
    CU(cuMemcpyHtoD(v.dc, &zero, 4));
    launch("reduce_shuffle", {64, 1, 256, 1}, v.da, v.dc, kElements);
  });
  double loop = loop_time([&] { sum = loops::reduce(v.a.data(), kElements); });
  CU(cuMemcpyDtoH(v.got.data(), v.dc, 4));
  require(std::fabs(v.got[0] - sum) < 0.01f * sum, "shuffle reduction");   // the orders differ
  figure("shuffle reduction", "Gelem/s", kElements * 1e-9, gpu, loop);
}

void matmul() {
  const int n = 512;
  std::vector<float> a(n * n), b(n * n), c(n * n), got(n * n);
  for (int i = 0; i < n * n; i++) a[i] = float(i % 13) - 6, b[i] = float(i % 7) - 3;
  CUdeviceptr da = upload(a.data(), n * n * 4), db = upload(b.data(), n * n * 4), dc = upload(nullptr, n * n * 4);
  double gpu = best([&] { launch("matmul", {n / 16, n / 16, 16, 16}, da, db, dc, n); });
  double loop = loop_time([&] { loops::matmul(a.data(), b.data(), c.data(), n); });
  CU(cuMemcpyDtoH(got.data(), dc, n * n * 4));
  require(got == c, "matmul");
  figure("tiled matmul", "GFLOP/s", 2e-9 * n * n * n, gpu, loop);
  for (CUdeviceptr p : {da, db, dc}) CU(cuMemFree(p));
}

void mandelbrot() {
  const int width = 1024, height = 768, limit = 256;
  std::vector<int> c(width * height), got(width * height);
  CUdeviceptr out = upload(nullptr, c.size() * 4);
  double gpu = best([&] { launch("mandelbrot", {width / 16, height / 16, 16, 16}, out, width, height, limit); });
  double loop = loop_time([&] { loops::mandelbrot(c.data(), width, height, limit); });
  CU(cuMemcpyDtoH(got.data(), out, c.size() * 4));
  double iterations = 0;
  int differ = 0;   // the kernel fuses multiply and add
  for (size_t i = 0; i < c.size(); i++) iterations += got[i], differ += got[i] != c[i];
  require(differ < width * height / 50, "mandelbrot");
  figure("Mandelbrot", "Giter/s", iterations * 1e-9, gpu, loop);
  CU(cuMemFree(out));
}

void launches() {
  CUfunction f;
  CU(cuModuleGetFunction(&f, g_module, "empty"));
  const int count = 20000;
  double took = best([&] {
    for (int i = 0; i < count; i++) CU(cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, nullptr));
    CU(cuCtxSynchronize());
  });
  time_figure("launch of an empty kernel", "us", took / count * 1e6);
  took = best([&] {
    for (int i = 0; i < 1000; i++) {
      CU(cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 0, nullptr, nullptr, nullptr));
      CU(cuCtxSynchronize());
    }
  });
  time_figure("launch and synchronise", "us", took / 1000 * 1e6);
}

// A module of about a megabyte: the kernels again and again under other names.
std::string large_module(int salt) {
  const std::string text = kernels_ptx;
  const size_t body = text.find(".visible .entry");
  auto part_of_name = [](char c) { return isalnum(static_cast<unsigned char>(c)) || c == '_'; };
  std::string out = text.substr(0, body) + ".global .align 4 .u32 salt_" + std::to_string(salt) + ";\n";
  for (int copy = 0; out.size() < (1u << 20); copy++)
    for (size_t i = body; i < text.size();) {
      size_t end = i;
      while (end < text.size() && part_of_name(text[end])) end++;
      if (end == i) {
        out += text[i++];
        continue;
      }
      std::string name = text.substr(i, end - i);
      out += name;
      for (const char* kernel : {"empty", "vector_add", "matmul", "reduce_shared", "reduce_shuffle", "mandelbrot"})
        if (name.find(kernel) != name.npos) {
          out += "_" + std::to_string(copy);
          break;
        }
      i = end;
    }
  return out;
}

void loading() {
  double first = 1e9, second = 1e9;
  size_t bytes = 0;
  for (int i = 0; i < 7; i++) {
    std::string text = large_module(i);
    bytes = text.size();
    CUmodule one, two;
    double begin = now(g_clock);
    CU(cuModuleLoadData(&one, text.c_str()));
    double middle = now(g_clock);
    CU(cuModuleLoadData(&two, text.c_str()));
    double end = now(g_clock);
    first = std::min(first, middle - begin), second = std::min(second, end - middle);
    CU(cuModuleUnload(one));
    CU(cuModuleUnload(two));
  }
  require(bytes >= 1 << 20, "module size");
  time_figure("load of 1 MB of PTX", "ms", first * 1e3);
  time_figure("load of the same 1 MB again", "ms", second * 1e3);
}

}  // namespace

// speed one|cores [FIGURE]
int main(int argc, char** argv) {
  g_cores = argc > 1 && !strcmp(argv[1], "cores");
  if (g_cores) g_clock = CLOCK_MONOTONIC;
  CU(cuInit(0));
  CUdevice device;
  CUcontext context;
  CU(cuDeviceGet(&device, 0));
  CU(cuDevicePrimaryCtxRetain(&context, device));
  CU(cuCtxSetCurrent(context));
  CU(cuModuleLoadData(&g_module, kernels_ptx));
  struct { const char* name; void (*run)(); bool one_core; } all[] = {{"matmul", matmul, false}, {"mandelbrot", mandelbrot, false},
    {"reduce_shared", reduce_shared, false}, {"reduce_shuffle", reduce_shuffle, false}, {"vector_add", vector_add, false},
    {"launches", launches, true}, {"loading", loading, true}};
  for (auto& f : all)
    if (!(g_cores && f.one_core) && (argc < 3 || !strcmp(argv[2], f.name))) f.run();
}
