// See options.h. To add an option: a line of kLong, of the short list, of the switch, of the help text, and a row in options_test.cpp.
#include "worker/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <strings.h>

#ifndef TF_VERSION
#define TF_VERSION "development"
#endif

namespace worker {
namespace {

enum LongOnly { kDriver = 256, kNvml };
constexpr option kLong[] = {
    {"help", no_argument, nullptr, 'h'},
    {"version", no_argument, nullptr, 'v'},
    {"net", required_argument, nullptr, 'n'},
    {"port", required_argument, nullptr, 'p'},
    {"load", required_argument, nullptr, 'l'},
    {"shmem-file", required_argument, nullptr, 'm'},
    {"shmem-size", required_argument, nullptr, 'M'},
    {"driver", required_argument, nullptr, kDriver},
    {"nvml", required_argument, nullptr, kNvml},
    {nullptr, 0, nullptr, 0},
};
constexpr uint64_t kMiB = 1ull << 20, kMostMiB = 1ull << 40;

// Decimal digits only: strtoull alone would take "-1", " 1" and "1x".
bool parse_number(const char* text, uint64_t most, uint64_t* value) {
  if (*text < '0' || *text > '9') return false;
  char* end;
  errno = 0;
  unsigned long long number = strtoull(text, &end, 10);
  if (*end || errno || number > most) return false;
  *value = number;
  return true;
}

std::string set_memory_limit(Options* options, const char* (*environment)(const char*)) {
  for (const char* name : {"TF_CUDA_MEMORY_LIMIT", "TF_GPU_MEMORY_LIMIT"}) {   // the later name wins
    const char* text = environment(name);
    uint64_t mib;
    if (!text || !*text) continue;
    if (!parse_number(text, kMostMiB, &mib))
      return std::string(name) + "=" + text + " is no number of MB: give a whole number, 0 for no limit";
    options->memory_limit = mib * kMiB;
  }
  return {};
}

Options fail(std::string error) {
  Options options;
  options.action = Action::fail;
  options.error = std::move(error);
  return options;
}

}  // namespace

Options parse_options(int argc, char** argv, const char* (*environment)(const char*)) {
  Options options;
  if (const char* path = environment("TF_CUDA_LIB_PATH")) options.driver = path;
  if (const char* path = environment("TF_NVML_LIB_PATH")) options.nvml = path;

  bool shmem = false, load = false;
  uint64_t number;
  opterr = 0;
  optind = 0;   // glibc: start again, so that this function may be called twice
  for (;;) {
    const int at = optind ? optind : 1;
    const int c = getopt_long(argc, argv, "+:hvn:p:l:m:M:", kLong, nullptr);
    if (c < 0) break;
    switch (c) {
      case 'h': options.action = Action::help; return options;
      case 'v': options.action = Action::version; return options;
      case 'n':
        if (strcasecmp(optarg, "native") != 0 && strcasecmp(optarg, "shmem") != 0)
          return fail(std::string("unknown network protocol '") + optarg + "': use native");
        shmem = strcasecmp(optarg, "shmem") == 0;
        break;
      case 'p':
        if (!parse_number(optarg, 65535, &number)) return fail(std::string("bad port '") + optarg + "': give a number from 0 to 65535");
        options.port = uint16_t(number);
        break;
      case 'l': load = true; break;
      case 'm': break;   // no meaning without shmem
      case 'M':
        if (!parse_number(optarg, kMostMiB, &number) || number == 0)
          return fail(std::string("bad shared memory size '") + optarg + "': give a number of MB");
        break;
      case kDriver: options.driver = optarg; break;
      case kNvml: options.nvml = optarg; break;
      case ':': return fail(std::string("option '") + argv[at] + "' needs a value: see --help");
      default: return fail(std::string("unknown option '") + argv[at] + "': see --help");
    }
  }
  if (optind < argc) return fail(std::string("unexpected argument '") + argv[optind] + "': see --help");
  if (shmem) return fail("-n shmem is not yet supported: use -n native");
  if (load) return fail("-l: starting from a snapshot is not yet supported");
  if (std::string error = set_memory_limit(&options, environment); !error.empty()) return fail(error);
  return options;
}

const char* help_text() {
  return "Usage: tensor-fusion-worker [option]\n"
         "Options\n"
         "-h, --help Display this information.\n"
         "-v, --version Display version information.\n"
         "-n, --net Specified network protocol.\n"
         "-p, --port Specified the port for server.\n"
         "-l, --load Specified the file path of snapshot.\n"
         "-m, --shmem-file Specified the file path of shared memory.\n"
         "-M, --shmem-size Specified the size(MB) of shared memory.\n"
         "--driver Specified the file path of libcuda.\n"
         "--nvml Specified the file path of libnvidia-ml.\n";
}

const char* version_text() { return "tensor-fusion-worker " TF_VERSION "\n"; }

}  // namespace worker
