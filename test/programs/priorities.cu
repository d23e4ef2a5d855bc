// Forty small streams of different priorities, each with a chain of kernels and a host function behind every one; what a stream does keeps
// its order, and a thread of its own uses the per-thread default stream beside them.
#include <atomic>
#include <thread>
#include "buffer.h"
#include "show.h"

const int kStreams = 40, kSteps = 12;

__global__ void append(unsigned* value, unsigned step) {  // not commutative: the order shows
  if (threadIdx.x == 0) *value = *value * 31 + step;
}

struct Chain {
  cudaStream_t stream;
  int priority = 0;
  unsigned seen = 0;              // written by the host functions of this stream alone
  std::atomic<int> steps{0}, out_of_order{0};
};
struct Step {
  Chain* chain;
  int number;
};
static void CUDART_CB note(void* data) {
  auto* step = static_cast<Step*>(data);
  if (step->chain->steps.load() != step->number) step->chain->out_of_order++;
  step->chain->steps = step->number + 1;
  step->chain->seen = step->chain->seen * 31 + unsigned(step->number);
}
static void CUDART_CB done(cudaStream_t, cudaError_t status, void* data) {
  if (status == cudaSuccess) ++*static_cast<std::atomic<int>*>(data);
}

int main() {
  print_device();
  int least, greatest;
  CHECK(cudaDeviceGetStreamPriorityRange(&least, &greatest));
  std::vector<Chain> chains(kStreams);
  std::vector<Step> steps(kStreams * kSteps);
  std::atomic<int> finished{0};
  Buffer<unsigned> values(kStreams);
  bool right = least >= greatest;
  for (int s = 0; s < kStreams; s++) {
    int wanted = least - s % (least - greatest + 1);
    CHECK(cudaStreamCreateWithPriority(&chains[s].stream, cudaStreamNonBlocking, wanted));
    CHECK(cudaStreamGetPriority(chains[s].stream, &chains[s].priority));
    right = right && chains[s].priority == wanted;
  }
  CHECK(cudaDeviceSynchronize());  // `values` has been cleared on the default stream, which these do not wait for
  unsigned own = 0;
  std::thread beside([&] {
    unsigned* value;
    CHECK(cudaMallocAsync(&value, sizeof(unsigned), cudaStreamPerThread));
    CHECK(cudaMemsetAsync(value, 0, sizeof(unsigned), cudaStreamPerThread));
    for (int i = 0; i < kSteps; i++) append<<<1, 32, 0, cudaStreamPerThread>>>(value, i);
    CHECK(cudaMemcpyAsync(&own, value, sizeof own, cudaMemcpyDeviceToHost, cudaStreamPerThread));
    CHECK(cudaFreeAsync(value, cudaStreamPerThread));
    CHECK(cudaStreamSynchronize(cudaStreamPerThread));
  });
  for (int i = 0; i < kSteps; i++) {
    for (int s = 0; s < kStreams; s++) {
      steps[s * kSteps + i] = {&chains[s], i};
      append<<<1, 32, 0, chains[s].stream>>>(values + s, i);
      CHECK(cudaLaunchHostFunc(chains[s].stream, note, &steps[s * kSteps + i]));
    }
  }
  for (auto& chain : chains) CHECK(cudaStreamAddCallback(chain.stream, done, &finished, 0));
  CHECK(cudaDeviceSynchronize());
  beside.join();
  std::vector<unsigned> result = values.host();
  unsigned expected = 0;
  for (int i = 0; i < kSteps; i++) expected = expected * 31 + i;
  for (int s = 0; s < kStreams; s++) {
    right = right && result[s] == expected && chains[s].seen == expected && chains[s].out_of_order == 0;
    CHECK(cudaStreamQuery(chains[s].stream));
    CHECK(cudaStreamDestroy(chains[s].stream));
  }
  show::line("priorities from %d (least) to %d, %d streams said that they were done", least, greatest, finished.load());
  return verdict(right && own == expected && finished == kStreams, "40 streams of 12 kernels and 12 host functions, in order");
}
