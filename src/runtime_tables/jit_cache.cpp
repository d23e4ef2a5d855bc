// Results are kept under a 128-bit hash of what they were made from, so that the code itself (up to megabytes) need not be.
#include "runtime_tables/jit_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <mutex>
#include <unordered_map>

#include "base/log.h"

namespace runtime_tables {
namespace {

constexpr size_t kMostBytes = 128 << 20;  // of results; beyond that the cache starts afresh

struct Key {
  uint64_t a = 0x243f6a8885a308d3ull, b = 0x13198a2e03707344ull;
  bool operator==(const Key&) const = default;
  // Two multiplications with different odd constants a word; the length goes in as well, so parts cannot run into each other.
  void mix(const void* data, size_t n) {
    mix_word(n);
    for (size_t i = 0; i < n; i += 8) {
      uint64_t word = 0;
      memcpy(&word, static_cast<const char*>(data) + i, n - i < 8 ? n - i : 8);
      mix_word(word);
    }
  }
  void mix_word(uint64_t word) {
    a = (a ^ word) * 0xff51afd7ed558ccdull;
    a ^= a >> 32;
    b = (b + word) * 0x9e3779b97f4a7c15ull;
    b ^= b >> 29;
  }
};
struct KeyHash {
  size_t operator()(const Key& k) const { return k.a; }
};
struct Result {
  void* data;
  uint32_t bytes;
};
using Results = std::unordered_map<Key, Result, KeyHash>;

constinit std::mutex g_lock;
Results* g_results;  // guarded by g_lock; made at the first store, never freed
size_t g_bytes;

}  // namespace

CUresult jit_cache_open(void** query, uint32_t kind, const void* code, uint32_t bytes, const char* options,
                        const char* compiler) {
  if (!query || (!code && bytes)) return CUDA_ERROR_INVALID_VALUE;
  Key* key = new Key;
  key->mix_word(kind);
  key->mix(code, bytes);
  key->mix(options, options ? strlen(options) : 0);
  if (compiler) {
    size_t n = strlen(compiler);
    const char* build = compiler + n + 1;
    key->mix(compiler, n);
    key->mix(build, strnlen(build, 64));
  }
  *query = key;
  return CUDA_SUCCESS;
}

CUresult jit_cache_close(void* query) {
  delete static_cast<Key*>(query);
  return CUDA_SUCCESS;
}

CUresult jit_cache_lookup(void* query, uint64_t, void** data, uint32_t* bytes) {
  if (!query || !data || !bytes) return CUDA_ERROR_INVALID_VALUE;
  std::lock_guard guard(g_lock);
  if (!g_results) return CUDA_ERROR_NOT_FOUND;
  auto found = g_results->find(*static_cast<Key*>(query));
  if (found == g_results->end()) return CUDA_ERROR_NOT_FOUND;
  const Result& r = found->second;
  auto* copy = static_cast<char*>(malloc(size_t(r.bytes) + 1));
  if (!copy) return CUDA_ERROR_OUT_OF_MEMORY;
  memcpy(copy, r.data, r.bytes);
  copy[r.bytes] = 0;  // PTX is stored without its NUL
  *data = copy;
  *bytes = r.bytes;
  return CUDA_SUCCESS;
}

CUresult jit_cache_store(void* query, uint64_t, const void* data, uint32_t bytes) {
  if (!query || !data) return CUDA_ERROR_INVALID_VALUE;
  void* copy = malloc(bytes ? bytes : 1);
  if (!copy) return CUDA_ERROR_OUT_OF_MEMORY;
  memcpy(copy, data, bytes);
  std::lock_guard guard(g_lock);
  if (!g_results) {
    g_results = new Results;
    // A forked child may compile as well: it must not inherit the lock in mid-change.
    pthread_atfork([] { g_lock.lock(); }, [] { g_lock.unlock(); }, [] { g_lock.unlock(); });
  }
  if (g_bytes + bytes > kMostBytes) {
    base::log(base::Level::info, "the cache of compiled kernels is full and starts afresh");
    for (auto& [key, result] : *g_results) free(result.data);
    g_results->clear();
    g_bytes = 0;
  }
  auto [at, fresh] = g_results->try_emplace(*static_cast<Key*>(query), Result{copy, bytes});
  if (!fresh) {
    g_bytes -= at->second.bytes;
    free(at->second.data);
    at->second = {copy, bytes};
  }
  g_bytes += bytes;
  return CUDA_SUCCESS;
}

CUresult jit_cache_free(void* data) {
  free(data);
  return CUDA_SUCCESS;
}

}  // namespace runtime_tables
