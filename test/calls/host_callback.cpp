// Host functions run in stream order, between the work before them and the work after them, in this process.
#include <unistd.h>
#include <atomic>
#include <functional>
#include "check.h"

struct Note {
  std::atomic<int>* clock;
  unsigned* pinned;
  unsigned seen;
  int when;
};

static void look(void* data) {
  Note* note = (Note*)data;
  note->seen = *note->pinned;
  note->when = note->clock->fetch_add(1);
}

static void stream_callback(CUstream, CUresult status, void* data) {
  if (status == CUDA_SUCCESS) look(data);
}

static std::atomic<int> g_ran;
static void slow(void*) {
  usleep(20'000);
  g_ran = 1;
}

// Whatever says that the stream has come past a slow host function says so after it has run.
static void nothing_overtakes(CUdeviceptr value) {
  CUstream stream = nullptr;
  CUevent event = nullptr;
  unsigned word;
  CU(cuStreamCreate(&stream, CU_STREAM_DEFAULT));
  CU(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
  const std::function<void()> ways[] = {
      [&] { CU(cuStreamSynchronize(stream)); },
      [&] { CU(cuCtxSynchronize()); },
      [&] { CU(cuEventSynchronize(event)); },
      [&] { while (cuEventQuery(event) == CUDA_ERROR_NOT_READY) {} },
      [&] { while (cuStreamQuery(stream) == CUDA_ERROR_NOT_READY) {} },
      [&] { CU(cuMemcpyDtoH_v2(&word, value, 4)); },
  };
  for (auto& way : ways) {
    g_ran = 0;
    CU(cuLaunchHostFunc(stream, slow, nullptr));
    CU(cuEventRecord(event, stream));
    way();
    CHECK(g_ran == 1);
  }
}

// A host function looks at what a copy before it brought, however soon the copies after it come; and writes what the copy after it takes along.
struct Cell { unsigned* pinned; unsigned seen, put; };
static void swap_values(void* data) {
  Cell* cell = (Cell*)data;
  usleep(5'000);
  cell->seen = *cell->pinned;
  *cell->pinned = cell->put;
}
static void copies_keep_their_place(CUdeviceptr value) {
  Cell cells[3];
  unsigned* pinned = nullptr;
  CUstream stream = nullptr;
  CU(cuMemHostAlloc((void**)&pinned, 64, 0));
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CU(cuMemsetD32Async(value, 100, 1, stream));
  for (unsigned i = 0; i < 3; i++) {
    cells[i] = {pinned, 0, 200 + i};
    CU(cuMemcpyDtoHAsync_v2(pinned, value, 4, stream));
    CU(cuLaunchHostFunc(stream, swap_values, &cells[i]));
    CU(cuMemcpyHtoDAsync_v2(value, pinned, 4, stream));
  }
  CU(cuStreamSynchronize(stream));
  CHECK(cells[0].seen == 100 && cells[1].seen == 200 && cells[2].seen == 201);
  CHECK(read_word(value) == 202);
}

// Copies in another stream do not wait for a host function that runs: it runs until they have been called.
static void other_streams_go_on(CUdeviceptr value) {
  CUstream stream = nullptr, other = nullptr;
  unsigned* pinned = nullptr;
  CU(cuMemHostAlloc((void**)&pinned, 1 << 20, 0));
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  CU(cuStreamCreate(&other, CU_STREAM_NON_BLOCKING));
  std::atomic<bool> go_on{false};
  CU(cuLaunchHostFunc(stream, [](void* flag) { while (!*(std::atomic<bool>*)flag) usleep(100); }, &go_on));
  CU(cuMemsetD32Async(value, 5, 1, stream));
  *pinned = 300;
  CU(cuMemcpyHtoDAsync_v2(value + 8, pinned, 4, other));
  CU(cuMemsetD32Async(value + 4, 7, 1, other));
  go_on = true;
  CU(cuStreamSynchronize(stream));
  CU(cuStreamSynchronize(other));
  std::vector<unsigned> got = read_words(value, 3);
  CHECK(got[0] == 5 && got[1] == 7 && got[2] == 300);
}

int main() {
  Gpu gpu;
  CUfunction step = gpu.kernel("step");
  CUdeviceptr value = allocate(64);
  unsigned* pinned = nullptr;
  CU(cuMemHostAlloc((void**)&pinned, 64, 0));
  CUstream stream = nullptr;
  CU(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
  std::atomic<int> clock{0};
  std::vector<Note> notes(20, {&clock, pinned, 0, -1});
  std::vector<unsigned> expected;
  unsigned now = 1;
  CU(cuMemsetD32Async(value, 1, 1, stream));
  for (unsigned i = 0; i < notes.size(); i++) {
    CU(launch(step, 1, 1, stream, value, i));
    expected.push_back(now = now * 3 + i);
    CU(cuMemcpyDtoHAsync_v2(pinned, value, 4, stream));
    if (i % 2) CU(cuLaunchHostFunc(stream, look, &notes[i]));
    else CU(cuStreamAddCallback(stream, stream_callback, &notes[i], 0));
  }
  CU(cuStreamSynchronize(stream));
  for (unsigned i = 0; i < notes.size(); i++) CHECK(notes[i].when == (int)i && notes[i].seen == expected[i]);
  nothing_overtakes(value);
  copies_keep_their_place(value);
  other_streams_go_on(value);
}
