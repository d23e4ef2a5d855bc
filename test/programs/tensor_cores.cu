// Matrix products by the tensor cores: through nvcuda::wmma (half), and by mma.sync with ldmatrix (bfloat16), of bytes and of doubles.
// nvcc: -arch=compute_80
#include <cuda_bf16.h>
#include <mma.h>
#include "buffer.h"
using namespace nvcuda;

const int kSize = 64;  // all matrices are kSize × kSize of small whole numbers, so every product is exact

__global__ void by_wmma(const half* a, const half* b, float* c) {  // a warp for each tile of 16 × 16
  wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> left;
  wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::col_major> right;
  wmma::fragment<wmma::accumulator, 16, 16, 16, float> sum;
  int row = blockIdx.y * 16, column = blockIdx.x * 16;
  wmma::fill_fragment(sum, 0.0f);
  for (int k = 0; k < kSize; k += 16) {
    wmma::load_matrix_sync(left, a + row * kSize + k, kSize);
    wmma::load_matrix_sync(right, b + column * kSize + k, kSize);
    wmma::mma_sync(sum, left, right, sum);
  }
  for (int i = 0; i < sum.num_elements; i++) sum.x[i] *= 2;  // whichever elements those are
  wmma::store_matrix_sync(c + row * kSize + column, sum, kSize, wmma::mem_row_major);
}

__global__ void by_bfloat16(const __nv_bfloat16* a, const __nv_bfloat16* b, float* c) {  // tiles of 16 × 8, operands by way of shared memory
  __shared__ __align__(16) __nv_bfloat16 left[16][16], right[8][16];
  int lane = threadIdx.x, row = blockIdx.y * 16, column = blockIdx.x * 8;
  float sum[4] = {};
  for (int k = 0; k < kSize; k += 16) {
    for (int i = lane; i < 256; i += 32) left[i / 16][i % 16] = a[(row + i / 16) * kSize + k + i % 16];
    for (int i = lane; i < 128; i += 32) right[i / 16][i % 16] = b[(column + i / 16) * kSize + k + i % 16];
    __syncwarp();
    unsigned x[4], y[2];
    unsigned left_row = unsigned(__cvta_generic_to_shared(&left[lane % 16][lane / 16 * 8]));
    unsigned right_row = unsigned(__cvta_generic_to_shared(&right[lane % 8][lane / 8 % 2 * 8]));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];" : "=r"(x[0]), "=r"(x[1]), "=r"(x[2]), "=r"(x[3]) : "r"(left_row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%0, %1}, [%2];" : "=r"(y[0]), "=r"(y[1]) : "r"(right_row));
    asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+f"(sum[0]), "+f"(sum[1]), "+f"(sum[2]), "+f"(sum[3]) : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[0]), "r"(y[1]));
    __syncwarp();
  }
  for (int i = 0; i < 4; i++) c[(row + lane / 4 + i / 2 * 8) * kSize + column + lane % 4 * 2 + i % 2] = sum[i];
}

__global__ void by_bytes(const signed char* a, const signed char* b, int* c) {  // tiles of 16 × 8, 32 deep
  int lane = threadIdx.x, row = blockIdx.y * 16 + lane / 4, column = blockIdx.x * 8, sum[4] = {};
  for (int k = lane % 4 * 4; k < kSize; k += 32) {
    auto four = [&](const signed char* m, int line, int at) { return *(const unsigned*)(m + line * kSize + at); };
    unsigned x0 = four(a, row, k), x1 = four(a, row + 8, k), x2 = four(a, row, k + 16), x3 = four(a, row + 8, k + 16);
    unsigned y0 = four(b, column + lane / 4, k), y1 = four(b, column + lane / 4, k + 16);
    asm("mma.sync.aligned.m16n8k32.row.col.s32.s8.s8.s32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, {%0, %1, %2, %3};"
        : "+r"(sum[0]), "+r"(sum[1]), "+r"(sum[2]), "+r"(sum[3]) : "r"(x0), "r"(x1), "r"(x2), "r"(x3), "r"(y0), "r"(y1));
  }
  for (int i = 0; i < 4; i++) c[(row + i / 2 * 8) * kSize + column + lane % 4 * 2 + i % 2] = sum[i];
}

__global__ void by_doubles(const double* a, const double* b, double* c) {  // tiles of 8 × 8, 4 deep
  int lane = threadIdx.x, row = blockIdx.y * 8 + lane / 4, column = blockIdx.x * 8;
  double sum[2] = {};
  for (int k = lane % 4; k < kSize; k += 4)
    asm("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0, %1}, {%2}, {%3}, {%0, %1};"
        : "+d"(sum[0]), "+d"(sum[1]) : "d"(a[row * kSize + k]), "d"(b[(column + lane / 4) * kSize + k]));
  for (int i = 0; i < 2; i++) c[row * kSize + column + lane % 4 * 2 + i] = sum[i];
}

template <typename In, typename Out>
bool product(const char* name, void (*kernel)(const In*, const In*, Out*), int rows, int columns, int factor = 1) {
  Random random;
  std::vector<In> a(kSize * kSize), b(kSize * kSize);
  std::vector<int> x(kSize * kSize), y(kSize * kSize);
  for (int i = 0; i < kSize * kSize; i++) x[i] = int(random.below(17)) - 8, y[i] = int(random.below(17)) - 8, a[i] = In(float(x[i])), b[i] = In(float(y[i]));
  Buffer<In> left(a), right(b);
  Buffer<Out> out(kSize * kSize);
  kernel<<<dim3(kSize / columns, kSize / rows), 32>>>(left.data, right.data, out.data);
  std::vector<Out> c = out.host();
  int wrong = 0;
  for (int r = 0; r < kSize; r++) {
    for (int s = 0; s < kSize; s++) {
      int sum = 0;
      for (int k = 0; k < kSize; k++) sum += x[r * kSize + k] * y[s * kSize + k];  // b is stored by columns
      wrong += c[r * kSize + s] != Out(factor * sum);
    }
  }
  if (wrong) printf("%s: %d wrong\n", name, wrong);
  return wrong == 0;
}

int main() {
  print_device();
  bool right = product("wmma", by_wmma, 16, 16, 2) & product("bfloat16", by_bfloat16, 16, 8) & product("bytes", by_bytes, 16, 8) & product("doubles", by_doubles, 8, 8);
  return verdict(right, "products of 64 × 64 in half, bfloat16, bytes and doubles");
}
