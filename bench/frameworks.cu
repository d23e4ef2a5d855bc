// What frameworks do all day, with kernels that do nothing, so that only the calls count: a decoded token, a training step's event polling, a jit
// loop with host functions, the loading of a model, four threads that wait.
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <mutex>
#include <thread>
#include "figures.h"

struct Parameters { char bytes[640]; };   // a launch of a language model carries 668 bytes on the average
__global__ void empty(Parameters) {}

template <typename F>
double per_round(int rounds, F round) {   // us
  std::vector<double> all;
  for (int repeat = 0; repeat < 5; repeat++) {
    CHECK(cudaDeviceSynchronize());
    double t = seconds();
    for (int i = 0; i < rounds; i++) round();
    CHECK(cudaDeviceSynchronize());
    all.push_back((seconds() - t) / rounds * 1e6);
  }
  return median(all);
}

static void host_function(void*) {}
struct Slots {   // JAX lets 32 computations be under way
  std::mutex lock;
  std::condition_variable given;
  int free = 32;
  void take() {
    std::unique_lock held(lock);
    given.wait(held, [this] { return free > 0; });
    free--;
  }
  void give() {
    std::lock_guard held(lock);
    free++;
    given.notify_one();
  }
};
static Slots g_slots;
static void give_slot(void*) { g_slots.give(); }
static std::atomic<int> g_ran{0};
static void count_run(void*) { g_ran++; }

int main() {
  Parameters p{};
  cudaStream_t stream, other;
  CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  CHECK(cudaStreamCreateWithFlags(&other, cudaStreamNonBlocking));
  char *device, *pinned;
  const size_t kPiece = 4 << 20;
  CHECK(cudaMalloc(&device, kPiece));
  CHECK(cudaMallocHost(&pinned, kPiece));
  auto launch = [&](cudaStream_t s) { empty<<<1, 32, 0, s>>>(p); };
  cudaEvent_t event;
  CHECK(cudaEventCreateWithFlags(&event, cudaEventDisableTiming));

  figure("a token: 1635 launches, 2 reads of a byte", per_round(20, [&] {
    for (int half = 0; half < 2; half++) {
      for (int i = 0; i < 817; i++) launch(stream);
      CHECK(cudaMemcpyAsync(pinned, device, 1, cudaMemcpyDeviceToHost, stream));
      CHECK(cudaStreamSynchronize(stream));
    }
  }) / 1e3, "ms");
  figure("a jit call: 3 launches, 4 events, a host function", per_round(2000, [&] {
    for (int i = 0; i < 2; i++) {
      CHECK(cudaEventRecord(event, stream));
      CHECK(cudaStreamWaitEvent(other, event));
    }
    for (int i = 0; i < 3; i++) launch(other);
    CHECK(cudaLaunchHostFunc(other, host_function, nullptr));
  }), "us");
  figure("a jit call with 32 at most under way: a launch, 2 events, a host function", per_round(3000, [&] {
    g_slots.take();
    launch(stream);
    CHECK(cudaEventRecord(event, stream));
    CHECK(cudaStreamWaitEvent(other, event));
    CHECK(cudaLaunchHostFunc(other, give_slot, nullptr));
    CHECK(cudaEventRecord(event, stream));
  }), "us");
  figure("a host function, until it has run", per_round(1000, [&] {
    const int before = g_ran;
    CHECK(cudaLaunchHostFunc(stream, count_run, nullptr));
    while (g_ran == before) {}
  }), "us");
  figure("a step: 100 launches, a wait, 10 queries of a finished event", per_round(200, [&] {
    CHECK(cudaEventRecord(event, stream));
    for (int i = 0; i < 100; i++) launch(stream);
    CHECK(cudaStreamSynchronize(stream));
    for (int i = 0; i < 10; i++) CHECK(cudaEventQuery(event));
  }), "us");
  figure("a tensor to pageable memory and a synchronise", per_round(2000, [&] {
    char to[64];
    CHECK(cudaMemcpyAsync(to, device, sizeof to, cudaMemcpyDeviceToHost, stream));
    CHECK(cudaStreamSynchronize(stream));
  }), "us");
  figure("stream-ordered allocation and its release", per_round(2000, [&] {
    void* m;
    CHECK(cudaMallocAsync(&m, 1 << 16, stream));
    CHECK(cudaFreeAsync(m, stream));
  }), "us");

  std::vector<char> model(312 * kPiece / 4, 1);   // a quarter of it, gone through four times: the memory of small machines counts too
  figure("a model of 1.3 GB: 312 pageable copies, each with a synchronise", per_round(1, [&] {
    for (int i = 0; i < 312; i++) {
      CHECK(cudaMemcpyAsync(device, model.data() + i % 78 * kPiece, kPiece, cudaMemcpyHostToDevice, stream));
      CHECK(cudaStreamSynchronize(stream));
    }
  }) / 1e3, "ms");

  std::vector<double> four;
  for (int repeat = 0; repeat < 5; repeat++) {
    std::vector<std::thread> threads;
    double t = seconds();
    for (int i = 0; i < 4; i++)
      threads.emplace_back([&] {
        cudaStream_t own;
        CHECK(cudaStreamCreateWithFlags(&own, cudaStreamNonBlocking));
        for (int i = 0; i < 1000; i++) {
          launch(own);
          CHECK(cudaStreamSynchronize(own));
        }
        CHECK(cudaStreamDestroy(own));
      });
    for (auto& thread : threads) thread.join();
    four.push_back((seconds() - t) / 1000 * 1e6);
  }
  figure("4 threads, each launches and synchronises", median(four), "us");
}
