// Graph calls that take structures with pointers inside; the rest is generated.
#include "client/remote.h"

using namespace client;

EXPORT CUresult cuGraphInstantiateWithParams(CUgraphExec* phGraphExec, CUgraph hGraph, CUDA_GRAPH_INSTANTIATE_PARAMS* instantiateParams) {
  if (!instantiateParams) return CUDA_ERROR_INVALID_VALUE;
  CUresult rc = remote::cuGraphInstantiateWithFlags(phGraphExec, hGraph, instantiateParams->flags & ~cuuint64_t(CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD));
  instantiateParams->hErrNode_out = nullptr;
  instantiateParams->result_out = rc ? CUDA_GRAPH_INSTANTIATE_ERROR : CUDA_GRAPH_INSTANTIATE_SUCCESS;
  if (rc == CUDA_SUCCESS && instantiateParams->flags & CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD) rc = remote::cuGraphUpload(*phGraphExec, instantiateParams->hUploadStream);
  return rc;
}

EXPORT CUresult cuGraphExecUpdate_v2(CUgraphExec hGraphExec, CUgraph hGraph, CUgraphExecUpdateResultInfo* resultInfo) {
  if (!resultInfo) return CUDA_ERROR_INVALID_VALUE;
  *resultInfo = {};
  return remote::cuGraphExecUpdate(hGraphExec, hGraph, &resultInfo->errorNode, &resultInfo->result);
}
