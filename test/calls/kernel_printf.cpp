// printf in a kernel writes to this process's standard output, at the latest when the program waits for the kernel.
#include <unistd.h>
#include <string>
#include "check.h"

int main() {
  int ends[2], saved = dup(1);
  CHECK(pipe(ends) == 0 && saved >= 0);
  fflush(stdout);
  dup2(ends[1], 1);
  {
    Gpu gpu;
    CU(launch(gpu.kernel("say"), 1, 2, nullptr, 40));
    CU(cuCtxSynchronize());
  }
  fflush(stdout);
  dup2(saved, 1);
  close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) text.append(buffer, n);
  CHECK(text == "kernel says 40 text 20.00\nkernel says 41 text 20.00\n");
}
