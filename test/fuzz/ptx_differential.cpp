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

#include "reduce.h"

using namespace fuzz;

namespace {

constexpr int kPerModule = 8, kPatience = 60;

struct Options {
  std::string driver, against, out, compare;
  uint64_t first = 0, last = 0, show = ~0ull, reduce = ~0ull;
  unsigned jobs = std::max(1u, std::thread::hardware_concurrency());
  int seconds = 1 << 30, level = 4, against_level = 4;
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

void for_modules(const Options& o, const std::vector<uint64_t>& seeds, const std::function<void(Runner&, const std::vector<Program>&)>& work) {
  std::atomic<size_t> next{0};
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(o.seconds);
  std::vector<std::thread> threads;
  for (unsigned t = 0; t < o.jobs; t++)
    threads.emplace_back([&] {
      Runner runner(o.driver, kPatience);
      for (size_t i; (i = next.fetch_add(kPerModule)) < seeds.size() && std::chrono::steady_clock::now() < end;) {
        std::vector<Program> programs;
        for (size_t k = i; k < std::min(seeds.size(), i + kPerModule); k++) programs.push_back(generate(seeds[k]));
        work(runner, programs);
      }
    });
  for (std::thread& t : threads) t.join();
}

// A line a program: seed, result; a second result where the JIT's two levels disagree: then the program is not defined, or the JIT wrong.
int record(const Options& o) {
  std::vector<uint64_t> seeds;
  for (uint64_t s = o.first; s < o.last; s++) seeds.push_back(s);
  std::map<uint64_t, std::string> lines;
  std::map<std::string, int> logs;
  std::mutex lock;
  size_t unstable = 0, failed = 0;
  for_modules(o, seeds, [&](Runner& runner, const std::vector<Program>& programs) {
    uint64_t turn = programs[0].seed / kPerModule % 4;
    std::vector<Answer> fast = run_all(runner, programs, turn == 3 ? 0 : 4), plain = turn ? fast : run_all(runner, programs, 0);
    std::lock_guard guard(lock);
    for (size_t i = 0; i < programs.size(); i++) {
      std::string a = describe(fast[i]), b = describe(plain[i]);
      lines[programs[i].seed] = a == b ? a : a + " " + b;
      unstable += a != b, failed += fast[i].result != 0;
      if (!fast[i].log.empty()) logs[fast[i].log.substr(0, fast[i].log.find('\n'))]++;
    }
  });
  std::FILE* f = std::fopen(o.out.c_str(), "w");
  if (!f) return std::perror(o.out.c_str()), 2;
  for (auto& [seed, text] : lines) std::fprintf(f, "%" PRIu64 " %s\n", seed, text.c_str());
  std::fclose(f);
  for (auto& [log, n] : logs) std::printf("%d x %s\n", n, log.c_str());
  std::printf("%zu programs recorded, %zu without a result, %zu on which the JIT's levels disagree\n", lines.size(), failed, unstable);
  return 0;
}

int compare_recorded(const Options& o) {
  std::map<uint64_t, std::string> recorded;
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
  std::mutex lock;
  std::map<uint64_t, std::string> different;
  size_t same = 0;
  for_modules(o, seeds, [&](Runner& runner, const std::vector<Program>& programs) {
    std::vector<Answer> answers = run_all(runner, programs, o.level);
    std::lock_guard guard(lock);
    for (size_t i = 0; i < programs.size(); i++) {
      std::string text = describe(answers[i]);
      if (text == recorded[programs[i].seed]) same++;
      else different[programs[i].seed] = answers[i].result ? text + " " + answers[i].log.substr(0, answers[i].log.find('\n')) : "other bits";
    }
  });
  for (auto& [seed, text] : different) std::printf("%" PRIu64 " differs: %s\n", seed, text.c_str());
  std::printf("%zu programs give the same bits, %zu differ, %zu skipped\n", same, different.size(), skipped);
  return different.empty() && same ? 0 : 1;
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
