// Two processes draw one picture: the second opens the first one's memory and events by their handles, and each waits in its stream, not on
// the host, for what the other has queued before. The second is this program started anew, before either has touched CUDA.
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <string>
#include "buffer.h"
#include "show.h"

const int kWidth = 128, kHeight = 96, kRounds = 4;
const dim3 kGrid(kWidth / 32, kHeight / 8), kBlock(32, 8);

// Each round adds to what is there, so the rounds of both must come in turn: one draws rings about its middle, the other folds them.
__host__ __device__ inline int ring(int value, int x, int y, int round) { return value + ((x - 40) * (x - 40) + (y - 48) * (y - 48)) / 64 % (round + 5); }
__host__ __device__ inline int fold(int value, int x, int y, int round) { return value * 3 % 257 + (x + y * 2 + round) / 16; }

__global__ void draw_rings(int* picture, int round) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  picture[y * kWidth + x] = ring(picture[y * kWidth + x], x, y, round);
}
__global__ void draw_folds(int* picture, int round) {
  int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
  picture[y * kWidth + x] = fold(picture[y * kWidth + x], x, y, round);
}

struct Handles {
  cudaIpcMemHandle_t picture;
  cudaIpcEventHandle_t rings, folds;
};

template <typename T>
void send(int socket, const T& what) {
  if (write(socket, &what, sizeof what) != sizeof what) _exit(1);
}
template <typename T>
T receive(int socket) {
  T what;
  if (recv(socket, &what, sizeof what, MSG_WAITALL) != sizeof what) _exit(1);  // the other one has ended
  return what;
}

int second(int socket) {
  auto handles = receive<Handles>(socket);
  int* picture;
  cudaEvent_t rings, folds;
  CHECK(cudaIpcOpenMemHandle((void**)&picture, handles.picture, cudaIpcMemLazyEnablePeerAccess));
  CHECK(cudaIpcOpenEventHandle(&rings, handles.rings));
  CHECK(cudaIpcOpenEventHandle(&folds, handles.folds));
  for (int round = 0; round < kRounds; round++) {
    receive<char>(socket);  // the rings are queued, not drawn
    CHECK(cudaStreamWaitEvent(nullptr, rings, 0));
    draw_folds<<<kGrid, kBlock>>>(picture, round);
    CHECK(cudaEventRecord(folds, nullptr));
    send(socket, 'f');
  }
  CHECK(cudaDeviceSynchronize());
  CHECK(cudaEventDestroy(rings));
  CHECK(cudaEventDestroy(folds));
  CHECK(cudaIpcCloseMemHandle(picture));
  send(socket, 'e');
  return 0;
}

int main(int count, char** arguments) {
  if (count > 1) return second(atoi(arguments[1]));
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends)) return 1;
  pid_t other = fork();
  if (other == 0) {
    close(ends[0]);
    execl("/proc/self/exe", arguments[0], std::to_string(ends[1]).c_str(), nullptr);
    _exit(127);
  }
  close(ends[1]);
  print_device();
  Handles handles;
  cudaEvent_t rings, folds;
  Buffer<int> picture(kWidth * kHeight);
  CHECK(cudaEventCreateWithFlags(&rings, cudaEventInterprocess | cudaEventDisableTiming));
  CHECK(cudaEventCreateWithFlags(&folds, cudaEventInterprocess | cudaEventDisableTiming));
  CHECK(cudaIpcGetMemHandle(&handles.picture, picture.data));
  CHECK(cudaIpcGetEventHandle(&handles.rings, rings));
  CHECK(cudaIpcGetEventHandle(&handles.folds, folds));
  send(ends[0], handles);
  for (int round = 0; round < kRounds; round++) {
    draw_rings<<<kGrid, kBlock>>>(picture, round);
    CHECK(cudaEventRecord(rings, nullptr));
    send(ends[0], 'r');
    receive<char>(ends[0]);
    CHECK(cudaStreamWaitEvent(nullptr, folds, 0));
  }
  std::vector<int> result = picture.host(), expected(kWidth * kHeight);
  receive<char>(ends[0]);
  int status = -1, wrong = 0;
  waitpid(other, &status, 0);
  for (int i = 0; i < kWidth * kHeight; i++) {
    for (int round = 0; round < kRounds; round++) expected[i] = fold(ring(expected[i], i % kWidth, i / kWidth, round), i % kWidth, i / kWidth, round);
    wrong += result[i] != expected[i];
  }
  show::field("ipc", kWidth, kHeight, result.data(), 0, 280);
  CHECK(cudaEventDestroy(rings));
  CHECK(cudaEventDestroy(folds));
  char line[120];
  snprintf(line, sizeof line, "two processes drew a picture in %d turns each, %d pixels wrong", kRounds, wrong);
  return verdict(status == 0 && wrong == 0, line);
}
