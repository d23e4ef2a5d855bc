// Limits, caches and priorities of the current context. Any thread may call.
#include "softgpu/api/context.h"

using namespace softgpu::api;

extern "C" {

CUresult cuCtxGetLimit(size_t* pvalue, CUlimit limit) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(pvalue);
  REQUIRE(unsigned(limit) < kLimitCount);
  *pvalue = context->limits[limit];
  return CUDA_SUCCESS;
}

CUresult cuCtxSetLimit(CUlimit limit, size_t value) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(unsigned(limit) < kLimitCount);
  switch (limit) {
    case CU_LIMIT_STACK_SIZE:
      REQUIRE(value <= 512 * 1024);
      value = (value + 15) & ~size_t(15);
      break;
    case CU_LIMIT_MAX_L2_FETCH_GRANULARITY:
      REQUIRE(value <= 128);
      break;
    case CU_LIMIT_DEV_RUNTIME_SYNC_DEPTH:
    case CU_LIMIT_PERSISTING_L2_CACHE_SIZE:
    case CU_LIMIT_SHMEM_SIZE:
    case CU_LIMIT_CIG_ENABLED:
    case CU_LIMIT_CIG_SHMEM_FALLBACK_ENABLED:
      return CUDA_ERROR_UNSUPPORTED_LIMIT;
    default:
      break;
  }
  context->limits[limit] = value;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetCacheConfig(CUfunc_cache* pconfig) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(pconfig);
  *pconfig = context->cache_config;
  return CUDA_SUCCESS;
}

CUresult cuCtxSetCacheConfig(CUfunc_cache config) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(config >= CU_FUNC_CACHE_PREFER_NONE && config <= CU_FUNC_CACHE_PREFER_EQUAL);
  context->cache_config = config;
  return CUDA_SUCCESS;
}

CUresult cuCtxGetSharedMemConfig(CUsharedconfig* pConfig) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(pConfig);
  *pConfig = CU_SHARED_MEM_CONFIG_FOUR_BYTE_BANK_SIZE;
  return CUDA_SUCCESS;
}

CUresult cuCtxSetSharedMemConfig(CUsharedconfig config) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(config >= CU_SHARED_MEM_CONFIG_DEFAULT_BANK_SIZE && config <= CU_SHARED_MEM_CONFIG_EIGHT_BYTE_BANK_SIZE);
  return CUDA_SUCCESS;
}

CUresult cuCtxGetStreamPriorityRange(int* leastPriority, int* greatestPriority) {
  ContextRef context;
  TRY(enter(&context));
  if (leastPriority) *leastPriority = 0;
  if (greatestPriority) *greatestPriority = -5;
  return CUDA_SUCCESS;
}

CUresult cuCtxResetPersistingL2Cache(void) {
  ContextRef context;
  return enter(&context);
}

CUresult cuCtxGetExecAffinity(CUexecAffinityParam* pExecAffinity, CUexecAffinityType) {
  ContextRef context;
  TRY(enter(&context));
  REQUIRE(pExecAffinity);
  return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY;
}

}  // extern "C"
