// malloc and free inside kernels, local arrays, and a linked list that one kernel builds and another walks.
#include "common.h"

struct Node {
  int value;
  Node* next;
};
__device__ Node* heads[64];

__global__ void build(int length) {
  Node* head = nullptr;
  for (int i = 0; i < length; i++) {
    Node* node = (Node*)malloc(sizeof(Node));
    if (!node) return;
    node->value = i * threadIdx.x;
    node->next = head;
    head = node;
  }
  heads[threadIdx.x] = head;
}

__global__ void walk(int* sums) {
  int history[16] = {}, steps = 0;
  for (Node* node = heads[threadIdx.x]; node;) {
    history[steps++ % 16] += node->value;
    Node* next = node->next;
    free(node);
    node = next;
  }
  int sum = 0;
  for (int part : history) sum += part;
  sums[threadIdx.x] = sum;
}

int main() {
  print_device();
  int *device, sums[64];
  CHECK(cudaMalloc(&device, sizeof sums));
  build<<<1, 64>>>(20);
  walk<<<1, 64>>>(device);
  CHECK(cudaMemcpy(sums, device, sizeof sums, cudaMemcpyDeviceToHost));
  bool right = true;
  for (int t = 0; t < 64; t++) right &= sums[t] == 190 * t;
  return verdict(right, "64 lists built and freed on the device");
}
