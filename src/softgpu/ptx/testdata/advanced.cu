// Kernels for tensor-core, asynchronous and cooperative instructions; each takes an array of 4096 zeroed words and needs no input, so that
// what a real GPU gives can be recorded (exec/vectors_record.cpp) and compared. Regenerate with regenerate.sh.
#include <cooperative_groups.h>
#include <cooperative_groups/reduce.h>
#include <cooperative_groups/scan.h>
#include <cuda/barrier>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <mma.h>
namespace cg = cooperative_groups;
using namespace nvcuda;

__device__ int small(unsigned i) { return (int)(i * 2654435761u >> 27) - 16; }   // -16 … 15
__device__ unsigned half2_of(int a, int b) { return __half_as_ushort(__int2half_rn(a)) | (unsigned)__half_as_ushort(__int2half_rn(b)) << 16; }
__device__ unsigned bf2_of(int a, int b) { return __bfloat16_as_ushort(__float2bfloat16((float)a)) | (unsigned)__bfloat16_as_ushort(__float2bfloat16((float)b)) << 16; }

extern "C" __global__ void mma_f16(float* out) {
  unsigned l = threadIdx.x, a[4], b[2], h[2] = {half2_of(1, 2), half2_of(3, 4)};
  for (int i = 0; i < 4; i++) a[i] = half2_of(small(l * 8 + i), small(l * 8 + i + 100));
  for (int i = 0; i < 2; i++) b[i] = half2_of(small(l * 4 + i + 1000), small(l * 4 + i + 2000));
  float c[4] = {1, 2, 3, (float)l};
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};" : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  for (int i = 0; i < 4; i++) out[l * 4 + i] = c[i];
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%0,%1,%2,%3},{%4,%5},{%6},{%0,%1,%2,%3};" : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(b[0]));
  for (int i = 0; i < 4; i++) out[128 + l * 4 + i] = c[i];
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%0,%1},{%2,%3,%4,%5},{%6,%7},{%0,%1};" : "+r"(h[0]), "+r"(h[1]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  ((unsigned*)out)[256 + l * 2] = h[0], ((unsigned*)out)[257 + l * 2] = h[1];
}
extern "C" __global__ void mma_bf16_tf32(float* out) {
  unsigned l = threadIdx.x, a[4], b[2];
  for (int i = 0; i < 4; i++) a[i] = bf2_of(small(l * 8 + i), small(l * 8 + i + 100));
  for (int i = 0; i < 2; i++) b[i] = bf2_of(small(l * 4 + i + 1000), small(l * 4 + i + 2000));
  float c[4] = {0, 0, 0, 0};
  asm volatile("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};" : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  for (int i = 0; i < 4; i++) a[i] = __float_as_uint((float)small(l * 4 + i));
  for (int i = 0; i < 2; i++) b[i] = __float_as_uint((float)small(l * 2 + i + 77));
  asm volatile("mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};" : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  asm volatile("mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3},{%4,%5},{%6},{%0,%1,%2,%3};" : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3]) : "r"(a[0]), "r"(a[1]), "r"(b[0]));
  for (int i = 0; i < 4; i++) out[l * 4 + i] = c[i];
}
extern "C" __global__ void mma_f64_s8(double* out) {
  unsigned l = threadIdx.x;
  double a = small(l), b = small(l + 50), d[2] = {1, 2};
  asm volatile("mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {%0,%1},{%2},{%3},{%0,%1};" : "+d"(d[0]), "+d"(d[1]) : "d"(a), "d"(b));
  out[l * 2] = d[0], out[l * 2 + 1] = d[1];
  int c[4] = {1, 2, 3, 4}, s[2] = {0, 5};
  unsigned x[4], y[2];
  for (int i = 0; i < 4; i++) x[i] = (l * 4 + i) * 2654435761u;
  for (int i = 0; i < 2; i++) y[i] = (l * 2 + i) * 2246822519u;
  asm volatile("mma.sync.aligned.m16n8k32.row.col.s32.s8.u8.s32 {%0,%1,%2,%3},{%4,%5,%6,%7},{%8,%9},{%0,%1,%2,%3};" : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3]) : "r"(x[0]), "r"(x[1]), "r"(x[2]), "r"(x[3]), "r"(y[0]), "r"(y[1]));
  asm volatile("mma.sync.aligned.m16n8k16.row.col.s32.s8.s8.s32 {%0,%1,%2,%3},{%4,%5},{%6},{%0,%1,%2,%3};" : "+r"(c[0]), "+r"(c[1]), "+r"(c[2]), "+r"(c[3]) : "r"(x[0]), "r"(x[1]), "r"(y[0]));
  asm volatile("mma.sync.aligned.m8n8k16.row.col.s32.u8.s8.s32 {%0,%1},{%2},{%3},{%0,%1};" : "+r"(s[0]), "+r"(s[1]) : "r"(x[0]), "r"(y[0]));
  int* o = (int*)(out + 100);
  for (int i = 0; i < 4; i++) o[l * 6 + i] = c[i];
  o[l * 6 + 4] = s[0], o[l * 6 + 5] = s[1];
}
extern "C" __global__ void matrix_moves(unsigned* out) {
  __shared__ __align__(16) unsigned short s[8 * 8 * 4];
  unsigned l = threadIdx.x, r[4], t[2], m;
  for (int i = l; i < 256; i += 32) s[i] = i * 3 + 1;
  __syncwarp();
  unsigned at = __cvta_generic_to_shared(&s[l * 8]);
  asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3},[%4];" : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3]) : "r"(at));
  asm volatile("ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%0,%1},[%2];" : "=r"(t[0]), "=r"(t[1]) : "r"(at));
  asm volatile("movmatrix.sync.aligned.m8n8.trans.b16 %0,%1;" : "=r"(m) : "r"(r[1]));
  for (int i = 0; i < 4; i++) out[l * 8 + i] = r[i];
  out[l * 8 + 4] = t[0], out[l * 8 + 5] = t[1], out[l * 8 + 6] = m;
}
extern "C" __global__ void wmma_shapes(float* out) {
  __shared__ half a[512], b[512];
  for (int i = threadIdx.x; i < 512; i += 32) a[i] = __int2half_rn(small(i)), b[i] = __int2half_rn(small(i + 999));
  __syncwarp();
  {
    wmma::fragment<wmma::matrix_a, 16, 16, 16, half, wmma::row_major> fa;
    wmma::fragment<wmma::matrix_b, 16, 16, 16, half, wmma::col_major> fb;
    wmma::fragment<wmma::accumulator, 16, 16, 16, float> fc;
    wmma::fill_fragment(fc, 2.0f);
    wmma::load_matrix_sync(fa, a, 16), wmma::load_matrix_sync(fb, b, 24);
    for (int i = 0; i < fa.num_elements; i++) fa.x[i] = fa.x[i] + fa.x[i];
    wmma::mma_sync(fc, fa, fb, fc);
    wmma::store_matrix_sync(out, fc, 16, wmma::mem_row_major);
    wmma::store_matrix_sync(out + 256, fc, 20, wmma::mem_col_major);
  }
  {
    wmma::fragment<wmma::matrix_a, 32, 8, 16, half, wmma::col_major> fa;
    wmma::fragment<wmma::matrix_b, 32, 8, 16, half, wmma::row_major> fb;
    wmma::fragment<wmma::accumulator, 32, 8, 16, half> fc;
    wmma::fill_fragment(fc, __int2half_rn(1));
    wmma::load_matrix_sync(fa, a, 32), wmma::load_matrix_sync(fb, b, 8);
    wmma::mma_sync(fc, fa, fb, fc);
    wmma::store_matrix_sync((half*)(out + 1000), fc, 8, wmma::mem_row_major);
  }
}
extern "C" __global__ void block_barrier(int* out) {
  __shared__ cuda::barrier<cuda::thread_scope_block> b;
  __shared__ int s[128];
  if (threadIdx.x == 0) init(&b, blockDim.x);
  __syncthreads();
  for (int round = 0; round < 5; round++) {
    s[threadIdx.x] = threadIdx.x * (round + 1);
    b.arrive_and_wait();
    out[round * 128 + threadIdx.x] = s[127 - threadIdx.x];
    auto token = b.arrive();
    b.wait(std::move(token));
  }
}
extern "C" __global__ void groups(int* out) {
  auto block = cg::this_thread_block();
  auto tile = cg::tiled_partition<8>(block);
  int v = small(threadIdx.x);
  out[threadIdx.x] = cg::reduce(tile, v, cg::plus<int>());
  out[128 + threadIdx.x] = cg::inclusive_scan(tile, v);
  if (v > 0) {
    auto some = cg::coalesced_threads();
    out[256 + threadIdx.x] = some.size() * 100 + some.thread_rank();
    out[384 + threadIdx.x] = cg::reduce(some, v, cg::greater<int>());
    auto same = cg::labeled_partition(some, v & 3);
    out[512 + threadIdx.x] = same.size() * 100 + same.thread_rank();
  }
}
extern "C" __global__ void async_copy(int* out) {
  __shared__ __align__(16) int s[256];
  for (int i = threadIdx.x; i < 128; i += blockDim.x) out[i] = i * 5;
  __syncthreads();
  unsigned to = __cvta_generic_to_shared(&s[threadIdx.x * 4]);
  asm volatile("cp.async.cg.shared.global [%0], [%1], 16;" ::"r"(to), "l"(out + threadIdx.x * 4));
  asm volatile("cp.async.ca.shared.global [%0], [%1], 8, %2;" ::"r"(to + 512), "l"(out + threadIdx.x * 2), "r"(threadIdx.x & 1 ? 4 : 8));
  asm volatile("cp.async.commit_group;");
  asm volatile("cp.async.wait_group 0;");
  __syncthreads();
  for (int i = 0; i < 4; i++) out[256 + threadIdx.x * 4 + i] = s[threadIdx.x * 4 + i];
  for (int i = 0; i < 2; i++) out[512 + threadIdx.x * 2 + i] = s[128 + threadIdx.x * 4 + i];
}
#if __CUDA_ARCH__ >= 800
extern "C" __global__ void warp_reductions(unsigned* out) {
  unsigned v = threadIdx.x * 2654435761u, mask = threadIdx.x < 16 ? 0xffff : 0xffff0000;
  out[threadIdx.x] = __reduce_add_sync(mask, v);
  out[32 + threadIdx.x] = __reduce_min_sync(mask, (int)v);
  out[64 + threadIdx.x] = __reduce_max_sync(~0u, v);
  out[96 + threadIdx.x] = __reduce_xor_sync(~0u, v);
  int pred;
  out[128 + threadIdx.x] = __match_all_sync(mask, threadIdx.x / 16, &pred) + pred;
  out[160 + threadIdx.x] = __match_any_sync(~0u, (unsigned long long)v % 5);
}
#endif
// Cooperative: every block counts, waits for all, and reads the count.
extern "C" __global__ void grid_barrier(int* out) {
  auto grid = cg::this_grid();
  for (int round = 1; round <= 3; round++) {
    if (threadIdx.x == 0) atomicAdd(out, 1);
    grid.sync();
    if (threadIdx.x == 0 && *(volatile int*)out != round * (int)gridDim.x) atomicAdd(out + 1, 1);
    grid.sync();
  }
}
