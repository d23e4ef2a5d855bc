// nvcc: -arch=compute_90 -std=c++17
// Clusters: blocks that are resident together, wait for each other and reach into each other's shared memory, asked for at compile time
// and at launch. A histogram whose bins are spread over a cluster, a ring, and sizes that cannot be.
#include <cooperative_groups.h>
#include <vector>
#include "common.h"

namespace cg = cooperative_groups;

const int kBinsOfABlock = 64;

__global__ void histogram(const unsigned* values, unsigned n, unsigned* bins) {
  __shared__ unsigned mine[kBinsOfABlock];
  cg::cluster_group cluster = cg::this_cluster();
  const unsigned blocks = cluster.num_blocks(), all = blocks * kBinsOfABlock;
  for (unsigned i = threadIdx.x; i < kBinsOfABlock; i += blockDim.x) mine[i] = 0;
  cluster.sync();
  for (unsigned i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    unsigned bin = values[i] % all;
    atomicAdd(cluster.map_shared_rank(&mine[bin % kBinsOfABlock], bin / kBinsOfABlock), 1u);
  }
  cluster.sync();
  for (unsigned i = threadIdx.x; i < kBinsOfABlock; i += blockDim.x) atomicAdd(&bins[cluster.block_rank() * kBinsOfABlock + i], mine[i]);
}

__global__ void __cluster_dims__(4, 2, 1) ring(unsigned* out) {
  __shared__ unsigned box[32];
  cg::cluster_group cluster = cg::this_cluster();
  const unsigned rank = cluster.block_rank(), next = (rank + 1) % cluster.num_blocks();
  unsigned* to = cluster.map_shared_rank(box, next);
  to[threadIdx.x] = rank * 100 + threadIdx.x;
  bool right = cluster.query_shared_rank(to) == next && cluster.query_shared_rank(box) == rank && cluster.num_threads() == 8 * 32 &&
               cluster.thread_rank() == rank * 32 + threadIdx.x && cluster.dim_blocks().x == 4 && cluster.dim_blocks().y == 2 &&
               cluster.block_index().x == blockIdx.x % 4 && cluster.block_index().y == blockIdx.y % 2;
  auto token = cluster.barrier_arrive();
  cluster.barrier_wait(std::move(token));
  const unsigned before = (rank + cluster.num_blocks() - 1) % cluster.num_blocks();
  right = right && box[threadIdx.x] == before * 100 + threadIdx.x;
  cluster.sync();   // nobody leaves while others may still write here
  if (right) atomicAdd(out, 1u);
}

cudaError_t launch(unsigned blocks, unsigned cluster, const unsigned* values, unsigned n, unsigned* bins) {
  cudaLaunchAttribute attribute = {};
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim.x = cluster, attribute.val.clusterDim.y = 1, attribute.val.clusterDim.z = 1;
  cudaLaunchConfig_t config = {};
  config.gridDim = blocks, config.blockDim = 128, config.attrs = &attribute, config.numAttrs = 1;
  return cudaLaunchKernelEx(&config, histogram, values, n, bins);
}

int main() {
  int supported = 0;
  CHECK(cudaDeviceGetAttribute(&supported, cudaDevAttrClusterLaunch, 0));
  if (!supported) {
    printf("no clusters on this device\n");
    return 77;
  }
  const unsigned n = 100000;
  std::vector<unsigned> values(n);
  for (unsigned i = 0; i < n; i++) values[i] = i * 2654435761u >> 7;
  unsigned *in, *bins;
  CHECK(cudaMalloc(&in, n * 4));
  CHECK(cudaMalloc(&bins, 16 * kBinsOfABlock * 4));
  CHECK(cudaMemcpy(in, values.data(), n * 4, cudaMemcpyHostToDevice));
  struct { unsigned blocks, cluster; } bad[] = {{32, 16}, {32, 3}, {7, 2}};
  for (auto& b : bad)
    if (launch(b.blocks, b.cluster, in, n, bins) != cudaErrorInvalidClusterSize || cudaGetLastError() != cudaErrorInvalidClusterSize) {
      printf("%u blocks in clusters of %u are not refused\n", b.blocks, b.cluster);
      return 1;
    }
  CHECK(cudaFuncSetAttribute(histogram, cudaFuncAttributeNonPortableClusterSizeAllowed, 1));
  for (unsigned cluster : {1u, 2u, 4u, 8u, 16u}) {
    CHECK(cudaMemset(bins, 0, 16 * kBinsOfABlock * 4));
    CHECK(launch(32, cluster, in, n, bins));
    std::vector<unsigned> got(cluster * kBinsOfABlock), wanted(got.size());
    CHECK(cudaMemcpy(got.data(), bins, got.size() * 4, cudaMemcpyDeviceToHost));
    for (unsigned v : values) wanted[v % wanted.size()]++;
    if (got != wanted) {
      printf("wrong histogram with %u blocks in a cluster\n", cluster);
      return 1;
    }
  }

  unsigned count = 0;
  CHECK(cudaMemset(bins, 0, 4));
  ring<<<dim3(8, 4), 32>>>(bins);
  CHECK(cudaMemcpy(&count, bins, 4, cudaMemcpyDeviceToHost));
  if (count != 8 * 4 * 32) {
    printf("ring: %u threads of %d saw what they should\n", count, 8 * 4 * 32);
    return 1;
  }

  cudaFuncAttributes attributes;
  CHECK(cudaFuncGetAttributes(&attributes, ring));
  if (attributes.requiredClusterWidth != 4 || attributes.requiredClusterHeight != 2) {
    printf("the kernel's own cluster is %d x %d\n", attributes.requiredClusterWidth, attributes.requiredClusterHeight);
    return 1;
  }
  cudaLaunchConfig_t config = {};
  config.gridDim = 32, config.blockDim = 128;
  int most = 0;
  CHECK(cudaOccupancyMaxPotentialClusterSize(&most, histogram, &config));
  CHECK(cudaDeviceSynchronize());
  printf("clusters up to %d blocks: right\n", most);
}
