// Races of threads and processes for one limit, and what is left after a crash.
#include "limiter/memory_quota.h"

#include <gtest/gtest.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <atomic>
#include <thread>
#include <vector>

namespace limiter {
namespace {
constexpr uint64_t kMiB = 1 << 20;

TEST(MemoryQuota, counts_up_to_the_last_byte) {
  MemoryQuota quota;
  ASSERT_TRUE(quota.create(100));
  EXPECT_EQ(quota.limit(), 100u);
  EXPECT_TRUE(quota.charge(0, 60));
  EXPECT_FALSE(quota.charge(0, 41));
  EXPECT_FALSE(quota.charge(0, ~0ull - 10)) << "no overflow";
  EXPECT_EQ(quota.used(0), 60u);
  EXPECT_TRUE(quota.charge(0, 40));
  EXPECT_FALSE(quota.charge(0, 1));
  EXPECT_TRUE(quota.charge(0, 0));
  EXPECT_TRUE(quota.charge(15, 100)) << "the limit is per device";
  quota.refund(0, 10);
  EXPECT_EQ(quota.used(0), 90u);
  quota.refund(0, 1000);
  EXPECT_EQ(quota.used(0), 0u) << "no more is given back than was taken";
  EXPECT_FALSE(quota.charge(16, 1));
  EXPECT_FALSE(quota.charge(-1, 1));
}

TEST(MemoryQuota, without_limit_it_only_counts) {
  MemoryQuota quota;
  ASSERT_TRUE(quota.create(0));
  EXPECT_TRUE(quota.charge(3, 1ull << 45));
  EXPECT_TRUE(quota.charge(99, 1));
  EXPECT_EQ(quota.used(3), 1ull << 45);
  EXPECT_EQ(quota.used(99), 0u);
}

TEST(MemoryQuota, attach_refuses_what_is_not_a_quota) {
  MemoryQuota quota, other;
  ASSERT_TRUE(quota.create(1));
  EXPECT_FALSE(other.attach(-1, 0));
  EXPECT_FALSE(other.attach(quota.fd(), MemoryQuota::kMaxSlots));
  base::Fd empty(memfd_create("empty", MFD_CLOEXEC));
  EXPECT_FALSE(other.attach(empty.get(), 0));
  EXPECT_TRUE(other.attach(quota.fd(), 7));
  EXPECT_EQ(other.slot(), 7);
}

TEST(MemoryQuota, tells_whose_process_a_session_is) {
  MemoryQuota quota;
  ASSERT_TRUE(quota.create(0));
  EXPECT_EQ(quota.client_of(4711, 5), 0u);
  quota.tell_client(4711, 5, 42);
  EXPECT_EQ(quota.client_of(4711, 5), 42u);
  EXPECT_EQ(quota.client_of(4711, 6), 0u) << "another machine knows no such process";
  EXPECT_EQ(quota.client_of(4712, 5), 0u);
  EXPECT_EQ(quota.client_of(0, 0), 0u);
  quota.free_slot(quota.slot());
  EXPECT_EQ(quota.client_of(4711, 5), 0u) << "it has ended";
}

TEST(MemoryQuota, eight_threads_take_exactly_the_limit) {
  constexpr uint64_t kLimit = 64 * kMiB, kPiece = 4096;
  MemoryQuota quota;
  ASSERT_TRUE(quota.create(kLimit + kPiece - 1));   // the odd rest must stay
  std::atomic<uint64_t> granted{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; t++)
    threads.emplace_back([&] {
      uint64_t mine = 0;
      for (int i = 0; i < 20000; i++) {
        if (quota.charge(0, kPiece)) mine += kPiece;
        if (i % 3 == 0 && mine) quota.refund(0, kPiece), mine -= kPiece;
        if (quota.used(0) > quota.limit()) over = true;
      }
      while (quota.charge(0, kPiece)) mine += kPiece;
      granted += mine;
    });
  for (auto& t : threads) t.join();
  EXPECT_FALSE(over);
  EXPECT_EQ(granted.load(), kLimit);
  EXPECT_EQ(quota.used(0), kLimit);
  EXPECT_EQ(quota.slot_used(quota.slot(), 0), kLimit);
}

TEST(MemoryQuota, four_processes_take_exactly_the_limit_and_a_crash_gives_back) {
  constexpr uint64_t kLimit = 16 * kMiB, kPiece = 512;
  MemoryQuota quota;
  ASSERT_TRUE(quota.create(kLimit));
  auto* granted = static_cast<std::atomic<uint64_t>*>(mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  struct Process { pid_t pid; int slot; };
  std::vector<Process> processes;
  for (int p = 0; p < 4; p++) {
    int slot = quota.take_slot();
    ASSERT_GE(slot, 0);
    pid_t pid = fork();
    if (pid == 0) {
      MemoryQuota mine;
      if (!mine.attach(quota.fd(), slot)) _exit(1);
      uint64_t bytes = 0;
      while (mine.charge(1, kPiece)) bytes += kPiece;
      granted[p] = bytes;
      if (mine.used(1) > kLimit) _exit(2);
      raise(SIGKILL);
    }
    processes.push_back({pid, slot});
  }
  uint64_t sum = 0;
  for (int p = 0; p < 4; p++) {
    int status = 0;
    ASSERT_EQ(waitpid(processes[p].pid, &status, 0), processes[p].pid);
    ASSERT_TRUE(WIFSIGNALED(status)) << "exit " << WEXITSTATUS(status);
    sum += granted[p];
  }
  EXPECT_EQ(sum, kLimit);
  EXPECT_EQ(quota.used(1), kLimit);
  for (int p = 0; p < 4; p++) {
    EXPECT_EQ(quota.slot_used(processes[p].slot, 1), granted[p]);
    sum -= granted[p];
    quota.free_slot(processes[p].slot);
    EXPECT_EQ(quota.used(1), sum);
  }
  EXPECT_EQ(quota.used(1), 0u);
  munmap(granted, 4096);
}

TEST(MemoryQuota, slots_run_out_and_come_back) {
  MemoryQuota quota;
  ASSERT_TRUE(quota.create(10));
  std::vector<int> taken;
  for (int slot; (slot = quota.take_slot()) >= 0;) taken.push_back(slot);
  EXPECT_EQ(taken.size(), size_t(MemoryQuota::kMaxSlots - 1)) << "the creator has one";
  quota.free_slot(taken[5]);
  EXPECT_EQ(quota.take_slot(), taken[5]);
}

TEST(MemoryQuota, settle_keeps_what_the_slots_hold) {
  MemoryQuota quota, session;
  ASSERT_TRUE(quota.create(1000));
  ASSERT_TRUE(session.attach(quota.fd(), quota.take_slot()));
  ASSERT_TRUE(session.charge(2, 300));
  ASSERT_TRUE(quota.charge(2, 200));
  quota.settle();
  EXPECT_EQ(quota.used(2), 500u);
  quota.free_slot(session.slot());
  quota.settle();
  EXPECT_EQ(quota.used(2), 200u);
}

}  // namespace
}  // namespace limiter
