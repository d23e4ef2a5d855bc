// Memory of a device is shared by all processes that use it, to the byte, also when they race and when they are killed. The parent never
// initialises CUDA: each child is a process of its own.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "softgpu/api/test_support.h"

namespace {

constexpr size_t kMiB = 1 << 20, kCard = 64 * kMiB, kPiece = kMiB / 2;

struct Child {
  int pid = 0, in = -1, out = -1;              // a byte to `in` lets it go on; it answers numbers on `out`
  uint64_t ask() {
    char go = 1;
    uint64_t answer = ~0ull;
    EXPECT_EQ(1, write(in, &go, 1));
    EXPECT_EQ(ssize_t(sizeof answer), read(out, &answer, sizeof answer));
    return answer;
  }
  void kill() {
    ::kill(pid, SIGKILL);
    waitpid(pid, nullptr, 0);
  }
  int end() {
    char stop = 0;
    EXPECT_EQ(1, write(in, &stop, 1));
    int status = -1;
    waitpid(pid, &status, 0);
    return status;
  }
};

// body(step) is called once for each byte, its result is sent back.
template <class F>
Child start(F body) {
  int to[2], from[2];
  EXPECT_EQ(0, pipe(to) | pipe(from));
  Child c;
  c.pid = fork();
  if (c.pid == 0) {
    close(to[1]), close(from[0]);
    CUcontext context;
    if (cuInit(0) || cuCtxCreate_v2(&context, 0, 0)) _exit(3);
    char go;
    for (int step = 0; read(to[0], &go, 1) == 1 && go; step++) {
      uint64_t answer = body(step);
      if (write(from[1], &answer, sizeof answer) != sizeof answer) _exit(4);
    }
    _exit(0);
  }
  close(to[0]), close(from[1]);
  c.in = to[1], c.out = from[0];
  return c;
}

uint64_t take_all() {                           // pieces until there are no more
  uint64_t n = 0;
  CUdeviceptr p;
  while (cuMemAlloc_v2(&p, kPiece) == CUDA_SUCCESS) n++;
  return n;
}
uint64_t free_bytes() {
  size_t free = 0, total = 0;
  return cuMemGetInfo_v2(&free, &total) == CUDA_SUCCESS && total == kCard ? free : ~0ull;
}

class Vram : public ::testing::Test {
 protected:
  void SetUp() override { setenv("TF_SOFTGPU_VRAM_MIB", "64", 1); }
};

}  // namespace

TEST_F(Vram, OneProcessSeesWhatAnotherUses) {
  Child a = start([](int) {
    CUdeviceptr p;
    return uint64_t(cuMemAlloc_v2(&p, 40 * kMiB));
  });
  Child b = start([](int step) {
    CUdeviceptr p;
    if (step == 1) return uint64_t(cuMemAlloc_v2(&p, 24 * kMiB + 256));
    if (step == 2) return uint64_t(cuMemAlloc_v2(&p, 24 * kMiB));
    return free_bytes();
  });
  EXPECT_EQ(kCard, b.ask());                    // step 0
  EXPECT_EQ(uint64_t(CUDA_SUCCESS), a.ask());
  EXPECT_EQ(uint64_t(CUDA_ERROR_OUT_OF_MEMORY), b.ask());
  EXPECT_EQ(uint64_t(CUDA_SUCCESS), b.ask());
  EXPECT_EQ(0u, b.ask());
  EXPECT_EQ(uint64_t(CUDA_ERROR_OUT_OF_MEMORY), a.ask());
  EXPECT_EQ(0, a.end());                        // ends without freeing
  EXPECT_EQ(40 * kMiB, b.ask());
  EXPECT_EQ(0, b.end());
}

TEST_F(Vram, ExactUnderRaces) {
  std::vector<Child> children;
  for (int i = 0; i < 8; i++) {
    children.push_back(start([i](int step) -> uint64_t {
      if (step == 1) return take_all();
      unsigned seed = unsigned(i) * 7919 + 1;   // step 0: takes and gives in a mess, and keeps nothing
      std::vector<CUdeviceptr> mine;
      for (int n = 0; n < 2000; n++) {
        seed = seed * 1664525 + 1013904223;
        CUdeviceptr p;
        if (seed >> 31 && !mine.empty()) {
          if (cuMemFree_v2(mine.back()) != CUDA_SUCCESS) return 1;
          mine.pop_back();
        } else if (cuMemAlloc_v2(&p, 1 + (seed >> 8) % (3 * kMiB)) == CUDA_SUCCESS) {
          mine.push_back(p);
        }
        if (n % 100 == 0 && free_bytes() > kCard) return 2;
      }
      for (auto p : mine)
        if (cuMemFree_v2(p) != CUDA_SUCCESS) return 3;
      return 0;
    }));
  }
  auto all = [&] {                               // one step of every child at the same time
    std::vector<uint64_t> answers(children.size());
    std::vector<std::thread> threads;
    for (size_t i = 0; i < children.size(); i++) threads.emplace_back([&, i] { answers[i] = children[i].ask(); });
    for (auto& t : threads) t.join();
    return answers;
  };
  for (uint64_t answer : all()) EXPECT_EQ(0u, answer);
  uint64_t pieces = 0, killed = 0;
  auto taken = all();
  for (uint64_t n : taken) pieces += n;
  EXPECT_EQ(kCard / kPiece, pieces);            // not one too many, not one too few
  for (size_t i = 0; i < 4; i++) children[i].kill(), killed += taken[i];
  Child late = start([](int step) { return step ? free_bytes() : take_all(); });
  EXPECT_EQ(killed, late.ask());                // what the dead had, and no more
  EXPECT_EQ(0u, late.ask());
  for (size_t i = 4; i < 8; i++) EXPECT_EQ(0, children[i].end());
  EXPECT_EQ((pieces - killed) * kPiece, late.ask());
  EXPECT_EQ(0, late.end());
}
