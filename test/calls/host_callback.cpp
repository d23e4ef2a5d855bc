// Host functions run in stream order, between the work before them and the work after them, in this process.
#include <atomic>
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
}
