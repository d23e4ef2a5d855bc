// A hash table of chains whose nodes are never unlinked or freed: a node belongs to one (context, key) for ever and is merely
// live or not. There is one per context and library that uses the CUDA runtime, so what stays behind is a few dozen bytes per
// context.
#include "runtime_tables/context_storage.h"

#include <atomic>
#include <mutex>
#include <vector>

#include "runtime_tables/host.h"

namespace runtime_tables {
namespace {

struct Node {
  CUcontext context;
  void* key;
  Node* next;
  std::atomic<void*> value;
  std::atomic<bool> live;
  StorageDestructor destructor;  // guarded by g_change
};

constexpr uint64_t kChains = 256;
constinit std::atomic<Node*> g_chains[kChains];
constinit std::mutex g_change;  // taken by writers

std::atomic<Node*>& chain_of(CUcontext context, void* key) {
  uint64_t mixed = (reinterpret_cast<uint64_t>(context) ^ reinterpret_cast<uint64_t>(key) >> 3) * 0x9e3779b97f4a7c15ull;
  return g_chains[mixed >> 56];
}

Node* find(CUcontext context, void* key) {
  for (Node* n = chain_of(context, key).load(std::memory_order_acquire); n; n = n->next)  // pairs with the store in put
    if (n->context == context && n->key == key) return n;
  return nullptr;
}

}  // namespace

CUresult context_storage_get(void** value, CUcontext context, void* key) {
  if (!context) context = current_context();
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  Node* n = find(context, key);
  if (!n || !n->live.load(std::memory_order_acquire)) return CUDA_ERROR_INVALID_HANDLE;  // pairs with put's store of live
  *value = n->value.load(std::memory_order_acquire);
  return CUDA_SUCCESS;
}

CUresult context_storage_put(CUcontext context, void* key, void* value, StorageDestructor destructor) {
  if (!context) context = current_context();
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  std::lock_guard guard(g_change);
  Node* n = find(context, key);
  if (!n) {
    std::atomic<Node*>& chain = chain_of(context, key);
    n = new Node{context, key, chain.load(std::memory_order_relaxed), nullptr, false, nullptr};
    chain.store(n, std::memory_order_release);
  }
  n->destructor = destructor;
  n->value.store(value, std::memory_order_release);
  n->live.store(true, std::memory_order_release);
  return CUDA_SUCCESS;
}

CUresult context_storage_delete(CUcontext context, void* key) {
  if (!context) context = current_context();
  if (!context) return CUDA_ERROR_INVALID_CONTEXT;
  std::lock_guard guard(g_change);
  Node* n = find(context, key);
  if (!n || !n->live.exchange(false, std::memory_order_acq_rel)) return CUDA_ERROR_INVALID_HANDLE;
  return CUDA_SUCCESS;
}

void context_storage_destroy(CUcontext context) {
  struct Ended {
    StorageDestructor destructor;
    void *key, *value;
  };
  std::vector<Ended> ended;
  g_change.lock();
  for (std::atomic<Node*>& chain : g_chains)
    for (Node* n = chain.load(std::memory_order_acquire); n; n = n->next)
      if (n->context == context && n->live.exchange(false, std::memory_order_acq_rel))
        ended.push_back({n->destructor, n->key, n->value.load(std::memory_order_acquire)});
  g_change.unlock();
  for (const Ended& e : ended)  // without the lock: destructors use the storage themselves
    if (e.destructor) e.destructor(context, e.key, e.value);
}

}  // namespace runtime_tables
