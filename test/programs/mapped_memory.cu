// Host memory that kernels read and write in place: allocated mapped, or registered later; and managed memory and a
// managed variable, where a list grows on both sides.
#include <cstdint>
#include "buffer.h"

__global__ void reverse_in_place(const int* in, int* out, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) out[n - 1 - i] = in[i] * 2;
}

struct Node {
  long long value;
  Node* next;
};
struct List {
  Node* top;
  long long walked;
};
__managed__ List list = {nullptr, -1};

__global__ void walk_and_grow(Node* room, int count) {  // adds up what the host linked, then puts nodes of its own before it
  long long sum = 0;
  for (Node* node = list.top; node; node = node->next) sum += node->value;
  list.walked = sum;
  for (int i = 0; i < count; i++) {
    room[i] = {1000 + i, list.top};
    list.top = &room[i];
  }
}

int main() {
  print_device();
  const int n = 5000;
  int *host, *device, *registered_device;
  CHECK(cudaHostAlloc(&host, n * sizeof *host, cudaHostAllocMapped));
  CHECK(cudaHostGetDevicePointer(&device, host, 0));
  std::vector<int> plain(n + 2048);
  int* registered = (int*)((uintptr_t(plain.data()) + 4095) / 4096 * 4096);  // registered memory need not be aligned to pages; this one is
  CHECK(cudaHostRegister(registered, n * sizeof(int), cudaHostRegisterMapped));
  CHECK(cudaHostGetDevicePointer(&registered_device, registered, 0));
  bool right = true;
  for (int round = 0; round < 3; round++) {
    for (int i = 0; i < n; i++) host[i] = i * 3 + round;
    reverse_in_place<<<(n + 127) / 128, 128>>>(device, registered_device, n);
    CHECK(cudaDeviceSynchronize());  // then the host sees it, without any copy
    for (int i = 0; i < n; i++) right &= registered[n - 1 - i] == (i * 3 + round) * 2;
  }
  CHECK(cudaHostUnregister(registered));
  CHECK(cudaFreeHost(host));

  Node *nodes, *room;
  right &= list.walked == -1;
  CHECK(cudaMallocManaged(&nodes, 100 * sizeof *nodes));
  CHECK(cudaMallocManaged(&room, 50 * sizeof *room));
  for (int i = 0; i < 100; i++) nodes[i] = {i * i, list.top}, list.top = &nodes[i];
  walk_and_grow<<<1, 1>>>(room, 50);
  CHECK(cudaDeviceSynchronize());
  long long sum = 0;
  int length = 0;
  for (Node* node = list.top; node; node = node->next) sum += node->value, length++;
  right &= list.walked == 99 * 100 * 199 / 6 && length == 150 && sum == list.walked + 50 * 1000 + 49 * 50 / 2;
  cudaPointerAttributes attributes;
  CHECK(cudaPointerGetAttributes(&attributes, nodes));
  right &= attributes.type == cudaMemoryTypeManaged;
  CHECK(cudaPointerGetAttributes(&attributes, &list));
  right &= attributes.type == cudaMemoryTypeManaged;
  CHECK(cudaFree(nodes));
  CHECK(cudaFree(room));
  return verdict(right, "5,000 numbers turned round in host memory, a list of 150 that both sides made");
}
