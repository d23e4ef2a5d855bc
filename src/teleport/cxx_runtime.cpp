// The part of a C++ runtime that header templates (vector, unordered_map, map, string, mutex, function…) and the few objects that
// they draw from libstdc++.a refer to. Linked into each client library and hidden there, so that these libraries neither need
// libstdc++.so nor touch the program's own, and need nothing newer than glibc 2.28. There are no exceptions in these libraries:
// what would throw says so and aborts.
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <new>

#include "base/futex.h"

static void die [[noreturn]] (const char* what) {
  dprintf(2, "tensor-fusion: internal error: %s\n", what);
  abort();
}

// --- memory
static void* allocate(size_t n) {
  void* p = malloc(n ? n : 1);
  if (!p) die("out of memory");
  return p;
}
static void* allocate_aligned(size_t n, std::align_val_t alignment) {
  void* p = nullptr;
  if (posix_memalign(&p, size_t(alignment) < sizeof(void*) ? sizeof(void*) : size_t(alignment), n ? n : 1) != 0)
    die("out of memory");
  return p;
}
void* operator new(size_t n) { return allocate(n); }
void* operator new[](size_t n) { return allocate(n); }
void* operator new(size_t n, const std::nothrow_t&) noexcept { return malloc(n ? n : 1); }
void* operator new[](size_t n, const std::nothrow_t&) noexcept { return malloc(n ? n : 1); }
void* operator new(size_t n, std::align_val_t a) { return allocate_aligned(n, a); }
void* operator new[](size_t n, std::align_val_t a) { return allocate_aligned(n, a); }
void operator delete(void* p) noexcept { free(p); }
void operator delete[](void* p) noexcept { free(p); }
void operator delete(void* p, size_t) noexcept { free(p); }
void operator delete[](void* p, size_t) noexcept { free(p); }
void operator delete(void* p, std::align_val_t) noexcept { free(p); }
void operator delete[](void* p, std::align_val_t) noexcept { free(p); }
void operator delete(void* p, size_t, std::align_val_t) noexcept { free(p); }
void operator delete[](void* p, size_t, std::align_val_t) noexcept { free(p); }
namespace std {
const nothrow_t nothrow{};
}

// --- what library templates call instead of `throw`
namespace std {
[[noreturn]] void terminate() noexcept { die("terminate"); }
#define TF_DIES(function, ...) \
  [[noreturn]] void function(__VA_ARGS__) { die(#function); }
TF_DIES(__throw_bad_exception)
TF_DIES(__throw_bad_alloc)
TF_DIES(__throw_bad_array_new_length)
TF_DIES(__throw_bad_cast)
TF_DIES(__throw_bad_typeid)
TF_DIES(__throw_bad_function_call)
TF_DIES(__throw_logic_error, const char*)
TF_DIES(__throw_domain_error, const char*)
TF_DIES(__throw_invalid_argument, const char*)
TF_DIES(__throw_length_error, const char*)
TF_DIES(__throw_out_of_range, const char*)
TF_DIES(__throw_out_of_range_fmt, const char*, ...)
TF_DIES(__throw_runtime_error, const char*)
TF_DIES(__throw_range_error, const char*)
TF_DIES(__throw_overflow_error, const char*)
TF_DIES(__throw_underflow_error, const char*)
TF_DIES(__throw_system_error, int)
#undef TF_DIES
[[noreturn]] void __glibcxx_assert_fail(const char* file, int line, const char*, const char* condition) noexcept {
  dprintf(2, "tensor-fusion: internal error: %s:%d: %s\n", file, line, condition ? condition : "unreachable");
  abort();
}
}  // namespace std

// --- the C++ ABI
extern "C" {
#define TF_DIES(function) \
  [[noreturn]] void function() { die(#function); }
TF_DIES(__cxa_pure_virtual)
TF_DIES(__cxa_deleted_virtual)
TF_DIES(__cxa_throw)
TF_DIES(__cxa_rethrow)
TF_DIES(__cxa_allocate_exception)
TF_DIES(__cxa_free_exception)
TF_DIES(__cxa_begin_catch)
TF_DIES(__cxa_end_catch)
TF_DIES(__cxa_call_unexpected)
TF_DIES(__cxa_call_terminate)
TF_DIES(__cxa_throw_bad_array_new_length)
TF_DIES(_Unwind_Resume)
#undef TF_DIES
// Asked when a foreign exception or a thread's cancellation unwinds through frames of ours: 8 = continue, there is nothing to
// clean up.
int __gxx_personality_v0() { return 8; }

// Function-local statics. The guard's first byte is 1 once the object exists; 0x100: a thread is at it.
static std::atomic<uint32_t>& word_of(uint64_t* guard) { return *reinterpret_cast<std::atomic<uint32_t>*>(guard); }
int __cxa_guard_acquire(uint64_t* guard) {
  std::atomic<uint32_t>& word = word_of(guard);
  for (;;) {
    uint32_t now = 0;
    if (word.compare_exchange_strong(now, 0x100, std::memory_order_acquire)) return 1;
    if (now & 1) return 0;
    base::futex_wait(word, now);
  }
}
void __cxa_guard_release(uint64_t* guard) {
  word_of(guard).store(1, std::memory_order_release);  // pairs with the load in the compiled check and in __cxa_guard_acquire
  base::futex_wake(word_of(guard), 1 << 30);
}
void __cxa_guard_abort(uint64_t* guard) {
  word_of(guard).store(0, std::memory_order_release);
  base::futex_wake(word_of(guard), 1 << 30);
}

// These libraries are linked without crtbegin.o, whose only use would be to run constructors, and they have none.
__attribute__((visibility("hidden"))) void* __dso_handle = &__dso_handle;
// shared_ptr looks here to save itself atomics; the symbol is of glibc 2.32.
__attribute__((visibility("hidden"))) char __libc_single_threaded = 0;

// Real functions only since glibc 2.33; the kernel's struct is glibc's on 64-bit machines.
#define TF_HIDDEN __attribute__((visibility("hidden")))
TF_HIDDEN int fstatat(int fd, const char* path, struct stat* to, int flags) {
  return int(syscall(SYS_newfstatat, fd, path, to, flags));
}
TF_HIDDEN int fstat(int fd, struct stat* to) { return int(syscall(SYS_fstat, fd, to)); }
TF_HIDDEN int stat(const char* path, struct stat* to) { return fstatat(AT_FDCWD, path, to, 0); }
TF_HIDDEN int lstat(const char* path, struct stat* to) { return fstatat(AT_FDCWD, path, to, AT_SYMLINK_NOFOLLOW); }
}
