// Device memory that starts with a vector's contents and gives them back, and numbers that look random: what most programs here need.
#pragma once
#include <vector>
#include "common.h"

template <typename T>
struct Buffer {
  explicit Buffer(size_t size) : size(size) {
    CHECK(cudaMalloc(&data, size * sizeof(T)));
    CHECK(cudaMemset(data, 0, size * sizeof(T)));
  }
  explicit Buffer(const std::vector<T>& host) : Buffer(host.size()) { CHECK(cudaMemcpy(data, host.data(), size * sizeof(T), cudaMemcpyHostToDevice)); }
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  ~Buffer() { cudaFree(data); }
  operator T*() const { return data; }
  std::vector<T> host() const {  // waits for what the default stream is doing
    CHECK(cudaGetLastError());
    std::vector<T> copy(size);
    CHECK(cudaMemcpy(copy.data(), data, size * sizeof(T), cudaMemcpyDeviceToHost));
    return copy;
  }
  T* data = nullptr;
  size_t size;
};

struct Random {  // xorshift: the same sequence everywhere
  unsigned state = 2463534242u;
  unsigned next() {
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    return state;
  }
  unsigned below(unsigned limit) { return next() % limit; }
  float unit() { return (next() >> 8) / float(1 << 24); }  // 0 ≤ x < 1
};
