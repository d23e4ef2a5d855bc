// cuGraphExecUpdate: a whole graph put into an executable one of the same shape, and why not. Any thread may call.
#include "softgpu/api/graph.h"
#include "softgpu/api/module.h"

using namespace softgpu::api;

namespace {

using Order = std::vector<ExecNode>;

CUgraphExecUpdateResult compare(const ExecNode& old, const ExecNode& now) {
  if (type_of(old.work) != type_of(now.work)) return CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
  if (auto *a = std::get_if<KernelWork>(&old.work), *b = std::get_if<KernelWork>(&now.work); a && b) {
    if (a->function->module->context != b->function->module->context) return CU_GRAPH_EXEC_UPDATE_ERROR_UNSUPPORTED_FUNCTION_CHANGE;
    if (a->launch.cooperative != b->launch.cooperative) return CU_GRAPH_EXEC_UPDATE_ERROR_ATTRIBUTES_CHANGED;
  }
  if (auto *a = std::get_if<MemsetWork>(&old.work), *b = std::get_if<MemsetWork>(&now.work); a && b)
    if ((a->height > 1 || b->height > 1) && (a->height != b->height || a->width != b->width || a->element != b->element))
      return CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED;
  if (auto *a = std::get_if<CopyWork>(&old.work), *b = std::get_if<CopyWork>(&now.work); a && b)
    if (a->asked.srcMemoryType != b->asked.srcMemoryType || a->asked.dstMemoryType != b->asked.dstMemoryType)
      return CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED;
  if (auto *a = std::get_if<ConditionalWork>(&old.work), *b = std::get_if<ConditionalWork>(&now.work); a && b)
    if (a->condition != b->condition || a->type != b->type) return CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED;
  return CU_GRAPH_EXEC_UPDATE_SUCCESS;
}

// Fills info and makes `now` carry on where `old` was: the sources of its nodes and what is enabled.
void match(const Order& old, Order& now, CUgraphExecUpdateResultInfo* info) {
  if (old.size() != now.size()) {
    info->result = CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
    return;
  }
  for (size_t i = 0; i < old.size() && !info->result; i++) {
    if (old[i].before != now[i].before || old[i].bodies.size() != now[i].bodies.size()) {
      info->result = CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
      info->errorNode = now[i].source;
    } else if ((info->result = compare(old[i], now[i]))) {
      info->errorNode = now[i].source;
    }
    for (size_t b = 0; b < old[i].bodies.size() && !info->result; b++) match(old[i].bodies[b], now[i].bodies[b], info);
    now[i].source = old[i].source;
    now[i].enabled = old[i].enabled;
  }
}

}  // namespace

extern "C" CUresult cuGraphExecUpdate_v2(CUgraphExec hGraphExec, CUgraph hGraph, CUgraphExecUpdateResultInfo* resultInfo) {
  TRY(initialized());
  REQUIRE(resultInfo);
  auto exec = graph_execs().find(hGraphExec);
  GraphRef graph = graphs().find(hGraph);
  if (!exec || !graph) return CUDA_ERROR_INVALID_VALUE;
  auto order = std::make_shared<Order>();
  std::lock_guard exec_lock(exec->m);
  std::lock_guard lock(capture_lock());
  TRY(put_in_order(*graph, order.get()));
  *resultInfo = {CU_GRAPH_EXEC_UPDATE_SUCCESS, nullptr, nullptr};
  match(*exec->order, *order, resultInfo);
  if (resultInfo->result) return CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
  exec->order = order;
  return CUDA_SUCCESS;
}
