// What graphs have of the client's process (api/session.api, tfNode): host parts. One side of a copy in the client's memory is pinned bytes here, filled by
// tfPartWrite before a launch or sent as host_write messages after it; a host function is one of ours that waits for the client's. A part lives
// as long as a graph, an executable or a launch needs it: the driver counts for us, by a user object that each graph holds for its parts.
// The leader calls, unless said otherwise.
#pragma once
#include <stdint.h>

#include <atomic>
#include <memory>
#include <mutex>
#include <unordered_map>
#include <vector>

#include "abi/cuda_abi.h"
#include "worker/callback.h"

namespace worker {

class Session;

struct Part {
  uint64_t number = 0;
  bool to_client = false;
  uint8_t* p = nullptr;                   // a copy's side
  uint64_t bytes = 0, mapped = 0;
  bool pinned = false;
  uint64_t sent = 0;                      // by a host function behind it: of which launch (guarded by Callbacks)
  std::unique_ptr<Callbacks::Callback> function;
};
using PartRef = std::shared_ptr<Part>;

// The graph that the stream captures into; null: it does not, or not any more (status).
int captured_graph(Session& s, CUstream stream, CUstreamCaptureStatus* status, CUgraph* graph, CUgraphNode* last = nullptr);
// Gives the sides of a copy that lie in the client parts of their own (graph_node.cpp).
int copy_parts(Session& s, uint64_t src_array, uint64_t dst_array, uint64_t src_part, uint64_t dst_part, CUDA_MEMCPY3D* copy, PartRef* src, PartRef* dst);

class GraphParts {
 public:
  explicit GraphParts(Session& session) : session_(session) {}
  ~GraphParts();
  // New parts. Null: no memory, or a number that is in use.
  PartRef copy(uint64_t number, uint64_t bytes, bool to_client);
  PartRef function(uint64_t number, CUcontext context);
  // The graph holds the part from now on, and what is made of the graph. Without a graph the session does.
  void held_by(const PartRef& part, CUgraph graph);
  PartRef find(uint64_t number);          // any thread
  PartRef at(const void* place);          // whose bytes begin there, or whose function that is
  void note_memory() { any_ = true; }     // a graph of this session allocates
  void sweep();                           // ends parts that nobody needs any more, and tells the client; with a current context

  // ---- graphs
  void made(CUgraphNode node, CUgraph graph) { graph_of_[node] = graph; }          // of a node with parts
  CUgraph graph_of(CUgraphNode node) const { auto it = graph_of_.find(node); return it == graph_of_.end() ? nullptr : it->second; }
  void has_bodies(CUgraphNode node, std::vector<CUgraph> bodies) { bodies_[node] = std::move(bodies); }
  void forget(CUgraphNode node);          // about to be destroyed, with what is inside: numbers of nodes are dead
  void forget(CUgraph graph);

  // ---- executables: what a launch of each brings along
  struct Node {
    CUgraphNode node;
    CUgraphNodeType type;
    PartRef src, dst;                     // src: also a function
    bool followed;                        // by a host function, before which its dst is sent
  };
  struct Exec {
    std::vector<Node> nodes;
    std::vector<PartRef> kept;            // that it had before: a launch may be using them
    bool keeps_memory = false;            // allocates more than it frees: a launch may be refused
    std::vector<uint64_t> numbers() const;   // of its parts; 0 stands for keeps_memory
  };
  unsigned made(CUgraphExec executable, CUgraph graph);          // how many numbers it has
  unsigned updated(CUgraphExec executable, CUgraph graph);
  // A set call has given the node other parts; or the child graph has other nodes.
  void set(CUgraphExec executable, CUgraphNode node, const PartRef& src, const PartRef& dst);
  void set_child(CUgraphExec executable, CUgraphNode node, CUgraph child);
  // A copy's node may get other parts, not others sides in the client.
  bool same_sides(CUgraphExec executable, CUgraphNode node, bool src, bool dst);
  const Exec* find(CUgraphExec executable) const { auto it = execs_.find(executable); return it == execs_.end() ? nullptr : &it->second; }
  void ended(CUgraphExec executable) { execs_.erase(executable); }

 private:
  friend struct Holder;
  PartRef add(uint64_t number, void* place, std::unique_ptr<Part> part);
  void end(Part* part);
  bool keeps_memory(const std::vector<Node>& nodes);
  static void dropped(void* holder);      // on a thread of the driver's
  bool walk(CUgraph graph, const std::vector<PartRef>& before, std::vector<Node>* out, std::vector<PartRef>* written);
  void nodes_of(CUgraph graph, std::vector<CUgraphNode>* out);
  Session& session_;
  bool any_ = false;                      // ever had a part, or memory: else nobody looks into graphs
  std::mutex lock_;                       // the next five
  std::unordered_map<uint64_t, std::weak_ptr<Part>> by_number_;
  std::unordered_map<const void*, std::weak_ptr<Part>> by_place_;
  std::vector<struct Holder*> dropped_;    // by the driver
  std::vector<Part*> dead_;                // by everybody: it may be said under any lock, so they end later
  bool closing_ = false;
  std::vector<PartRef> forever_;
  std::unordered_map<CUgraphNode, CUgraph> graph_of_;
  std::unordered_map<CUgraphNode, std::vector<CUgraph>> bodies_;
  std::unordered_map<CUgraphExec, Exec> execs_;
};

}  // namespace worker
