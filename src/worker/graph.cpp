// Graphs as such: making them executable, updating, launching those with host parts, their ends and their picture.
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "worker/graph_part.h"
#include "worker/handlers.h"
#include "worker/staging.h"

namespace worker::serve {

int tfInstantiate(Session& s, Request&, wire::tfInstantiate::Args& a, wire::tfInstantiate::Outs& o) {
  CUgraph graph{};
  CUstream upload{};
  CUgraphExec executable{};
  CUgraphNode node{};
  if (!s.real(a.graph, wire::kCUgraph, &graph) || !s.real(a.uploadStream, wire::kCUstream, &upload)) return CUDA_ERROR_INVALID_HANDLE;
  int rc;
  auto result = CUDA_GRAPH_INSTANTIATE_SUCCESS;
  if (a.how == 0) {
    rc = call(s.driver.cuGraphInstantiate_v2, &executable, graph, &node, o.log, size_t(o.n_log));
  } else if (a.how == 1) {
    rc = call(s.driver.cuGraphInstantiateWithFlags, &executable, graph, a.flags);
  } else {
    CUDA_GRAPH_INSTANTIATE_PARAMS p{a.flags, upload, nullptr, CUDA_GRAPH_INSTANTIATE_ERROR};
    rc = call(s.driver.cuGraphInstantiateWithParams, &executable, graph, &p);
    node = p.hErrNode_out;
    result = p.result_out;
  }
  if (!rc) s.bind(a.executable, wire::kCUgraphExec, executable);
  if (o.code) *o.code = unsigned(rc);
  if (o.result) *o.result = result;
  if (o.errorNode) *o.errorNode = s.name(wire::kCUgraphNode, node);
  if (o.parts) *o.parts = rc ? 0 : s.graph_parts().made(executable, graph);
  return 0;
}

int tfExecUpdate(Session& s, Request&, wire::tfExecUpdate::Args& a, wire::tfExecUpdate::Outs& o) {
  CUgraphExec executable{};
  CUgraph graph{};
  if (!s.real(a.executable, wire::kCUgraphExec, &executable) || !s.real(a.graph, wire::kCUgraph, &graph)) return CUDA_ERROR_INVALID_HANDLE;
  CUgraphExecUpdateResultInfo info{};
  const int rc = call(s.driver.cuGraphExecUpdate_v2, executable, graph, &info);
  if (o.code) *o.code = unsigned(rc);
  if (o.result) *o.result = info.result;
  if (o.errorNode) *o.errorNode = s.name(wire::kCUgraphNode, info.errorNode);
  if (o.errorFromNode) *o.errorFromNode = s.name(wire::kCUgraphNode, info.errorFromNode);
  if (o.parts) *o.parts = rc ? 0 : s.graph_parts().updated(executable, graph);
  return 0;
}

int tfExecParts(Session& s, Request&, wire::tfExecParts::Args& a, wire::tfExecParts::Outs& o) {
  CUgraphExec executable{};
  if (!s.real(a.executable, wire::kCUgraphExec, &executable)) return CUDA_ERROR_INVALID_HANDLE;
  unsigned n = 0;
  if (const GraphParts::Exec* e = s.graph_parts().find(executable))
    for (uint64_t number : e->numbers()) {
      if (n < o.n_numbers) o.numbers[n] = number;
      n++;
    }
  *o.count = n;
  return 0;
}

int tfPartWrite(Session& s, Request& q, wire::tfPartWrite::Args& a, wire::tfPartWrite::Outs&) {
  PartRef part = s.graph_parts().find(a.part);
  if (!part || !part->p) return CUDA_ERROR_INVALID_VALUE;
  if (q.bulk_left != part->bytes) {
    s.malformed(q);
    return 0;
  }
  // A launch before may still be reading: these are the same bytes then, for natively the program may not have changed them.
  if (!s.read_bulk(q, part->p, part->bytes)) q.answered = true;   // the leader finds the connection as it is
  return 0;
}

int tfGraphLaunch(Session& s, Request& q, wire::tfGraphLaunch::Args& a, wire::tfGraphLaunch::Outs&) {
  CUgraphExec executable{};
  CUstream stream{};
  if (!s.real(a.executable, wire::kCUgraphExec, &executable) || !s.real(a.hStream, wire::kCUstream, &stream)) return CUDA_ERROR_INVALID_HANDLE;
  const CUcontext context = s.use_context(q.header.context);
  if (int rc = call(s.driver.cuGraphLaunch, executable, stream)) return rc;
  const GraphParts::Exec* e = s.graph_parts().find(executable);
  if (!e) return 0;
  for (auto& node : e->nodes)
    for (auto& part : {node.src, node.dst})
      if (part)
        if (int rc = s.staging().reading(part, stream, q.call, context, part->to_client && !node.followed)) return rc;
  return 0;
}

int cuGraphDestroy(Session& s, Request&, wire::cuGraphDestroy::Args& a, wire::cuGraphDestroy::Outs&) {
  CUgraph graph{};
  if (!s.real(a.hGraph, wire::kCUgraph, &graph)) return CUDA_ERROR_INVALID_HANDLE;
  s.graph_parts().forget(graph);
  s.unbind(a.hGraph);
  const int rc = call(s.driver.cuGraphDestroy, graph);
  s.graph_parts().sweep();
  return rc;
}

int cuGraphExecDestroy(Session& s, Request&, wire::cuGraphExecDestroy::Args& a, wire::cuGraphExecDestroy::Outs&) {
  CUgraphExec executable{};
  if (!s.take(a.hGraphExec, wire::kCUgraphExec, &executable)) return CUDA_ERROR_INVALID_HANDLE;
  const int rc = call(s.driver.cuGraphExecDestroy, executable);
  s.graph_parts().ended(executable);
  s.graph_parts().sweep();
  return rc;
}

// The driver writes a file: one in memory.
int tfDotPrint(Session& s, Request& q, wire::tfDotPrint::Args& a, wire::tfDotPrint::Outs&) {
  CUgraph graph{};
  if (!s.real(a.graph, wire::kCUgraph, &graph) || !graph) return CUDA_ERROR_INVALID_HANDLE;
  const int fd = memfd_create("graph", MFD_CLOEXEC);
  if (fd < 0) return CUDA_ERROR_OPERATING_SYSTEM;
  char path[64];
  snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
  const int rc = call(s.driver.cuGraphDebugDotPrint, graph, static_cast<const char*>(path), a.flags);
  const off_t size = lseek(fd, 0, SEEK_END);
  wire::Buffer body;
  if (!rc && size > 0 && size < off_t(wire::kMaxArguments) - 64) {
    std::vector<char> text(static_cast<size_t>(size));
    const ssize_t n = pread(fd, text.data(), text.size(), 0);
    wire::Writer w(body);
    w.put_array(text.data(), n > 0 ? size_t(n) : 0);
    w.align();
  }
  close(fd);
  s.reply(q, rc, body);
  return rc;
}

}  // namespace worker::serve
