// A table: what is typed, what comes of it.
#include "worker/options.h"

#include <gtest/gtest.h>
#include <string.h>

#include <map>
#include <sstream>
#include <vector>

namespace worker {
namespace {

std::map<std::string, std::string> g_environment;
const char* fake_getenv(const char* name) {
  auto found = g_environment.find(name);
  return found == g_environment.end() ? nullptr : found->second.c_str();
}

Options parse(const std::string& line) {
  std::vector<std::string> words{"tensor-fusion-worker"};
  std::istringstream in(line);
  for (std::string word; in >> word;) words.push_back(word);
  std::vector<char*> argv;
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  return parse_options(int(words.size()), argv.data(), fake_getenv);
}

struct Row {
  const char* line;
  Action action;
  int port;
  const char* error;   // a part of it
};
constexpr Row kRows[] = {
    {"", Action::run, 12345, ""},
    {"-n native -p 12345", Action::run, 12345, ""},
    {"-n NATIVE -p8000", Action::run, 8000, ""},
    {"--net=native --port=9001", Action::run, 9001, ""},
    {"--port 0", Action::run, 0, ""},
    {"-p 65535", Action::run, 65535, ""},
    {"-m /my_shm -M 256", Action::run, 12345, ""},
    {"-h", Action::help, 12345, ""},
    {"--help -p nonsense", Action::help, 12345, ""},
    {"-v", Action::version, 12345, ""},
    {"--version", Action::version, 12345, ""},
    {"-n shmem -m /my_shm -M 256", Action::fail, 0, "shmem is not yet supported"},
    {"-l file", Action::fail, 0, "snapshot is not yet supported"},
    {"--load=file -p 1", Action::fail, 0, "snapshot is not yet supported"},
    {"-n rdma", Action::fail, 0, "unknown network protocol 'rdma'"},
    {"-p 65536", Action::fail, 0, "bad port '65536'"},
    {"-p -1", Action::fail, 0, "bad port '-1'"},
    {"-p 12x", Action::fail, 0, "bad port '12x'"},
    {"-M many", Action::fail, 0, "bad shared memory size 'many'"},
    {"-M 0", Action::fail, 0, "bad shared memory size '0'"},
    {"-p", Action::fail, 0, "option '-p' needs a value"},
    {"-n native --port", Action::fail, 0, "option '--port' needs a value"},
    {"-x", Action::fail, 0, "unknown option '-x'"},
    {"-n native --speed 3", Action::fail, 0, "unknown option '--speed'"},
    {"-n native now", Action::fail, 0, "unexpected argument 'now'"},
};

TEST(Options, table) {
  g_environment.clear();
  for (const Row& row : kRows) {
    SCOPED_TRACE(row.line);
    Options options = parse(row.line);
    EXPECT_EQ(int(options.action), int(row.action)) << options.error;
    if (row.action == Action::fail) {
      EXPECT_NE(options.error.find(row.error), std::string::npos) << options.error;
      EXPECT_EQ(options.error.find('\n'), std::string::npos) << "one line";
    } else {
      EXPECT_EQ(options.port, row.port);
    }
  }
}

TEST(Options, libraries_from_the_environment_and_from_the_line) {
  g_environment = {{"TF_CUDA_LIB_PATH", "/env/libcuda.so.1"}, {"TF_NVML_LIB_PATH", "/env/libnvidia-ml.so.1"}};
  EXPECT_EQ(parse("").driver, "/env/libcuda.so.1");
  EXPECT_EQ(parse("").nvml, "/env/libnvidia-ml.so.1");
  EXPECT_EQ(parse("--driver /a --nvml=/b").driver, "/a");
  EXPECT_EQ(parse("--driver /a --nvml=/b").nvml, "/b");
}

TEST(Options, memory_limit_in_mib) {
  g_environment.clear();
  EXPECT_EQ(parse("").memory_limit, 0u);
  g_environment = {{"TF_CUDA_MEMORY_LIMIT", "1024"}};
  EXPECT_EQ(parse("").memory_limit, 1024ull << 20);
  g_environment["TF_GPU_MEMORY_LIMIT"] = "7";
  EXPECT_EQ(parse("").memory_limit, 7ull << 20) << "the newer name wins";
  g_environment["TF_GPU_MEMORY_LIMIT"] = "";
  EXPECT_EQ(parse("").memory_limit, 1024ull << 20) << "empty is unset";
  g_environment["TF_GPU_MEMORY_LIMIT"] = "0";
  EXPECT_EQ(parse("").memory_limit, 0u);
  for (const char* bad : {"-1", "12G", "x", " 5", "99999999999999999999", "1.5"}) {
    g_environment["TF_GPU_MEMORY_LIMIT"] = bad;
    Options options = parse("");
    EXPECT_EQ(int(options.action), int(Action::fail)) << bad;
    EXPECT_NE(options.error.find("TF_GPU_MEMORY_LIMIT"), std::string::npos) << options.error;
  }
  EXPECT_EQ(int(parse("--help").action), int(Action::help)) << "help works whatever the environment says";
}

TEST(Options, help_begins_as_documented) {
  EXPECT_EQ(strncmp(help_text(), "Usage: tensor-fusion-worker [option]\nOptions\n-h, --help Display this information.\n", 82), 0);
}

}  // namespace
}  // namespace worker
