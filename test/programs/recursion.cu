// Recursion on the device: Ackermann's function, a tree walked by calls, quicksort that keeps a stack of its own, two functions calling each other.
#include <algorithm>
#include "buffer.h"

__device__ __noinline__ unsigned ackermann(unsigned m, unsigned n) {
  if (m == 0) return n + 1;
  return n == 0 ? ackermann(m - 1, 1) : ackermann(m - 1, ackermann(m, n - 1));
}
__global__ void ackermanns(unsigned* out) { out[threadIdx.x] = ackermann(threadIdx.x / 8, threadIdx.x % 8); }

struct Node {
  int key, left, right;
};
__device__ __noinline__ int depth_and_sum(const Node* tree, int node, long long* sum) {
  if (node < 0) return 0;
  *sum += tree[node].key;
  return 1 + max(depth_and_sum(tree, tree[node].left, sum), depth_and_sum(tree, tree[node].right, sum));
}
__global__ void walk(const Node* tree, const int* roots, int* depths, long long* sums) {
  long long sum = 0;  // in local memory: the calls get its address
  depths[threadIdx.x] = depth_and_sum(tree, roots[threadIdx.x], &sum);
  sums[threadIdx.x] = sum;
}

__device__ bool is_odd(unsigned n);
__device__ __noinline__ bool is_even(unsigned n) { return n == 0 || is_odd(n - 1); }
__device__ __noinline__ bool is_odd(unsigned n) { return n != 0 && is_even(n - 1); }
__global__ void parity(int* out) { out[threadIdx.x] = is_even(threadIdx.x * 3); }

__global__ void quicksort(int* values, int each) {  // every thread sorts its own stretch
  int* a = values + threadIdx.x * each;
  int stack[2 * 32], top = 0;
  stack[top++] = 0, stack[top++] = each - 1;
  while (top) {
    int high = stack[--top], low = stack[--top], i = low, j = high;
    int pivot = a[(low + high) / 2];
    while (i <= j) {
      while (a[i] < pivot) i++;
      while (pivot < a[j]) j--;
      if (i <= j) {
        int held = a[i];
        a[i++] = a[j], a[j--] = held;
      }
    }
    bool left_is_longer = j - low > high - i;  // the longer part waits: the stack stays short
    if (left_is_longer && low < j) stack[top++] = low, stack[top++] = j;
    if (i < high) stack[top++] = i, stack[top++] = high;
    if (!left_is_longer && low < j) stack[top++] = low, stack[top++] = j;
  }
}

int insert(std::vector<Node>& tree, int root, int key) {
  int node = int(tree.size());
  tree.push_back({key, -1, -1});
  for (int at = root; at >= 0;) {
    int& next = key < tree[at].key ? tree[at].left : tree[at].right;
    if (next < 0) return next = node, root;
    at = next;
  }
  return node;
}
int depth(const std::vector<Node>& tree, int node, long long& sum) {
  if (node < 0) return 0;
  sum += tree[node].key;
  return 1 + std::max(depth(tree, tree[node].left, sum), depth(tree, tree[node].right, sum));
}

int main() {
  print_device();
  CHECK(cudaDeviceSetLimit(cudaLimitStackSize, 32 * 1024));
  Random random;
  bool right = true;
  Buffer<unsigned> numbers(24);
  ackermanns<<<1, 24>>>(numbers);
  std::vector<unsigned> a = numbers.host();
  for (unsigned n = 0; n < 8; n++) right &= a[n] == n + 1 && a[8 + n] == n + 2 && a[16 + n] == 2 * n + 3;

  const int kTrees = 32, kEach = 500;
  std::vector<Node> tree;
  std::vector<int> roots(kTrees, -1);
  for (int& root : roots)
    for (int i = 0; i < 40; i++) root = insert(tree, root, int(random.below(10'000)));
  Buffer<Node> nodes(tree);
  Buffer<int> at(roots), depths(kTrees), even(64);
  Buffer<long long> sums(kTrees);
  walk<<<1, kTrees>>>(nodes, at, depths, sums);
  auto got_depths = depths.host();
  auto got_sums = sums.host();
  for (int t = 0; t < kTrees; t++) {
    long long sum = 0;
    right &= got_depths[t] == depth(tree, roots[t], sum) && got_sums[t] == sum;
  }
  parity<<<1, 64>>>(even);
  auto parities = even.host();
  for (int t = 0; t < 64; t++) right &= parities[t] == (t % 2 == 0);

  std::vector<int> values(kTrees * kEach);
  for (int& v : values) v = int(random.below(1000));
  Buffer<int> sorted(values);
  quicksort<<<1, kTrees>>>(sorted, kEach);
  for (int t = 0; t < kTrees; t++) std::sort(values.begin() + t * kEach, values.begin() + (t + 1) * kEach);
  right &= sorted.host() == values;
  return verdict(right, "Ackermann, 32 trees, 32 quicksorts, odd and even");
}
