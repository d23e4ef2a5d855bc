// Transposing a matrix four ways: by plain loads and stores, through tiles in shared memory, through tiles with a padding column against
// bank conflicts, and in place, where each block exchanges two tiles across the diagonal.
#include "buffer.h"
#include "show.h"

const int kTile = 32, kRows = 8;  // a block of 32 × 8 threads moves a tile of 32 × 32

__global__ void naive(const float* in, float* out, int width, int height) {
  int x = blockIdx.x * kTile + threadIdx.x, y = blockIdx.y * kTile + threadIdx.y;
  for (int j = 0; j < kTile; j += kRows)
    if (x < width && y + j < height) out[x * height + y + j] = in[(y + j) * width + x];
}

template <int kPadding>
__global__ void tiled(const float* in, float* out, int width, int height) {
  __shared__ float tile[kTile][kTile + kPadding];
  int x = blockIdx.x * kTile + threadIdx.x, y = blockIdx.y * kTile + threadIdx.y;
  for (int j = 0; j < kTile; j += kRows)
    if (x < width && y + j < height) tile[threadIdx.y + j][threadIdx.x] = in[(y + j) * width + x];
  __syncthreads();
  x = blockIdx.y * kTile + threadIdx.x, y = blockIdx.x * kTile + threadIdx.y;  // of the result, so that its rows too are written side by side
  for (int j = 0; j < kTile; j += kRows)
    if (x < height && y + j < width) out[(y + j) * height + x] = tile[threadIdx.x][threadIdx.y + j];
}

__global__ void in_place(float* matrix, int size) {  // size: a multiple of the tile
  if (blockIdx.x < blockIdx.y) return;
  __shared__ float above[kTile][kTile + 1], below[kTile][kTile + 1];
  int x = blockIdx.x * kTile + threadIdx.x, y = blockIdx.y * kTile + threadIdx.y;
  int mirror_x = blockIdx.y * kTile + threadIdx.x, mirror_y = blockIdx.x * kTile + threadIdx.y;
  for (int j = 0; j < kTile; j += kRows) {
    above[threadIdx.y + j][threadIdx.x] = matrix[(y + j) * size + x];
    below[threadIdx.y + j][threadIdx.x] = matrix[(mirror_y + j) * size + mirror_x];
  }
  __syncthreads();
  for (int j = 0; j < kTile; j += kRows) {
    matrix[(mirror_y + j) * size + mirror_x] = above[threadIdx.x][threadIdx.y + j];
    matrix[(y + j) * size + x] = below[threadIdx.x][threadIdx.y + j];
  }
}

static int wrong_elements(const std::vector<float>& in, const std::vector<float>& out, int width, int height) {
  int wrong = 0;
  for (int y = 0; y < height; y++)
    for (int x = 0; x < width; x++) wrong += in[y * width + x] != out[x * height + y];
  return wrong;
}

int main() {
  print_device();
  const int width = 403, height = 270, square = 256;  // not multiples of the tile
  Random random;
  std::vector<float> matrix(width * height);
  for (float& value : matrix) value = random.unit();
  Buffer<float> in(matrix);
  dim3 blocks((width + kTile - 1) / kTile, (height + kTile - 1) / kTile), threads(kTile, kRows);
  struct {
    const char* name;
    void (*kernel)(const float*, float*, int, int);
  } ways[] = {{"plain", naive}, {"tiled", tiled<0>}, {"tiled and padded", tiled<1>}};
  int wrong = 0;
  for (auto& way : ways) {
    Buffer<float> out(matrix.size());
    way.kernel<<<blocks, threads>>>(in, out, width, height);
    int here = wrong_elements(matrix, out.host(), width, height);
    show::line("%-18s %d x %d: %d elements wrong", way.name, width, height, here);
    wrong += here;
  }
  matrix.resize(square * square);
  Buffer<float> own(matrix);
  in_place<<<dim3(square / kTile, square / kTile), threads>>>(own, square);
  int here = wrong_elements(matrix, own.host(), square, square);
  show::line("%-18s %d x %d: %d elements wrong", "in place", square, square, here);
  return verdict(wrong + here == 0, "plain, tiled, padded and in place");
}
