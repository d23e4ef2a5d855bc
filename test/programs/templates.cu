// Kernels from templates and lambdas, virtual functions and function pointers on the device, recursion.
#include <vector>
#include "common.h"

template <typename T, int kScale>
__global__ void scale(T* values, int n) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  if (i < n) values[i] = values[i] * kScale + T(1);
}

template <typename T, int kScale>
bool scaled() {
  const int n = 1000;
  std::vector<T> values(n);
  for (int i = 0; i < n; i++) values[i] = T(i);
  T* device;
  CHECK(cudaMalloc(&device, n * sizeof(T)));
  CHECK(cudaMemcpy(device, values.data(), n * sizeof(T), cudaMemcpyHostToDevice));
  scale<T, kScale><<<(n + 63) / 64, 64>>>(device, n);
  CHECK(cudaMemcpy(values.data(), device, n * sizeof(T), cudaMemcpyDeviceToHost));
  CHECK(cudaFree(device));
  for (int i = 0; i < n; i++)
    if (values[i] != T(T(i) * kScale + T(1))) return false;
  return true;
}

struct Shape {
  __device__ virtual int area() const = 0;
};
struct Square : Shape {
  int side;
  __device__ explicit Square(int s) : side(s) {}
  __device__ int area() const override { return side * side; }
};
struct Bar : Shape {
  int length;
  __device__ explicit Bar(int l) : length(l) {}
  __device__ int area() const override { return length; }
};

__device__ int fibonacci(int n) { return n < 2 ? n : fibonacci(n - 1) + fibonacci(n - 2); }
__device__ int twice(int x) { return 2 * x; }
__device__ int negated(int x) { return -x; }

__global__ void indirect(int* out) {
  int i = threadIdx.x;
  Square square(i);
  Bar bar(i);
  const Shape* shape = i % 2 ? (const Shape*)&square : (const Shape*)&bar;
  int (*function)(int) = i % 3 ? twice : negated;
  out[i] = shape->area() + function(i) + fibonacci(i % 8);
}

int main() {
  print_device();
  bool right = scaled<int, 3>() && scaled<float, 2>() && scaled<double, -5>() && scaled<unsigned char, 7>() && scaled<long long, 1000003>();
  int* device;
  int out[64];
  const int fibonaccis[] = {0, 1, 1, 2, 3, 5, 8, 13};
  CHECK(cudaMalloc(&device, sizeof out));
  indirect<<<1, 64>>>(device);
  CHECK(cudaMemcpy(out, device, sizeof out, cudaMemcpyDeviceToHost));
  for (int i = 0; i < 64; i++) right &= out[i] == (i % 2 ? i * i : i) + (i % 3 ? 2 * i : -i) + fibonaccis[i % 8];
  return verdict(right, "templates, virtual functions, pointers, recursion");
}
