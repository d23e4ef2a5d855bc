// Which libcuda and libnvidia-ml the sessions of this worker use: the ones named by the user, else NVIDIA's, else the software GPU that
// lies beside the executable. Choosing is the listener's, on its only thread; opening is a session process's.
#pragma once
#include <string>
#include <vector>

namespace worker {

struct Driver;

struct DriverRequest {
  std::string cuda, nvml;              // the user's paths; empty: look for one
  std::string executable_folder;       // where softgpu/ is
  // Where NVIDIA's libraries are looked for, in this order (system_places(); tests have their own). A name without '/' is the loader's to find.
  std::vector<std::string> cuda_places, nvml_places;
};
struct DriverChoice {
  std::string cuda, nvml;              // paths to open; nvml empty: there is none
  std::string why;                     // for the log
  std::string error;                   // not empty: nothing usable, one line for the user
};

// file: "libcuda.so.1" or "libnvidia-ml.so.1". The loader's own search first, then the folders of LD_LIBRARY_PATH and the usual ones,
// because our client's library of the same name may come first in that search.
std::vector<std::string> system_places(const std::string& file);

// Tries the candidates in a short-lived child process each, so that this process never initialises CUDA (a process that did may not fork).
// Takes as long as the driver's first cuInit: up to seconds. Logs the choice and what was passed over.
DriverChoice choose_driver(const DriverRequest& request);

// Loads the chosen libraries into this process and initialises CUDA. Returns "" or, in one line, what failed.
// With init_result, cuInit's answer goes there and is no failure.
std::string open_driver(const std::string& cuda, const std::string& nvml, Driver* driver, int* init_result = nullptr);

// The symbol that our client's libcuda and libnvidia-ml export: a worker must not use those, it would call itself.
inline constexpr char kClientMarker[] = "tensor_fusion_client_marker";

}  // namespace worker
