// Answers of `cached` calls, keyed by call, context and encoded arguments. The worker may fill it ahead (tfPrefetch).
#include <string.h>

#include "teleport/session.h"

namespace teleport {

struct Session::CacheEntry {
  CacheEntry* next;
  uint64_t hash;
  int result;
  uint16_t op;
  uint32_t key_bytes, body_bytes;
  uint8_t bytes[];   // key, body
};

static uint64_t hash_of(uint16_t op, uint32_t context, const wire::Buffer& key) {
  uint64_t h = 0x9e3779b97f4a7c15ull ^ uint64_t(op) << 32 ^ context;
  const uint8_t* p = key.data();
  for (size_t n = key.size(), i = 0; i < n; i += 8) {
    uint64_t word = 0;
    memcpy(&word, p + i, n - i < 8 ? n - i : 8);
    h = (h ^ word) * 0xff51afd7ed558ccdull;
    h ^= h >> 32;
  }
  return h;
}

bool Session::find_cached(uint16_t op, uint32_t context, const wire::Buffer& key, Reply* reply) {
  uint64_t h = hash_of(op, context, key);
  cache_lock_.lock();
  CacheEntry* e = cache_.empty() ? nullptr : cache_[h & (cache_.size() - 1)];
  while (e && (e->hash != h || e->key_bytes != key.size() || memcmp(e->bytes, key.data(), key.size()) != 0)) e = e->next;
  if (e) {
    reply->result = e->result;
    reply->body.clear();
    memcpy(reply->body.extend(e->body_bytes), e->bytes + e->key_bytes, e->body_bytes);
  }
  cache_lock_.unlock();
  return e != nullptr;
}

void Session::keep_cached(uint16_t op, uint32_t context, const wire::Buffer& key, const Reply& reply) {
  auto* e = static_cast<CacheEntry*>(malloc(sizeof(CacheEntry) + key.size() + reply.body.size()));
  if (!e) return;
  *e = CacheEntry{nullptr, hash_of(op, context, key), reply.result, op, uint32_t(key.size()), uint32_t(reply.body.size())};
  if (key.size()) memcpy(e->bytes, key.data(), key.size());
  if (reply.body.size()) memcpy(e->bytes + key.size(), reply.body.data(), reply.body.size());
  cache_lock_.lock();
  if (cached_ >= cache_.size()) {
    std::vector<CacheEntry*> larger(cache_.empty() ? 1024 : cache_.size() * 2);
    for (CacheEntry* head : cache_)
      while (head) {
        CacheEntry* next = head->next;
        CacheEntry*& slot = larger[head->hash & (larger.size() - 1)];
        head->next = slot;
        slot = head;
        head = next;
      }
    cache_.swap(larger);
  }
  CacheEntry*& slot = cache_[e->hash & (cache_.size() - 1)];
  e->next = slot;
  slot = e;
  cached_++;
  cache_lock_.unlock();
}

void Session::drop_cached(uint16_t op) {
  cache_lock_.lock();
  for (CacheEntry*& head : cache_)
    for (CacheEntry** link = &head; *link;) {
      CacheEntry* e = *link;
      if (e->op != op) { link = &e->next; continue; }
      *link = e->next;
      free(e);
      cached_--;
    }
  cache_lock_.unlock();
}

}  // namespace teleport
