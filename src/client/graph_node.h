// A node's making or changing, whatever its kind: shared by the calls of graph_node_forms.cpp. Any thread.
#pragma once
#include "abi/cuda_abi.h"
#include "client/graph_part.h"
#include "client/remote.h"

namespace client {

enum What : unsigned { kAdd = 0, kSet = 1, kSetInExecutable = 2 };
struct NodeCall {
  CUgraphNode node = nullptr;                // that is changed
  CUgraph graph = nullptr;                   // to add to
  CUgraphExec executable = nullptr;
  const CUgraphNode* dependencies = nullptr;
  const CUgraphEdgeData* edges = nullptr;
  size_t count = 0;
};
// What the call answers in params (an allocation's address, a conditional's graphs) is put there.
CUresult node_call(What what, const NodeCall& call, CUgraphNodeParams& params, CUgraphNode* made);

}  // namespace client
