// One kernel template for many types and operations: a segmented fold with whatever T and Op are (bytes to doubles, complex numbers,
// 2 × 2 matrices whose product does not commute), chosen at compile time down to the number of threads.
#include <cmath>
#include <type_traits>
#include "buffer.h"
#include "show.h"

#define BOTH __host__ __device__ inline
struct Complex {
  double re, im;
};
BOTH Complex operator*(Complex a, Complex b) { return {a.re * b.re - a.im * b.im, a.re * b.im + a.im * b.re}; }
template <typename T>
struct Matrix {
  T a, b, c, d;
};
template <typename T>
BOTH Matrix<T> operator*(Matrix<T> x, Matrix<T> y) { return {T(x.a * y.a + x.b * y.c), T(x.a * y.b + x.b * y.d), T(x.c * y.a + x.d * y.c), T(x.c * y.b + x.d * y.d)}; }

template <typename T>
struct Sum {
  static constexpr const char* name = "sum";
  BOTH static T identity() { return T(0); }
  BOTH T operator()(T a, T b) const { return T(a + b); }
};
template <typename T>
struct Most {
  static constexpr const char* name = "maximum";
  BOTH static T identity() { return std::is_signed<T>::value ? T(-100) : T(0); }
  BOTH T operator()(T a, T b) const { return a < b ? b : a; }
};
template <typename T>
struct Product {
  static constexpr const char* name = "product";
  BOTH static T identity() {
    if constexpr (std::is_same_v<T, Complex>) return {1, 0};
    else return {1, 0, 0, 1};
  }
  BOTH T operator()(T a, T b) const { return a * b; }
};

// Block b folds values[b * n … (b + 1) * n) from left to right: neighbours first, so that any associative operation will do.
template <typename T, template <typename> class Op, int kThreads>
__global__ void fold(const T* values, T* out, int n) {
  __shared__ alignas(16) unsigned char room[kThreads * sizeof(T)];
  T* part = reinterpret_cast<T*>(room);
  Op<T> op;
  int each = (n + kThreads - 1) / kThreads, from = threadIdx.x * each;
  T own = Op<T>::identity();
  for (int i = from; i < from + each && i < n; i++) own = op(own, values[blockIdx.x * n + i]);
  part[threadIdx.x] = own;
#pragma unroll
  for (int step = 1; step < kThreads; step *= 2) {
    __syncthreads();
    if (threadIdx.x % (2 * step) == 0) part[threadIdx.x] = op(part[threadIdx.x], part[threadIdx.x + step]);
  }
  if (threadIdx.x == 0) out[blockIdx.x] = part[0];
}

template <typename T>
static T made(Random& random) {
  if constexpr (std::is_same_v<T, Complex>) {
    double angle = random.unit() * 6.28;
    return {cos(angle), sin(angle)};
  } else if constexpr (std::is_arithmetic_v<T>) {
    return T(int(random.below(200)) - (std::is_signed<T>::value ? 100 : 0));
  } else {
    return {decltype(T::a)(random.below(3)), 1, decltype(T::a)(random.below(2)), 1};
  }
}
template <typename T>
static double apart(const T& a, const T& b) {
  if constexpr (std::is_arithmetic_v<T>) return fabs(double(a) - double(b));
  else if constexpr (std::is_same_v<T, Complex>) return hypot(a.re - b.re, a.im - b.im);
  else return a.a != b.a || a.b != b.b || a.c != b.c || a.d != b.d;
}

static int g_wrong = 0, g_folds = 0;
template <typename T, template <typename> class Op, int kThreads>
static void test(const char* type, double allowed = 0) {
  const int blocks = 6, n = 500;
  Random random;
  std::vector<T> values(blocks * n);
  for (T& v : values) v = made<T>(random);
  Buffer<T> in(values), out(blocks);
  fold<T, Op, kThreads><<<blocks, kThreads>>>(in, out, n);
  std::vector<T> result = out.host();
  double worst = 0;
  for (int b = 0; b < blocks; b++) {
    T expected = Op<T>::identity();
    for (int i = 0; i < n; i++) expected = Op<T>()(expected, values[b * n + i]);
    worst = fmax(worst, apart(expected, result[b]));
  }
  show::line("%-22s %-8s %4d threads: off by %g", type, Op<T>::name, kThreads, worst);
  g_wrong += !(worst <= allowed), g_folds++;
}
template <typename T>
static void test_number(const char* type) {
  test<T, Sum, 32>(type), test<T, Sum, 128>(type), test<T, Most, 64>(type);
}

int main() {
  print_device();
  test_number<signed char>("signed char"), test_number<unsigned char>("unsigned char"), test_number<short>("short"), test_number<unsigned short>("unsigned short");
  test_number<int>("int"), test_number<long long>("long long"), test_number<unsigned long long>("unsigned long long"), test_number<float>("float"), test_number<double>("double");
  test<Complex, Product, 64>("complex", 1e-12);
  test<Matrix<unsigned>, Product, 128>("matrix of unsigned"), test<Matrix<unsigned long long>, Product, 32>("matrix of 64 bits"), test<Matrix<unsigned char>, Product, 256>("matrix of bytes");
  char line[60];
  snprintf(line, sizeof line, "%d folds, %d wrong", g_folds, g_wrong);
  return verdict(g_wrong == 0, line);
}
