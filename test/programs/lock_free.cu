// Threads of many blocks share a stack (tagged heads, compare-and-swap), a bounded queue (tickets) and a counter behind a spin lock.
#include <algorithm>
#include <numeric>
#include "buffer.h"

const int kThreads = 512, kBlocks = 4, kRounds = 8, kRing = 64;
typedef unsigned long long Head;  // a tag above that changes with every step, the index of a node below; index ~0 is the end

__device__ Head stack_head = 0xffffffff;
__device__ unsigned next_node[kThreads];

__device__ void push(unsigned node) {
  Head seen = *(volatile Head*)&stack_head, before;
  do {
    before = seen;
    *(volatile unsigned*)&next_node[node] = unsigned(before);
    __threadfence();
    seen = atomicCAS(&stack_head, before, ((before >> 32) + 1) << 32 | node);
  } while (seen != before);
}
__device__ unsigned pop() {
  Head seen = *(volatile Head*)&stack_head, before;
  do {
    before = seen;
    if (unsigned(before) == ~0u) return ~0u;
    unsigned next = *(volatile unsigned*)&next_node[unsigned(before)];
    seen = atomicCAS(&stack_head, before, ((before >> 32) + 1) << 32 | next);
  } while (seen != before);
  return unsigned(before);
}

__global__ void stack_rounds(int* uses) {  // every thread puts a node down and takes some node up: none is ever held twice
  unsigned node = blockIdx.x * blockDim.x + threadIdx.x;
  for (int round = 0; round < kRounds && node != ~0u; round++) {
    atomicAdd(&uses[node], 1);
    push(node);
    node = pop();
  }
  if (node != ~0u) push(node);
}

struct Queue {
  unsigned tail, head, turn[kRing];
  int values[kRing];
};
__global__ void queue_rounds(Queue* queue, int count, int* received) {  // the first block produces, the others consume
  unsigned producers = blockDim.x, consumers = (gridDim.x - 1) * blockDim.x;
  bool producer = blockIdx.x == 0;
  for (int i = 0; i < count / int(producer ? producers : consumers); i++) {
    unsigned ticket = atomicAdd(producer ? &queue->tail : &queue->head, 1), slot = ticket % kRing, turn = ticket / kRing * 2 + !producer;
    while (*(volatile unsigned*)&queue->turn[slot] != turn) __nanosleep(20);
    __threadfence();
    if (producer) *(volatile int*)&queue->values[slot] = int(ticket) * 3 + 1;
    else atomicAdd(&received[(*(volatile int*)&queue->values[slot] - 1) / 3], 1);
    __threadfence();
    *(volatile unsigned*)&queue->turn[slot] = turn + 1;
  }
}

__device__ int lock;
__global__ void locked_sums(long long* plain) {  // plain loads and stores, guarded
  for (int round = 0; round < kRounds / 2; round++) {
    bool done = false;
    while (!done) {  // the lane that got the lock must be able to leave it while the others ask again
      if (atomicCAS(&lock, 0, 1) == 0) {
        __threadfence();
        long long first = plain[0], second = plain[1];
        plain[0] = first + 1, plain[1] = second + threadIdx.x;
        __threadfence();
        atomicExch(&lock, 0);
        done = true;
      }
    }
  }
}

int main() {
  print_device();
  Buffer<int> uses(kThreads);
  stack_rounds<<<kBlocks, kThreads / kBlocks>>>(uses);
  std::vector<int> counts = uses.host();
  Head head;
  std::vector<unsigned> next(kThreads);
  CHECK(cudaMemcpyFromSymbol(&head, stack_head, sizeof head));
  CHECK(cudaMemcpyFromSymbol(next.data(), next_node, kThreads * sizeof(unsigned)));
  std::vector<int> seen(kThreads);
  int length = 0;
  for (unsigned node = unsigned(head); node < kThreads && length <= kThreads; node = next[node]) seen[node]++, length++;
  bool right = length == kThreads && std::count(seen.begin(), seen.end(), 1) == kThreads;  // all came back, each once
  right &= std::accumulate(counts.begin(), counts.end(), 0) >= kThreads;

  const int kMessages = 96 * 8;
  Buffer<Queue> queue(1);
  Buffer<int> received(kMessages);
  queue_rounds<<<4, 32>>>(queue, kMessages, received);
  std::vector<int> once = received.host();
  right &= std::count(once.begin(), once.end(), 1) == kMessages;

  Buffer<long long> plain(2);
  locked_sums<<<kBlocks, 64>>>(plain);
  std::vector<long long> sums = plain.host();
  right &= sums[0] == kBlocks * 64 * kRounds / 2 && sums[1] == kBlocks * 63 * 32 * kRounds / 2;
  char line[120];
  snprintf(line, sizeof line, "stack of %d after %llu steps, %d messages, a lock taken %lld times", length, head >> 32, kMessages, sums[0]);
  return verdict(right, line);
}
