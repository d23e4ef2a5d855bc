// Graphs as such: making them executable and changing executables as a whole, whose calls answer with structures, and the picture of a graph.
#include <fcntl.h>
#include <unistd.h>

#include "client/context.h"
#include "client/graph_part.h"
#include "client/remote.h"
#include "wire/session.h"

namespace client {

enum How : unsigned { kWithLog = 0, kWithFlags = 1, kWithParams = 2 };
struct Instantiated { CUgraphInstantiateResult result = CUDA_GRAPH_INSTANTIATE_ERROR; CUgraphNode error_node = nullptr; };

static CUresult instantiate(CUgraphExec* executable, CUgraph graph, How how, unsigned long long flags, CUstream upload, Instantiated* said, char* log = nullptr, size_t log_bytes = 0) {
  if (int error = caller().error) return CUresult(error);
  if (!executable || !graph) return CUDA_ERROR_INVALID_VALUE;
  uint64_t h = teleport::mint_handle(wire::kCUgraphExec);
  unsigned code = 0, parts = 0;
  CUresult rc = remote::tfInstantiate(h, graph, how, flags, upload, &code, &said->result, &said->error_node, &parts, log_bytes ? log : nullptr, log ? log_bytes : 0);
  if (!rc) rc = CUresult(code);
  if (!rc) rc = learn_parts(handle_of<CUgraphExec>(h), parts);
  if (rc) teleport::forget_handle(h);
  else *executable = handle_of<CUgraphExec>(h);
  return rc;
}

static CUresult update(CUgraphExec executable, CUgraph graph, CUgraphExecUpdateResultInfo* info) {
  if (int error = caller().error) return CUresult(error);
  if (!executable || !graph || !info) return CUDA_ERROR_INVALID_VALUE;
  unsigned code = 0, parts = 0;
  *info = {};
  CUresult rc = remote::tfExecUpdate(executable, graph, &code, &info->result, &info->errorNode, &info->errorFromNode, &parts);
  if (!rc) rc = CUresult(code);
  return rc ? rc : learn_parts(executable, parts);
}

}  // namespace client

using namespace client;

EXPORT CUresult cuGraphInstantiate_v2(CUgraphExec* phGraphExec, CUgraph hGraph, CUgraphNode* phErrorNode, char* logBuffer, size_t bufferSize) {
  Instantiated said;
  CUresult rc = instantiate(phGraphExec, hGraph, kWithLog, 0, nullptr, &said, logBuffer, bufferSize);
  if (phErrorNode) *phErrorNode = said.error_node;
  return rc;
}
EXPORT CUresult cuGraphInstantiate(CUgraphExec* phGraphExec, CUgraph hGraph, CUgraphNode* phErrorNode, char* logBuffer, size_t bufferSize) {
  return cuGraphInstantiate_v2(phGraphExec, hGraph, phErrorNode, logBuffer, bufferSize);
}
EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec* phGraphExec, CUgraph hGraph, unsigned long long flags) {
  Instantiated said;
  return instantiate(phGraphExec, hGraph, kWithFlags, flags, nullptr, &said);
}
EXPORT CUresult cuGraphInstantiateWithParams(CUgraphExec* phGraphExec, CUgraph hGraph, CUDA_GRAPH_INSTANTIATE_PARAMS* instantiateParams) {
  if (!instantiateParams) return caller().error ? CUresult(caller().error) : CUDA_ERROR_INVALID_VALUE;
  Instantiated said;
  CUresult rc = instantiate(phGraphExec, hGraph, kWithParams, instantiateParams->flags, instantiateParams->hUploadStream, &said);
  instantiateParams->hErrNode_out = said.error_node;
  instantiateParams->result_out = said.result;
  return rc;
}
EXPORT CUresult cuGraphExecUpdate_v2(CUgraphExec hGraphExec, CUgraph hGraph, CUgraphExecUpdateResultInfo* resultInfo) { return update(hGraphExec, hGraph, resultInfo); }
EXPORT CUresult cuGraphExecUpdate(CUgraphExec hGraphExec, CUgraph hGraph, CUgraphNode* hErrorNode_out, CUgraphExecUpdateResult* updateResult_out) {
  CUgraphExecUpdateResultInfo info{};
  CUresult rc = update(hGraphExec, hGraph, &info);
  if (hErrorNode_out) *hErrorNode_out = info.errorNode;
  if (updateResult_out) *updateResult_out = info.result;
  return rc;
}

EXPORT CUresult cuGraphDebugDotPrint(CUgraph hGraph, const char* path, unsigned int flags) {
  Caller at = caller();
  if (at.error) return CUresult(at.error);
  if (!hGraph || !path) return CUDA_ERROR_INVALID_VALUE;
  if (!known(number_of(hGraph), wire::kCUgraph)) return CUDA_ERROR_INVALID_HANDLE;
  wire::tfDotPrint::Args a;
  a.graph = number_of(hGraph);
  a.flags = flags;
  teleport::Reply reply;
  CUresult rc = ask(at, wire::op::tfDotPrint, a, &reply);
  if (reply.result) return rc;
  wire::Reader r = reply.reader();
  size_t n;
  const char* text = r.get_array<char>(&n);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return CUDA_ERROR_OPERATING_SYSTEM;
  for (size_t at = 0; at < n;) {
    ssize_t wrote = write(fd, text + at, n - at);
    if (wrote <= 0) {
      close(fd);
      return CUDA_ERROR_OPERATING_SYSTEM;
    }
    at += size_t(wrote);
  }
  close(fd);
  return rc;
}
// A memory node cannot be destroyed and lives on.
EXPORT CUresult cuGraphDestroyNode(CUgraphNode hNode) {
  if (int error = caller().error) return CUresult(error);
  if (!hNode) return CUDA_ERROR_INVALID_VALUE;
  CUresult rc = remote::cuGraphDestroyNode(hNode);
  if (!rc) forget(number_of(hNode));
  return rc;
}
