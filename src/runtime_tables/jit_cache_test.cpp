// The compile cache in the order in which NVRTC calls it: open, look up, store, close; and nothing found under another question, nor in a file that was damaged.
#include "runtime_tables/jit_cache.h"

#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <string>
#include <vector>

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

// A process of its own, which has not asked for its folder yet. The environment: NAME=VALUE, or NAME to unset it.
void in_process(const std::vector<std::string>& environment, const std::function<void()>& body) {
  const pid_t child = fork();
  if (child == 0) {
    for (const std::string& e : environment) {
      const size_t at = e.find('=');
      if (at == std::string::npos) unsetenv(e.c_str());
      else setenv(e.substr(0, at).c_str(), e.c_str() + at + 1, 1);
    }
    body();
    _exit(testing::Test::HasFailure());
  }
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

class JitCache : public testing::Test {
 protected:
  std::string place = testing::TempDir() + "tf-jit-XXXXXX";
  std::vector<std::string> here;
  void SetUp() override {
    ASSERT_TRUE(mkdtemp(place.data()));
    here = {"CUDA_CACHE_PATH=" + place + "/a/b", "CUDA_CACHE_DISABLE", "CUDA_CACHE_MAXSIZE"};
  }
  void TearDown() override { std::filesystem::remove_all(place); }
  std::vector<std::filesystem::path> files(const std::string& under = "/a/b/tensor-fusion") {
    std::vector<std::filesystem::path> all;
    if (std::filesystem::exists(place + under))
      for (auto& entry : std::filesystem::directory_iterator(place + under)) all.push_back(entry.path());
    return all;
  }
};

TEST_F(JitCache, FindsWhatWasStored) {
  for (const char* disable : {"CUDA_CACHE_DISABLE", "CUDA_CACHE_DISABLE=1"})
    in_process({"CUDA_CACHE_PATH=" + place, disable}, [] {
      Question q;
      EXPECT_EQ(lookup(q), "not found");
      store(q, "the PTX");
      EXPECT_EQ(lookup(q), "the PTX");
      EXPECT_EQ(lookup(q), "the PTX");
      store(q, "newer");
      EXPECT_EQ(lookup(q), "newer");
    });
}

TEST_F(JitCache, EachPartOfTheQuestionCounts) {
  in_process(here, [] {
    store({}, "x");
    EXPECT_EQ(lookup({.kind = 1}), "not found");
    EXPECT_EQ(lookup({.code = "codf"}), "not found");
    EXPECT_EQ(lookup({.code = std::string("code\0", 5)}), "not found");
    EXPECT_EQ(lookup({.options = " -arch=compute_80"}), "not found");
    EXPECT_EQ(lookup({.code = "code ", .options = "-arch=compute_90"}), "not found");
    EXPECT_EQ(lookup({.compiler = "HOST64\0Aug 21 202514:13:52"}), "not found");
    EXPECT_EQ(lookup({}), "x");
    store({.options = "-a", .compiler = "b\0c"}, "y");
    EXPECT_EQ(lookup({.options = "-ab", .compiler = "\0c"}), "not found");
    EXPECT_EQ(lookup({.options = "-a", .compiler = "b\0c"}), "y");
  });
}

// With files and without: what one process has compiled the next one finds, or not.
TEST_F(JitCache, FoundByTheNextProcess) {
  in_process(here, [] { store({}, "the PTX"); });
  EXPECT_EQ(files().size(), 1u);
  EXPECT_EQ(std::filesystem::status(place + "/a/b").permissions(), std::filesystem::perms::owner_all);
  in_process(here, [] { EXPECT_EQ(lookup({}), "the PTX"); });
}

TEST_F(JitCache, InTheHomeOfTheUserUnlessToldOtherwise) {
  in_process({"HOME=" + place, "CUDA_CACHE_PATH", "CUDA_CACHE_DISABLE=0"}, [] { store({}, "x"); });
  EXPECT_EQ(files("/.nv/ComputeCache/tensor-fusion").size(), 1u);
}

TEST_F(JitCache, WithoutAFolderForThisProcess) {
  std::ofstream(place + "/file");
  const std::vector<std::vector<std::string>> environments{
      {"CUDA_CACHE_PATH=" + place, "CUDA_CACHE_DISABLE=1"}, {"CUDA_CACHE_PATH", "CUDA_CACHE_DISABLE", "HOME"}, {"CUDA_CACHE_PATH=" + place + "/file", "CUDA_CACHE_DISABLE"}};
  for (const auto& e : environments) {
    in_process(e, [] {
      store({}, "x");
      EXPECT_EQ(lookup({}), "x");
    });
    in_process(e, [] { EXPECT_EQ(lookup({}), "not found"); });
  }
  EXPECT_EQ(files("").size(), 1u);
}

TEST_F(JitCache, ADamagedFileIsNoResult) {
  in_process(here, [] { store({}, "some result of the compiler"); });
  const std::filesystem::path file = files().at(0);
  const auto size = std::filesystem::file_size(file);
  std::string whole(size, 0);
  std::ifstream(file, std::ios::binary).read(whole.data(), long(size));
  for (size_t at = 0; at < size; at++) {
    std::string damaged = whole;
    damaged[at] ^= 4;
    std::ofstream(file, std::ios::binary) << damaged;
    in_process(here, [] { EXPECT_EQ(lookup({}), "not found"); });
    std::ofstream(file, std::ios::binary) << whole.substr(0, at);
    in_process(here, [] { EXPECT_EQ(lookup({}), "not found"); });
  }
  EXPECT_TRUE(files().empty());
  std::filesystem::create_directory(file);
  in_process(here, [] {
    EXPECT_EQ(lookup({}), "not found");
    store({}, "again");
    EXPECT_EQ(lookup({}), "again");   // of this process
  });
}

TEST_F(JitCache, KeepsToItsRoom) {
  const std::string most = "CUDA_CACHE_MAXSIZE=100000";
  in_process({"CUDA_CACHE_PATH=" + place, "CUDA_CACHE_DISABLE", most}, [] {
    for (int i = 0; i < 9; i++) {
      store({.code = std::to_string(i)}, std::string(20000, char('a' + i)));
      usleep(10000);   // the clock of files is coarse
      EXPECT_EQ(lookup({.code = "0"}).size(), 20000u);
    }
    EXPECT_EQ(lookup({.code = "1"}), "not found");
    EXPECT_EQ(lookup({.code = "8"}).size(), 20000u);
  });
  EXPECT_EQ(files("/tensor-fusion").size(), 4u);
}

TEST_F(JitCache, StartsAfreshWhenFull) {
  in_process({"CUDA_CACHE_DISABLE=1"}, [] {
    std::string large(50 << 20, 'x');
    for (int i = 0; i < 4; i++) store({.code = "large" + std::to_string(i)}, large);
    EXPECT_EQ(lookup({.code = "large0"}), "not found");
    EXPECT_EQ(lookup({.code = "large3"}).size(), large.size());
  });
}

}  // namespace
