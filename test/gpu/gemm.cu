// Matrix products by cuBLAS and cuBLASLt in fp32 and bf16: prints a digest of every result. Run directly and remotely, the digests
// must be equal bit for bit. Not run on the software GPU.
#include <cublasLt.h>
#include <cublas_v2.h>
#include <cuda_bf16.h>
#include <cstdint>
#include <vector>
#include "common.h"

#define BLAS(call)                                                   \
  do {                                                               \
    cublasStatus_t status = (call);                                  \
    if (status != CUBLAS_STATUS_SUCCESS) {                           \
      printf("result: WRONG %s: status %d\n", #call, (int)status);   \
      exit(1);                                                       \
    }                                                                \
  } while (0)

const int m = 1000, n = 768, k = 512;

template <typename T>
uint64_t digest(const T* device, size_t count) {
  std::vector<T> host(count);
  CHECK(cudaMemcpy(host.data(), device, count * sizeof(T), cudaMemcpyDeviceToHost));
  uint64_t hash = 1469598103934665603ull;
  const unsigned char* bytes = (const unsigned char*)host.data();
  for (size_t i = 0; i < count * sizeof(T); i++) hash = (hash ^ bytes[i]) * 1099511628211ull;
  return hash;
}

template <typename T>
T* random_matrix(size_t count, unsigned seed) {
  std::vector<T> host(count);
  for (auto& value : host) {
    seed = seed * 1664525u + 1013904223u;
    value = T((int(seed >> 8) - (1 << 23)) / float(1 << 23));
  }
  T* device;
  CHECK(cudaMalloc(&device, count * sizeof(T)));
  CHECK(cudaMemcpy(device, host.data(), count * sizeof(T), cudaMemcpyHostToDevice));
  return device;
}

template <typename T>
void multiply(cudaDataType_t type, const char* name) {
  T *a = random_matrix<T>(m * k, 1), *b = random_matrix<T>(k * n, 2), *c = random_matrix<T>(m * n, 3);
  const float alpha = 1, beta = 0.5f;
  cublasHandle_t blas;
  BLAS(cublasCreate(&blas));
  for (int i = 0; i < 3; i++)
    BLAS(cublasGemmEx(blas, CUBLAS_OP_N, CUBLAS_OP_T, m, n, k, &alpha, a, type, m, b, type, n, &beta, c, type, m, CUBLAS_COMPUTE_32F, CUBLAS_GEMM_DEFAULT));
  printf("cublas %s %016llx\n", name, (unsigned long long)digest(c, m * n));
  BLAS(cublasDestroy(blas));

  cublasLtHandle_t lt;
  cublasLtMatmulDesc_t operation;
  cublasLtMatrixLayout_t layout_a, layout_b, layout_c;
  cublasLtMatmulPreference_t preference;
  cublasLtMatmulHeuristicResult_t choice;
  int found = 0;
  size_t workspace_bytes = 32 << 20;
  void* workspace;
  CHECK(cudaMalloc(&workspace, workspace_bytes));
  BLAS(cublasLtCreate(&lt));
  BLAS(cublasLtMatmulDescCreate(&operation, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  BLAS(cublasLtMatrixLayoutCreate(&layout_a, type, m, k, m));
  BLAS(cublasLtMatrixLayoutCreate(&layout_b, type, k, n, k));
  BLAS(cublasLtMatrixLayoutCreate(&layout_c, type, m, n, m));
  BLAS(cublasLtMatmulPreferenceCreate(&preference));
  BLAS(cublasLtMatmulPreferenceSetAttribute(preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &workspace_bytes, sizeof workspace_bytes));
  BLAS(cublasLtMatmulAlgoGetHeuristic(lt, operation, layout_a, layout_b, layout_c, layout_c, preference, 1, &choice, &found));
  if (found == 0) printf("cublasLt %s has no algorithm\n", name);
  else BLAS(cublasLtMatmul(lt, operation, &alpha, a, layout_a, b, layout_b, &beta, c, layout_c, c, layout_c, &choice.algo, workspace, workspace_bytes, nullptr));
  CHECK(cudaDeviceSynchronize());
  printf("cublasLt %s %016llx\n", name, (unsigned long long)digest(c, m * n));
  BLAS(cublasLtDestroy(lt));
}

int main() {
  print_device();
  multiply<float>(CUDA_R_32F, "fp32");
  multiply<__nv_bfloat16>(CUDA_R_16BF, "bf16");
  return verdict(true, "four products");
}
