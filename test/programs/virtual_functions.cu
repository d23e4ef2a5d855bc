// Objects with virtual functions that the device makes for itself, and function pointers: in a table, as an argument, from a template.
#include <new>
#include "buffer.h"

struct Expression {  // a little tree: evaluated by virtual calls that diverge within a warp
  __device__ virtual double value(double x) const = 0;
  __device__ virtual ~Expression() {}
};
struct X : Expression {
  __device__ double value(double x) const override { return x; }
};
struct Number : Expression {
  __device__ explicit Number(double n) : n(n) {}
  __device__ double value(double) const override { return n; }
  double n;
};
template <typename Operation>
struct Pair : Expression {
  __device__ Pair(Expression* a, Expression* b) : a(a), b(b) {}
  __device__ ~Pair() override { delete a, delete b; }
  __device__ double value(double x) const override { return Operation::apply(a->value(x), b->value(x)); }
  Expression *a, *b;
};
struct Plus {
  __device__ static double apply(double a, double b) { return a + b; }
};
struct Times {
  __device__ static double apply(double a, double b) { return a * b; }
};

__global__ void build(Expression** trees) {  // thread t: x^t + t, as products of products
  int t = threadIdx.x;
  Expression* power = new Number(1);
  for (int i = 0; i < t; i++) power = new Pair<Times>(power, new X);
  trees[t] = new Pair<Plus>(power, new Number(t));
}
__global__ void evaluate(Expression* const* trees, double* out) { out[threadIdx.x] = trees[threadIdx.x]->value(0.5); }
__global__ void destroy(Expression** trees) { delete trees[threadIdx.x]; }

typedef int (*Function)(int, int);
__device__ int add(int a, int b) { return a + b; }
__device__ int subtract(int a, int b) { return a - b; }
template <int kFactor>
__device__ int scaled(int a, int b) {
  return kFactor * (a + b);
}
__device__ Function table[] = {add, subtract, scaled<3>, scaled<-7>};
__device__ Function chosen = scaled<11>;

__global__ void through_table(int* out) { out[threadIdx.x] = table[threadIdx.x % 4](threadIdx.x, 5); }
__global__ void through_argument(int* out, Function f) { out[threadIdx.x] = f(out[threadIdx.x], 1); }

int main() {
  print_device();
  const int n = 8;
  Buffer<Expression*> trees(n);
  Buffer<double> values(n);
  build<<<1, n>>>(trees);
  evaluate<<<1, n>>>(trees, values);
  destroy<<<1, n>>>(trees);
  std::vector<double> got = values.host();
  bool right = true;
  double power = 1;
  for (int t = 0; t < n; t++, power /= 2) right &= got[t] == power + t;

  Buffer<int> results(64);
  Function f;
  CHECK(cudaMemcpyFromSymbol(&f, chosen, sizeof f));  // a device address, good for nothing but handing back
  through_table<<<1, 64>>>(results);
  through_argument<<<1, 64>>>(results, f);
  std::vector<int> numbers = results.host();
  for (int t = 0; t < 64; t++) {
    int expected[] = {t + 5, t - 5, 3 * (t + 5), -7 * (t + 5)};
    right &= numbers[t] == 11 * (expected[t % 4] + 1);
  }
  return verdict(right, "trees of virtual functions and tables of function pointers");
}
