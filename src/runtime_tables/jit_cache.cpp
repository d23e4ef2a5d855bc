// Results are kept under a 128-bit hash of what they were made from, so that the code itself (up to megabytes) need not be.
#include "runtime_tables/jit_cache.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include <mutex>
#include <string>
#include <unordered_map>

#include "base/content_hash.h"
#include "base/file_cache.h"
#include "base/log.h"

namespace runtime_tables {
namespace {

using base::Digest;
constexpr size_t kMostBytes = 128 << 20;    // of results in memory; beyond that they start afresh
constexpr uint64_t kMostOnDisk = 1ull << 30, kMostAllowed = 4ull << 30;
const base::ContentHash& hash() {
  static const base::ContentHash h({0x4a49542063616368, 0x6520636f6e74656e});
  return h;
}

// The head of a file; the result follows.
struct Head {
  char magic[8] = {'T', 'F', 'J', 'I', 'T', ' ', '1', '\n'};
  Digest content;
};

uint64_t most_on_disk() {
  const char* text = getenv("CUDA_CACHE_MAXSIZE");
  char* end = nullptr;
  const uint64_t n = text ? strtoull(text, &end, 10) : 0;
  return text && end != text && !*end ? (n < kMostAllowed ? n : kMostAllowed) : kMostOnDisk;
}
// The folder, made if need be; empty: there is none.
std::string folder() {
  const char* disable = getenv("CUDA_CACHE_DISABLE");
  if (disable && strcmp(disable, "0") != 0 && *disable) return {};
  const char *path = getenv("CUDA_CACHE_PATH"), *home = getenv("HOME");
  std::string place;
  if (path && *path) place = path;
  else if (home && *home) place = std::string(home) + "/.nv/ComputeCache";
  else return {};
  place += "/tensor-fusion";
  for (size_t at = place.find('/', 1);; at = place.find('/', at + 1)) {
    mkdir(place.substr(0, at).c_str(), 0700);
    if (at == std::string::npos) break;
  }
  if (access(place.c_str(), R_OK | X_OK) == 0) return place;
  base::log(base::Level::info, "no folder %s (%s): compiled kernels are kept for this process alone", place.c_str(), strerror(errno));
  return {};
}
base::FileCache& files() {
  static auto* cache = new base::FileCache(folder(), most_on_disk());   // never destroyed: other threads may still compile at exit
  return *cache;
}

struct DigestHash {
  size_t operator()(const Digest& d) const { return d.lo; }
};
struct Result {
  void* data;
  uint32_t bytes;
};
using Results = std::unordered_map<Digest, Result, DigestHash>;

constinit std::mutex g_lock;
Results* g_results;   // what no file was made for; guarded by g_lock; made at the first store, never freed
size_t g_bytes;

// PTX is stored without its NUL, so one more byte is there.
char* room_for(uint32_t bytes) {
  auto* p = static_cast<char*>(malloc(size_t(bytes) + 1));
  if (p) p[bytes] = 0;
  return p;
}

// Null: not there, or not what was written.
char* read_file(const Digest& key, uint32_t* bytes) {
  const std::string name = base::digest_name(key);
  uint64_t size = 0;
  const base::Fd fd = files().find(name, &size);
  Head head;
  const Head ours;
  if (!fd || size < sizeof head || size - sizeof head > UINT32_MAX || !base::read_whole(fd.get(), &head, sizeof head, 0)) return nullptr;
  *bytes = uint32_t(size - sizeof head);
  char* data = room_for(*bytes);
  if (!data) return nullptr;
  if (base::read_whole(fd.get(), data, *bytes, sizeof head) && memcmp(head.magic, ours.magic, sizeof ours.magic) == 0 &&
      hash().of(data, *bytes) == head.content)
    return data;
  free(data);
  base::log(base::Level::info, "a file of compiled kernels is damaged: %s/%s", files().folder().c_str(), name.c_str());
  files().drop(name);
  return nullptr;
}

}  // namespace

CUresult jit_cache_open(void** query, uint32_t kind, const void* code, uint32_t bytes, const char* options, const char* compiler) {
  if (!query || (!code && bytes)) return CUDA_ERROR_INVALID_VALUE;
  // Each text with its end, so that they cannot run into each other.
  const Digest whole = hash().of(code, bytes);
  std::string question(reinterpret_cast<const char*>(&whole), sizeof whole);
  question.append(reinterpret_cast<const char*>(&kind), sizeof kind);
  if (options) question.append(options);
  question.push_back(0);
  if (compiler) {
    const char* build = compiler + strlen(compiler) + 1;
    question.append(compiler, build).append(build, strnlen(build, 64));
  }
  *query = new Digest(hash().of(question.data(), question.size()));
  return CUDA_SUCCESS;
}

CUresult jit_cache_close(void* query) {
  delete static_cast<Digest*>(query);
  return CUDA_SUCCESS;
}

CUresult jit_cache_lookup(void* query, uint64_t, void** data, uint32_t* bytes) {
  if (!query || !data || !bytes) return CUDA_ERROR_INVALID_VALUE;
  const Digest& key = *static_cast<Digest*>(query);
  uint32_t n = 0;
  char* found = read_file(key, &n);
  if (!found) {
    std::lock_guard guard(g_lock);
    auto at = g_results ? g_results->find(key) : Results::iterator();
    if (!g_results || at == g_results->end()) return CUDA_ERROR_NOT_FOUND;
    n = at->second.bytes;
    if (!(found = room_for(n))) return CUDA_ERROR_OUT_OF_MEMORY;
    memcpy(found, at->second.data, n);
  }
  *data = found;
  *bytes = n;
  return CUDA_SUCCESS;
}

CUresult jit_cache_store(void* query, uint64_t, const void* data, uint32_t bytes) {
  if (!query || !data) return CUDA_ERROR_INVALID_VALUE;
  const Digest& key = *static_cast<Digest*>(query);
  Head head;
  head.content = hash().of(data, bytes);
  if (files().keep(base::digest_name(key), {{&head, sizeof head}, {data, bytes}})) return CUDA_SUCCESS;
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
    for (auto& [of, result] : *g_results) free(result.data);
    g_results->clear();
    g_bytes = 0;
  }
  auto [at, fresh] = g_results->try_emplace(key, Result{copy, bytes});
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
