// Copies that overlap with kernels: pieces of pinned memory go round three streams, in, computed, out; an event guards each stream's buffer
// and a last stream waits for all of them. Times from events only have to be in order.
#include <cmath>
#include "buffer.h"
#include "show.h"

const int kPieces = 12, kStreams = 3, kPiece = 16384;

__global__ void work(const float* in, float* out, int n, int piece) {
  for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x) {
    float x = in[i];
    for (int k = 0; k < 8; k++) x = fmaf(x, 0.5f, float(piece));
    out[i] = x;
  }
}
__global__ void add_up(const float* sums, int n, float* total) {
  float sum = 0;
  for (int i = threadIdx.x; i < n; i += 32) sum += sums[i];
  for (int distance = 16; distance; distance /= 2) sum += __shfl_down_sync(~0u, sum, distance);
  if (threadIdx.x == 0) *total = sum;
}

int main() {
  print_device();
  float *host_in, *host_out;
  CHECK(cudaMallocHost(&host_in, kPieces * kPiece * sizeof(float)));
  CHECK(cudaHostAlloc(&host_out, kPieces * kPiece * sizeof(float), cudaHostAllocDefault));
  Random random;
  for (int i = 0; i < kPieces * kPiece; i++) host_in[i] = random.unit();
  cudaStream_t streams[kStreams], last;
  cudaEvent_t begin, end, copied[kPieces], computed[kPieces];
  CHECK(cudaStreamCreateWithFlags(&last, cudaStreamNonBlocking));
  CHECK(cudaEventCreate(&begin));
  CHECK(cudaEventCreate(&end));
  Buffer<float> in(kStreams * kPiece), out(kStreams * kPiece), firsts(kPieces), total(1);
  for (auto& stream : streams) CHECK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  CHECK(cudaDeviceSynchronize());  // the buffers have been cleared on the default stream, which these do not wait for
  CHECK(cudaEventRecord(begin, streams[0]));
  for (int p = 0; p < kPieces; p++) {
    cudaStream_t stream = streams[p % kStreams];
    float *mine = in + (p % kStreams) * kPiece, *result = out + (p % kStreams) * kPiece;
    CHECK(cudaEventCreate(&copied[p]));
    CHECK(cudaEventCreateWithFlags(&computed[p], cudaEventDefault));
    CHECK(cudaMemcpyAsync(mine, host_in + p * kPiece, kPiece * sizeof(float), cudaMemcpyHostToDevice, stream));
    CHECK(cudaEventRecord(copied[p], stream));
    work<<<8, 128, 0, stream>>>(mine, result, kPiece, p);
    CHECK(cudaMemcpyAsync(host_out + p * kPiece, result, kPiece * sizeof(float), cudaMemcpyDeviceToHost, stream));
    CHECK(cudaMemcpyAsync(firsts + p, result, sizeof(float), cudaMemcpyDeviceToDevice, stream));
    CHECK(cudaEventRecord(computed[p], stream));
    CHECK(cudaStreamWaitEvent(last, computed[p], 0));
  }
  add_up<<<1, 32, 0, last>>>(firsts, kPieces, total);
  CHECK(cudaEventRecord(end, last));
  CHECK(cudaEventSynchronize(end));

  int wrong = 0, out_of_order = 0;
  float sum = 0, device_sum;
  for (int i = 0; i < kPieces * kPiece; i++) {
    float x = host_in[i];
    for (int k = 0; k < 8; k++) x = fmaf(x, 0.5f, float(i / kPiece));
    wrong += host_out[i] != x;
    if (i % kPiece == 0) sum += x;
  }
  CHECK(cudaMemcpy(&device_sum, total, sizeof device_sum, cudaMemcpyDeviceToHost));
  float whole, copy, until;
  CHECK(cudaEventElapsedTime(&whole, begin, end));
  for (int p = 0; p < kPieces; p++) {
    CHECK(cudaEventQuery(computed[p]));
    CHECK(cudaEventElapsedTime(&copy, begin, copied[p]));
    CHECK(cudaEventElapsedTime(&until, begin, computed[p]));
    out_of_order += copy > until || until > whole + 0.01f;
    show::line("piece %2d on stream %d: there after %6.2f ms, computed after %6.2f ms", p, p % kStreams, copy, until);
  }
  for (auto& stream : streams) CHECK(cudaStreamDestroy(stream));
  CHECK(cudaFreeHost(host_in));
  CHECK(cudaFreeHost(host_out));
  char line[100];
  snprintf(line, sizeof line, "%d pieces on %d streams, %d numbers wrong, %d times out of order", kPieces, kStreams, wrong, out_of_order);
  return verdict(wrong == 0 && out_of_order == 0 && fabsf(sum - device_sum) < 1e-3f, line);
}
