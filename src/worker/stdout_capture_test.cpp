// Text of both fds arrives whole, in order, while others write; memory of text that was read goes back.
#include "worker/stdout_capture.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <string.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "base/log.h"

namespace worker {
namespace {

std::string take_all(StdoutCapture& capture, int which) {
  std::string text;
  char buffer[7];   // small: several takes
  while (size_t n = capture.take(which, buffer, sizeof buffer)) text.append(buffer, n);
  return text;
}
void write_text(int fd, const char* text) { ASSERT_EQ(write(fd, text, strlen(text)), ssize_t(strlen(text))); }

// A pipe in the place of stdout, so that the test sees what goes past the capture.
class PipeAsStdout {
 public:
  PipeAsStdout() {
    fflush(stdout);
    saved_ = fcntl(1, F_DUPFD_CLOEXEC, 3);
    EXPECT_EQ(pipe2(ends_, O_NONBLOCK | O_CLOEXEC), 0);
    dup2(ends_[1], 1);
  }
  ~PipeAsStdout() {
    dup2(saved_, 1);
    for (int fd : {saved_, ends_[0], ends_[1]}) close(fd);
  }
  std::string text() {
    char buffer[512];
    ssize_t n = read(ends_[0], buffer, sizeof buffer);
    return n > 0 ? std::string(buffer, size_t(n)) : "";
  }

 private:
  int saved_ = -1, ends_[2] = {-1, -1};
};

// The first test, because log lines follow the first capture of a process.
TEST(StdoutCapture, puts_the_old_stdout_back_and_logs_there) {
  PipeAsStdout out;
  {
    StdoutCapture capture;
    write_text(1, "captured");
    base::log(base::Level::info, "a log line");
    EXPECT_EQ(take_all(capture, 1), "captured");
  }
  std::string logged = out.text();
  EXPECT_NE(logged.find("a log line"), std::string::npos) << logged;
  EXPECT_EQ(logged.find("captured"), std::string::npos) << logged;
  write_text(1, "after");
  EXPECT_EQ(out.text(), "after");
}

TEST(StdoutCapture, takes_what_is_printed_once) {
  StdoutCapture capture;
  EXPECT_FALSE(capture.pending());
  printf("from %s\n", "stdio");
  write_text(1, "from write\n");
  write_text(2, "an assert\n");
  EXPECT_TRUE(capture.pending());
  EXPECT_EQ(take_all(capture, 1), "from stdio\nfrom write\n");
  EXPECT_TRUE(capture.pending());
  EXPECT_EQ(take_all(capture, 2), "an assert\n");
  EXPECT_FALSE(capture.pending());
  EXPECT_EQ(take_all(capture, 1), "");
  EXPECT_EQ(take_all(capture, 3), "");
  write_text(1, "more");
  EXPECT_EQ(take_all(capture, 1), "more");
}

TEST(StdoutCapture, nothing_is_lost_while_a_thread_writes_and_read_pages_go_back) {
  StdoutCapture capture;
  constexpr int kLines = 300000;
  std::thread writer([] {
    for (int i = 0; i < kLines; i++) dprintf(1, "%09d\n", i);
  });
  std::string text;
  std::vector<char> buffer(64 << 10);
  while (text.size() < kLines * 10) {
    size_t n = capture.take(1, buffer.data(), buffer.size());
    text.append(buffer.data(), n);
    if (!n) std::this_thread::yield();
  }
  writer.join();
  bool ordered = true;
  for (int i = 0; i < kLines; i++) ordered = ordered && atoi(text.c_str() + i * 10) == i;
  EXPECT_TRUE(ordered);
  EXPECT_FALSE(capture.pending());
  struct stat info;
  ASSERT_EQ(fstat(1, &info), 0);
  EXPECT_EQ(info.st_size, kLines * 10);
  EXPECT_LT(info.st_blocks * 512, 2 << 20) << "bytes still held";
}

}  // namespace
}  // namespace worker

// Logging is read from the environment once per process.
int main(int argc, char** argv) {
  setenv("TF_ENABLE_LOG", "1", 1);
  unsetenv("TF_LOG_PATH");
  unsetenv("TF_LOG_LEVEL");
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
