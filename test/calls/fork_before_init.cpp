// Forked before cuInit, parent and children are separate clients, at the same time.
#include <sys/wait.h>
#include <unistd.h>
#include "check.h"

static void work(unsigned seed) {
  Gpu gpu;
  CUdeviceptr memory = allocate(4096);
  for (unsigned i = 0; i < 50; i++) {
    CU(launch(gpu.kernel("fill"), 4, 256, nullptr, memory, 1024u, seed + i));
    CHECK(read_words(memory, 1024)[1023] == seed + i + 1023);
  }
}

int main() {
  int version = 0;
  CU(cuDriverGetVersion(&version));  // harmless before the fork
  pid_t children[3];
  for (unsigned c = 0; c < 3; c++)
    if ((children[c] = fork()) == 0) {
      work(1000 * (c + 1));
      _exit(0);
    }
  work(5);
  for (pid_t child : children) {
    int status = -1;
    CHECK(waitpid(child, &status, 0) == child && status == 0);
  }
}
