// What is checked of every call's encoding, whatever its arguments: decode(encode(x)) encodes to the same bytes, no prefix of a message and no
// corrupted byte is read past its end, and what still decodes encodes again. Generated code (gen/test) fills the arguments.
#pragma once
#include <stdint.h>
#include <string.h>

#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include "wire/codec.h"

namespace wire_test {

// Values from a seed: numbers stay below 4, so that any of them may be a length; arrays point into a block of such numbers.
class Pool {
 public:
  explicit Pool(uint32_t seed) : state_(seed * 2654435761u + 1) {
    for (auto& word : words_) word = next() % 4;
  }
  uint32_t next() { return state_ = state_ * 1664525u + 1013904223u, state_ >> 8; }
  bool flag() { return next() & 1; }
  template <class T>
  T value() {
    T v{};
    if constexpr (std::is_enum_v<T> || std::is_integral_v<T>) v = T(next() % 4);
    else if constexpr (std::is_floating_point_v<T>) v = T(next());
    else for (size_t i = 0; i < sizeof v; i++) reinterpret_cast<unsigned char*>(&v)[i] = (unsigned char)next();
    return v;
  }
  const char* text(bool optional) { return optional && flag() ? nullptr : "some text"; }
  template <class T>
  const T* array(bool optional) { return optional && flag() ? nullptr : reinterpret_cast<const T*>(words_ + next() % 8); }
  template <class T>
  T* room(uint64_t n) {
    rooms_.emplace_back(new uint64_t[n * sizeof(T) / 8 + 2]);
    auto* p = reinterpret_cast<unsigned char*>(rooms_.back().get());
    for (size_t i = 0; i < n * sizeof(T); i++) p[i] = (unsigned char)(next() | 1);   // no NUL: text fills its room
    if (std::is_same_v<T, char> && n) p[n - 1] = 0;
    return reinterpret_cast<T*>(p);
  }

 private:
  uint32_t state_;
  uint64_t words_[2048];
  std::vector<std::unique_ptr<uint64_t[]>> rooms_;
};

template <class Args>
void fill(Args& a, Pool& p);
template <class Outs, class Args>
void fill(Outs& o, const Args& a, Pool& p);

using Bytes = std::vector<uint8_t>;
template <class F>
Bytes bytes_of(F put) {
  wire::Buffer b;
  wire::Writer w(b);
  put(w);
  w.align();
  return b.size() ? Bytes(b.data(), b.data() + b.size()) : Bytes();
}
// A copy in a block of exactly that size, 8-aligned: a sanitizer sees any read beyond.
struct Exact {
  explicit Exact(const uint8_t* from, size_t n) : p(static_cast<uint8_t*>(malloc(n ? n : 1))), n(n) { if (n) memcpy(p, from, n); }
  ~Exact() { free(p); }
  uint8_t* p;
  size_t n;
};

// Every byte of what is short, a sample of what is long.
inline size_t step(size_t bytes) { return bytes < 256 ? 1 : bytes / 128 | 1; }

// "" or what is wrong.
template <class Args, class Outs>
std::string round_trip(uint32_t seed) {
  Pool pool(seed);
  Args a;
  fill(a, pool);
  Bytes sent = bytes_of([&](wire::Writer& w) { a.put(w); });
  auto again = [](Exact& e, bool* good) {
    wire::Reader r(e.p, e.n);
    Args b;
    *good = b.get(r);
    return *good ? bytes_of([&](wire::Writer& w) { b.put(w); }) : Bytes();
  };
  bool good;
  Exact whole(sent.data(), sent.size());
  if (again(whole, &good) != sent || !good) return good ? "arguments differ after a round trip" : "arguments do not decode";
  for (size_t n = 0; n < sent.size(); n += step(sent.size())) {
    Exact prefix(sent.data(), n);
    Bytes b = again(prefix, &good);
    if (good && b != sent) return "a prefix of " + std::to_string(n) + " bytes decodes to something else";
  }
  for (size_t i = 0; i < sent.size(); i += step(sent.size())) {
    Exact bad(sent.data(), sent.size());
    bad.p[i] ^= uint8_t(1u << (seed + i) % 8);
    again(bad, &good);
    bad.p[i] = 0xff;
    again(bad, &good);
  }
  for (bool success : {true, false}) {
    Outs o;
    fill(o, a, pool);
    Bytes answer = bytes_of([&](wire::Writer& w) { o.put(w, success); });
    for (size_t n = answer.size();; n -= step(answer.size())) {
      Exact part(answer.data(), n);
      Outs back;
      fill(back, a, pool);
      wire::Reader r(part.p, part.n);
      if (!back.get(r, success)) {
        if (n == answer.size()) return "results do not decode";
        if (n < step(answer.size())) break;
        continue;
      }
      // After success text comes back up to its NUL, so sizes may shrink; the bytes may not change.
      if (n == answer.size() && bytes_of([&](wire::Writer& w) { back.put(w, success); }) != answer) return "results differ after a round trip";
      if (n < step(answer.size())) break;
    }
    for (size_t i = 0; i < answer.size(); i += step(answer.size())) {
      Exact bad(answer.data(), answer.size());
      bad.p[i] ^= 0xff;
      Outs back;
      fill(back, a, pool);
      wire::Reader r(bad.p, bad.n);
      back.get(r, success);
    }
  }
  return "";
}

// For the fuzz target: arbitrary bytes as arguments and as results.
template <class Args, class Outs>
void decode(const uint8_t* p, size_t n) {
  Exact e(p, n);
  wire::Reader r(e.p, e.n);
  Args a;
  if (a.get(r)) bytes_of([&](wire::Writer& w) { a.put(w); });
  Pool pool{uint32_t(n)};
  Args sample;
  fill(sample, pool);
  Outs o;
  fill(o, sample, pool);
  wire::Reader results(e.p, e.n);
  o.get(results, n & 1);
}

struct Case {
  uint16_t op;
  const char* name;
  std::string (*round_trip)(uint32_t seed);
  void (*decode)(const uint8_t* p, size_t n);
};
extern const Case* const kAllCases[];   // lists that end with a null name; the list of lists ends with null

}  // namespace wire_test
