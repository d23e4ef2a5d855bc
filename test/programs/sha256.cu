// SHA-256 of 2,048 messages of different lengths, a thread for each; then a search for a number whose hash begins with 12 zero bits.
#include <cmath>
#include <cstring>
#include <string>
#include "buffer.h"

const int kMessages = 2048, kLongest = 200, kZeros = 12;
struct Digest {
  unsigned words[8];
};
__constant__ unsigned device_rounds[64];
unsigned host_rounds[64];  // the first bits of the cube roots of the first 64 primes
__constant__ Digest device_start;
Digest host_start;  // and of the square roots of the first eight

__host__ __device__ inline unsigned turned(unsigned x, int by) { return x >> by | x << (32 - by); }

struct Message {
  const unsigned char* text;
  __host__ __device__ unsigned operator()(unsigned i) const { return text[i]; }
};
struct Number {  // as a message of four bytes
  unsigned value;
  __host__ __device__ unsigned operator()(unsigned i) const { return value >> 8 * i & 255; }
};

template <typename Byte>  // byte(i): the i-th byte of the message
__host__ __device__ Digest sha256(Byte byte, unsigned length, const unsigned* rounds, Digest hash) {
  for (unsigned block = 0; block < (length + 9 + 63) / 64; block++) {
    unsigned w[64];
    for (int i = 0; i < 16; i++) {
      w[i] = 0;
      for (unsigned at = block * 64 + i * 4, k = 0; k < 4; k++) w[i] = w[i] << 8 | (at + k < length ? byte(at + k) : at + k == length ? 0x80 : 0);
    }
    if (block == (length + 8) / 64) w[15] = length * 8;
    for (int i = 16; i < 64; i++)
      w[i] = w[i - 16] + (turned(w[i - 15], 7) ^ turned(w[i - 15], 18) ^ w[i - 15] >> 3) + w[i - 7] + (turned(w[i - 2], 17) ^ turned(w[i - 2], 19) ^ w[i - 2] >> 10);
    Digest s = hash;
    unsigned* v = s.words;
    for (int i = 0; i < 64; i++) {
      unsigned one = v[7] + (turned(v[4], 6) ^ turned(v[4], 11) ^ turned(v[4], 25)) + ((v[4] & v[5]) ^ (~v[4] & v[6])) + rounds[i] + w[i];
      unsigned two = (turned(v[0], 2) ^ turned(v[0], 13) ^ turned(v[0], 22)) + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
      for (int k = 7; k > 0; k--) v[k] = v[k - 1];
      v[4] += one, v[0] = one + two;
    }
    for (int i = 0; i < 8; i++) hash.words[i] += v[i];
  }
  return hash;
}

__global__ void hash_all(const unsigned char* text, const int* starts, Digest* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  out[i] = sha256(Message{text + starts[i]}, starts[i + 1] - starts[i], device_rounds, device_start);
}
__global__ void search(int zeros, unsigned* found) {
  unsigned number = blockIdx.x * blockDim.x + threadIdx.x;
  Digest hash = sha256(Number{number}, 4, device_rounds, device_start);
  if (hash.words[0] >> (32 - zeros) == 0) atomicMin(found, number);
}

unsigned fraction(long double root) { return unsigned((root - std::floor(root)) * 4294967296.0L); }

int main() {
  print_device();
  for (int n = 2, count = 0; count < 64; n++) {
    bool prime = true;
    for (int k = 2; k * k <= n; k++) prime &= n % k != 0;
    if (!prime) continue;
    if (count < 8) host_start.words[count] = fraction(std::sqrt((long double)n));
    host_rounds[count++] = fraction(std::cbrt((long double)n));
  }
  CHECK(cudaMemcpyToSymbol(device_rounds, host_rounds, sizeof host_rounds));
  CHECK(cudaMemcpyToSymbol(device_start, &host_start, sizeof host_start));
  Random random;
  std::vector<unsigned char> text{'a', 'b', 'c'};
  std::vector<int> starts{0, 3};
  for (int i = 1; i < kMessages; i++) {
    for (unsigned k = random.below(kLongest); k; k--) text.push_back((unsigned char)random.next());
    starts.push_back(int(text.size()));
  }
  Buffer<unsigned char> bytes(text);
  Buffer<int> at(starts);
  Buffer<Digest> digests(kMessages);
  hash_all<<<kMessages / 64, 64>>>(bytes, at, digests);
  auto result = digests.host();
  int wrong = 0;
  for (int i = 0; i < kMessages; i++) {
    Digest expected = sha256(Message{&text[starts[i]]}, starts[i + 1] - starts[i], host_rounds, host_start);
    wrong += memcmp(&expected, &result[i], sizeof expected) != 0;
  }
  char abc[65];
  for (int i = 0; i < 8; i++) snprintf(abc + 8 * i, 9, "%08x", result[0].words[i]);
  bool right = wrong == 0 && std::string(abc) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";  // as the standard says

  Buffer<unsigned> found(std::vector<unsigned>{~0u});
  search<<<256, 64>>>(kZeros, found);
  unsigned number = found.host()[0], expected = 0;
  while (sha256(Number{expected}, 4, host_rounds, host_start).words[0] >> (32 - kZeros)) expected++;
  char line[120];
  snprintf(line, sizeof line, "%d messages, %d wrong; SHA-256(abc) = %.16s…; %u has %d zero bits", kMessages, wrong, abc, number, kZeros);
  return verdict(right && number == expected, line);
}
