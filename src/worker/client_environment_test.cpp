// What a Hello may ask for, and the border that the worker's own CUDA_VISIBLE_DEVICES is.
#include "worker/client_environment.h"

#include <gtest/gtest.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

#include "wire/frame.h"

namespace worker {
namespace {

TEST(ClientEnvironment, OnlyKnownLinesInOrder) {
  auto valid = [](const std::string& s) { return valid_environment(s.data(), s.size()); };
  EXPECT_TRUE(valid(""));
  EXPECT_TRUE(valid("CUDA_VISIBLE_DEVICES=\n"));
  EXPECT_TRUE(valid("CUDA_VISIBLE_DEVICES=0,1\nCUDA_DEVICE_ORDER=PCI_BUS_ID\nCUDA_MODULE_LOADING=EAGER\n"));
  for (const char* bad : {"x", "\n", "=\n", "CUDA_VISIBLE_DEVICES=0", "CUDA_VISIBLE_DEVICES\n", "LD_PRELOAD=x\n", "CUDA_DEVICE_ORDER=a\nCUDA_VISIBLE_DEVICES=0\n",
                          "CUDA_VISIBLE_DEVICES=0\nCUDA_VISIBLE_DEVICES=0\n", "CUDA_VISIBLE_DEVICES=\t\n", "CUDA_VISIBLE_DEVICESX=0\n", "CUDA_LAUNCH_BLOCKING=1\n"})
    EXPECT_FALSE(valid(bad)) << bad;
  EXPECT_FALSE(valid("CUDA_VISIBLE_DEVICES=" + std::string(5000, '0') + "\n"));
  EXPECT_FALSE(valid(std::string("CUDA_VISIBLE_DEVICES=0\0\n", 24)));
}

TEST(ClientEnvironment, StaysWithinTheWorkersOwnList) {
  const struct { const char *ours, *theirs, *wanted; } cases[] = {
      {"2,3", "0", "2"}, {"2,3", "1,0", "3,2"}, {"2,3", "0,2,1", "2"}, {"2,3", "", ""}, {"2,3", "-1", ""}, {"2,3", "GPU-00", ""}, {"GPU-aa11,GPU-bb22", "1", "GPU-bb22"},
      {"GPU-aa11,GPU-bb22", "GPU-bb,GPU-aa", "GPU-bb22,GPU-aa11"}, {" 2 , 3 ", " 1 ", "3"}, {"2,3", "x", ""}};
  for (auto& c : cases) EXPECT_EQ(compose_visible_devices(c.ours, c.theirs), c.wanted) << c.ours << " | " << c.theirs;
}

TEST(ClientEnvironment, IsSetAndPutBack) {
  setenv("CUDA_VISIBLE_DEVICES", "4,5", 1);
  setenv("CUDA_DEVICE_ORDER", "PCI_BUS_ID", 1);
  unsetenv("CUDA_MODULE_LOADING");
  set_environment("CUDA_VISIBLE_DEVICES=1\nCUDA_DEVICE_ORDER=FASTEST_FIRST\nCUDA_MODULE_LOADING=EAGER\n");
  EXPECT_STREQ(getenv("CUDA_VISIBLE_DEVICES"), "5");
  EXPECT_STREQ(getenv("CUDA_DEVICE_ORDER"), "PCI_BUS_ID");
  EXPECT_STREQ(getenv("CUDA_MODULE_LOADING"), "EAGER");
  restore_environment();
  EXPECT_STREQ(getenv("CUDA_VISIBLE_DEVICES"), "4,5");
  EXPECT_EQ(getenv("CUDA_MODULE_LOADING"), nullptr);
  unsetenv("CUDA_VISIBLE_DEVICES");
  unsetenv("CUDA_DEVICE_ORDER");
}

TEST(ClientEnvironment, IsPeekedAtInPieces) {
  const std::string lines = "CUDA_VISIBLE_DEVICES=0\n";
  wire::Hello hello;
  hello.token_bytes = 3;
  hello.environment_bytes = uint32_t(lines.size());
  std::string bytes(reinterpret_cast<const char*>(&hello), sizeof hello);
  bytes += std::string("abc\0\0\0\0\0", 8) + lines + '\0';
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  std::thread sender([&] {
    for (char c : bytes) {
      EXPECT_EQ(write(ends[1], &c, 1), 1);
      usleep(200);
    }
  });
  std::string found;
  EXPECT_TRUE(peek_environment(ends[0], &found));
  sender.join();
  EXPECT_EQ(found, lines);
  std::string all(bytes.size(), 0);
  EXPECT_EQ(recv(ends[0], all.data(), all.size(), MSG_WAITALL), ssize_t(all.size()));
  EXPECT_EQ(all, bytes);                                     // nothing was taken
  EXPECT_EQ(write(ends[1], bytes.data(), 20), 20);
  close(ends[1]);
  EXPECT_TRUE(peek_environment(ends[0], &found));            // it closed within the Hello: the session's to say
  EXPECT_EQ(found, "");
  close(ends[0]);
}

}  // namespace
}  // namespace worker
