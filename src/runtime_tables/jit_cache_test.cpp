// The compile cache in the order in which NVRTC calls it: open, look up, store, close; and nothing found under another question.
#include "runtime_tables/jit_cache.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>

namespace {
using namespace runtime_tables;

constexpr char kCompiler[] = "HOST64\0Aug 20 202514:13:52";

struct Question {
  uint32_t kind = 2;
  std::string code = "code", options = " -arch=compute_90";
  const char* compiler = kCompiler;
};

void* open(const Question& q) {
  void* query = nullptr;
  EXPECT_EQ(jit_cache_open(&query, q.kind, q.code.data(), uint32_t(q.code.size()), q.options.c_str(), q.compiler), CUDA_SUCCESS);
  return query;
}
void store(const Question& q, const std::string& result) {
  void* query = open(q);
  EXPECT_EQ(jit_cache_store(query, 0, result.data(), uint32_t(result.size())), CUDA_SUCCESS);
  jit_cache_close(query);
}
std::string lookup(const Question& q) {
  void *query = open(q), *data = nullptr;
  uint32_t bytes = 0;
  CUresult result = jit_cache_lookup(query, 0, &data, &bytes);
  jit_cache_close(query);
  if (result != CUDA_SUCCESS) return result == CUDA_ERROR_NOT_FOUND ? "not found" : "error";
  std::string found(static_cast<char*>(data), bytes);
  EXPECT_EQ(static_cast<char*>(data)[bytes], 0);
  jit_cache_free(data);
  return found;
}

TEST(JitCache, FindsWhatWasStored) {
  Question q;
  EXPECT_EQ(lookup(q), "not found");
  store(q, "the PTX");
  EXPECT_EQ(lookup(q), "the PTX");
  EXPECT_EQ(lookup(q), "the PTX");
  store(q, "newer");
  EXPECT_EQ(lookup(q), "newer");
}

TEST(JitCache, EachPartOfTheQuestionCounts) {
  store({}, "x");
  EXPECT_EQ(lookup({.kind = 1}), "not found");
  EXPECT_EQ(lookup({.code = "codf"}), "not found");
  EXPECT_EQ(lookup({.code = std::string("code\0", 5)}), "not found");
  EXPECT_EQ(lookup({.options = " -arch=compute_80"}), "not found");
  EXPECT_EQ(lookup({.code = "code ", .options = "-arch=compute_90"}), "not found");
  EXPECT_EQ(lookup({.compiler = "HOST64\0Aug 21 202514:13:52"}), "not found");
  EXPECT_EQ(lookup({}), "x");
}

TEST(JitCache, StartsAfreshWhenFull) {
  std::string large(50 << 20, 'x');
  for (int i = 0; i < 4; i++) store({.code = "large" + std::to_string(i)}, large);
  EXPECT_EQ(lookup({.code = "large0"}), "not found");
  EXPECT_EQ(lookup({.code = "large3"}).size(), large.size());
}

}  // namespace
