// The lines that a process with TF_STATISTICS leaves behind.
#include "teleport/statistics.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <string>

#include "teleport/session.h"
#include "wire/opcodes.h"

namespace teleport {
std::atomic<uint64_t> g_calls{0}, g_waits{0}, g_image_bytes{0};
}

namespace {

// Runs body in a child process that ends by exit(), with TF_STATISTICS set; what the file then holds.
std::string left_behind(void (*body)()) {
  char path[] = "/tmp/statistics_test_XXXXXX";
  int fd = mkstemp(path);
  close(fd);
  pid_t child = fork();
  if (child == 0) {
    setenv("TF_STATISTICS", path, 1);
    body();
    exit(0);
  }
  waitpid(child, nullptr, 0);
  std::ifstream file(path);
  std::string text((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  unlink(path);
  return text;
}

TEST(Statistics, LinesAtExit) {
  EXPECT_EQ(left_behind([] {
              teleport::start_statistics();
              teleport::g_calls = 12;
              teleport::g_waits = 3;
              teleport::g_image_bytes = 70000;
              teleport::g_op_counts[wire::op::cuStreamSynchronize].calls = 12;
              teleport::g_op_counts[wire::op::cuStreamSynchronize].waits = 3;
              teleport::g_op_counts[wire::op::cuStreamSynchronize].waited_ns = 1'500'000;
            }),
            "calls=12 waits=3 image_bytes=70000\ncuStreamSynchronize: 12 calls, 3 waited 1.500 ms\n");
}

TEST(Statistics, ForkedChildSaysNothing) {
  EXPECT_EQ(left_behind([] {
              teleport::start_statistics();
              teleport::g_calls = 5;
              pid_t child = fork();
              if (child == 0) exit(0);
              waitpid(child, nullptr, 0);
            }),
            "calls=5 waits=0 image_bytes=0\n");
}

TEST(Statistics, NothingWithoutTheVariable) {
  EXPECT_EQ(left_behind([] {
              unsetenv("TF_STATISTICS");
              teleport::start_statistics();
            }),
            "");
}

}  // namespace
