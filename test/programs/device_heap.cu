// malloc and free in kernels, new and delete: lists of different lengths that one launch makes, another walks and a third takes apart.
#include "buffer.h"

struct Node {
  int value;
  Node* next;
};

__global__ void make(Node** lists) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  lists[t] = nullptr;
  for (int i = 0; i < t % 7; i++) lists[t] = new Node{t * 10 + i, lists[t]};
}
__global__ void walk(Node* const* lists, int* sums) {
  int t = blockIdx.x * blockDim.x + threadIdx.x, sum = 0;
  for (Node* node = lists[t]; node; node = node->next) sum += node->value;
  sums[t] = sum;
}
__global__ void take_apart(Node** lists) {
  int t = blockIdx.x * blockDim.x + threadIdx.x;
  while (Node* node = lists[t]) {
    lists[t] = node->next;
    delete node;
  }
}

__global__ void block_scratch(int rounds, int* sums) {  // one allocation for a block, passed on by shared memory
  __shared__ int* scratch;
  for (int round = 0; round < rounds; round++) {
    if (threadIdx.x == 0) scratch = (int*)malloc(blockDim.x * sizeof(int) * (round + 1));
    __syncthreads();
    if (!scratch) return;
    scratch[threadIdx.x * (round + 1)] = threadIdx.x + round;
    __syncthreads();
    atomicAdd(&sums[blockIdx.x], scratch[(blockDim.x - 1 - threadIdx.x) * (round + 1)]);
    __syncthreads();
    if (threadIdx.x == 0) free(scratch);
  }
}

__global__ void exhaust(int* got, bool* refused) {  // until malloc answers null; then all is given back
  void* held[64];
  int count = 0;
  while (count < 64 && (held[count] = malloc(1 << 20))) *(int*)held[count] = count, count++;
  *refused = count < 64;
  for (int i = 0; i < count; i++) {
    if (*(int*)held[i] != i) count = -1000;
    free(held[i]);
  }
  *got = count;
}

int main() {
  print_device();
  const int n = 256, kRounds = 20;
  size_t heap = 0;
  CHECK(cudaDeviceSetLimit(cudaLimitMallocHeapSize, 16 << 20));
  CHECK(cudaDeviceGetLimit(&heap, cudaLimitMallocHeapSize));
  bool right = heap >= 16 << 20;
  Buffer<Node*> lists(n);
  Buffer<int> sums(n), blocks(4), got(2);
  make<<<n / 64, 64>>>(lists);
  walk<<<n / 64, 64>>>(lists, sums);
  take_apart<<<n / 64, 64>>>(lists);
  std::vector<int> result = sums.host();
  for (int t = 0; t < n; t++) {
    int length = t % 7;
    right &= result[t] == length * t * 10 + length * (length - 1) / 2;
  }
  block_scratch<<<4, 96>>>(kRounds, blocks);
  for (int sum : blocks.host()) right &= sum == kRounds * (96 * 95 / 2) + 96 * (kRounds * (kRounds - 1) / 2);

  int counts[2];
  for (int& count : counts) {  // what was given back can be had again
    exhaust<<<1, 1>>>(got, (bool*)(got + 1));
    std::vector<int> answer = got.host();
    count = answer[0];
    right &= (answer[1] & 1) && count >= 8 && count <= 40;
  }
  right &= counts[0] == counts[1];
  char line[120];
  snprintf(line, sizeof line, "256 lists, scratch of four blocks, %d MiB until malloc said no", counts[0]);
  return verdict(right, line);
}
