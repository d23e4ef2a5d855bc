// Differential fuzzing of GPUs: makes random PTX programs (program.h), runs them on a libcuda, records what came out, compares.
//   ptx_differential --driver PATH --seeds A..B --out FILE        records a hash a program: two modules in four compiled at the JIT's level 4, one at 0, one at both
//   ptx_differential --driver PATH --compare FILE                 runs the recorded programs again; exit status 1 if any differs
//   ptx_differential --driver PATH --against PATH --reduce SEED   shrinks a program on which the two differ and prints it
//                    (--level N --against-level N: of the JIT, 4)
//   ptx_differential --show SEED                                  prints a program
// --jobs N processes (all cores), --seconds N (no new programs after that).
#include <algorithm>
#include <atomic>
#include <cinttypes>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <sstream>
#include <thread>

#include <unistd.h>

#include "reduce.h"

using namespace fuzz;

namespace {

constexpr int kPerModule = 4, kPatience = 15;   // programs; seconds

struct Options {
  std::string driver, against, out, compare;
  uint64_t first = 0, last = 0, show = ~0ull, reduce = ~0ull;
  unsigned jobs = std::max(1u, std::thread::hardware_concurrency());
  int seconds = 1 << 24, level = 4, against_level = 4;
};

// Several programs in one module; alone if that fails, to say which.
std::vector<Answer> run_all(Runner& runner, const std::vector<Program>& programs, int level) {
  std::string text = kHeader;
  std::vector<KernelRequest> kernels;
  for (const Program& p : programs) text += p.text(), kernels.push_back({p.name(), p.block});
  std::vector<Answer> answers = runner.run(text, level, kernels, false);
  if (std::all_of(answers.begin(), answers.end(), [](const Answer& a) { return a.result == 0; })) return answers;
  for (size_t i = 0; i < programs.size(); i++) answers[i] = runner.run(kHeader + programs[i].text(), level, {kernels[i]}, false)[0];
  return answers;
}

std::string describe(const Answer& a) {
  if (a.result == 0) return a.hash.text();
  return a.result == kCrashed ? "crashed" : a.result == kHung ? "hung" : "error:" + std::to_string(a.result);
}

// Once a process: what the threads use is static, as one that waits for a slow driver when the time is up is not waited for.
void for_modules(const Options& options, const std::vector<uint64_t>& all, const std::function<void(Runner&, const std::vector<Program>&)>& each) {
  static const Options o = options;
  static const std::vector<uint64_t> seeds = all;
  static const auto work = each;
  static const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(o.seconds);
  static std::atomic<size_t> next{0};
  static std::atomic<unsigned> busy{o.jobs};
  for (unsigned t = 0; t < o.jobs; t++)
    std::thread([] {
      {
        Runner runner(o.driver, kPatience);
        for (size_t i; (i = next.fetch_add(kPerModule)) < seeds.size() && std::chrono::steady_clock::now() < end;) {
          std::vector<Program> programs;
          for (size_t k = i; k < std::min(seeds.size(), i + kPerModule); k++) programs.push_back(generate(seeds[k]));
          work(runner, programs);
        }
      }
      busy--;
    }).detach();
  while (busy && std::chrono::steady_clock::now() < end + std::chrono::seconds(5)) std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

// A line a program: seed, result; a second result where the JIT's two levels disagree: then the program is not defined, or the JIT wrong.
int record(const Options& o) {
  static std::mutex lock;   // static: threads that are not waited for may still come
  static std::map<std::string, int> logs;
  static size_t recorded = 0, unstable = 0, failed = 0;
  static double seconds = 0;
  std::vector<uint64_t> seeds;
  for (uint64_t s = o.first; s < o.last; s++) seeds.push_back(s);
  static std::FILE* f;
  if (!(f = std::fopen(o.out.c_str(), "w"))) return std::perror(o.out.c_str()), 2;
  for_modules(o, seeds, [](Runner& runner, const std::vector<Program>& programs) {
    uint64_t turn = programs[0].seed / kPerModule % 4;
    auto start = std::chrono::steady_clock::now();
    std::vector<Answer> fast = run_all(runner, programs, turn == 3 ? 0 : 4), plain = turn ? fast : run_all(runner, programs, 0);
    std::lock_guard guard(lock);
    seconds += std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    for (size_t i = 0; i < programs.size(); i++) {
      std::string a = describe(fast[i]), b = describe(plain[i]);
      std::fprintf(f, "%" PRIu64 " %s\n", programs[i].seed, (a == b ? a : a + " " + b).c_str());
      recorded++, unstable += a != b, failed += fast[i].result != 0;
      if (!fast[i].log.empty()) logs[fast[i].log.substr(0, fast[i].log.find('\n'))]++;
    }
    std::fflush(f);
  });
  std::lock_guard guard(lock);
  for (auto& [log, n] : logs) std::printf("%d x %s\n", n, log.c_str());
  std::printf("%zu programs recorded (%.3f s each), %zu without a result, %zu on which the JIT's levels disagree\n", recorded, seconds / static_cast<double>(recorded ? recorded : 1), failed, unstable);
  std::fflush(nullptr);
  _exit(recorded ? 0 : 1);
}

int compare_recorded(const Options& o) {
  static std::map<uint64_t, std::string> recorded;
  std::vector<uint64_t> seeds;
  std::ifstream file(o.compare);
  if (!file) return std::perror(o.compare.c_str()), 2;
  size_t skipped = 0;
  for (std::string line; std::getline(file, line);) {
    std::istringstream in(line);
    uint64_t seed;
    std::string a, b;
    if (!(in >> seed >> a)) continue;
    if (in >> b || a.size() != 32) { skipped++; continue; }   // no one result
    if (o.last && (seed < o.first || seed >= o.last)) continue;
    recorded[seed] = a, seeds.push_back(seed);
  }
  static std::mutex lock;
  static std::map<uint64_t, std::string> different;
  static size_t same = 0;
  for_modules(o, seeds, [](Runner& runner, const std::vector<Program>& programs) {
    std::vector<Answer> answers = run_all(runner, programs, 4);
    std::lock_guard guard(lock);
    for (size_t i = 0; i < programs.size(); i++) {
      std::string text = describe(answers[i]);
      if (text == recorded[programs[i].seed]) same++;
      else different[programs[i].seed] = answers[i].result ? text + " " + answers[i].log.substr(0, answers[i].log.find('\n')) : "other bits";
    }
  });
  std::lock_guard guard(lock);
  for (auto& [seed, text] : different) std::printf("%" PRIu64 " differs: %s\n", seed, text.c_str());
  std::printf("%zu programs give the same bits, %zu differ, %zu skipped\n", same, different.size(), skipped);
  std::fflush(nullptr);
  _exit(different.empty() && same ? 0 : 1);
}

int reduce_one(const Options& o) {
  Runner x(o.driver, kPatience), y(o.against, kPatience);
  Side a{x, o.level}, b{y, o.against_level};
  Program p = generate(o.reduce);
  if (!compare(p, a, b).differs) return std::printf("seed %" PRIu64 ": no difference\n", o.reduce), 0;
  p = reduce(p, a, b);
  std::printf("// seed %" PRIu64 ", %s\n%s", o.reduce, compare(p, a, b).text.c_str(), p.text().c_str());
  return 1;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 3 && !std::strcmp(argv[1], "--serve")) return serve(argv[2]);
  Options o;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string name = argv[i];
    const char* v = argv[i + 1];
    if (name == "--driver") o.driver = v;
    else if (name == "--against") o.against = v;
    else if (name == "--out") o.out = v;
    else if (name == "--compare") o.compare = v;
    else if (name == "--seeds" && std::sscanf(v, "%" SCNu64 "..%" SCNu64, &o.first, &o.last) == 2) continue;
    else if (name == "--show") o.show = std::strtoull(v, nullptr, 0);
    else if (name == "--reduce") o.reduce = std::strtoull(v, nullptr, 0);
    else if (name == "--jobs") o.jobs = static_cast<unsigned>(std::max(1, std::atoi(v)));
    else if (name == "--seconds") o.seconds = std::atoi(v);
    else if (name == "--level") o.level = std::atoi(v);
    else if (name == "--against-level") o.against_level = std::atoi(v);
    else return std::fprintf(stderr, "unknown option %s\n", argv[i]), 2;
  }
  if (o.show != ~0ull) return std::printf("%s%s", kHeader, generate(o.show).text().c_str()), 0;
  if (o.reduce != ~0ull && !o.driver.empty() && !o.against.empty()) return reduce_one(o);
  if (!o.driver.empty() && !o.compare.empty()) return compare_recorded(o);
  if (!o.driver.empty() && !o.out.empty() && o.last > o.first) return record(o);
  return std::fprintf(stderr, "see the first lines of test/fuzz/ptx_differential.cpp\n"), 2;
}
