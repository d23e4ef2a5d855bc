// Bytes of arguments and results. A Writer appends to a Buffer; a Reader takes apart what came from the other side and trusts nothing:
// it fails once and sticks, and hands out zeros after that. Arrays are 8-aligned from the start of the record and read in place.
// Neither is for use by two threads at once.
#pragma once
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <type_traits>

namespace wire {

// A growing block of bytes. 8-aligned; sizes of finished records are multiples of 8.
class Buffer {
 public:
  Buffer() = default;
  Buffer(Buffer&& o) noexcept : data_(o.data_), size_(o.size_), capacity_(o.capacity_) { o.data_ = nullptr; o.size_ = o.capacity_ = 0; }
  Buffer& operator=(Buffer&& o) noexcept {
    uint8_t* d = data_; size_t s = size_, c = capacity_;
    data_ = o.data_; size_ = o.size_; capacity_ = o.capacity_;
    o.data_ = d; o.size_ = s; o.capacity_ = c;
    return *this;
  }
  ~Buffer() { free(data_); }
  uint8_t* data() { return data_; }
  const uint8_t* data() const { return data_; }
  size_t size() const { return size_; }
  size_t capacity() const { return capacity_; }
  void clear() { size_ = 0; }
  void shrink(size_t size) { size_ = size; }
  // Room for n more bytes, uninitialised.
  uint8_t* extend(size_t n) {
    if (size_ + n > capacity_) grow(size_ + n);
    uint8_t* at = data_ + size_;
    size_ += n;
    return at;
  }

 private:
  __attribute__((noinline)) void grow(size_t needed) {
    size_t capacity = capacity_ ? capacity_ * 2 : 4096;
    while (capacity < needed) capacity *= 2;
    void* p = realloc(data_, capacity);
    if (!p) abort();
    data_ = static_cast<uint8_t*>(p);
    capacity_ = capacity;
  }
  uint8_t* data_ = nullptr;
  size_t size_ = 0, capacity_ = 0;
};

class Writer {
 public:
  // Everything is aligned relative to the buffer's size now: the start of the record.
  explicit Writer(Buffer& buffer) : b_(buffer), start_(buffer.size()) {}
  template <class T>
  void put(const T& v) {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);
    memcpy(b_.extend(sizeof v), &v, sizeof v);
  }
  // count, padding, elements. p may be null when n is 0.
  template <class T>
  void put_array(const T* p, size_t n) {
    put(uint64_t(n));
    align();
    if (n) memcpy(b_.extend(n * sizeof(T)), p, n * sizeof(T));
  }
  void put_string(const char* s) { put_array(s, strlen(s) + 1); }   // with its NUL
  uint8_t* raw(size_t n) { return b_.extend(n); }
  void align() {
    size_t pad = (start_ - b_.size()) & 7;
    if (pad) memset(b_.extend(pad), 0, pad);
  }
  size_t written() const { return b_.size() - start_; }
  Buffer& buffer() { return b_; }
  size_t start() const { return start_; }

 private:
  Buffer& b_;
  size_t start_;
};

class Reader {
 public:
  Reader(const void* p, size_t n) : start_(static_cast<const uint8_t*>(p)), p_(start_), end_(start_ + n) {}   // p is 8-aligned
  template <class T>
  T get() {
    static_assert(std::is_trivially_copyable_v<T> && !std::is_pointer_v<T>);
    T v{};
    if (const uint8_t* at = raw(sizeof v)) memcpy(&v, at, sizeof v);
    return v;
  }
  // Elements in place, *n of them; null and 0 after a failure or for an empty array.
  template <class T>
  const T* get_array(size_t* n) {
    uint64_t count = get<uint64_t>();
    align();
    if (count > size_t(end_ - p_) / sizeof(T)) fail();
    *n = ok_ ? size_t(count) : 0;
    return *n ? reinterpret_cast<const T*>(raw(*n * sizeof(T))) : nullptr;
  }
  // Never null; "" after a failure.
  const char* get_string() {
    size_t n;
    const char* s = get_array<char>(&n);
    if (n && s[n - 1] == 0) return s;
    fail();
    return "";
  }
  const uint8_t* raw(size_t n) {
    if (n > size_t(end_ - p_)) { fail(); return nullptr; }
    const uint8_t* at = p_;
    p_ += n;
    return at;
  }
  void align() {
    size_t pad = size_t(start_ - p_) & 7;
    if (!raw(pad)) p_ = end_;
  }
  void fail() { ok_ = false; p_ = end_; }
  bool ok() const { return ok_; }
  bool at_end() const { return ok_ && size_t(end_ - p_) < 8; }   // all read, padding aside
  size_t left() const { return size_t(end_ - p_); }

 private:
  const uint8_t *start_, *p_, *end_;
  bool ok_ = true;
};

}  // namespace wire
