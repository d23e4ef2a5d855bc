// Unified memory as programs use it: a graph in managed arrays that the host builds and kernels walk level by level, the host looking at the
// frontier after each; advice and prefetches on the way; a stream with memory of its own; atomics of both sides in turns.
#include <cstdio>

#include "buffer.h"

struct Graph {            // neighbours of v: edges[first[v]] up to edges[first[v + 1]]
  int vertices;
  int *first, *edges;
};
struct Level {
  int size, depth;
};

__global__ void expand(Graph g, const int* frontier, int size, int* distance, int* next, Level* level) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i >= size) return;
  int v = frontier[i];
  for (int e = g.first[v]; e < g.first[v + 1]; e++)
    if (atomicCAS(&distance[g.edges[e]], -1, level->depth) == -1) next[atomicAdd(&level->size, 1)] = g.edges[e];
}

__global__ void count_system(int* counters, int n) {
  for (int i = 0; i < n; i++) {
    atomicAdd_system(&counters[0], 1);
    atomicMax_system(&counters[1], int(threadIdx.x));
    atomicXor_system(&counters[2], 1 << (threadIdx.x & 15));
  }
}

__global__ void scale(float* data, int n, float factor) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) data[i] *= factor;
}

template <class T>
T* managed(size_t n) {
  T* p;
  CHECK(cudaMallocManaged(&p, n * sizeof(T)));
  return p;
}

static bool breadth_first(int device) {
  const int vertices = 20000, degree = 4;
  Graph* g = managed<Graph>(1);                       // the description too
  g->vertices = vertices;
  g->first = managed<int>(vertices + 1);
  g->edges = managed<int>(vertices * degree);
  unsigned random = 1;
  for (int v = 0; v <= vertices; v++) g->first[v] = v * degree;
  for (int e = 0; e < vertices * degree; e++) g->edges[e] = int((random = random * 1664525 + 1013904223) >> 8) % vertices;
  cudaMemLocation here = {cudaMemLocationTypeDevice, device}, host = {cudaMemLocationTypeHost, 0};
  CHECK(cudaMemAdvise(g->edges, vertices * degree * sizeof(int), cudaMemAdviseSetReadMostly, here));
  CHECK(cudaMemPrefetchAsync(g->edges, vertices * degree * sizeof(int), here, 0));
  int *distance = managed<int>(vertices), *frontier = managed<int>(vertices), *next = managed<int>(vertices);
  Level* level = managed<Level>(1);
  std::vector<int> wanted(vertices, -1), queue = {0};
  for (int v = 0; v < vertices; v++) distance[v] = -1;
  distance[0] = 0;
  wanted[0] = 0;
  for (size_t i = 0; i < queue.size(); i++)
    for (int e = g->first[queue[i]]; e < g->first[queue[i] + 1]; e++)
      if (wanted[g->edges[e]] < 0) wanted[g->edges[e]] = wanted[queue[i]] + 1, queue.push_back(g->edges[e]);
  frontier[0] = 0;
  int size = 1, reached = 1, levels = 0;
  for (; size; levels++) {
    *level = {0, levels + 1};
    expand<<<(size + 127) / 128, 128>>>(*g, frontier, size, distance, next, level);
    CHECK(cudaDeviceSynchronize());
    size = level->size;
    reached += size;
    std::swap(frontier, next);
  }
  CHECK(cudaMemPrefetchAsync(distance, vertices * sizeof(int), host, 0));
  CHECK(cudaDeviceSynchronize());
  bool right = reached == int(queue.size());
  for (int v = 0; v < vertices; v++) right &= distance[v] == wanted[v];
  for (void* p : {(void*)g->first, (void*)g->edges, (void*)distance, (void*)frontier, (void*)next, (void*)level}) CHECK(cudaFree(p));
  CHECK(cudaFree(g));
  printf("%d of %d vertices in %d levels\n", reached, vertices, levels);
  return right;
}

int main() {
  print_device();
  int device = 0, concurrent = 0;
  CHECK(cudaGetDevice(&device));
  CHECK(cudaDeviceGetAttribute(&concurrent, cudaDevAttrConcurrentManagedAccess, device));
  if (!concurrent) {
    printf("skipped: host and kernels cannot use managed memory at once\n");
    return 77;
  }
  bool right = breadth_first(device);

  int* counters = managed<int>(3);
  counters[0] = counters[1] = counters[2] = 0;
  for (int round = 1; round <= 5; round++) {
    count_system<<<4, 64>>>(counters, 3);
    __atomic_fetch_add(&counters[0], 1000, __ATOMIC_SEQ_CST);   // waits for the kernel where there is no bus between them
    CHECK(cudaDeviceSynchronize());
    right &= counters[0] == round * (4 * 64 * 3 + 1000) && counters[1] == 63 && counters[2] == 0;
  }
  CHECK(cudaFree(counters));

  const int n = 1 << 16;
  cudaStream_t streams[2];
  float* parts[2];
  for (int s = 0; s < 2; s++) {
    CHECK(cudaStreamCreate(&streams[s]));
    parts[s] = managed<float>(n);
    CHECK(cudaStreamAttachMemAsync(streams[s], parts[s], 0, cudaMemAttachSingle));
    CHECK(cudaStreamSynchronize(streams[s]));
    for (int i = 0; i < n; i++) parts[s][i] = float(i);
  }
  float factor[2] = {1, 1};
  for (int round = 0; round < 3; round++)
    for (int s = 0; s < 2; s++) {
      factor[s] *= float(s + 2);
      scale<<<n / 256, 256, 0, streams[s]>>>(parts[s], n, float(s + 2));
      CHECK(cudaStreamSynchronize(streams[s]));
      for (int i = 0; i < n; i += 1000) right &= parts[s][i] == float(i) * factor[s];
    }
  for (int s = 0; s < 2; s++) {
    CHECK(cudaStreamDestroy(streams[s]));
    CHECK(cudaFree(parts[s]));
  }
  return verdict(right, "a graph walked in managed memory, counters of both sides, memory of one stream");
}
