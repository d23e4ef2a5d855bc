// What CUDA runtimes keep per context: found again, kept apart, destroyed with the context.
#include "runtime_tables/context_storage.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "runtime_tables/host.h"

static thread_local CUcontext t_current = nullptr;
namespace runtime_tables {
CUcontext current_context() { return t_current; }
}  // namespace runtime_tables

namespace {
using namespace runtime_tables;

CUcontext context(uintptr_t n) { return reinterpret_cast<CUcontext>(n << 4 | 1ull << 46); }
void* pointer(uintptr_t n) { return reinterpret_cast<void*>(n); }

struct Destroyed {
  CUcontext context;
  void *key, *value;
};
std::vector<Destroyed> g_destroyed;
void destroyed(CUcontext context, void* key, void* value) { g_destroyed.push_back({context, key, value}); }

TEST(ContextStorage, NoCurrentContext) {
  void* value = nullptr;
  EXPECT_EQ(context_storage_get(&value, nullptr, pointer(8)), CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_EQ(context_storage_put(nullptr, pointer(8), nullptr, nullptr), CUDA_ERROR_INVALID_CONTEXT);
  EXPECT_EQ(context_storage_delete(nullptr, pointer(8)), CUDA_ERROR_INVALID_CONTEXT);
}

TEST(ContextStorage, KeepsContextsAndKeysApart) {
  void* value = nullptr;
  t_current = context(1);
  EXPECT_EQ(context_storage_get(&value, nullptr, pointer(8)), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(context_storage_put(nullptr, pointer(8), pointer(100), nullptr), CUDA_SUCCESS);
  EXPECT_EQ(context_storage_put(context(1), pointer(16), pointer(101), nullptr), CUDA_SUCCESS);
  EXPECT_EQ(context_storage_put(context(2), pointer(8), pointer(102), nullptr), CUDA_SUCCESS);
  EXPECT_EQ(context_storage_get(&value, context(1), pointer(8)), CUDA_SUCCESS);
  EXPECT_EQ(value, pointer(100));
  EXPECT_EQ(context_storage_get(&value, nullptr, pointer(16)), CUDA_SUCCESS);
  EXPECT_EQ(value, pointer(101));
  t_current = context(2);
  EXPECT_EQ(context_storage_get(&value, nullptr, pointer(8)), CUDA_SUCCESS);
  EXPECT_EQ(value, pointer(102));
  EXPECT_EQ(context_storage_delete(nullptr, pointer(8)), CUDA_SUCCESS);
  EXPECT_EQ(context_storage_get(&value, nullptr, pointer(8)), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(context_storage_delete(nullptr, pointer(8)), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(context_storage_get(&value, context(1), pointer(8)), CUDA_SUCCESS);
  t_current = nullptr;
}

TEST(ContextStorage, DestructorsRunWithTheContextOnce) {
  void* value = nullptr;
  for (uintptr_t key = 1; key <= 20; key++) context_storage_put(context(3), pointer(key * 8), pointer(key), destroyed);
  context_storage_put(context(4), pointer(8), pointer(55), destroyed);
  context_storage_delete(context(3), pointer(20 * 8));  // no longer ours to destroy
  context_storage_destroy(context(3));
  EXPECT_EQ(g_destroyed.size(), 19u);
  for (const Destroyed& d : g_destroyed) {
    EXPECT_EQ(d.context, context(3));
    EXPECT_EQ(uintptr_t(d.key), uintptr_t(d.value) * 8);
  }
  context_storage_destroy(context(3));
  EXPECT_EQ(g_destroyed.size(), 19u);
  EXPECT_EQ(context_storage_get(&value, context(3), pointer(8)), CUDA_ERROR_INVALID_HANDLE);
  EXPECT_EQ(context_storage_get(&value, context(4), pointer(8)), CUDA_SUCCESS);
  EXPECT_EQ(context_storage_put(context(3), pointer(8), pointer(7), nullptr), CUDA_SUCCESS);  // the context has been made again
  EXPECT_EQ(context_storage_get(&value, context(3), pointer(8)), CUDA_SUCCESS);
  EXPECT_EQ(value, pointer(7));
}

TEST(ContextStorage, ReadersBesideWriters) {
  std::atomic<bool> stop{false};
  std::atomic<int> wrong{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; i++)
    readers.emplace_back([&] {
      for (void* value; !stop.load();)
        for (uintptr_t key = 1; key <= 50; key++)
          if (context_storage_get(&value, context(9), pointer(key * 8)) == CUDA_SUCCESS && uintptr_t(value) != key) wrong++;
    });
  for (int round = 0; round < 200; round++) {
    for (uintptr_t key = 1; key <= 50; key++) context_storage_put(context(9), pointer(key * 8), pointer(key), nullptr);
    context_storage_destroy(context(9));
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  EXPECT_EQ(wrong.load(), 0);
}

}  // namespace
