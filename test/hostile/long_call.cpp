// A client for the tests of this folder: says "waiting" when a call of a minute is under way, then what it answered and what the
// next calls answer. Exit status 0: all of them answered an error, soon after one another. The argument says which call waits.
#include <chrono>
#include <thread>

#include <string>

#include "../calls/check.h"

static CUfunction slow;
static CUdeviceptr memory;

static void say_waiting() {
  printf("waiting\n");
  fflush(stdout);
}
static void start() { CU(launch(slow, 1, 1, nullptr, memory, 1u, 60'000'000'000ull)); }

static CUresult wait_by(const std::string& how) {
  CUresult result = CUDA_SUCCESS;
  if (how == "copy") {
    const size_t bytes = 256 << 20;
    CUdeviceptr large = allocate(bytes);
    std::vector<char> host(bytes);
    say_waiting();
    while (result == CUDA_SUCCESS) result = cuMemcpyHtoD_v2(large, host.data(), bytes);
    return result;
  }
  if (how == "callback") {               // a function of this process that runs: the worker dies meanwhile
    CU(cuLaunchHostFunc(nullptr, [](void*) { std::this_thread::sleep_for(std::chrono::seconds(3)); }, nullptr));
    say_waiting();
    return cuCtxSynchronize();
  }
  if (how == "capture") {                // within a capture
    CUstream stream = nullptr;
    CUgraph graph = nullptr;
    CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    CU(cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_RELAXED));
    CU(launch(slow, 1, 1, stream, memory, 1u, 1ull));
    say_waiting();
    CUstreamCaptureStatus status;
    cuuint64_t id;
    while (result == CUDA_SUCCESS) result = cuStreamGetCaptureInfo(stream, &status, &id);
    CHECK(cuStreamEndCapture(stream, &graph) != CUDA_SUCCESS);
    return result;
  }
  CUevent event = nullptr;
  CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  start();
  CU(cuEventRecord(event, nullptr));
  say_waiting();
  std::vector<char> host(1 << 20);
  if (how == "stream") return cuStreamSynchronize(nullptr);
  if (how == "event") return cuEventSynchronize(event);
  if (how == "read") return cuMemcpyDtoH_v2(host.data(), memory, host.size());
  if (how == "free") return cuMemFree_v2(memory);
  if (how == "query") {
    while ((result = cuEventQuery(event)) == CUDA_ERROR_NOT_READY) {}
    return result;
  }
  if (how == "threads") {                // several wait, each in its own way
    std::vector<std::thread> others;
    CUcontext context = nullptr;
    CU(cuCtxGetCurrent(&context));
    for (int i = 0; i < 6; i++)
      others.emplace_back([&, i] {
        CU(cuCtxSetCurrent(context));
        CUresult rc = i % 3 == 0 ? cuStreamSynchronize(nullptr) : i % 3 == 1 ? cuEventSynchronize(event) : cuCtxSynchronize();
        CHECK(rc != CUDA_SUCCESS);
      });
    result = cuCtxSynchronize();
    for (auto& o : others) o.join();
    return result;
  }
  return cuCtxSynchronize();
}

int main(int argc, char** argv) {
  Gpu gpu;
  slow = gpu.kernel("slow_store");
  memory = allocate(1 << 20);
  const CUresult result = wait_by(argc > 1 ? argv[1] : "context");
  auto begin = std::chrono::steady_clock::now();
  CUdeviceptr more = 0;
  CUresult then = cuMemAlloc_v2(&more, 64), again = cuStreamSynchronize(nullptr), launched = launch(slow, 1, 1, nullptr, memory, 1u, 1ull);
  double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  printf("%s, then %s, %s, %s after %.1f s\n", name_of(result), name_of(then), name_of(again), name_of(launched), seconds);
  return result != CUDA_SUCCESS && then != CUDA_SUCCESS && again != CUDA_SUCCESS && launched != CUDA_SUCCESS && seconds < 5 ? 0 : 1;
}
