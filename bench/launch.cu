// What a launch costs: client CPU per asynchronous launch, 100,000 of them end to end from one thread and from four, launch and wait.
#include <thread>
#include "figures.h"

__global__ void empty() {}
__global__ void sixteen(long, long, long, long, long, long, long, long, long, long, long, long, long, long, long, long) {}

const int kLaunches = 100'000;

template <typename F>
void many(const char* name, F launch, int count = kLaunches) {
  std::vector<double> wall, mine, all;
  for (int repeat = 0; repeat < 5; repeat++) {
    CHECK(cudaDeviceSynchronize());
    double w = seconds(), t = thread_cpu(), p = process_cpu();
    for (int i = 0; i < count; i++) launch();
    double issued = thread_cpu() - t;
    CHECK(cudaDeviceSynchronize());
    wall.push_back((seconds() - w) / count * 1e6);
    mine.push_back(issued / count * 1e6);
    all.push_back((process_cpu() - p) / count * 1e6);
  }
  char label[99];
  snprintf(label, sizeof label, "%s, CPU of the launching thread", name);
  figure(label, median(mine), "us");
  snprintf(label, sizeof label, "%s, CPU of the process", name);
  figure(label, median(all), "us");
  snprintf(label, sizeof label, "%s, end to end", name);
  figure(label, median(wall), "us");
}

int main() {
  double begin = seconds();
  CHECK(cudaFree(nullptr));
  empty<<<1, 32>>>();
  CHECK(cudaDeviceSynchronize());
  figure("start to first kernel done", (seconds() - begin) * 1e3, "ms");
  cudaStream_t stream;
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));

  many("launch", [&] { empty<<<1, 32, 0, stream>>>(); });
  many("launch with 16 parameters", [&] { sixteen<<<1, 32, 0, stream>>>(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16); });

  std::vector<double> four;
  for (int repeat = 0; repeat < 5; repeat++) {
    std::vector<std::thread> threads;
    double w = seconds();
    for (int t = 0; t < 4; t++)
      threads.emplace_back([] {
        cudaStream_t own;
        CHECK(cudaStreamCreateWithFlags(&own, cudaStreamNonBlocking));
        for (int i = 0; i < kLaunches / 4; i++) empty<<<1, 32, 0, own>>>();
        CHECK(cudaStreamSynchronize(own));
        CHECK(cudaStreamDestroy(own));
      });
    for (auto& thread : threads) thread.join();
    four.push_back((seconds() - w) / kLaunches * 1e6);
  }
  figure("launch from 4 threads, end to end", median(four), "us");

  std::vector<double> waits, copies, idle;
  int* device;
  int host;
  CHECK(cudaMalloc(&device, 4));
  for (int i = 0; i < 10'000; i++) {
    double t = seconds();
    empty<<<1, 32, 0, stream>>>();
    CHECK(cudaStreamSynchronize(stream));
    waits.push_back((seconds() - t) * 1e6);
  }
  for (int i = 0; i < 3000; i++) {
    double t = seconds();
    CHECK(cudaMemcpy(&host, device, 4, cudaMemcpyDeviceToHost));
    copies.push_back((seconds() - t) * 1e6);
    t = seconds();
    CHECK(cudaStreamSynchronize(stream));
    idle.push_back((seconds() - t) * 1e6);
  }
  figure("launch and synchronise, p50", median(waits), "us");
  figure("launch and synchronise, p99", percentile(waits, 99), "us");
  figure("synchronise an idle stream, p50", median(idle), "us");
  figure("copy of 4 bytes to the host, p50", median(copies), "us");
}
