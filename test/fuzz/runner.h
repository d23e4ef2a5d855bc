// Runs PTX on a libcuda in a process of its own, so that a driver's crash, a hang or a sticky error costs one program only.
// The process is this same executable with --serve; requests and answers go through pipes. Owner: one thread.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <string>
#include <vector>

namespace fuzz {

struct Hash {
  uint64_t a = 0, b = 0;
  bool operator==(const Hash&) const = default;
  std::string text() const;
};
Hash hash(const uint8_t* p, size_t n);

struct Answer {
  int result = 0;              // CUresult of load, launch or wait; kCrashed, kHung
  std::string log;             // of the JIT
  Hash hash;
  std::vector<uint8_t> bytes;  // `out`, then `scratch`, when asked for
};
constexpr int kCrashed = -1, kHung = -2;

struct KernelRequest { std::string name; unsigned block; };

class Runner {
 public:
  Runner(std::string driver, int seconds) : driver_(std::move(driver)), seconds_(seconds) {}
  ~Runner() { stop(); }
  Runner(const Runner&) = delete;
  // Loads the text, runs each kernel; one answer a kernel, the same for all when the load fails or the process dies.
  std::vector<Answer> run(const std::string& ptx, int optimization, const std::vector<KernelRequest>& kernels, bool bytes);

 private:
  bool start();
  void stop();
  std::string driver_;
  int seconds_, to_ = -1, from_ = -1;
  pid_t pid_ = -1;
};

int serve(const char* driver);   // the process's main

}  // namespace fuzz
