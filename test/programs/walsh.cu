// Fast Walsh transform of 65,536 integers: butterflies in global memory while they reach far, then in shared memory and within a warp.
#include "buffer.h"
#include "show.h"

const int kCount = 1 << 16, kTile = 1 << 11;

__global__ void far_butterflies(int* values, int reach) {
  int i = blockIdx.x * blockDim.x + threadIdx.x, low = i % reach, first = (i - low) * 2 + low;
  int a = values[first], b = values[first + reach];
  values[first] = a + b, values[first + reach] = a - b;
}

__global__ void near_butterflies(int* values) {  // a tile of 2,048 by 1,024 threads
  __shared__ int tile[kTile];
  int t = threadIdx.x, base = blockIdx.x * kTile;
  tile[t] = values[base + t], tile[t + kTile / 2] = values[base + t + kTile / 2];
  for (int reach = kTile / 2; reach >= 32; reach /= 2) {
    __syncthreads();
    int low = t % reach, first = (t - low) * 2 + low, a = tile[first], b = tile[first + reach];
    tile[first] = a + b, tile[first + reach] = a - b;
  }
  __syncthreads();
  for (int part = 0; part < 2; part++) {  // the last five steps stay within 32 neighbours: lanes exchange them
    int value = tile[t + part * kTile / 2];
    for (int reach = 16; reach; reach /= 2) {
      int other = __shfl_xor_sync(~0u, value, reach);
      value = t & reach ? other - value : value + other;
    }
    values[base + t + part * kTile / 2] = value;
  }
}

void transform(int* values) {
  for (int reach = kCount / 2; reach >= kTile; reach /= 2) far_butterflies<<<kCount / 2 / 256, 256>>>(values, reach);
  near_butterflies<<<kCount / kTile, kTile / 2>>>(values);
}

int main() {
  print_device();
  std::vector<int> signal(kCount), expected;
  Random random;
  for (int& x : signal) x = int(random.below(2001)) - 1000;
  expected = signal;
  for (int reach = 1; reach < kCount; reach *= 2)  // on the CPU near before far: the steps commute
    for (int i = 0; i < kCount; i++)
      if (!(i & reach)) {
        int a = expected[i], b = expected[i + reach];
        expected[i] = a + b, expected[i + reach] = a - b;
      }

  Buffer<int> values(signal);
  transform(values);
  std::vector<int> spectrum = values.host();
  bool right = spectrum == expected;
  show::plot("the first 64 terms", spectrum.data(), 64);
  transform(values);  // twice gives the signal again, times its length
  std::vector<int> back = values.host();
  for (int i = 0; i < kCount; i++) right &= back[i] == int(unsigned(signal[i]) * kCount);
  return verdict(right, "65,536 numbers there and back");
}
