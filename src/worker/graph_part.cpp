// See graph_part.h.
#include "worker/graph_part.h"

#include <sys/mman.h>

#include <algorithm>

#include "worker/session.h"

namespace worker {

// Behind a user object: as long as the driver has references, the part is held.
struct Holder {
  GraphParts* parts;
  PartRef part;
};

GraphParts::~GraphParts() {
  execs_.clear();
  forever_.clear();
  closing_ = true;
  for (Holder* h : dropped_) delete h;
  for (Part* p : dead_) end(p);
}

PartRef GraphParts::add(uint64_t number, void* place, std::unique_ptr<Part> made) {
  PartRef part(made.release(), [this](Part* p) {
    std::lock_guard lock(lock_);
    dead_.push_back(p);
  });
  part->number = number;
  std::lock_guard lock(lock_);
  any_ = true;
  by_number_[number] = part;
  by_place_[place] = part;
  return part;
}

void GraphParts::end(Part* p) {
  if (p->pinned) call(session_.driver.cuMemHostUnregister, static_cast<void*>(p->p));
  if (p->p) munmap(p->p, p->mapped);
  if (p->function && !closing_) session_.callbacks().end(*p->function);
  delete p;
}

PartRef GraphParts::copy(uint64_t number, uint64_t bytes, bool to_client) {
  sweep();
  if (bytes > wire::kMaxBulk || find(number)) return nullptr;
  auto part = std::make_unique<Part>();
  part->to_client = to_client;
  part->bytes = bytes;
  part->mapped = (bytes + 4095) & ~4095ull;
  void* p = mmap(nullptr, part->mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (p == MAP_FAILED) return nullptr;
  part->p = static_cast<uint8_t*>(p);
  part->pinned = call(session_.driver.cuMemHostRegister_v2, p, size_t(part->mapped), unsigned(CU_MEMHOSTREGISTER_PORTABLE)) == 0;   // else it is pageable, which does
  return add(number, p, std::move(part));
}

PartRef GraphParts::function(uint64_t number, CUcontext context) {
  sweep();
  if (find(number)) return nullptr;
  auto part = std::make_unique<Part>();
  part->function = session_.callbacks().for_graph(number, context);
  void* place = part->function.get();
  return part->function ? add(number, place, std::move(part)) : nullptr;
}

void GraphParts::held_by(const PartRef& part, CUgraph graph) {
  auto* holder = new Holder{this, part};
  CUuserObject object = nullptr;
  if (graph && call(session_.driver.cuUserObjectCreate, &object, static_cast<void*>(holder), CUhostFn(dropped), 1u, unsigned(CU_USER_OBJECT_NO_DESTRUCTOR_SYNC)) == 0) {
    if (call(session_.driver.cuGraphRetainUserObject, graph, object, 1u, unsigned(CU_GRAPH_USER_OBJECT_MOVE)) == 0) return;
    forever_.push_back(part);
    call(session_.driver.cuUserObjectRelease, object, 1u);
    return;
  }
  delete holder;
  forever_.push_back(part);
}

void GraphParts::dropped(void* p) {
  auto* holder = static_cast<Holder*>(p);
  std::lock_guard lock(holder->parts->lock_);
  holder->parts->dropped_.push_back(holder);
}

void GraphParts::sweep() {
  std::vector<Holder*> dropped;
  std::vector<Part*> dead;
  {
    std::lock_guard lock(lock_);
    dropped.swap(dropped_);
  }
  for (Holder* h : dropped) delete h;
  {
    std::lock_guard lock(lock_);
    dead.swap(dead_);
    for (Part* p : dead) {
      by_number_.erase(p->number);
      by_place_.erase(p->p ? static_cast<const void*>(p->p) : p->function.get());
    }
  }
  for (Part* p : dead) {
    session_.send({0, wire::Kind::gone, 0, 0, 0, 0, p->number, 0}, nullptr, nullptr);
    end(p);
  }
}

PartRef GraphParts::find(uint64_t number) {
  std::lock_guard lock(lock_);
  auto it = by_number_.find(number);
  return it == by_number_.end() ? nullptr : it->second.lock();
}

PartRef GraphParts::at(const void* place) {
  std::lock_guard lock(lock_);
  auto it = by_place_.find(place);
  return it == by_place_.end() ? nullptr : it->second.lock();
}

void GraphParts::nodes_of(CUgraph graph, std::vector<CUgraphNode>* out) {
  size_t n = 0;
  out->clear();
  if (!graph || call(session_.driver.cuGraphGetNodes, graph, nullptr, &n) || !n) return;
  out->resize(n);
  if (call(session_.driver.cuGraphGetNodes, graph, out->data(), &n)) n = 0;
  out->resize(n);
}

void GraphParts::forget(CUgraphNode node) {
  CUgraphNodeType type;
  CUgraph child = nullptr;
  if (call(session_.driver.cuGraphNodeGetType, node, &type) == 0 && type == CU_GRAPH_NODE_TYPE_GRAPH && call(session_.driver.cuGraphChildGraphNodeGetGraph, node, &child) == 0)
    forget(child);
  if (auto it = bodies_.find(node); it != bodies_.end()) {
    for (CUgraph body : it->second) forget(body);
    bodies_.erase(node);
  }
  graph_of_.erase(node);
  if (uint64_t number = session_.known_name(node)) session_.unbind(number);
}

void GraphParts::forget(CUgraph graph) {
  std::vector<CUgraphNode> nodes;
  nodes_of(graph, &nodes);
  for (CUgraphNode node : nodes) forget(node);
  if (uint64_t number = session_.known_name(graph)) session_.unbind(number);
}

// Appends the graph's nodes, those inside others behind them, with their parts; tells each host function which copies to the host have been made when it
// runs. before: those on the way to this graph; written: all to the host in it are added.
bool GraphParts::walk(CUgraph graph, const std::vector<PartRef>& before, std::vector<Node>* out, std::vector<PartRef>* written) {
  const Driver& d = session_.driver;
  std::vector<CUgraphNode> nodes;
  nodes_of(graph, &nodes);
  std::unordered_map<CUgraphNode, size_t> place;
  for (size_t i = 0; i < nodes.size(); i++) place[nodes[i]] = i;
  std::vector<std::vector<size_t>> after(nodes.size());
  std::vector<size_t> open(nodes.size(), 0);
  for (size_t i = 0; i < nodes.size(); i++) {
    size_t n = 0;
    if (call(d.cuGraphNodeGetDependencies_v2, nodes[i], nullptr, nullptr, &n) || !n) continue;
    std::vector<CUgraphNode> from(n);
    std::vector<CUgraphEdgeData> data(n);
    if (call(d.cuGraphNodeGetDependencies_v2, nodes[i], from.data(), data.data(), &n)) return false;
    for (size_t k = 0; k < n; k++) {
      auto it = place.find(from[k]);
      if (it == place.end()) return false;
      after[it->second].push_back(i);
      open[i]++;
    }
  }
  std::vector<std::vector<PartRef>> made(nodes.size(), before);   // copies to the host that each node follows
  std::vector<Node> found(nodes.size());
  std::vector<std::vector<Node>> inside(nodes.size());
  std::vector<size_t> ready;
  for (size_t i = 0; i < nodes.size(); i++)
    if (!open[i]) ready.push_back(i);
  auto join = [](std::vector<PartRef>* to, const std::vector<PartRef>& more) {
    for (auto& p : more)
      if (std::find(to->begin(), to->end(), p) == to->end()) to->push_back(p);
  };
  for (size_t next = 0; next < ready.size(); next++) {
    const size_t i = ready[next];
    Node& n = found[i];
    n.node = nodes[i];
    std::vector<PartRef> mine;            // to the host in this node
    CUDA_MEMCPY3D copy{};
    CUDA_HOST_NODE_PARAMS host{};
    if (call(d.cuGraphNodeGetType, n.node, &n.type)) return false;
    if (n.type == CU_GRAPH_NODE_TYPE_MEMCPY && call(d.cuGraphMemcpyNodeGetParams, n.node, &copy) == 0) {
      auto side = [this](CUmemorytype type, const void* h, CUdeviceptr u) {
        return type == CU_MEMORYTYPE_HOST ? at(h) : type == CU_MEMORYTYPE_UNIFIED ? at(reinterpret_cast<const void*>(u)) : nullptr;
      };
      n.src = side(copy.srcMemoryType, copy.srcHost, copy.srcDevice);
      n.dst = side(copy.dstMemoryType, copy.dstHost, copy.dstDevice);
      if (n.dst) mine.push_back(n.dst);
    } else if (n.type == CU_GRAPH_NODE_TYPE_HOST && call(d.cuGraphHostNodeGetParams, n.node, &host) == 0) {
      n.src = at(host.userData);
      if (n.src && n.src->function) session_.callbacks().follows(*n.src->function, made[i]);
    } else if (n.type == CU_GRAPH_NODE_TYPE_GRAPH) {
      CUgraph child = nullptr;
      if (call(d.cuGraphChildGraphNodeGetGraph, n.node, &child) || !walk(child, made[i], &inside[i], &mine)) return false;
    } else if (auto it = bodies_.find(n.node); it != bodies_.end()) {
      for (CUgraph body : it->second)
        if (!walk(body, made[i], &inside[i], &mine)) return false;
    }
    join(written, mine);
    for (size_t k : after[i]) {
      join(&made[k], made[i]);
      join(&made[k], mine);
      if (--open[k] == 0) ready.push_back(k);
    }
  }
  for (size_t i = 0; i < nodes.size(); i++) {
    out->push_back(found[i]);
    out->insert(out->end(), inside[i].begin(), inside[i].end());
  }
  return true;
}

std::vector<uint64_t> GraphParts::Exec::numbers() const {
  std::vector<uint64_t> all;
  if (keeps_memory) all.push_back(0);
  for (auto& node : nodes)
    for (auto& part : {node.src, node.dst})
      if (part) all.push_back(part->number);
  return all;
}

bool GraphParts::keeps_memory(const std::vector<Node>& nodes) {
  std::vector<CUdeviceptr> kept;
  CUDA_MEM_ALLOC_NODE_PARAMS p{};
  for (auto& n : nodes)
    if (n.type == CU_GRAPH_NODE_TYPE_MEM_ALLOC && call(session_.driver.cuGraphMemAllocNodeGetParams, n.node, &p) == 0) kept.push_back(p.dptr);
  for (auto& n : nodes) {
    CUdeviceptr freed = 0;
    if (n.type == CU_GRAPH_NODE_TYPE_MEM_FREE && call(session_.driver.cuGraphMemFreeNodeGetParams, n.node, &freed) == 0) std::erase(kept, freed);
  }
  return !kept.empty();
}

// A host function looks at what was copied to the client before it, and may change what is copied to the device after it: the client sends all of that
// again.
static void order_functions(Session& s, GraphParts::Exec& e) {
  for (auto& n : e.nodes)
    if (n.src && n.src->function)
      for (auto& copy : n.src->function->follows)
        for (auto& other : e.nodes) other.followed |= other.dst == copy;
  std::vector<uint64_t> to_device;
  for (auto& n : e.nodes)
    if (n.src && n.src->p) to_device.push_back(n.src->number);
  for (auto& n : e.nodes)
    if (n.src && n.src->function) s.callbacks().renews(*n.src->function, to_device);
}

unsigned GraphParts::made(CUgraphExec executable, CUgraph graph) {
  execs_.erase(executable);               // of an earlier one at this address
  if (!any_) return 0;
  sweep();
  Exec e;
  std::vector<PartRef> written;
  if (!walk(graph, {}, &e.nodes, &written)) return 0;
  e.keeps_memory = keeps_memory(e.nodes);
  const auto n = unsigned(e.numbers().size());
  if (!n) return 0;
  order_functions(session_, e);
  execs_[executable] = std::move(e);
  return n;
}

unsigned GraphParts::updated(CUgraphExec executable, CUgraph graph) {
  if (!any_) return 0;
  sweep();
  auto old = execs_.find(executable);
  Exec e;
  std::vector<PartRef> written;
  if (!walk(graph, {}, &e.nodes, &written)) return 0;
  e.keeps_memory = keeps_memory(e.nodes);
  const auto n = unsigned(e.numbers().size());
  if (!n && old == execs_.end()) return 0;
  order_functions(session_, e);
  if (old != execs_.end()) {              // the program goes on to name its nodes as in the graph that it was made of
    for (size_t i = 0; i < e.nodes.size() && i < old->second.nodes.size(); i++) e.nodes[i].node = old->second.nodes[i].node;
    e.kept = std::move(old->second.kept); // a launch may still be using what was there
    for (auto& node : old->second.nodes)
      for (auto& p : {node.src, node.dst})
        if (p && std::find(e.kept.begin(), e.kept.end(), p) == e.kept.end()) e.kept.push_back(p);
    if (e.kept.size() > 64) e.kept.erase(e.kept.begin(), e.kept.end() - 64);
  }
  execs_[executable] = std::move(e);
  return n;
}

void GraphParts::set(CUgraphExec executable, CUgraphNode node, const PartRef& src, const PartRef& dst) {
  if (!src && !dst && !execs_.count(executable)) return;
  Exec& e = execs_[executable];
  auto it = std::find_if(e.nodes.begin(), e.nodes.end(), [&](const Node& n) { return n.node == node; });
  if (it == e.nodes.end()) it = e.nodes.insert(e.nodes.end(), Node{node, src && src->function ? CU_GRAPH_NODE_TYPE_HOST : CU_GRAPH_NODE_TYPE_MEMCPY, nullptr, nullptr, false});
  for (auto& p : {it->src, it->dst})
    if (p) e.kept.push_back(p);
  if (src && src->function && it->src && it->src->function) session_.callbacks().follows_as(*src->function, *it->src->function);
  it->src = src;
  it->dst = dst;
  order_functions(session_, e);
}

void GraphParts::set_child(CUgraphExec executable, CUgraphNode node, CUgraph child) {
  if (!any_) return;
  std::vector<Node> inside;
  std::vector<PartRef> written;
  if (!walk(child, {}, &inside, &written)) return;
  auto old = execs_.find(executable);
  Exec e = old == execs_.end() ? Exec{} : old->second;
  auto it = std::find_if(e.nodes.begin(), e.nodes.end(), [&](const Node& n) { return n.node == node; });
  size_t at = it == e.nodes.end() ? e.nodes.size() : size_t(it - e.nodes.begin()) + 1;
  for (size_t i = 0; i < inside.size(); i++, at++) {
    if (at >= e.nodes.size()) {
      e.nodes.push_back(inside[i]);
      continue;
    }
    for (auto& p : {e.nodes[at].src, e.nodes[at].dst})
      if (p) e.kept.push_back(p);
    e.nodes[at].src = inside[i].src;
    e.nodes[at].dst = inside[i].dst;
  }
  if (e.numbers().empty() && old == execs_.end()) return;
  order_functions(session_, e);
  execs_[executable] = std::move(e);
}

bool GraphParts::same_sides(CUgraphExec executable, CUgraphNode node, bool src, bool dst) {
  const Exec* e = find(executable);
  if (!e) return true;
  for (auto& n : e->nodes)
    if (n.node == node && n.type == CU_GRAPH_NODE_TYPE_MEMCPY) return (n.src != nullptr) == src && (n.dst != nullptr) == dst;
  return true;
}

}  // namespace worker
