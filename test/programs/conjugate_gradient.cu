// Conjugate gradients for the heat of a plate, all iterations in one cooperative kernel: the grid meets at a barrier between the steps.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <algorithm>
#include <cmath>
#include "buffer.h"
#include "show.h"
namespace cg = cooperative_groups;

const int kSide = 28, kCells = kSide * kSide, kThreads = 256;

__host__ __device__ inline double plate(const double* x, int i) {  // the five-point operator with cold edges
  int column = i % kSide, row = i / kSide;
  return 4 * x[i] - (column ? x[i - 1] : 0) - (column < kSide - 1 ? x[i + 1] : 0) - (row ? x[i - kSide] : 0) - (row < kSide - 1 ? x[i + kSide] : 0);
}

__device__ void add_up(const cg::thread_block& block, double mine, double* total) {  // warps by shuffles, then one atomic add each
  auto warp = cg::tiled_partition<32>(block);
  double sum = cg::reduce(warp, mine, cg::plus<double>());
  if (warp.thread_rank() == 0) atomicAdd(total, sum);
}

struct Sums {
  double residual[3], energy[3];  // of this step, the one before and the one to come: each is cleared two barriers before its use
};

__global__ void solve(const double* b, double* x, double* r, double* p, Sums* sums, int* steps, double tolerance) {
  auto grid = cg::this_grid();
  auto block = cg::this_thread_block();
  double mine = 0;
  for (int i = grid.thread_rank(); i < kCells; i += grid.size()) x[i] = 0, r[i] = p[i] = b[i], mine += b[i] * b[i];
  add_up(block, mine, &sums->residual[0]);
  grid.sync();
  int step = 0;
  while (sums->residual[step % 3] > tolerance && step < 500) {
    double* next = &sums->residual[(step + 1) % 3];
    mine = 0;
    for (int i = grid.thread_rank(); i < kCells; i += grid.size()) mine += p[i] * plate(p, i);
    add_up(block, mine, &sums->energy[step % 3]);
    if (grid.thread_rank() == 0) *next = 0, sums->energy[(step + 1) % 3] = 0;
    grid.sync();
    double alpha = sums->residual[step % 3] / sums->energy[step % 3];
    mine = 0;
    for (int i = grid.thread_rank(); i < kCells; i += grid.size()) {
      x[i] += alpha * p[i], r[i] -= alpha * plate(p, i);
      mine += r[i] * r[i];
    }
    add_up(block, mine, next);
    grid.sync();
    double beta = *next / sums->residual[step % 3];
    for (int i = grid.thread_rank(); i < kCells; i += grid.size()) p[i] = r[i] + beta * p[i];
    grid.sync();
    step++;
  }
  if (grid.thread_rank() == 0) *steps = step;
}

int main() {
  print_device();
  std::vector<double> heat(kCells);
  for (int i = 0; i < kCells; i++) {
    double x = i % kSide - 9, y = i / kSide - 16;
    heat[i] = (x * x + y * y < 20) - 0.5 * (i % kSide > 20 && i / kSide < 9);
  }
  Buffer<double> b(heat), x(kCells), r(kCells), p(kCells);
  Buffer<Sums> sums(1);
  Buffer<int> steps(1);
  int device_blocks = 0, processors = 0;
  CHECK(cudaOccupancyMaxActiveBlocksPerMultiprocessor(&device_blocks, solve, kThreads, 0));
  CHECK(cudaDeviceGetAttribute(&processors, cudaDevAttrMultiProcessorCount, 0));
  int blocks = std::min(3, device_blocks * processors);
  double tolerance = 1e-18;
  void* arguments[] = {&b.data, &x.data, &r.data, &p.data, &sums.data, &steps.data, &tolerance};
  CHECK(cudaLaunchCooperativeKernel((void*)solve, blocks, kThreads, arguments, 0, nullptr));
  std::vector<double> solution = x.host();
  double worst = 0;
  for (int i = 0; i < kCells; i++) worst = fmax(worst, fabs(plate(solution.data(), i) - heat[i]));
  int taken = steps.host()[0];
  show::field("conjugate_gradient", kSide, kSide, solution.data(), *std::min_element(solution.begin(), solution.end()), *std::max_element(solution.begin(), solution.end()));
  char line[120];
  snprintf(line, sizeof line, "%d cells, %d blocks, %d steps, worst residual %.1e", kCells, blocks, taken, worst);
  return verdict(worst < 1e-8 && taken > 20 && taken < 300, line);
}
