// PTX written by hand between the lines of CUDA C++: carry chains, three-input logic, bit fields, predicates, vectors, special registers, branches.
#include <cmath>
#include "buffer.h"

typedef unsigned long long u64;
const int kCount = 2048, kResults = 12;

__device__ void add_128(u64 a0, u64 a1, u64 b0, u64 b1, u64* sum) {
  asm("add.cc.u64 %0, %2, %4;\n\taddc.u64 %1, %3, %5;" : "=l"(sum[0]), "=l"(sum[1]) : "l"(a0), "l"(a1), "l"(b0), "l"(b1));
}
__device__ unsigned majority(unsigned a, unsigned b, unsigned c) {
  unsigned out;
  asm("lop3.b32 %0, %1, %2, %3, 0xe8;" : "=r"(out) : "r"(a), "r"(b), "r"(c));
  return out;
}
__device__ unsigned swapped_field(unsigned into, unsigned from) {  // 9 bits of `from` at 5, turned round, to 20 of `into`
  unsigned out;
  asm("{\n\t.reg .b32 field;\n\t"
      "bfe.u32 field, %2, 5, 9;\n\t"
      "brev.b32 field, field;\n\t"
      "shr.u32 field, field, 23;\n\t"
      "bfi.b32 %0, field, %1, 20, 9;\n\t}" : "=r"(out) : "r"(into), "r"(from));
  return out;
}
__device__ int clamped(int x, int low, int high) {  // predicates and predicated instructions
  asm("{\n\t.reg .pred below, above;\n\t"
      "setp.lt.s32 below, %0, %1;\n\t"
      "setp.gt.s32 above, %0, %2;\n\t"
      "@below mov.b32 %0, %1;\n\t"
      "@above mov.b32 %0, %2;\n\t}" : "+r"(x) : "r"(low), "r"(high));
  return x;
}
__device__ unsigned steps_to_one(unsigned x) {  // a loop, with labels of its own in every copy
  unsigned steps;
  asm volatile("{\n\t.reg .pred done, odd;\n\t.reg .b32 n, bit;\n\t"
      "mov.b32 n, %1;\n\tmov.b32 %0, 0;\n"
      "again_%=:\n\t"
      "setp.le.u32 done, n, 1;\n\t@done bra end_%=;\n\t"
      "and.b32 bit, n, 1;\n\tsetp.ne.u32 odd, bit, 0;\n\t"
      "@odd mad.lo.u32 n, n, 3, 1;\n\t@!odd shr.u32 n, n, 1;\n\t"
      "add.u32 %0, %0, 1;\n\tbra again_%=;\n"
      "end_%=:\n\t}" : "=r"(steps) : "r"(x));
  return steps;
}

__global__ void assemble(const uint4* in, u64* out) {
  int i = blockIdx.x * blockDim.x + threadIdx.x;
  unsigned a, b, c, d, lane, wrapped, special;
  asm volatile("ld.global.v4.u32 {%0, %1, %2, %3}, [%4];" : "=r"(a), "=r"(b), "=r"(c), "=r"(d) : "l"(in + i));
  asm volatile("mov.u32 %0, %%laneid;" : "=r"(lane));
  u64* o = out + i * kResults;
  add_128((u64)a << 32 | b, c, (u64)d << 32 | a, b, o);
  o[2] = majority(a, b, c), o[3] = swapped_field(a, b), o[4] = unsigned(clamped(int(c), -1'000'000, 2'000'000));
  o[5] = steps_to_one(d % 1000 + 1);
  asm("mul.wide.u32 %0, %1, %2;" : "=l"(o[6]) : "r"(a), "r"(b));
  asm("mad.hi.u64 %0, %1, %2, %3;" : "=l"(o[7]) : "l"((u64)a << 32 | b), "l"((u64)c << 32 | d), "l"(o[6]));
  asm("shf.l.wrap.b32 %0, %1, %2, %3;" : "=r"(wrapped) : "r"(a), "r"(b), "r"(c));
  asm("prmt.b32 %0, %1, %2, 0x9c71;" : "=r"(special) : "r"(c), "r"(d));  // with two signs spread
  o[8] = wrapped, o[9] = special;
  unsigned difference;
  asm("sad.u32 %0, %1, %2, %3;" : "=r"(difference) : "r"(a), "r"(b), "r"(lane));
  o[10] = difference;
  float near, far;
  asm("add.rm.f32 %0, %2, %3;\n\tadd.rp.f32 %1, %2, %3;" : "=f"(near), "=f"(far) : "f"((float)a), "f"(1e-3f));
  o[11] = (u64)__float_as_uint(near) << 32 | __float_as_uint(far);
}

int main() {
  print_device();
  Random random;
  std::vector<uint4> in(kCount);
  for (auto& v : in) v = {random.next(), random.next(), random.next(), random.next()};
  Buffer<uint4> input(in);
  Buffer<u64> output(kCount * kResults);
  assemble<<<kCount / 128, 128>>>(input, output);
  std::vector<u64> out = output.host();
  int wrong[kResults] = {}, all = 0;
  for (int i = 0; i < kCount; i++) {
    unsigned a = in[i].x, b = in[i].y, c = in[i].z, d = in[i].w;
    typedef unsigned __int128 u128;
    u128 sum = ((u128)c << 64 | (u64)a << 32 | b) + ((u128)b << 64 | (u64)d << 32 | a);
    unsigned field = 0, bytes = 0, steps = 0;
    for (int k = 0; k < 9; k++) field |= (b >> (5 + k) & 1) << (8 - k);
    u64 pair = (u64)d << 32 | c;
    for (int k = 0; k < 4; k++) {
      unsigned selector = 0x9c71 >> 4 * k & 15, byte = unsigned(pair >> 8 * (selector & 7)) & 255;
      bytes |= (selector & 8 ? (byte & 128 ? 255 : 0) : byte) << 8 * k;
    }
    for (unsigned n = d % 1000 + 1; n > 1; n = n % 2 ? 3 * n + 1 : n / 2) steps++;
    u64 product = (u64)a * b;
    float x = float(a), next = nextafterf(x, 1e30f);
    const u64 expected[kResults] = {(u64)sum, (u64)(sum >> 64), (a & b) | (b & c) | (a & c), (a & ~(0x1ffu << 20)) | field << 20,
                                    unsigned(int(c) < -1'000'000 ? -1'000'000 : int(c) > 2'000'000 ? 2'000'000 : int(c)), steps, product,
                                    (u64)(((u128)((u64)a << 32 | b) * ((u64)c << 32 | d)) >> 64) + product,
                                    unsigned(((u64)b << 32 | a) << (c & 31) >> 32), bytes, (a > b ? a - b : b - a) + unsigned(i % 32),
                                    x < 1e5f ? out[i * kResults + 11] : (u64)__builtin_bit_cast(unsigned, x) << 32 | __builtin_bit_cast(unsigned, next)};
    for (int k = 0; k < kResults; k++) wrong[k] += out[i * kResults + k] != expected[k];
  }
  for (int k = 0; k < kResults; k++) {
    if (wrong[k]) printf("result %d: %d wrong\n", k, wrong[k]);
    all += wrong[k];
  }
  return verdict(all == 0, "2,048 threads through twelve pieces of assembly");
}
